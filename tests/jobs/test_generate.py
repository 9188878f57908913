"""The job `generate` from a user's side: what a run leaves behind, and what a mistake looks like."""

from __future__ import annotations

import json
import re
from dataclasses import replace

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
    read_graphs,
    write_graphs,
)
from discrete_ed.graphs import denoising, generation
from discrete_ed.jobs.generate import run as generate
from discrete_ed.jobs.generate.config import GenerateConfig
from discrete_ed.samplers import sample


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
    message = refused(capsys, "generate", "--perturbation", perturbation, *option, "--out", tmp_path / "run")
    assert f"{option[0][2:]}: expected only with --perturbation bernoulli or informed" in message
    assert not (tmp_path / "run").exists()


LEVELS = {"levels": 3, "level_steps": 1, "last_steps": 2, "candidates": 2}


@pytest.mark.usefixtures("no_figures")
def test_an_energy_of_all_noise_levels_is_trained_sampled_stopped_and_resumed(tmp_path, monkeypatch):
    write_graphs(tmp_path / "mine.g6", [nx.cycle_graph(n) for n in range(3, 9)])
    settings = {name: value for name, value in TINY.items() if name not in ("sampler_steps", "cold")}
    config = GenerateConfig(data=str(tmp_path / "mine.g6"), out=tmp_path / "run", **settings, **LEVELS)
    result = generate.run(config)
    energy = load_energy(tmp_path / "run" / "checkpoint")
    assert isinstance(energy, NoiseConditionalEnergy)
    assert energy.noise.count == 3
    saved = json.loads((tmp_path / "run" / "config.json").read_text())
    assert saved["learning_rate"] == 2e-3
    assert not saved.keys() & {"perturbation", "flips", "w", "start", "cold", "sampler_steps"}
    trace = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [record["step"] for record in trace if record["phase"] == "sample"] == [1, 2, 3]
    assert result["mean_energy"]["generated"] == pytest.approx(
        energy(graphs_to_states(read_graphs(tmp_path / "run" / "samples.g6"), 8).float()).mean().item(), abs=1e-3
    )

    class Killed(Exception):
        """Stands for kill -9."""

    def killed(*_):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(denoising, "gathered", killed)  # after the last level
        with pytest.raises(Killed):
            generate.run(replace(config, out=tmp_path / "again"))
    generate.run(GenerateConfig(resume=tmp_path / "again"))
    assert (tmp_path / "again" / "samples.g6").read_bytes() == (tmp_path / "run" / "samples.g6").read_bytes()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--levels", 3, "--cold", 2], "cold: expected only without --levels"),
        (["--levels", 3, "--w", 2], "w: expected only with --perturbation bernoulli or informed and without --levels"),
        (["--level-steps", 3], "level_steps: expected only with --levels of at least 1"),
        (["--levels", -1], "levels: expected at least 0, got -1"),
    ],
)
def test_options_of_one_level_and_of_many_exclude_each_other(options, message, tmp_path, capsys):
    assert message in refused(capsys, "generate", *options, "--out", tmp_path / "run")


def test_a_folder_of_citeseer_is_refused_with_another_data_set(tmp_path, capsys):
    message = refused(capsys, "generate", "--root", tmp_path, "--out", tmp_path / "run")
    assert "root: expected only with --data ego or ego-all or ego-small" in message


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
    html = (tmp_path / "run" / "report.html").read_text()
    facts = dict(re.findall("<dt>(.*?)</dt><dd>(.*?)</dd>", html))
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
@pytest.mark.parametrize("kind", [GraphEnergy, PairGraphEnergy])
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
    config = GenerateConfig(**option)
    with pytest.raises(
        InputError, match=r"expected what fits into 1\.0 GB .* of up to 361 nodes a training .*--chains"
    ):
        generate.check_memory(energy, graphs, config, 10**9)
    assert "GB of memory" in generate.check_memory(energy, graphs, config, None)
    assert generate.check_memory(energy, graphs[:2], GenerateConfig(samples=3), 10**12) == ""
    blocks = GenerateConfig(**option, perturbation="node-block")
    assert "GB of memory" in generate.check_memory(energy, graphs, blocks, 10**12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "tree-8", "--test", "mine.g6"], "test: expected only with training graphs of your own"),
        (["--data", "lobster", "--graphs", "9"], "graphs: expected only with data made by a recipe"),
        (["--data", "mine.g6", "--test", "mine.g6", "--split-seed", "3"], "split_seed: expected only with data whose"),
        (["--data", "mine.g6", "--snapshots", "-1"], "snapshots: expected at least 0, got -1"),
    ],
)
@pytest.mark.filterwarnings("ignore:test. the test graphs")
def test_options_of_data_that_do_not_apply_are_refused(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    write_graphs("mine.g6", [nx.path_graph(n) for n in range(2, 9)])
    monkeypatch.setattr(generate, "train", lambda *_: pytest.fail("trained"))
    assert message in refused(capsys, "generate", *arguments, "--out", "run")
