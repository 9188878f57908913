"""The sampling job from a user's side: what it leaves behind, that it is right, and what a mistake looks like."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from contracts import FREQUENCY_TESTS, chi_square, law_of, torus

from discrete_ed import (
    BernoulliEnergy,
    Exact,
    GraphEnergy,
    InputError,
    IsingEnergy,
    MLPEnergy,
    NetworkEnergy,
    RBMEnergy,
    SumEnergy,
    enumerate_states,
    load_energy,
    save_energy,
)
from discrete_ed.jobs.cli import run_job
from discrete_ed.jobs.sample import report
from discrete_ed.jobs.sample import run as sampling
from discrete_ed.jobs.sample.config import SampleConfig
from discrete_ed.samplers import KERNELS, Kernel
from discrete_ed.samplers.kernels import accept, evaluate, uniforms


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A folder of every energy."""
    folder = tmp_path_factory.mktemp("energies")
    torch.manual_seed(0)
    energies = {
        "ising": torus(2, 3, 0.3).float(),
        "rbm": RBMEnergy(6, 3, scale=0.5),
        "mlp": MLPEnergy(6, hidden=(8,)),
        "network": NetworkEnergy(6, width=8, layers=1),
        "coins": BernoulliEnergy(torch.tensor([0.0, 30.0, -1.0])),
        "sum": SumEnergy(MLPEnergy(6, hidden=(4,)), torus(2, 3, 0.3).float()),
        "double": MLPEnergy(6, hidden=(4,)).double(),
        "double-ising": torus(2, 3, 0.3).double(),
        "graph": GraphEnergy(4, width=4, layers=1),
    }
    for name, energy in energies.items():
        save_energy(folder / name, energy)
    return folder


def test_a_run_leaves_draws_diagnostics_and_a_figure(saved, tmp_path, capsys):
    result = sampling.run(SampleConfig(energy=saved / "ising", chains=4, steps=60, warmup=10, out=tmp_path / "run"))
    assert {path.name for path in (tmp_path / "run").iterdir()} == {
        "config.json",
        "env.json",
        "inputs.json",
        "result.json",
        "diagnostics.txt",
        "report.html",
        "chains.png",
        "samples.npz",
        "metrics.jsonl",
    }
    assert json.loads((tmp_path / "run" / "result.json").read_text()) == result
    assert result["kernel"] == "GibbsSweep of 4 classes"
    assert result["energy_ess_bulk"] == pytest.approx(result["ess_per_evaluation"] * 4 * 60 * 4)
    with np.load(tmp_path / "run" / "samples.npz", allow_pickle=False) as drawn:
        assert drawn["bits"].shape == (4, 60, 6)
        assert drawn["bits"].dtype == np.uint8
        energies = torus(2, 3, 0.3).float()(torch.from_numpy(drawn["bits"]).float()).detach().numpy()
        assert np.allclose(drawn["energy"], energies, atol=1e-5)
    shown = capsys.readouterr().out
    assert "the worst bit that moved" in shown
    assert (tmp_path / "run" / "diagnostics.txt").read_text().strip() in shown


CHOICES = [
    ("ising", "swendsen-wang"),
    ("ising", "gibbs"),
    ("rbm", "auto"),
    ("rbm", "gibbs-sweep"),
    ("mlp", "dmala"),
    ("network", "auto"),
    ("sum", "auto"),
    ("double", "auto"),
    ("double-ising", "auto"),
]


@pytest.mark.thorough
@pytest.mark.usefixtures("no_figures")
@pytest.mark.parametrize(("energy", "kernel"), [*CHOICES, ("mlp", "path-auxiliary"), ("mlp", "auto")])
def test_draws_follow_the_law(saved, energy, kernel, tmp_path):
    thin = 25 if kernel in ("gibbs", "auto") else 10
    settings = {"chains": 2000, "steps": 4, "warmup": 3, "thin": thin, "out": tmp_path / "run"}
    sampling.run(SampleConfig(energy=saved / energy, kernel=kernel, **settings))
    with np.load(tmp_path / "run" / "samples.npz", allow_pickle=False) as drawn:
        last = torch.from_numpy(drawn["bits"][:, -1])
    law = law_of(Exact(load_energy(saved / energy).double()), enumerate_states(6, dtype=torch.float64))
    assert chi_square(last, law) > 1e-5 / FREQUENCY_TESTS


@pytest.mark.usefixtures("no_figures")
def test_the_same_seed_gives_the_same_draws(saved, tmp_path):
    files = []
    for name, seed in (("one", 0), ("same", 0), ("other", 1)):
        sampling.run(SampleConfig(energy=saved / "ising", chains=2, steps=8, warmup=0, seed=seed, out=tmp_path / name))
        files.append((tmp_path / name / "samples.npz").read_bytes())
    assert files[0] == files[1] != files[2]


@pytest.mark.usefixtures("no_figures")
def test_graphs_keep_their_nodes_and_bits_that_never_move_are_told(saved, tmp_path):
    settings = {"chains": 3, "steps": 30, "warmup": 0}
    result = sampling.run(SampleConfig(energy=saved / "graph", nodes=(3,), out=tmp_path / "graph", **settings))
    with np.load(tmp_path / "graph" / "samples.npz", allow_pickle=False) as drawn:
        matrix = np.zeros((4, 4))
        matrix[np.triu_indices(4)] = drawn["bits"][0, 0]
    assert np.diag(matrix).tolist() == [1, 1, 1, 0]
    assert not matrix[:, 3].any()
    assert result["bits_that_never_moved"] >= 7
    result = sampling.run(
        SampleConfig(energy=saved / "coins", kernel="gibbs-sweep", out=tmp_path / "coins", **settings)
    )
    assert result["bits_that_never_moved"] == 1


@pytest.mark.usefixtures("no_figures")
def test_what_is_not_known_is_not_a_number_that_looks_good(tmp_path):
    save_energy(tmp_path / "cold", IsingEnergy(torch.zeros(3, 3), torch.full((3,), 40.0)))
    result = sampling.run(SampleConfig(energy=tmp_path / "cold", chains=2, steps=20, warmup=5, out=tmp_path / "run"))
    assert result["bits_rhat"] is None
    assert result["energy_rhat"] is None
    assert result["ess_per_second"] is None
    assert "not mixed" in (tmp_path / "run" / "diagnostics.txt").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rbm", "--kernel", "swendsen-wang"], "clusters expected an IsingEnergy, got RBMEnergy"),
        (
            ["mlp", "--nodes", "3"],
            "nodes: expected only for an energy of graphs, since it has no effect",
        ),
        (["graph", "--nodes", "9"], "nodes: expected at most 4"),
        (["nothing"], "expected a saved energy, but"),
        (["ising", "--device", "abacus"], "device: expected cpu"),
    ],
)
def test_a_mistake_gets_one_line_and_exit_code_2(saved, arguments, message, tmp_path, capsys):
    name, *options = arguments
    with pytest.raises(SystemExit) as stopped:
        run_job("sample", [str(saved / name), *options, "--out", str(tmp_path / "run")])
    assert stopped.value.code == 2
    told = capsys.readouterr().err.strip()
    assert told.startswith("error: ")
    assert message in told
    assert "\n" not in told
    assert not (tmp_path / "run").exists()


def test_an_energy_of_an_unknown_class_is_refused(saved, tmp_path):
    save_energy(tmp_path, RBMEnergy(2, 2))
    text = (tmp_path / "manifest.json").read_text()
    (tmp_path / "manifest.json").write_text(text.replace("RBMEnergy", "os.system"))
    with pytest.raises(InputError, match=r"expected one of BernoulliEnergy.*, got os\.system"):
        load_energy(tmp_path)
    with pytest.raises(InputError, match="steps: expected at least 4"):
        SampleConfig(energy=saved / "ising", steps=3)


@pytest.mark.usefixtures("no_figures")
@pytest.mark.parametrize("kernel", ["auto", "dmala"])
def test_killed_and_resumed_is_uninterrupted(saved, tmp_path, monkeypatch, kernel):
    options = {"energy": saved / "ising", "chains": 3, "steps": 50, "warmup": 13, "kernel": kernel}
    whole = sampling.run(SampleConfig(**options, out=tmp_path / "whole"))
    real, calls = sampling.chain, []

    def killed(*arguments, **named):
        calls.append(arguments)
        if len(calls) == 7:
            raise KeyboardInterrupt
        return real(*arguments, **named)

    monkeypatch.setattr(sampling, "chain", killed)
    with pytest.raises(KeyboardInterrupt):
        sampling.run(SampleConfig(**options, out=tmp_path / "run"))
    found = sampling.run(SampleConfig(resume=tmp_path / "run"))
    assert len(calls) == 17  # sixteen pieces of four draws, one of them twice
    times = ("seconds", "ess_per_second")
    assert {k: v for k, v in found.items() if k not in times} == {k: v for k, v in whole.items() if k not in times}
    assert (tmp_path / "run" / "samples.npz").read_bytes() == (tmp_path / "whole" / "samples.npz").read_bytes()
    assert not (tmp_path / "run" / "progress").exists()


@dataclass(frozen=True)
class TwoFlips(Kernel):
    """Metropolis: twice a step, propose to flip a random bit of each chain. It isn't part of the package."""

    def init(self, local, x):
        return evaluate(local, x)

    def evaluations(self, bits):
        assert bits == 3
        return 2

    def step(self, local, state, *, generator=None):
        for _ in range(2):
            i = torch.randint(state.x.shape[1], (len(state.x), 1), generator=generator)
            x = state.x.scatter(1, i, 1 - state.x.gather(1, i))
            proposed = local(x)
            log_u = uniforms(state, len(x), generator=generator).log()
            state = accept(state, x, proposed, log_u < state.energy - proposed.energy)
        return state


@pytest.mark.usefixtures("no_figures")
def test_a_sampler_from_outside_shows_in_the_result_and_the_diagnostics(saved, tmp_path, monkeypatch, capsys):
    """How to add a sampler: a kernel class, and its name in the registry."""
    monkeypatch.setitem(KERNELS, "two-flips", lambda _: TwoFlips())
    settings = {"chains": 500, "steps": 8, "warmup": 10, "thin": 10}
    config = SampleConfig(energy=saved / "coins", kernel="two-flips", **settings, out=tmp_path / "run")
    result = sampling.run(config)
    assert result["kernel"] == "TwoFlips()"
    assert "by TwoFlips()" in capsys.readouterr().out
    assert json.loads((tmp_path / "run" / "result.json").read_text()) == result
    assert f"{result['acceptance']:.3f}" in (tmp_path / "run" / "diagnostics.txt").read_text()
    assert result["ess_per_evaluation"] == pytest.approx(result["energy_ess_bulk"] / (2 * 10 * 500 * 8))
    with np.load(tmp_path / "run" / "samples.npz", allow_pickle=False) as sampled:
        assert sampled["bits"][:, -1].mean(0) == pytest.approx([0.5, 1.0, 0.269], abs=0.1)
    options = ["--chains", "4", "--steps", "8", "--warmup", "2", "--out", str(tmp_path / "by-name")]
    run_job("sample", [str(saved / "coins"), "--kernel", "two-flips", *options])
    assert json.loads((tmp_path / "by-name" / "result.json").read_text())["kernel"] == "TwoFlips()"
    with pytest.raises(InputError, match=r"kernel: expected auto or one of gibbs, .*, two-flips, got 'three-flips'"):
        sampling.run(replace(config, kernel="three-flips", out=tmp_path / "other"))
    assert not (tmp_path / "other").exists()


def test_without_an_energy_there_is_one_line(capsys):
    with pytest.raises(SystemExit) as stop:
        run_job("sample", [])
    assert stop.value.code == 2
    assert capsys.readouterr().err == (
        "error: energy: expected the folder of a saved energy, or --resume with a run folder, got none\n"
    )


@pytest.mark.usefixtures("no_figures")
@pytest.mark.parametrize(("energy", "kernel"), [("mlp", "gibbs-with-gradients"), ("rbm", "auto")])
def test_pieces_of_chains_fit_together(saved, tmp_path, monkeypatch, energy, kernel):
    drawn = []
    for pieces in (1, 20):
        monkeypatch.setattr(sampling, "CHUNKS", pieces)
        out = tmp_path / str(pieces)
        sampling.run(SampleConfig(energy=saved / energy, kernel=kernel, chains=3, steps=40, warmup=7, out=out))
        with np.load(out / "samples.npz", allow_pickle=False) as file:
            drawn.append(file["bits"])
    assert np.array_equal(*drawn)


@pytest.mark.parametrize(
    ("bits", "sentence"),
    [
        ([1.0, 1.002], "The 4 chains of 60 samples have mixed (largest R̂ 1.004"),
        ([1.0, math.nan], "agree on the bits that moved, which does not show that they have mixed (largest R̂ 1.004"),
        ([1.2, math.nan], "have not mixed: run them longer, or take another kernel (largest R̂ 1.200"),
        ([math.nan, math.nan], "No bit moved in any of the 4 chains of 60 samples"),
    ],
)
def test_the_verdict_never_calls_stuck_chains_mixed(bits, sentence):
    diagnosis = SimpleNamespace(rhat=torch.tensor(bits, dtype=torch.float64), energy_rhat=1.004)
    verdict = report.verdict(diagnosis, {"chains": 4, "draws": 60, "energy_ess_bulk": 45.0})
    assert sentence in verdict
    assert ("1 of 2 bits never moved" in verdict) == (sum(map(math.isnan, bits)) == 1)
