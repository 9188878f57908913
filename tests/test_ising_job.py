"""The Ising job from end to end, at a small size: a known model, a table, the tables it prints, and bad input."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import torch

from discrete_ed import IsingEnergy, lattice, load_energy, torus_sample
from discrete_ed.cli import run_job
from discrete_ed.experiments import ising_tables

SMALL = ["--side", "4", "--sigma", "0.15", "--samples", "800"]


@pytest.fixture(autouse=True)
def few_draws_for_the_bound(monkeypatch):
    monkeypatch.setattr("discrete_ed.experiments.ising.BOUND_DRAWS", 2000)


def run(*arguments: str) -> None:
    run_job("train-ising", list(arguments))


def test_a_known_model_is_recovered_and_the_run_folder_tells_all(tmp_path, capsys):
    out = tmp_path / "run"
    run(*SMALL, "--out", str(out))
    arrays = np.load(out / "couplings.npz")
    true = IsingEnergy.from_graph(lattice(4), 0.3).couplings.detach().numpy()
    assert np.allclose(arrays["true_couplings"], true)
    result = json.loads((out / "result.json").read_text())
    rmse = np.sqrt((((arrays["couplings"] - true) / 2) ** 2).mean())
    assert result["neg_log_rmse"] == pytest.approx(-np.log(rmse))
    assert result["all_zeros"] == pytest.approx(-np.log(0.15 / 2), abs=1e-6)  # a quarter of the entries are edges
    assert result["all_zeros"] < result["neg_log_rmse"] < result["bound"] + 0.5
    assert result["drawn"] == "exact, by transfer matrices"
    assert set(result["seconds"]) == {"draw", "recover"}
    for name in ("report.html", "couplings.png", "recovery.png", "config.json", "env.json"):
        assert (out / name).stat().st_size > 0
    energy = load_energy(out / "model", IsingEnergy)
    assert np.allclose(energy.couplings.detach().numpy(), arrays["couplings"], atol=1e-6)
    assert "J = 0" in capsys.readouterr().out


def test_the_same_seed_gives_the_same_couplings(tmp_path):
    for name in ("a", "b"):
        run(*SMALL, "--seed", "3", "--out", str(tmp_path / name))
    one, two = (np.load(tmp_path / name / "couplings.npz")["couplings"] for name in ("a", "b"))
    assert np.array_equal(one, two)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--side", "8", "--dimension", "1", "--sigma", "-0.2", "--field", "0.1", "--samples", "200"],
        ["--side", "3", "--dimension", "3", "--no-periodic", "--samples", "60", "--penalty", "refit"],
        ["--random-graph", "12", "2.5", "--samples", "300", "--penalty", "common"],
        ["--side", "4", "--sampler", "single-site", "--sweeps", "20", "--samples", "200", "--penalty", "l1"],
        ["--side", "4", "--estimator", "bernoulli", "--epsilon", "0.02", "--samples", "200", "--penalty", "refit"],
        ["--side", "3", "--penalty", "zero", "--samples", "50"],
    ],
)
def test_every_kind_of_model_runs(tmp_path, arguments):
    run(*arguments, "--out", str(tmp_path / "run"))
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert np.isfinite(result["neg_log_rmse"])
    assert np.isfinite(np.load(tmp_path / "run" / "couplings.npz")["standard_errors"]).all()


def table_of(tmp_path, name="birds.csv") -> tuple[str, torch.Tensor]:
    x = torus_sample(IsingEnergy.from_graph(lattice(5, 1), 0.6, field=0.2), 1500, (5, 1)).int()
    path = tmp_path / name
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["owl", "jay", "tit", "wren", "kite"])
        writer.writerows((2 * x - 1).tolist())
    return str(path), x


def test_a_users_table_gives_edges_with_intervals_and_goodness_of_fit(tmp_path, capsys):
    path, x = table_of(tmp_path)
    run("--data", path, "--out", str(tmp_path / "run"))
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["samples"] == 1500
    assert result["spins"] == 5
    assert result["goodness"]["pairs"]["rms_difference"] < 3 * result["goodness"]["pairs"]["expected_of_noise"]
    independent, mean = result["log_likelihood"]["independent"], result["log_likelihood"]["mean"]
    p = x.double().mean(0)
    assert independent == pytest.approx((p * p.log() + (1 - p) * (1 - p).log()).sum().item())
    assert mean > independent + 0.3
    with (tmp_path / "run" / "edges.csv").open() as file:
        edges = list(csv.DictReader(file))
    strong = {frozenset((edge["first"], edge["second"])) for edge in edges[:5]}
    assert strong == {
        frozenset(pair)
        for pair in zip(["owl", "jay", "tit", "wren", "kite"], ["jay", "tit", "wren", "kite", "owl"], strict=True)
    }
    assert all(float(edge["low_95"]) < float(edge["coupling"]) < float(edge["high_95"]) for edge in edges)
    assert (tmp_path / "run" / "network.png").exists()
    assert "owl" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,0\n,1\n", "a"),
        ("a,b\n1,0\n2,1\n", "0 or 1"),
        ("a,b\n" + "1,0\n0,1\n" * 2, "at least 10 samples"),
    ],
)
def test_tables_that_cannot_be_used_are_one_line_and_exit_2(tmp_path, capsys, text, message):
    (tmp_path / "bad.csv").write_text(text)
    with pytest.raises(SystemExit) as stopped:
        run("--data", str(tmp_path / "bad.csv"), "--out", str(tmp_path / "run"))
    assert stopped.value.code == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error: ")
    assert message in error


@pytest.mark.parametrize(
    "arguments",
    [
        ["--side", "1"],
        ["--samples", "5"],
        ["--table", "--bias"],
        ["--random-graph", "3", "5"],
        ["--epsilon", "0.7"],
        ["--sigma", "nan"],
        ["--block", "11"],
        ["--side", "200"],
        ["--graph", "nowhere.g6"],
        ["--estimator", "maximum-likelihood", "--side", "5"],
    ],
)
def test_bad_arguments_exit_2(tmp_path, arguments):
    with pytest.raises(SystemExit) as stopped:
        run(*arguments, "--out", str(tmp_path / "run"))
    assert stopped.value.code == 2


def test_the_tables_hold_what_they_say(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(ising_tables, "COLUMNS", ((4, 0.1), (3, -0.1)))
    monkeypatch.setattr(ising_tables, "PUBLISHED", {})
    run("--table", "--samples", "300", "--seeds", "2", "--estimator", "single-site", "--out", str(tmp_path / "table"))
    table = json.loads((tmp_path / "table" / "result.json").read_text())["table"]
    assert [row[0] for row in table[1:]] == ["single-site auto", "J = 0", "bound, if the edges were known"]
    assert len((tmp_path / "table" / "metrics.jsonl").read_text().splitlines()) == 4

    monkeypatch.setattr(ising_tables, "BIAS_SAMPLES", 400)
    run("--bias", "--side", "3", "--sigma", "0.1", "--out", str(tmp_path / "bias"))
    assert len(json.loads((tmp_path / "bias" / "result.json").read_text())["table"]) == 11

    for name in ("LIMIT_SAMPLES", "COVER_SAMPLES"):
        monkeypatch.setattr(ising_tables, name, 400)
    monkeypatch.setattr(ising_tables, "COVER_SETS", 4)
    run("--limits", "--side", "3", "--seeds", "1", "--out", str(tmp_path / "limits"))
    rows = json.loads((tmp_path / "limits" / "result.json").read_text())["table"]
    assert 0.7 < float(rows[2][1].split()[0]) < 1.6  # of all pairs free
    assert 0.7 < float(rows[4][1].split()[0]) < 3  # of edges selected
    assert "cover" in capsys.readouterr().out
