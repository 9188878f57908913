"""What can be done with a run of `generate` afterwards: more graphs, a judgement, a curve of scores over training."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import networkx as nx
import pytest
import torch
from small_runs import TINY, refused

from discrete_ed import InputError, graphs_to_states, load_energy, load_graph_data, read_graphs, write_graphs
from discrete_ed.graphs import generation, sample_graphs
from discrete_ed.graphs.io import encode_graphs
from discrete_ed.jobs import page, style
from discrete_ed.jobs.cli import run_job
from discrete_ed.jobs.evaluate import run as evaluate
from discrete_ed.jobs.evaluate.config import EvaluateConfig
from discrete_ed.jobs.evaluate.sources import places_on_curve
from discrete_ed.jobs.generate import run as generate
from discrete_ed.jobs.generate.config import GenerateConfig
from discrete_ed.jobs.generate.past_run import PastRun
from discrete_ed.jobs.run_folder import RunFolder
from discrete_ed.jobs.sample import run as sampling
from discrete_ed.jobs.sample.config import SampleConfig

SETTINGS = {**TINY, "samples": 12, "sampler_steps": 10, "chains": 5, "snapshots": 3}


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """A run on trees of 8 nodes, and paths of 4, with three snapshots."""
    folder = tmp_path_factory.mktemp("past")
    write_graphs(folder / "train.g6", [*load_graph_data("tree-8", graphs=5).train, nx.path_graph(4), nx.path_graph(4)])
    write_graphs(folder / "test.g6", load_graph_data("tree-8", graphs=25, split_seed=1).test)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunFolder, "plot", lambda *_: [])
        patch.setattr(generate, "write_report", lambda *_: None)
        files = {"data": str(folder / "train.g6"), "test": folder / "test.g6"}
        generate.run(GenerateConfig(**files, out=folder / "run", valid="tree", **SETTINGS))
    return folder / "run"


def test_a_run_keeps_its_split_and_its_snapshots(run):
    parts = {part: encode_graphs(".g6", read_graphs(run / f"{part}.g6")) for part in ("train", "test")}
    assert parts == {part: (run.parent / f"{part}.g6").read_bytes() for part in parts}
    assert list(PastRun.open(run, "run").snapshots()) == [2, 4, 6]
    weights = [(run / place / "weights.safetensors").read_bytes() for place in ("snapshots/step-6", "checkpoint")]
    assert weights[0] == weights[1]
    states = [load_energy(path).state_dict() for path in PastRun.open(run, "run").snapshots().values()]
    assert not any(torch.equal(value, states[0][name]) for name, value in states[1].items() if value.ndim == 2)
    result = json.loads((run / "result.json").read_text())
    assert (result["valid_property"], result["valid_reference"]) == ("tree", 1.0)


@pytest.mark.thorough
@pytest.mark.usefixtures("no_figures")
def test_validation_graphs_are_kept_and_the_property_is_that_of_the_data(tmp_path, monkeypatch):
    monkeypatch.setattr(generate, "write_report", lambda *_: None)
    config = GenerateConfig(data="tree-6", graphs=25, out=tmp_path / "run", **{**SETTINGS, "snapshots": 0})
    result = generate.run(config)
    data = load_graph_data("tree-6", graphs=25)
    assert (tmp_path / "run" / "validation.g6").read_bytes() == encode_graphs(".g6", data.validation)
    assert json.loads((tmp_path / "run" / "config.json").read_text())["valid"] == result["valid_property"] == "tree"
    assert not (tmp_path / "run" / "snapshots").exists()


def test_more_graphs_are_those_of_the_same_chains_and_the_same_seed(run, tmp_path):
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        run_job("sample", [str(run), "--samples", "9", "--seed", str(seed), "--out", str(tmp_path / f"{name}.g6")])
    made = {name: (tmp_path / f"{name}.g6").read_bytes() for name in "abc"}
    assert made["a"] == made["b"] != made["c"]
    states = graphs_to_states(read_graphs(run / "train.g6"))
    settings = {"steps": 10, "cold": TINY["cold"], "chains": 5, "generator": torch.Generator().manual_seed(3)}
    expected = sample_graphs(load_energy(run / "checkpoint"), states, 9, **settings)
    assert made["a"] == encode_graphs(".g6", expected.graphs())
    assert sorted({len(graph) for graph in read_graphs(tmp_path / "a.g6")}) == [4, 8]


def test_numbers_of_nodes_and_other_formats_can_be_told(run, tmp_path):
    config = SampleConfig(energy=run, samples=7, nodes=(2, 8, 5), out=tmp_path / "some.jsonl")
    result = sampling.run(config)
    assert [len(graph) for graph in read_graphs(tmp_path / "some.jsonl")] == [2, 8, 5, 2, 8, 5, 2]
    assert (result["nodes"], result["graphs"]) == ([2, 8], 7)


@pytest.mark.thorough
@pytest.mark.usefixtures("no_figures")
def test_a_run_folder_of_more_graphs_is_resumed(run, tmp_path, monkeypatch):
    whole = sampling.run(SampleConfig(energy=run, out=tmp_path / "whole"))
    assert whole["graphs"] == 12
    assert {path.name for path in (tmp_path / "whole").iterdir()} == {
        *("config.json", "env.json", "inputs.json", "metrics.jsonl", "report.html", "result.json", "samples.g6"),
    }
    real, calls = generation.sample, []

    def killed(*arguments, **named):
        calls.append(arguments)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return real(*arguments, **named)

    monkeypatch.setattr(generation, "sample", killed)
    with pytest.raises(KeyboardInterrupt):
        sampling.run(SampleConfig(energy=run, out=tmp_path / "stopped"))
    assert sampling.run(SampleConfig(resume=tmp_path / "stopped")) == whole
    samples = [(tmp_path / name / "samples.g6").read_bytes() for name in ("whole", "stopped")]
    assert samples[0] == samples[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["RUN", "--steps", "9", "--out", "new.g6"], "steps: expected only with a saved energy instead of a run"),
        (["RUN", "--kernel", "dmala", "--out", "new.g6"], "kernel: expected only with a saved energy"),
        (["RUN", "--out", "graphs.txt"], "out: expected a folder, or a graph file with one of the endings .g6"),
        (["RUN/checkpoint", "--samples", "9", "--out", "new"], "samples: expected only with a run of generate"),
        (["RUN", "--nodes", "9", "--out", "new"], "nodes: expected at most 8, which the energy allows, got 9"),
        (["RUN", "--nodes", "0", "--out", "new"], "nodes: expected at least 1, got 0"),
        (["RUN", "--out", "RUN/train.g6"], "out: expected a new file in an existing folder, got"),
        (["RUN", "--out", "nowhere/a.g6"], "whose folder doesn't exist"),
    ],
)
def test_mistakes_of_sampling_a_run_get_one_line(run, tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    before = (run / "train.g6").read_bytes()
    assert message in refused(capsys, "sample", *(str(a).replace("RUN", str(run)) for a in arguments))
    assert not list(tmp_path.iterdir())
    assert (run / "train.g6").read_bytes() == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda path: (path / "train.g6").unlink(), r"split in train\.g6, got no such file"),
        (
            lambda path: (path / "config.json").write_text('{"job": "recover"}'),
            "expected a run of generate, .*; its energy is in .*checkpoint",
        ),
        (lambda path: (path / "config.json").write_text('{"job": "generate", "cold": "x"}'), "cold: expected float"),
        (lambda path: (path / "config.json").write_text("{"), "got no JSON"),
        (lambda path: shutil.rmtree(path / "checkpoint"), "expected a saved energy"),
    ],
)
def test_a_run_that_lacks_something_is_refused(run, tmp_path, change, message):
    shutil.copytree(run, tmp_path / "copy")
    change(tmp_path / "copy")
    with pytest.raises(InputError, match=message):
        sampling.run(SampleConfig(energy=tmp_path / "copy", out=tmp_path / "new.g6"))
    assert not (tmp_path / "new.g6").exists()


@pytest.fixture(scope="module")
def curve(run, tmp_path_factory):
    """The folder and the result of an evaluation of the run's snapshots."""
    folder = tmp_path_factory.mktemp("curve") / "scores"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(style, "as_svg", lambda _: "<svg/>")
        return folder, evaluate.run(EvaluateConfig(files=(run,), samples=8, out=folder, protocol="psd"))


@pytest.mark.thorough
def test_snapshots_give_a_curve_of_scores_over_training(curve, run, tmp_path):
    folder, result = curve
    assert list(result["generators"]) == ["step 2", "step 4", "step 6"]
    assert {path.name for path in folder.iterdir()} == {
        *("config.json", "env.json", "inputs.json", "metrics.jsonl", "report.html", "result.json"),
        *("scores.csv", "overall.csv", "curve.png", "gallery-step-6.png", "statistics-step-6.png"),
    }
    assert "Scores over the training step" in (folder / "report.html").read_text()
    sampling.run(SampleConfig(energy=run, samples=8, out=tmp_path / "same.g6"))
    last = evaluate.run(EvaluateConfig(files=(run, tmp_path / "same.g6"), protocol="psd"))
    assert last == result["generators"]["step 6"]  # the graphs that sample makes of the same seed
    assert last["valid_property"] == "tree"


def test_tables_have_all_numbers_of_the_result(curve):
    folder, result = curve
    with (folder / "scores.csv").open() as file:
        rows = list(csv.DictReader(file))
    with (folder / "overall.csv").open() as file:
        overall = list(csv.DictReader(file))
    assert len(rows) == 3 * 5
    for row in rows:
        found = result["generators"][row["generator"]]
        scores = {**found["statistics"], "mean of 3": found["mean"]}[row["statistic"]]
        low, high = scores.pop("interval")
        assert (float(row["interval.0"]), float(row["interval.1"])) == (low, high)
        written = {name: row[name] for name in scores}
        assert written == {name: "" if value is None else str(value) for name, value in scores.items()}
        scores["interval"] = [low, high]
    assert [float(row["novel"]) for row in overall] == [found["novel"] for found in result["generators"].values()]
    assert [row["valid_property"] for row in overall] == ["tree"] * 3


def test_without_snapshots_the_runs_own_samples_are_scored(run, tmp_path):
    shutil.copytree(run, tmp_path / "copy")
    shutil.rmtree(tmp_path / "copy" / "snapshots")
    found = evaluate.run(EvaluateConfig(reference=tmp_path / "copy"))
    result = json.loads((run / "result.json").read_text())
    assert {name: result[name] for name in found} == found


def test_a_run_among_generated_graphs_stands_for_its_samples_and_nowhere_for_all_its_files(run, capsys, tmp_path):
    found = [evaluate.run(EvaluateConfig(files=(run / "test.g6", path))) for path in (run, run / "samples.g6")]
    assert found[0] == found[1]
    assert found[0]["generated_graphs"] == 12
    for arguments in (["--data", run], ["--data", run / "train.g6", "--test", run]):
        assert "got the run folder" in refused(capsys, "generate", *arguments, "--out", tmp_path / "run")


def test_figures_and_tables_lie_beside_a_page(run, tmp_path, monkeypatch):
    monkeypatch.setattr(style, "as_svg", lambda _: "<svg/>")
    kept = []
    monkeypatch.setattr(page, "render_page", lambda *arguments, **_: kept.append(arguments[4]) or "page")
    evaluate.run(EvaluateConfig(files=(run, run / "samples.g6"), report=tmp_path / "mine.html"))
    names = {"mine.html", "mine-scores.csv", "mine-overall.csv", "mine-gallery.png", "mine-statistics.png"}
    assert {path.name for path in tmp_path.iterdir()} == names
    assert [(tmp_path / f"mine-{name}.png").read_bytes() for name in ("gallery", "statistics")] == [
        figure.png for figure in kept[0]
    ]


@pytest.mark.thorough
def test_a_data_set_by_name_is_judged_by_its_split_and_by_trivial_generators(tmp_path, capsys):
    result = evaluate.run(EvaluateConfig(data="tree-6", graphs=30, protocol="psd"))
    assert list(result["generators"]) == ["training graphs, 2% flipped", "random graphs, same n and m"]
    flipped, random = result["generators"].values()
    assert flipped["generated_graphs"] == flipped["train_graphs"] == 20
    assert (random["reference_graphs"], random["valid_property"], random["valid_reference"]) == (6, "tree", 1.0)
    assert random["valid"] < 1
    assert "\nfloor " in capsys.readouterr().out
    data = load_graph_data("tree-6", graphs=30)
    for name in ("train", "test"):
        write_graphs(tmp_path / f"{name}.g6", getattr(data, name))
    by_name = evaluate.run(EvaluateConfig(data="tree-6", graphs=30, files=(tmp_path / "train.g6",)))
    files = {"files": (tmp_path / "test.g6", tmp_path / "train.g6"), "train": tmp_path / "train.g6"}
    assert evaluate.run(EvaluateConfig(**files, valid="tree")) == by_name


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["RUN", "--train", "RUN/train.g6"], "train: expected only with a file of reference graphs"),
        (["--data", "tree-6", "--train", "RUN/train.g6"], "train: expected only with a file of reference graphs"),
        (["RUN", "RUN/samples.g6", "--samples", "3"], "samples: expected only with a run of generate that kept snap"),
        (["--data", "RUN/train.g6"], "data: expected a data set by name, got the graph file"),
        (["--data", "nothing"], "data: expected one of citation-egos"),
        (["--data", "tree-6", "--reference", "RUN/test.g6"], "reference: expected none with --data tree-6"),
        (["--data", "lobster", "--graphs", "9"], "graphs: expected only with data made by a recipe"),
        (["--data", "tree-6", "--root", "elsewhere"], "root: expected only with --data ego"),
        (["--data", "lobster", "--split-seed", "1"], "split_seed: expected only with data whose split is random"),
        (["RUN/test.g6", "RUN/samples.g6", "--samples", "3"], "samples: expected only with a run of generate"),
        (["RUN/test.g6", "RUN/samples.g6", "--device", "cuda"], "device: expected only with a run of generate"),
        (
            ["RUN/test.g6", "RUN/samples.g6", "--train", "RUN"],
            "train: expected a file or folder of graphs, got the run",
        ),
    ],
)
def test_mistakes_of_evaluating_runs_and_data_sets_get_one_line(run, capsys, arguments, message):
    assert message in refused(capsys, "evaluate", *(a.replace("RUN", str(run)) for a in arguments))


@pytest.mark.parametrize(
    ("labels", "places"),
    [
        (["step 2", "step 10", "step 4"], [2, 10, 4]),
        (["mine-64-001.g6", "mine-64-010.g6", "mine-64-002.g6"], [1, 10, 2]),
        (["1.g6", "2.g6"], None),
        (["a1.g6", "a2.g6", "b3.g6"], None),
        (["1-1.g6", "1-2.g6", "2-3.g6"], None),
        (["a01.g6", "a1.g6", "a2.g6"], None),
        (["mine.g6", "ours.g6", "theirs.g6"], None),
    ],
)
def test_generators_whose_names_differ_by_a_number_make_a_curve(labels, places):
    assert places_on_curve(labels) == places
