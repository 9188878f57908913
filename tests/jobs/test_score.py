"""New rows scored under a finished run, and its samples as CSV."""

from __future__ import annotations

import csv
import json
import math

import numpy as np
import pytest
import torch
from small_runs import refused

from discrete_ed import load_energy, log_likelihood, read_table
from discrete_ed.jobs.cli import run_job
from discrete_ed.jobs.estimate import run as estimate
from discrete_ed.jobs.estimate.config import EstimateConfig
from discrete_ed.jobs.score import run as scoring
from discrete_ed.jobs.score.config import ScoreConfig

NAMES = ("sun", "rain", 'a "quoted", name', "wind")


def write(path, values, names=NAMES):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([*([names] if names else []), *values.tolist()])
    return path


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A run on a table in which rain is the opposite of sun, but for some rows."""
    home = tmp_path_factory.mktemp("fitted")
    values = np.random.default_rng(0).integers(2, size=(200, 4))
    values[8:, 1] = 1 - values[8:, 0]
    table = write(home / "mine.csv", values)
    result = estimate.run(
        EstimateConfig(str(table), energy="ising", loss="ml", steps=80, learning_rate=0.1, samples=40, out=home / "run")
    )
    return home / "run", result, values


@pytest.mark.thorough
def test_samples_are_a_table_with_the_names_of_the_columns(fitted):
    run, result, _ = fitted
    samples = read_table(run / "samples.csv")
    assert samples.names == NAMES == tuple(result["columns"])
    assert np.array_equal(samples.values, np.load(run / "samples.npy"))


def test_new_rows_are_scored_by_the_likelihood_of_the_run_in_any_order_of_columns(fitted, tmp_path, capsys):
    run, result, values = fitted
    new = np.vstack([values[20:50], [[1, 1, 0, 0]]])
    path = write(tmp_path / "new.csv", new[:, ::-1], NAMES[::-1])
    scored = scoring.run(ScoreConfig(run, path))
    rows = list(csv.DictReader((tmp_path / "new.scores.csv").open()))
    energy = load_energy(run / "checkpoint").double()
    expected = log_likelihood(energy, torch.from_numpy(new).double())
    assert [int(row["row"]) for row in rows] == list(range(1, 32))
    assert np.allclose([float(row["log_likelihood"]) for row in rows], expected.values.numpy(), atol=1e-4)
    assert scored["log_likelihood"] == pytest.approx(expected.mean, abs=1e-4)
    assert scored["test_log_likelihood"] == result["test_log_likelihood"]
    worst = rows[-1]  # sun and rain at once
    assert worst["least_expected_column"] in ("sun", "rain")
    assert float(worst["its_log_probability"]) < math.log(0.1)
    assert min(rows, key=lambda row: float(row["log_likelihood"])) is worst
    assert "31 rows have a mean log-likelihood" in capsys.readouterr().out


def test_a_table_without_names_is_taken_in_the_order_of_the_run(fitted, tmp_path, capsys):
    run, _, values = fitted
    named, unnamed = write(tmp_path / "a.csv", values[:9]), write(tmp_path / "b.csv", values[:9], None)
    for path in (named, unnamed):
        run_job("score", [str(run), str(path)])
    assert (tmp_path / "a.scores.csv").read_text() == (tmp_path / "b.scores.csv").read_text()
    assert "names no columns, so they are taken in the order of the run" in capsys.readouterr().err


def test_mistakes_are_told_in_one_line(fitted, tmp_path, capsys):
    run, _, values = fitted
    good = write(tmp_path / "good.csv", values[:9])
    more = write(tmp_path / "more.csv", np.hstack([values, values[:, :1]]), (*NAMES, "fog"))
    other = write(tmp_path / "other.csv", values, ("sun", "rain", "fog", "wind"))
    unfinished = tmp_path / "unfinished"
    (unfinished / "checkpoint").mkdir(parents=True)
    (tmp_path / "toy").mkdir()
    told = {name: value for name, value in json.loads((run / "result.json").read_text()).items() if name != "columns"}
    (tmp_path / "toy" / "result.json").write_text(json.dumps(told))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "result.json").write_text('{"log_z": 3}')
    for arguments, reason in (
        ((run,), "run, table: expected the run folder of a job estimate and a table, got not both"),
        ((run, more), "expected the 4 columns of the run, got 5: 'fog' as well"),
        ((run, other), "expected the 4 columns of the run, got 4: no 'a \"quoted\", name'"),
        ((unfinished, good), "expected the run folder of a finished job estimate, got no result.json"),
        ((tmp_path / "toy", good), "expected a run on a table, whose columns have names, got none"),
        ((tmp_path / "broken", good), "expected the result of the job estimate, got something else"),
        ((run, good, "--out", good), f"out: expected a new file, got {good}, which exists"),
        ((run, good, "--out", tmp_path / "no" / "a.csv"), "out: expected a file that can be written"),
        ((run, tmp_path / "nothing.csv"), "nothing.csv"),
    ):
        message = refused(capsys, "score", *arguments)
        assert reason in message
        assert message.strip().count("\n") == 0
