"""The jobs from a user's side: what a run leaves behind, and what a mistake looks like."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import networkx as nx
import pytest
import torch

from discrete_ed import GraphEnergy, InputError, load_energy, read_graphs, write_graphs
from discrete_ed.graphs import evaluation as judge
from discrete_ed.jobs import run_folder
from discrete_ed.jobs.cli import JOBS, run_job
from discrete_ed.jobs.evaluate import run as evaluation
from discrete_ed.jobs.evaluate.config import EvaluateGraphsConfig
from discrete_ed.jobs.generate import run as ego_graphs
from discrete_ed.jobs.generate.config import GenerateConfig
from discrete_ed.jobs.run_folder import RunFolder, resumed
from discrete_ed.samplers import sample

SCRIPTS = Path(__file__).parents[2] / "scripts"
TINY = {
    "steps": 6,
    "samples": 20,
    "sampler_steps": 15,
    "cold": 1.5,
    "batch": 8,
    "negatives": 2,
    "width": 8,
    "layers": 1,
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "first"
    return folder, ego_graphs.run(GenerateConfig(out=folder, **TINY))


def test_a_run_leaves_everything_behind(run):
    folder, result = run
    names = {path.name for path in folder.iterdir()}
    assert names == {
        "config.json",
        "env.json",
        "metrics.jsonl",
        "checkpoint",
        "samples.g6",
        "gallery.png",
        "statistics.png",
        "curves.png",
        "report.html",
        "result.json",
    }
    assert json.loads((folder / "result.json").read_text()) == result
    assert json.loads((folder / "config.json").read_text())["steps"] == 6
    assert json.loads((folder / "env.json").read_text())["packages"]["torch"] == torch.__version__
    records = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [record["phase"] for record in records] == ["train"] * 6 + ["sample"] * 15
    assert all(0 <= record["acceptance"] <= 1 for record in records[6:])


def test_the_result_is_what_users_script_against(run):
    _, result = run
    assert result["protocol"] == "edp"
    for name in ("degree", "clustering", "orbit", "spectral"):
        assert {"mmd2", "floor", "resampled", "erdos_renyi"} <= result["statistics"][name].keys()
    assert {"novel", "unique", "connected", "acceptance", "seconds"} <= result.keys()


def test_the_samples_score_the_same_when_evaluated_from_their_file(run, tmp_path):
    folder, result = run
    data = ego_graphs.load_graph_data("citation-egos")
    write_graphs(tmp_path / "test.g6", data.test)
    write_graphs(tmp_path / "train.g6", data.train)
    scored = evaluation.run(
        EvaluateGraphsConfig(
            reference=tmp_path / "test.g6",
            generated=folder / "samples.g6",
            train=tmp_path / "train.g6",
            json=tmp_path / "scores.json",
        )
    )
    assert json.loads((tmp_path / "scores.json").read_text()) == scored
    for name, scores in scored["statistics"].items():
        assert scores == result["statistics"][name]
    assert scored["novel"] == result["novel"]


def test_the_checkpoint_is_the_energy_that_was_sampled(run):
    folder, _ = run
    energy = load_energy(folder / "checkpoint", GraphEnergy)
    assert energy.max_nodes == 18


def test_the_report_needs_nothing_from_outside(run):
    page = (run[0] / "report.html").read_text()
    assert page.count("data:image/svg+xml;base64,") == 3
    assert not re.search(r"(src|href)=[\"'](?!data:)", page)
    assert "<script" not in page
    assert "@import" not in page


def test_the_same_seed_gives_the_same_graphs(run, tmp_path):
    again, other = tmp_path / "again", tmp_path / "other"
    ego_graphs.run(GenerateConfig(out=again, **TINY))
    ego_graphs.run(GenerateConfig(out=other, seed=1, **TINY))
    weights = [(folder / "checkpoint" / "weights.safetensors").read_bytes() for folder in (run[0], again, other)]
    samples = [(folder / "samples.g6").read_bytes() for folder in (run[0], again, other)]
    assert weights[0] == weights[1] != weights[2]
    assert samples[0] == samples[1] != samples[2]


def test_a_users_own_graphs_can_be_learned(tmp_path):
    write_graphs(tmp_path / "mine.jsonl", [nx.cycle_graph(n) for n in range(3, 9)])
    result = ego_graphs.run(GenerateConfig(data=str(tmp_path / "mine.jsonl"), out=tmp_path / "run", **TINY))
    assert result["data"] == "mine"
    assert len(read_graphs(tmp_path / "run" / "samples.g6")) == 20


@pytest.mark.parametrize("start", ["density", "half"])
def test_chains_start_from_noise_with_the_node_counts_of_training_graphs(tmp_path, start):
    write_graphs(tmp_path / "mine.g6", [nx.complete_graph(n) for n in range(10, 20)] * 2)
    settings = {**TINY, "samples": 32, "sampler_steps": 0, "steps": 1, "start": start}
    ego_graphs.run(GenerateConfig(data=str(tmp_path / "mine.g6"), out=tmp_path / "run", **settings))
    made = read_graphs(tmp_path / "run" / "samples.g6")
    learned = ego_graphs.load_graph_data(tmp_path / "mine.g6").train
    sizes = [len(graph) for graph in learned]
    assert sorted(map(len, made)) == sorted(sizes * 2)  # every training graph lends its node count twice
    density = sum(map(nx.density, made)) / len(made)
    assert density == (1 if start == "density" else pytest.approx(0.5, abs=0.05))


@pytest.mark.parametrize(("cold", "segment"), [(1.0, 100), (3.0, 2)])
def test_chains_cool_and_end_at_one_and_their_energies_are_the_models(tmp_path, monkeypatch, cold, segment):
    betas, energies = [], []

    def watched(kernel, local, x, steps, **named):
        out = sample(kernel, local, x, steps, **named)
        betas.extend([local.beta] * steps)
        energies.extend([None] * (steps - 1) + [local.energy(out).mean().item()])
        return out

    monkeypatch.setattr(ego_graphs, "sample", watched)
    monkeypatch.setattr(ego_graphs, "SEGMENT", segment)
    ego_graphs.run(GenerateConfig(out=tmp_path / "run", **{**TINY, "sampler_steps": 18, "cold": cold}))
    rise = (cold - 1) / 4
    assert betas == [1 + rise * k for k in (1, 2, 3, 4, 0, 0) for _ in range(3)]
    records = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    traced = [record["energy"] for record in records if record["phase"] == "sample"]
    ends = [(a, b) for a, b in zip(traced, energies, strict=True) if b is not None]
    assert len(ends) >= 6
    assert all(a == pytest.approx(b, abs=1e-4) for a, b in ends)


def test_chains_in_chunks_and_no_sampler_steps_work(tmp_path):
    settings = {**TINY, "chains": 7, "sampler_steps": 0}
    result = ego_graphs.run(GenerateConfig(out=tmp_path / "run", **settings))
    assert result["generated_graphs"] == 20
    assert result["acceptance"] is None


def test_a_signal_saves_what_was_learned_and_the_run_goes_on_from_there(tmp_path):
    folder, started = tmp_path / "run", 0
    arguments = ["--steps", "100000", "--width", "8", "--out", str(folder)]
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        command = [sys.executable, str(SCRIPTS / "generate_ego_graphs.py"), *arguments]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        metrics = folder / "metrics.jsonl"
        for _ in range(600):
            if metrics.exists() and metrics.stat().st_size > started:
                break
            time.sleep(0.1)
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == code
        assert "interrupted" in errors
        assert f"the energy so far is kept in {folder / 'checkpoint'}" in errors
        assert f"to go on: --resume {folder}" in errors
        assert "Traceback" not in errors
        assert load_energy(folder / "checkpoint", GraphEnergy).max_nodes == 18
        arguments, started = ["--resume", str(folder)], metrics.stat().st_size
        steps = [json.loads(line)["step"] for line in metrics.read_text().splitlines()]
        assert steps == list(range(1, len(steps) + 1))


class Killed(Exception):
    """Stands for kill -9."""


def test_killed_in_every_phase_and_resumed_is_uninterrupted(run, tmp_path, monkeypatch):
    folder = tmp_path / "run"
    monkeypatch.setattr(ego_graphs, "SEGMENT", 2)

    def killed(real, when):
        calls = []

        def call(*arguments, **named):
            calls.append(1)
            if len(calls) == when:
                raise Killed
            return real(*arguments, **named)

        return call

    config = GenerateConfig(out=folder, checkpoint_seconds=0, **TINY)
    for where, name, when in (
        (RunFolder, "log", 4),
        (ego_graphs, "fit", 1),
        (ego_graphs, "sample", 2),
        (ego_graphs, "sample", 2),
        (judge, "_draws", 2),
        (ego_graphs, "write_report", 1),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(where, name, killed(getattr(where, name), when))
            with pytest.raises(Killed):
                ego_graphs.run(config)
        assert (folder / "progress").is_dir()
        config = GenerateConfig(resume=folder)
    result = ego_graphs.run(config)
    for file in ("checkpoint/weights.safetensors", "metrics.jsonl", "samples.g6", "curves.png"):
        assert (folder / file).read_bytes() == (run[0] / file).read_bytes(), file
    assert {**result, "seconds": 0} == {**run[1], "seconds": 0}
    assert not (folder / "progress").exists()
    with pytest.raises(InputError, match="expected a run that is not finished"):
        ego_graphs.run(config)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"job": "other"}, "is of another job"),
        ({"steps": "many"}, "steps: expected"),
        ({"steps": 1.5}, "steps: expected"),
        ({"steps": 0}, "steps: expected at least 1, got 0"),
        ({"flips": [1, 2, 3]}, "flips: expected"),
        ({"start": "elsewhere"}, "start: expected"),
        ({"nonsense": 1}, "got nonsense"),
        (None, "got no JSON"),
    ],
)
def test_a_config_that_is_not_the_jobs_is_not_resumed(tmp_path, change, message):
    RunFolder(tmp_path / "run", ego_graphs.JOB, "label", GenerateConfig(flips=(1, 2), root=tmp_path))
    assert resumed(GenerateConfig(resume=tmp_path / "run"), ego_graphs.JOB).flips == (1.0, 2.0)
    path = tmp_path / "run" / "config.json"
    path.write_text("[" * 9999 if change is None else json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(InputError, match=message):
        resumed(GenerateConfig(resume=tmp_path / "run"), ego_graphs.JOB)


def test_resume_stands_alone_and_needs_a_run(tmp_path):
    with pytest.raises(InputError, match=r"resume: expected no other option.*, got steps, seed"):
        ego_graphs.run(GenerateConfig(resume=tmp_path, steps=3, seed=1))
    with pytest.raises(InputError, match=r"resume: expected the folder of a run, but .*config.json: No such file"):
        ego_graphs.run(GenerateConfig(resume=tmp_path))


def test_runs_that_start_in_the_same_second_get_folders_of_their_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(run_folder.time, "strftime", lambda _: "20260101-120000")
    found = [RunFolder(None, "job", "mine", GenerateConfig()).path.name for _ in range(3)]
    assert found == ["mine-20260101-120000", "mine-20260101-120000-2", "mine-20260101-120000-3"]


def test_of_two_runs_that_find_a_folder_empty_one_gets_it(tmp_path, monkeypatch):
    listed, others = Path.iterdir, []

    def slowly(folder: Path):
        found = list(listed(folder))
        if not others:
            others.append(True)
            RunFolder(tmp_path / "run", "job", "faster", GenerateConfig(seed=1))
        return iter(found)

    monkeypatch.setattr(Path, "iterdir", slowly)
    with pytest.raises(InputError, match="out: expected a new or empty folder"):
        RunFolder(tmp_path / "run", "job", "slower", GenerateConfig(seed=2))
    assert json.loads((tmp_path / "run" / "config.json").read_text())["seed"] == 1


MISTAKES = {
    "unknown data set": (["--data", "nonsense"], "expected one of citation-egos"),
    "no training step": (["--steps", "0"], "steps: expected at least 1, got 0"),
    "no such device": (["--device", "abacus"], "device: expected cpu"),
    "a device without numbers": (["--device", "meta"], "device: expected cpu, or a device that is there, got 'meta'"),
    "one sample of a U-statistic": (["--samples", "1", "--protocol", "psd"], "samples: expected at least 2"),
    "no temperature": (["--cold", "0"], "cold: expected a positive number, got 0"),
    "impossible flips": (["--flips", "3", "1"], "flips: expected 0 < low <= high"),
    "unknown option": (["--nonsense", "1"], "nonsense"),
    "not a number": (["--samples", "many"], "samples"),
}


def refused(capsys, job: str, *arguments: object) -> str:
    """What the user is told; on one line, whatever the frame around it."""
    with pytest.raises(SystemExit) as caught:
        run_job(job, list(map(str, arguments)))
    assert caught.value.code == 2
    return re.sub(r"[│\s]+", " ", capsys.readouterr().err).strip()


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_gets_a_clear_error_and_exit_code_2(mistake, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(ego_graphs, "train", lambda *_: pytest.fail("trained"))
    arguments, message = MISTAKES[mistake]
    assert message in refused(capsys, "generate", *arguments, "--out", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_graphs_without_nodes_are_refused_before_a_folder_is_made(tmp_path, capsys):
    write_graphs(tmp_path / "null.g6", 12 * [nx.null_graph()])
    told = refused(capsys, "generate", "--data", tmp_path / "null.g6", "--out", tmp_path / "run")
    assert "data: expected a graph with a node among those to train on, got none" in told
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("graphs", "protocol", "message"),
    [
        ([nx.path_graph(n) for n in range(3, 8)], "psd", "reference: expected at least two graphs for a U-statistic"),
        ([nx.path_graph(4)] + 2 * [nx.null_graph()], "gran", "reference: expected at least one graph for protocol"),
    ],
)
def test_sets_that_cannot_be_judged_are_refused_before_training(
    graphs, protocol, message, tmp_path, monkeypatch, capsys
):
    write_graphs(tmp_path / "mine.g6", graphs)
    monkeypatch.setattr(ego_graphs, "train", lambda *_: pytest.fail("trained"))
    options = ["--data", tmp_path / "mine.g6", "--protocol", protocol, "--out", tmp_path / "run"]
    assert message in refused(capsys, "generate", *options)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("job", JOBS)
@pytest.mark.parametrize(
    ("seed", "told"), [(-1, "at least 0, got -1"), (2**32, f"less than 2³², got {2**32}"), (2**70, f"got {2**70}")]
)
def test_seeds_that_some_source_of_randomness_refuses_are_mistakes(job, seed, told, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)  # where a run folder would be
    first = ["nowhere"] if job == "sample" else []
    for option in ["--seed", *(["--split-seed"] if job == "generate" else [])]:
        message = refused(capsys, job, *first, option, seed)
        assert f"{option[2:].replace('-', '_')}: expected" in message
        assert told in message


@pytest.mark.parametrize("job", ["recover", "compare-perturbations", "evaluate"])
def test_the_largest_seed_is_taken(job, tmp_path, monkeypatch):
    """By the jobs that draw from several seeds made of it, too."""
    monkeypatch.chdir(tmp_path)
    write_graphs("mine.g6", [nx.cycle_graph(n) for n in range(3, 9)])
    arguments = {
        "recover": ["--side", "3", "--samples", "50"],
        "compare-perturbations": ["--side", "3", "--samples", "100", "--probe", "100", "--steps", "1", "--batch", "8"],
        "evaluate": ["mine.g6", "mine.g6"],
    }[job]
    run_job(job, [*arguments, "--seed", str(2**32 - 1)])


def test_a_used_run_folder_is_refused_in_one_line_and_left_alone(tmp_path):
    (tmp_path / "precious.txt").write_text("mine")
    command = [sys.executable, str(SCRIPTS / "generate_ego_graphs.py"), "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.strip().splitlines() == [
        f"error: out: expected a new or empty folder, got {tmp_path}, which holds files"
    ]
    assert os.listdir(tmp_path) == ["precious.txt"]


def test_a_run_folder_that_is_a_file_is_refused(tmp_path, capsys):
    (tmp_path / "file").write_text("mine")
    assert "out: expected a folder to write to" in refused(capsys, "generate", "--out", tmp_path / "file")


def test_a_malformed_graph_file_is_named_with_its_line(tmp_path, capsys):
    (tmp_path / "good.g6").write_bytes(b"DQc\n")
    (tmp_path / "bad.g6").write_bytes(b"DQc\nD\n")
    files = ["--reference", tmp_path / "good.g6", "--generated", tmp_path / "bad.g6"]
    told = refused(capsys, "evaluate-graphs", *files)
    assert told.startswith(f"error: {tmp_path / 'bad.g6'}, line 2: expected a graph in graph6 format")


@pytest.mark.parametrize("job", ["generate", "evaluate"])
def test_what_is_skipped_in_a_folder_is_told_in_one_line(tmp_path, capsys, job):
    folder = tmp_path / "graphs"
    folder.mkdir()
    write_graphs(folder / "mine.g6", [nx.cycle_graph(n) for n in range(3, 9)])
    (folder / "notes.txt").write_text("mine")
    tiny = [f"--{name.replace('_', '-')}={value}" for name, value in TINY.items()]
    arguments = {
        "generate": ["--data", str(folder), "--out", str(tmp_path / "run"), *tiny],
        "evaluate": [str(folder), str(folder / "mine.g6")],
    }[job]
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        run_job(job, arguments)
    told = [line for line in capsys.readouterr().err.splitlines() if "skipped" in line or "warn" in line.lower()]
    assert told == [f"warning: {folder}: skipped what doesn't end as graph files do: 1 (notes.txt)"]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    write_graphs(folder / "reference.g6", [nx.cycle_graph(n) for n in range(3, 11)])
    write_graphs(folder / "mine.g6", [nx.cycle_graph(n) for n in range(4, 10)])
    write_graphs(folder / "theirs.g6", [nx.path_graph(n) for n in range(3, 8)])
    (folder / "other").mkdir()
    write_graphs(folder / "other" / "mine.g6", [nx.gnp_random_graph(600, 0.01, seed=0), nx.null_graph()])
    return folder


@pytest.mark.parametrize("generated", [["mine.g6"], ["mine.g6", "theirs.g6"], ["mine.g6", "other/mine.g6"]])
def test_evaluate_compares_generators_and_writes_the_page(files, tmp_path, monkeypatch, capsys, generated):
    monkeypatch.chdir(files)
    options = ["--train", "theirs.g6", "--protocol", "gran", "--valid", "bipartite"]
    written = ["--json", tmp_path / "scores.json", "--report", tmp_path / "scores.html"]
    run_job("evaluate", ["reference.g6", *generated, *options, *map(str, written)])
    text = capsys.readouterr().out
    result = json.loads((tmp_path / "scores.json").read_text())
    html = (tmp_path / "scores.html").read_text()
    assert html.count("data:image/svg+xml;base64,") == 2 * len(generated)
    assert not re.search(r"(src|href)=[\"'](?!data:)", html)
    assert "<script" not in html
    assert "not positive definite" in html
    assert "not positive definite" in text
    assert html.count('<tr class="first">') == (len(generated) == 1)  # of several none has won
    if len(generated) == 1:
        assert result["valid_property"] == "bipartite"
        assert "generated (6)" in text
    else:
        names = ["mine.g6", "theirs.g6"] if "theirs.g6" in generated else generated
        assert list(result["generators"]) == names
        assert all(f"{name} (" in text and f"Scores of {name}" in html for name in names)
        assert text.count("Clustering is saturated") == 1


def test_the_short_form_scores_as_the_script_does(files, tmp_path, monkeypatch):
    monkeypatch.chdir(files)
    more = ["--train", "theirs.g6", "--protocol", "edp", "--json"]
    run_job("evaluate-graphs", ["--reference", "reference.g6", "--generated", "mine.g6", *more, f"{tmp_path}/a.json"])
    run_job("evaluate", ["reference.g6", "mine.g6", *more, f"{tmp_path}/b.json"])
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["reference.g6"], "expected at least one file of generated graphs"),
        (["reference.g6", "mine.g6", "mine.g6"], "expected every file once"),
        (
            ["reference.g6", "mine.g6", "--report", "nowhere/a.html"],
            "report: expected a file in a folder that is there",
        ),
        (
            ["reference.g6", "mine.g6", "--report", "other"],
            "report: expected a file in a folder that is there, got other",
        ),
        (["reference.g6", "nothing.g6"], "nothing.g6: expected a readable graph file"),
        (["reference.g6", "mine.g6", "--valid", "green"], "green"),
        (["reference.g6", "mine.g6", "--protocol", "other"], "other"),
    ],
)
def test_mistakes_in_evaluate_get_exit_code_2(files, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(files)
    assert message in refused(capsys, "evaluate", *arguments)


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_a_job_without_streams_is_done(tmp_path, closed):
    job = f"{sys.executable} -m discrete_ed recover --side 3 --samples 50 --penalty zero --out {tmp_path / 'run'}"
    assert subprocess.run(f"{job} {closed}", shell=True, capture_output=True, check=False).returncode == 0
    assert (tmp_path / "run" / "report.html").exists()


def test_the_console_command_lists_its_jobs_and_refuses_others():
    def command(*arguments: str) -> subprocess.CompletedProcess[str]:
        whole = [sys.executable, "-m", "discrete_ed", *arguments]
        return subprocess.run(whole, capture_output=True, text=True, check=False)

    assert "evaluate-graphs" in command("--help").stdout
    assert command("nonsense").returncode == 2
    told = command("generate", "--help").stdout
    assert "--sampler-steps INT" in told
    assert "--out PATH" in told
