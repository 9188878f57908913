"""Density estimation from a user's side: what a run leaves behind, and what a mistake looks like."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from discrete_ed import (
    IsingEnergy,
    NetworkEnergy,
    RBMEnergy,
    SumEnergy,
    hamming_mmd_repeats,
    load_energy,
    log_likelihood,
    read_table,
)
from discrete_ed.data import datasets
from discrete_ed.density import sampling as density_draws
from discrete_ed.density import scores as density_scores
from discrete_ed.jobs.cli import run_job
from discrete_ed.jobs.estimate import figures as density_figures
from discrete_ed.jobs.estimate import run as density
from discrete_ed.jobs.estimate.config import EstimateConfig
from discrete_ed.jobs.sample import run as sampling
from discrete_ed.jobs.sample.config import SampleConfig

TINY = {"steps": 40, "samples": 40, "sampler_steps": 4, "temperatures": 5, "batch": 32, "width": 8, "layers": 1}
FILES = {"config.json", "env.json", "metrics.jsonl", "checkpoint", "result.json", "report.html", "samples.npy"}
FIGURES = {"marginals.png", "curves.png"}


@pytest.fixture
def table(tmp_path):
    """A hundred rows of five bits, of which the second copies the first."""
    rng = np.random.default_rng(0)
    values = rng.integers(2, size=(100, 5))
    values[:, 1] = values[:, 0]
    path = tmp_path / "mine.csv"
    np.savetxt(path, values, fmt="%d", delimiter=",", header="a,b,c,d,e", comments="")
    return path


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(density_scores, "UNIFORM_DRAWS", 2000)
    monkeypatch.setattr(density_draws, "START_DRAWS", 2000)
    monkeypatch.setattr(density_figures, "PIXELS", 12)
    monkeypatch.setattr(datasets, "TOY_SIZES", {"train": 2000, "valid": 100, "test": 400})


def test_a_run_on_a_table_leaves_everything_behind(table, tmp_path, capsys):
    out = tmp_path / "run"
    result = density.run(EstimateConfig(data=str(table), out=out, **TINY))
    assert {path.name for path in out.iterdir()} == FILES | FIGURES | {"inputs.json"}
    assert json.loads((out / "result.json").read_text()) == result
    assert result["exact"]
    assert result["lower"] == result["upper"] == result["test_log_likelihood"]
    assert {"mmd2", "mmd2_floor", "seconds"} <= result.keys()
    assert (result["mmd_size"], result["mmd_repeats"], result["mmd2_error"]) == (20, 1, None)
    assert result["mmd2_interval"][0] < result["mmd2"] < result["mmd2_interval"][1]
    assert result["toy"] is None
    energy = load_energy(out / "checkpoint", NetworkEnergy)
    test = torch.from_numpy(datasets.load_table_data(table).test).float()
    assert log_likelihood(energy, test).mean == pytest.approx(result["test_log_likelihood"], abs=1e-5)
    samples = read_table(out / "samples.npy").values
    assert samples.shape == (400, 5)
    records = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert len(records) == 40
    assert sum("score" in record for record in records) == 20
    page = (out / "report.html").read_text()
    assert "<img" in page
    assert "http" not in page.split("</style>")[1]
    told = capsys.readouterr().out
    for row in ("test log-likelihood", "independent columns", "p-value"):
        assert row in told
        assert row in page


def test_a_run_on_a_toy_knows_the_truth(quick, tmp_path):  # noqa: ARG001
    out = tmp_path / "run"
    result = density.run(EstimateConfig(data="checkerboard", loss="ed", out=out, **TINY))
    assert {path.name for path in out.iterdir()} == FILES | FIGURES | {"density.png", "samples.png"}
    assert not result["exact"]
    assert result["lower"] < result["test_log_likelihood"] < result["upper"]
    assert result["toy"]["entropy"] == pytest.approx(20.677, abs=1e-3)
    assert -result["upper"] > result["toy"]["entropy"] - 1
    assert result["warnings"] == [] or "bracket" in result["warnings"][0]


def test_independent_columns_are_the_trivial_score(generator):
    train, x = torch.randint(2, (11, 3), generator=generator), torch.randint(2, (7, 3), generator=generator)
    train[:, 2] = 0
    rate = (train.double().sum(0) + 0.5) / 12
    by_hand = sum((rate[k] if row[k] else 1 - rate[k]).log().item() for row in x for k in range(3)) / 7
    assert density_scores.independent_columns(train, x.float()) == pytest.approx(by_hand, abs=1e-6)


def test_the_error_of_mmd_is_told_of_five_sets_or_more(monkeypatch, generator):
    """With fewer its interval is; the p-value takes no two states of a chain."""
    monkeypatch.setattr(density_scores, "MMD_SIZE", 50)
    test, train = torch.rand(2, 250, 6, generator=generator).round()
    samples = test[:40].repeat(10, 1)  # ten states of each chain
    found = density_scores.discrepancies(samples, test, train.to(torch.uint8))
    repeats = hamming_mmd_repeats(samples[:250], test, 50)
    assert (found["mmd2"], found["mmd2_error"], found["mmd2_interval"]) == (repeats.mean, repeats.error, None)
    assert (found["mmd_size"], found["mmd_repeats"], found["p_value_size"]) == (50, 5, 40)
    few = density_scores.discrepancies(samples, test[:249], train.to(torch.uint8))
    assert few["mmd2_error"] is few["mmd2_floor_error"] is None
    assert few["mmd2_floor_interval"][0] < few["mmd2_floor"] < few["mmd2_floor_interval"][1]
    assert (few["mmd_size"], few["mmd_repeats"], few["p_value_size"]) == (40, 1, 40)


@pytest.mark.parametrize(
    ("arguments", "build"),
    [
        ({"energy": "rbm", "loss": "pcd", "buffer": 50}, RBMEnergy),
        ({"energy": "ising", "loss": "pl", "patience": 3}, IsingEnergy),
        ({"energy": "residual", "loss": "rm"}, NetworkEnergy),
        ({"loss": "cd", "chain_steps": 2}, NetworkEnergy),
        ({"energy": "ising", "loss": "pl", "members": 2}, SumEnergy),
    ],
)
def test_every_energy_and_loss_runs_and_can_be_loaded(table, tmp_path, arguments, build):
    out = tmp_path / "run"
    result = density.run(EstimateConfig(data=str(table), out=out, **{**TINY, **arguments}))
    energy = load_energy(out / "checkpoint", build)
    assert len(result["steps"]) == arguments.get("members", 1)
    assert sum(parameter.numel() for parameter in energy.parameters()) == result["parameters"]
    test = torch.from_numpy(datasets.load_table_data(table).test).float()
    assert log_likelihood(energy, test).mean == pytest.approx(result["test_log_likelihood"], abs=1e-5)
    drawn = sampling.run(SampleConfig(energy=out / "checkpoint", chains=2, steps=5, warmup=1, out=tmp_path / "drawn"))
    assert drawn["energy"] == build.__name__


def test_an_ensemble_that_is_interrupted_keeps_the_members_that_are_whole(table, tmp_path, monkeypatch):
    real, calls = density.fit_energy, []

    def interrupted(*arguments):
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(density, "fit_energy", interrupted)
    config = EstimateConfig(data=str(table), out=tmp_path / "run", energy="ising", loss="pl", members=3, **TINY)
    with pytest.raises(KeyboardInterrupt):
        density.run(config)
    energy = load_energy(tmp_path / "run" / "checkpoint", SumEnergy)
    assert energy.scale == 1 / 2
    assert [torch.equal(a.pairs, b[0].pairs) for a, b in zip(energy.terms, calls, strict=False)] == [True, True]


def test_the_same_seed_gives_the_same_result(table, tmp_path):
    def result(name: str, seed: int) -> dict:
        found = density.run(EstimateConfig(data=str(table), out=tmp_path / name, seed=seed, **TINY))
        return {key: value for key, value in found.items() if key != "seconds"}

    assert result("a", 1) == result("b", 1)
    assert result("c", 2) != result("d", 1)


def test_images_are_shown_as_such(tmp_path, monkeypatch):
    pytest.importorskip("sklearn")
    monkeypatch.setattr(density_draws, "START_DRAWS", 2000)
    out = tmp_path / "run"
    density.run(EstimateConfig(data="digits", energy="conv", loss="ed", out=out, **{**TINY, "steps": 3, "width": 2}))
    assert {path.name for path in out.iterdir()} == FILES | FIGURES | {"samples.png"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "nonsense"], "data: expected one of 2spirals"),
        (["--steps", "0"], "steps"),
        (["--epsilon", "0.7"], "epsilon"),
        (["--device", "abacus"], "device: expected cpu"),
        (["--energy", "conv"], "energy: expected mlp, residual, rbm or ising, as mine is no set of images, got conv"),
        (["--data", "wide.csv", "--loss", "ml"], "loss: expected ml with at most 16 columns only, got 17"),
        (["--test", "labels.csv"], "row 2, column 'e': expected 0 or 1"),
        (["--valid", "narrow.csv"], "expected 5 columns as in"),
    ],
)
def test_a_mistake_gets_one_line_and_exit_code_2(table, tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "labels.csv").write_text("a,b,c,d,e\n1,0,1,0,7\n0,1,0,0,0\n")
    (tmp_path / "narrow.csv").write_text("a,b\n1,0\n0,1\n")
    np.savetxt(tmp_path / "wide.csv", np.random.default_rng(0).integers(2, size=(50, 17)), fmt="%d", delimiter=",")
    given = arguments if "--data" in arguments else ["--data", str(table), *arguments]
    with pytest.raises(SystemExit) as stop:
        run_job("estimate", given)
    assert stop.value.code == 2
    streams = capsys.readouterr()
    assert message in " ".join((streams.err + streams.out).split())
    assert "Traceback" not in streams.err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "exact", "silent"),
    [
        (
            {"loss": "block-ed"},
            True,
            {"negatives", "w", "chain_steps", "buffer", "temperatures", "runs", "sampler_steps"},
        ),
        ({"loss": "ed", "energy": "rbm"}, False, {"layers", "block", "chain_steps", "buffer"}),
        ({"loss": "pcd", "energy": "ising"}, False, {"width", "layers", "epsilon", "negatives", "w", "block"}),
    ],
)
def test_the_page_tells_the_options_that_had_a_say(arguments, exact, silent):
    everything = density.Settled(patience=3, valid=Path("v"), test=Path("t"), **arguments)
    assert vars(everything).keys() - density.told(everything, exact=exact, drawn=exact).keys() - set(
        density.HIDDEN
    ) == (silent)


def test_scores_on_the_page_have_a_name(table, tmp_path, monkeypatch):
    real, drawn = density_figures.curves, []
    monkeypatch.setattr(density_figures, "curves", lambda *given: drawn.append(real(*given)) or drawn[0])
    density.run(EstimateConfig(data=str(table), out=tmp_path / "run", **TINY))
    assert drawn[0].axes[1].get_ylabel() == "mean log-likelihood, nats"
    page = (tmp_path / "run" / "report.html").read_text()
    assert "<dt>block</dt>" in page
    assert "<dt>negatives</dt>" not in page


def test_two_test_rows_are_enough(table, tmp_path):
    (tmp_path / "two.csv").write_text("a,b,c,d,e\n1,1,1,0,1\n0,0,0,0,0\n")
    config = EstimateConfig(data=str(table), test=tmp_path / "two.csv", out=tmp_path / "run", **TINY)
    assert density.run(config)["mmd_size"] == 2


def test_a_diverging_fit_says_so_and_keeps_the_energy(table, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(density, "density_loss", lambda *_, **__: lambda energy, x: energy(x).sum() * torch.nan)
    with pytest.raises(SystemExit) as stop:
        run_job("estimate", ["--data", str(table), "--steps", "3", "--out", str(tmp_path / "run")])
    assert stop.value.code == 2
    assert "not finite at step 1" in capsys.readouterr().err
    assert (tmp_path / "run" / "checkpoint" / "manifest.json").exists()


def test_weighted_starts_follow_the_law_and_noise_is_the_way_out(monkeypatch, generator):
    """Two modes that flips don't join: chains from noise keep their starts' shares, weighted starts have the law's."""
    fields = torch.zeros(18)
    couplings = torch.zeros(18, 18)
    couplings[:4, :4] = 3 * (1 - torch.eye(4))
    fields[0] = 0.4  # the modes' odds are e^0.8
    energy = IsingEnergy(couplings, fields)
    up = torch.tensor(0.8).sigmoid().item()
    train = torch.zeros(100, 18, dtype=torch.uint8)
    train[::2] = 1
    settings = density.Settled(samples=400, sampler_steps=200)
    monkeypatch.setattr(density_draws, "START_DRAWS", 200_000)
    x, ess = density_draws.generate(energy, train, settings, generator).values()
    assert x.shape == (4000, 18)
    assert ess > 4000
    assert abs(x[:, 0].mean().item() - up) < 4.5 * (up * (1 - up) / 4000) ** 0.5
    monkeypatch.setattr(density_draws, "START_DRAWS", 2000)
    x, ess = density_draws.generate(energy, train, settings, generator).values()
    assert x.shape == (4000, 18)
    assert ess < 4000
    assert abs(x[:, 0].mean().item() - up) > 0.1
