"""The job `generate` from a user's side: what a run leaves behind, and what a mistake looks like."""

from __future__ import annotations

import html
import itertools
import json
import re
import signal
from dataclasses import asdict
from functools import partial

import networkx as nx
import pytest
import torch
from small_runs import TINY, refused

from discrete_ed import (
    GraphEnergy,
    InputError,
    NoiseConditionalEnergy,
    PairGraphEnergy,
    graphs_to_states,
    load_energy,
    load_graph_data,
    losses,
    read_graphs,
    write_graphs,
)
from discrete_ed.graphs import denoising, generation
from discrete_ed.jobs.generate import run as generate
from discrete_ed.jobs.generate import sampling, training
from discrete_ed.jobs.generate.config import GenerateConfig
from discrete_ed.jobs.generate.past_run import PastRun
from discrete_ed.jobs.generate.training import split_held_out
from discrete_ed.jobs.run_folder import RunFolder
from discrete_ed.samplers import levels, sample


def test_a_run_leaves_everything_behind(small_run):
    folder, result = small_run
    names = {path.name for path in folder.iterdir()}
    assert names == {
        "config.json",
        "env.json",
        "metrics.jsonl",
        "checkpoint",
        "samples.g6",
        "train.g6",
        "test.g6",
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


def test_the_result_is_what_users_script_against(small_run):
    _, result = small_run
    assert result["protocol"] == "edp"
    for name in ("degree", "clustering", "orbit", "spectral"):
        assert {"mmd2", "floor", "resampled", "erdos_renyi"} <= result["statistics"][name].keys()
    assert {"novel", "unique", "connected", "acceptance", "seconds"} <= result.keys()


def test_the_checkpoint_is_the_energy_that_was_sampled(small_run):
    folder, _ = small_run
    energy = load_energy(folder / "checkpoint", GraphEnergy)
    assert energy.max_nodes == 18


def test_the_report_needs_nothing_from_outside(small_run):
    page = (small_run[0] / "report.html").read_text()
    assert page.count("data:image/svg+xml;base64,") == 3
    assert not re.search(r"(src|href)=[\"'](?!data:)", page)
    assert "<script" not in page
    assert "@import" not in page


@pytest.mark.thorough
@pytest.mark.usefixtures("no_figures")
def test_the_same_seed_gives_the_same_graphs(small_run, tmp_path):
    again, other = tmp_path / "again", tmp_path / "other"
    generate.run(GenerateConfig(out=again, **TINY))
    generate.run(GenerateConfig(out=other, seed=1, **TINY))
    weights = [(folder / "checkpoint" / "weights.safetensors").read_bytes() for folder in (small_run[0], again, other)]
    samples = [(folder / "samples.g6").read_bytes() for folder in (small_run[0], again, other)]
    assert weights[0] == weights[1] != weights[2]
    assert samples[0] == samples[1] != samples[2]


@pytest.mark.usefixtures("no_figures")
def test_a_users_own_graphs_can_be_learned(tmp_path):
    write_graphs(tmp_path / "mine.jsonl", [nx.cycle_graph(n) for n in range(3, 9)])
    result = generate.run(GenerateConfig(data=str(tmp_path / "mine.jsonl"), out=tmp_path / "run", **TINY))
    assert result["data"] == "mine"
    assert len(read_graphs(tmp_path / "run" / "samples.g6")) == 20


@pytest.mark.thorough
@pytest.mark.usefixtures("no_figures")
@pytest.mark.parametrize("start", ["density", "half"])
def test_chains_start_from_noise_with_the_node_counts_of_training_graphs(tmp_path, start):
    write_graphs(tmp_path / "mine.g6", [nx.complete_graph(n) for n in range(8, 18)] * 2)
    settings = {**TINY, "samples": 32, "sampler_steps": 0, "steps": 1, "start": start}
    generate.run(GenerateConfig(data=str(tmp_path / "mine.g6"), out=tmp_path / "run", **settings))
    made = read_graphs(tmp_path / "run" / "samples.g6")
    learned = load_graph_data(tmp_path / "mine.g6").train
    sizes = [len(graph) for graph in learned]
    assert sorted(map(len, made)) == sorted(sizes * 2)  # every training graph gives its number of nodes twice
    density = sum(map(nx.density, made)) / len(made)
    assert density == (1 if start == "density" else pytest.approx(0.5, abs=0.05))


@pytest.mark.thorough
@pytest.mark.usefixtures("no_figures")
@pytest.mark.parametrize(("cold", "segment"), [(1.0, 100), (3.0, 2)])
def test_chains_cool_and_end_at_one_and_their_energies_are_the_models(tmp_path, monkeypatch, cold, segment):
    betas, energies = [], []

    def spied(kernel, local, x, steps, **named):
        out = sample(kernel, local, x, steps, **named)
        betas.extend([local.beta] * steps)
        energies.extend([None] * (steps - 1) + [local.energy(out).mean().item()])
        return out

    monkeypatch.setattr(generation, "sample", spied)
    monkeypatch.setattr(generation, "SEGMENT", segment)
    write_graphs(tmp_path / "mine.g6", [nx.cycle_graph(n) for n in range(3, 19)])
    settings = {**TINY, "sampler_steps": 18, "cold": cold}
    generate.run(GenerateConfig(data=str(tmp_path / "mine.g6"), out=tmp_path / "run", **settings))
    rise = (cold - 1) / 4
    assert betas == [1 + rise * k for k in (1, 2, 3, 4, 0, 0) for _ in range(3)]
    records = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    traced = [record["energy"] for record in records if record["phase"] == "sample"]
    ends = [(a, b) for a, b in zip(traced, energies, strict=True) if b is not None]
    assert len(ends) >= 6
    assert all(a == pytest.approx(b, abs=1e-4) for a, b in ends)


@pytest.mark.thorough
@pytest.mark.usefixtures("no_figures")
def test_chains_in_chunks_and_no_sampler_steps_work(tmp_path):
    settings = {**TINY, "chains": 7, "sampler_steps": 0}
    result = generate.run(GenerateConfig(out=tmp_path / "run", **settings))
    assert result["generated_graphs"] == 20
    assert result["acceptance"] is None


MISTAKES = {
    "unknown data set": (["--data", "nonsense"], "expected one of citation-egos"),
    "no training step": (["--steps", "0"], "steps: expected at least 1, got 0"),
    "no such device": (["--device", "abacus"], "device: expected cpu"),
    "a device without numbers": (["--device", "meta"], "device: expected cpu, or an available device, got 'meta'"),
    "one sample of a U-statistic": (["--samples", "1", "--protocol", "psd"], "samples: expected at least 2"),
    "no temperature": (["--cold", "0"], "cold: expected a positive number, got 0"),
    "impossible flips": (["--flips", "3", "1"], "flips: expected 0 < low <= high"),
    "unknown option": (["--nonsense", "1"], "nonsense"),
    "not a number": (["--samples", "many"], "samples"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_gets_a_clear_error_and_exit_code_2(mistake, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(generate, "train", lambda *_: pytest.fail("trained"))
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
    monkeypatch.setattr(generate, "train", lambda *_: pytest.fail("trained"))
    options = ["--data", tmp_path / "mine.g6", "--protocol", protocol, "--out", tmp_path / "run"]
    assert message in refused(capsys, "generate", *options)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("perturbation", ["block", "node-block"])
@pytest.mark.parametrize("option", [["--negatives", "4"], ["--w", "0.5"], ["--flips", "1", "2"]])
def test_options_of_noise_are_refused_with_blocks(perturbation, option, tmp_path, capsys):
    message = refused(
        capsys, "generate", "--levels", 0, "--perturbation", perturbation, *option, "--out", tmp_path / "run"
    )
    assert f"{option[0][2:]}: expected only with --perturbation bernoulli or informed" in message
    assert not (tmp_path / "run").exists()


LEVELS = {name: value for name, value in TINY.items() if name not in ("sampler_steps", "cold")} | {"levels": 3}
CHAINS = {"passed_levels": 2, "level_steps": 1, "last_steps": 2, "candidates": 2}


@pytest.fixture(scope="module")
def cycles(tmp_path_factory):
    """A file of graphs to learn."""
    path = tmp_path_factory.mktemp("cycles") / "mine.g6"
    write_graphs(path, [nx.cycle_graph(n) for n in range(3, 9)] * 3)
    return path


@pytest.fixture(scope="module")
def run_of_levels(cycles, tmp_path_factory):
    """The folder and the result of a run over noise levels whose settings were chosen on held-out graphs."""
    folder = tmp_path_factory.mktemp("levels") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunFolder, "plot", lambda *_: [])
        return folder, generate.run(GenerateConfig(data=str(cycles), out=folder, held_out=4, **LEVELS))


def test_a_run_over_noise_levels_says_how_it_was_chosen_and_whether_its_chains_arrived(run_of_levels):
    folder, result = run_of_levels
    energy = load_energy(folder / "checkpoint")
    assert isinstance(energy, NoiseConditionalEnergy)
    assert energy.noise.count == 3
    saved = json.loads((folder / "config.json").read_text())
    assert (saved["learning_rate"], saved["held_out"]) == (2e-3, 4)
    assert not saved.keys() & {"perturbation", "flips", "w", "start", "cold", "sampler_steps"}
    chosen = result["chain_settings"]
    assert chosen == json.loads((folder / "chain_settings.json").read_text())
    assert chosen["held_out_graphs"] == 4
    tried = [trial["levels"] for trial in chosen["trials"]]
    assert tried == [1, 1, 3][: len(tried)]
    assert chosen["settings"]["levels"] in tried
    assert 1 <= result["kept_step"] <= result["steps"] == 6
    trace = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    sampled = [record for record in trace if record["phase"] == "sample"]
    assert [record["step"] for record in sampled] == list(range(1, chosen["settings"]["levels"] + 1))
    assert all(0 <= record["effective"] <= 1 for record in sampled)
    assert result["mean_energy"]["generated"] == pytest.approx(
        energy(graphs_to_states(read_graphs(folder / "samples.g6"), 8).float()).mean().item(), abs=1e-3
    )
    starts = result["two_starts"]
    assert starts["graphs"] == [20, 20]
    page = (folder / "report.html").read_text()
    assert f"p = {starts['p_value']:.2g} for their statistics and energies together" in page
    assert chosen["reason"] in html.unescape(page)


def test_held_out_graphs_are_training_graphs_that_no_batch_contains(run_of_levels, cycles, tmp_path, monkeypatch):
    folder, _ = run_of_levels
    held_out = read_graphs(folder / "held-out.g6")
    data = load_graph_data(cycles)
    learned, held = split_held_out(data, GenerateConfig(data=str(cycles), held_out=4, **LEVELS))
    assert [graph.edges for graph in held] == [graph.edges for graph in held_out]
    assert len(learned) + len(held) == len(data.train)
    assert sorted(map(len, [*learned, *held])) == sorted(map(len, data.train))
    seen = []

    def spied(*arguments, **_):
        seen.append(arguments[2].data)
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "fit", spied)
    with pytest.raises(KeyboardInterrupt):
        generate.run(GenerateConfig(data=str(cycles), out=tmp_path / "run", held_out=4, **LEVELS))
    assert torch.equal(seen[0], graphs_to_states(learned, 8))


@pytest.mark.thorough
@pytest.mark.usefixtures("no_figures")
def test_a_run_over_noise_levels_is_stopped_and_resumed_to_the_bit(run_of_levels, cycles, tmp_path, monkeypatch):
    class Killed(Exception):
        """Stands for kill -9."""

    def killed(*_):
        raise Killed

    def control_c(real):
        """The same function, during whose third call Ctrl-C is pressed."""
        calls = itertools.count(1)

        def call(*arguments, **named):
            if next(calls) == 3:
                signal.raise_signal(signal.SIGINT)
            return real(*arguments, **named)

        return call

    again = tmp_path / "again"
    config = GenerateConfig(data=str(cycles), out=again, held_out=4, checkpoint_seconds=0, **LEVELS)
    for where, name, stop in (
        (losses, "level_ranking", control_c(losses.level_ranking)),  # in a step of the training
        (levels, "_one_level", control_c(levels._one_level)),  # between two levels of the chains
        (denoising, "gathered", killed),
        (sampling, "compare_as_configured", killed),
        (generate, "write_report", killed),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(where, name, stop)
            with pytest.raises((Killed, KeyboardInterrupt)):
                generate.run(config)
        assert (again / "progress").is_dir(), name
        config = GenerateConfig(resume=again)
    result = generate.run(config)
    for file in ("samples.g6", "checkpoint/weights.safetensors", "chain_settings.json"):
        assert (again / file).read_bytes() == (run_of_levels[0] / file).read_bytes(), file
    assert {**result, "seconds": 0} == {**run_of_levels[1], "seconds": 0}


@pytest.mark.usefixtures("no_figures")
def test_settings_that_are_given_are_used(cycles, tmp_path):
    result = generate.run(GenerateConfig(data=str(cycles), out=tmp_path / "run", **LEVELS, **CHAINS))
    names = {"levels": 2, "steps": 1, "last_steps": 2, "candidates": 2}
    assert result["chain_settings"]["settings"] == names
    assert result["chain_settings"]["trials"] == []
    assert not (tmp_path / "run" / "held-out.g6").exists()  # 14 graphs are too few to spare one
    run = PastRun.open(tmp_path / "run", "run")
    assert asdict(run.settings()) == names
    (tmp_path / "run" / "chain_settings.json").write_text('{"settings": {"levels": "many"}}')
    with pytest.raises(InputError, match="expected the settings of chains"):
        run.settings()


@pytest.mark.thorough
@pytest.mark.usefixtures("no_figures")
def test_training_goes_on_from_another_run_for_a_given_time(run_of_levels, cycles, tmp_path):
    before = load_energy(run_of_levels[0] / "checkpoint").state_dict()
    settings = {name: value for name, value in LEVELS.items() if name != "steps"}
    like = {"data": str(cycles), "held_out": 4, "like": run_of_levels[0]}
    result = generate.run(GenerateConfig(**like, minutes=0.02, out=tmp_path / "timed", **settings, **CHAINS))
    assert result["steps"] > 1
    records = [json.loads(line) for line in (tmp_path / "timed" / "metrics.jsonl").read_text().splitlines()]
    rates = [record["learning_rate"] for record in records if record["phase"] == "train"]
    assert max(rates) > 5e-4
    assert rates[-1] < 0.2 * max(rates)  # the rate falls to zero within the time
    generate.run(
        GenerateConfig(**like, out=tmp_path / "one", **{**LEVELS, "steps": 1, "learning_rate": 1e-9}, **CHAINS)
    )
    after = load_energy(tmp_path / "one" / "checkpoint").state_dict()
    assert all(torch.allclose(before[name], after[name], atol=1e-6) for name in before)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--data", "tree-8", "--graphs", 20],
            "like: expected a run that was trained on the graphs of this one, tree-8",
        ),
        (["--held-out", 4, "--width", 9], "like: expected an energy as this run's options make it"),
        (["--held-out", 4, "--levels", 4], "like: expected an energy as this run's options make it"),
        (["--held-out", 3], "like: expected the held-out graphs of"),
    ],
)
def test_a_run_of_other_data_or_another_energy_is_not_trained_further(
    options, message, run_of_levels, cycles, tmp_path, capsys
):
    usual = {"--data": cycles, "--levels": 3, "--width": 8, "--layers": 1, "--out": tmp_path / "run"}
    usual |= dict(zip(options[::2], options[1::2], strict=True))
    arguments = [part for pair in usual.items() for part in pair]
    assert message in refused(capsys, "generate", *arguments, "--like", run_of_levels[0])
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--cold", 2], "cold: expected only with --levels 0"),
        (["--w", 2], "w: expected only with --perturbation bernoulli or informed and --levels 0"),
        (["--levels", 0, "--level-steps", 3], "level_steps: expected only with --levels of at least 1"),
        (["--levels", 0, "--held-out", 3], "held_out: expected only with --levels of at least 1 and a data set"),
        (["--levels", -1], "levels: expected at least 0, got -1"),
        (["--passed-levels", 41], "passed_levels: expected at most --levels, 40, got 41"),
        (["--passed-levels", 0], "passed_levels: expected at least 1, got 0"),
        (["--candidates", -1], "candidates: expected at least 0, got -1"),
        (["--held-out", 705], "held_out: expected fewer than the 705 training graphs, got 705"),
        (["--minutes", 0], "minutes: expected a positive number, got 0"),
        (["--minutes", 1, "--steps", 5], "minutes: expected only without --steps"),
        (["--minutes", 1, "--snapshots", 5], "snapshots: expected only without --minutes"),
        (["--like", "nowhere"], "like: expected the folder of a run"),
    ],
)
def test_options_over_noise_levels_that_make_no_sense_are_refused(options, message, tmp_path, capsys):
    assert message in refused(capsys, "generate", *options, "--out", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_folder_of_citeseer_is_refused_with_another_data_set(tmp_path, capsys):
    message = refused(capsys, "generate", "--root", tmp_path, "--out", tmp_path / "run")
    assert "root: expected only with --data ego or ego-all or ego-small" in message


@pytest.mark.thorough
@pytest.mark.usefixtures("no_figures")
@pytest.mark.parametrize("perturbation", ["bernoulli", "block"])
def test_the_page_and_the_configuration_show_the_options_in_effect_with_their_values(tmp_path, perturbation):
    write_graphs(tmp_path / "mine.g6", [nx.cycle_graph(n) for n in range(3, 9)])
    settings = {name: value for name, value in TINY.items() if name not in ("steps", "negatives")}
    config = GenerateConfig(
        data=str(tmp_path / "mine.g6"), perturbation=perturbation, out=tmp_path / "run", seed=3, **settings
    )
    result = generate.run(config)
    saved = json.loads((tmp_path / "run" / "config.json").read_text())
    page = (tmp_path / "run" / "report.html").read_text()
    facts = dict(re.findall("<dt>(.*?)</dt><dd>(.*?)</dd>", page))
    assert result["steps"] == saved["steps"] == 6 * 5  # of six graphs one is a test graph
    assert facts["steps"] == "30"
    assert facts["perturbation"] == perturbation
    for option in ("negatives", "w", "flips"):
        assert (option in facts) == (option in saved) == (perturbation == "bernoulli")
    assert "None" not in facts.values()
    assert not facts.keys() & {"out", "resume", "checkpoint_seconds", "root"}


def test_the_page_begins_with_the_verdict_and_its_yardsticks(small_run):
    folder, result = small_run
    mean = result["mean"]
    verdict = (
        f'<p class="verdict">Mean MMD² {mean["mmd2"]:.4f}, where real training graphs score {mean["floor"]:.4f} and '
        f"random graphs {mean['erdos_renyi']:.4f}; p = {result['p_value']:.2g} for all statistics; "
        f"{result['novel']:.0%} novel; "
    )
    assert verdict in (folder / "report.html").read_text()


def saved_bytes(energy: GraphEnergy, x: torch.Tensor) -> int:
    """Bytes of the tensors that one evaluation keeps for its gradient, without the weights."""
    storages, weights = {}, {p.untyped_storage().data_ptr() for p in energy.parameters()}

    def pack(tensor):
        storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        energy(x)
    return sum(storage.nbytes() for place, storage in storages.items() if place not in weights)


@pytest.mark.parametrize("of_states", [False, True])
@pytest.mark.parametrize(
    "kind",
    [GraphEnergy, PairGraphEnergy, partial(PairGraphEnergy, resistances=True), partial(PairGraphEnergy, cliques=True)],
)
@pytest.mark.parametrize(("nodes", "width", "layers"), [(20, 64, 4), (64, 16, 2), (120, 8, 1)])
def test_the_estimate_of_memory_covers_what_a_gradient_keeps(kind, nodes, width, layers, of_states):
    energy = kind(nodes, width=width, layers=layers)
    x = graphs_to_states([nx.gnm_random_graph(nodes, 3 * nodes, seed=k) for k in range(4)]).float()
    kept = saved_bytes(energy, x.requires_grad_(of_states)) / 4
    estimate = energy.memory(torch.tensor(nodes), with_gradient_of_states=of_states).item()
    assert kept < estimate < 6 * kept


@pytest.mark.parametrize("option", [{"batch": 64}, {"chains": 1024, "samples": 1024, "batch": 1}])
def test_what_does_not_fit_into_memory_is_refused_with_its_size_and_the_way_on(option):
    energy, graphs = GraphEnergy(361), 80 * [nx.empty_graph(361)]
    config = GenerateConfig(**{"batch": 64, "negatives": 16} | option)
    with pytest.raises(
        InputError, match=r"expected what fits into 1\.0 GB .* of up to 361 nodes a training .*--chains"
    ):
        generate.check_memory(energy, graphs, config, 10**9)
    assert "GB of memory" in generate.check_memory(energy, graphs, config, None)
    assert generate.check_memory(energy, graphs[:2], GenerateConfig(samples=3, batch=2, negatives=16), 10**12) == ""
    blocks = GenerateConfig(**{"batch": 64, "negatives": 16} | option, perturbation="node-block")
    assert "GB of memory" in generate.check_memory(energy, graphs, blocks, 10**12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "tree-8", "--test", "mine.g6"], "test: expected only with training graphs of your own"),
        (["--data", "lobster", "--graphs", "9"], "graphs: expected only with data made by a recipe"),
        (
            ["--data", "mine.g6", "--test", "mine.g6", "--split-seed", "3"],
            "split_seed: expected only with data whose",
        ),
        (["--data", "mine.g6", "--snapshots", "-1"], "snapshots: expected at least 0, got -1"),
    ],
)
@pytest.mark.filterwarnings("ignore:test. the test graphs")
def test_options_of_data_that_do_not_apply_are_refused(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    write_graphs("mine.g6", [nx.path_graph(n) for n in range(2, 9)])
    monkeypatch.setattr(generate, "train", lambda *_: pytest.fail("trained"))
    assert message in refused(capsys, "generate", *arguments, "--out", "run")
