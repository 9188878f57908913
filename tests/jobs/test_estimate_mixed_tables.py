"""The job estimate on tables of any kind: what is recognised as one, what it writes and refuses."""

from __future__ import annotations

import json
import shutil
from functools import partial

import numpy as np
import pandas as pd
import pytest

from discrete_ed.data import TableData
from discrete_ed.errors import InputError
from discrete_ed.jobs.cli import run_job
from discrete_ed.jobs.estimate import mixed_tables
from discrete_ed.jobs.estimate import run as estimate
from discrete_ed.jobs.estimate.config import EstimateConfig
from discrete_ed.jobs.estimate.mixed_tables import is_mixed, split_rows
from discrete_ed.jobs.impute import run as impute
from discrete_ed.jobs.impute.config import ImputeConfig
from discrete_ed.jobs.sample import run as sample
from discrete_ed.jobs.sample.config import SampleConfig
from discrete_ed.jobs.score import run as score
from discrete_ed.jobs.score.config import ScoreConfig
from discrete_ed.tables import recognise_columns
from discrete_ed.tables.evaluation import score_tables
from discrete_ed.tables.recognition import GUESSED


def table(rows: int) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    place = rng.integers(2, size=rows)
    kinds = np.array(["low", "high"])[place]
    return pd.DataFrame({"kind": kinds, "size": rng.normal(4 * place, 1).round(2), "on": rng.integers(2, size=rows)})


@pytest.mark.filterwarnings("always::UserWarning")  # the job prints them
@pytest.mark.usefixtures("no_figures")
def test_a_table_is_fitted_sampled_and_judged(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(mixed_tables, "score_tables", partial(score_tables, trees=2))
    frame = table(130).assign(count=np.arange(130) * 7 % 5)
    frame.to_csv(tmp_path / "mine.csv", index=False)
    run_job("estimate", ["--data", f"{tmp_path}/mine.csv", "--steps", "20", "--out", f"{tmp_path}/run"])
    printed, said = capsys.readouterr()
    assert said.count(GUESSED) == 1
    assert "independent columns (trivial)" in printed
    assert "Held-out training rows chose couplings fitted by pseudo-likelihood, and no network: the log-prob" in printed
    assert "--target" not in printed
    samples = pd.read_csv(tmp_path / "run/samples.csv")
    assert samples.dtypes.equals(pd.read_csv(tmp_path / "mine.csv").dtypes)
    result = json.loads((tmp_path / "run/result.json").read_text())
    assert len(samples) == result["training_rows"] == 104
    assert result["log_conditionals"] > result["independent_columns"]
    means = samples.groupby("kind")["size"].mean()
    assert means["high"] - means["low"] > 2
    anomalies = pd.read_csv(tmp_path / "run/anomalies.csv")
    assert len(anomalies) == 26
    lines = [text.split(",") for text in (tmp_path / "mine.csv").read_text().splitlines()]
    assert [float(lines[row - 1][1]) for row in anomalies["row_of_file"]] == anomalies["size"].tolist()
    assert -anomalies["anomaly_score"].mean() == pytest.approx(result["log_conditionals"])
    assert set(anomalies["least_expected_column"]) <= set(frame.columns)
    assert "Gaussian copula" in (tmp_path / "run/report.html").read_text()
    the_run_serves_other_jobs(tmp_path, frame, anomalies)


def test_the_only_row_with_a_value_is_learned_from():
    frame = table(100).assign(place=["Holand"] + ["Peru"] * 99, rank=[*range(95), 3, 3, 3, 3, 3])
    schema = recognise_columns(frame, {"rank": "ordinal", "on": "category"})
    for seed in range(8):
        train, test, moved = split_rows(schema, frame, seed)
        assert len(train) + len(test) == 100
        assert len(test) + moved == 20
        assert 0 in train.index
        for name in ("kind", "place", "rank"):
            assert set(test[name]) <= set(train[name])


def the_run_serves_other_jobs(folder, frame, anomalies):
    """Its model scores the test rows as it did, samples, and fills in missing cells."""
    run, holes = folder / "run", frame.iloc[:40].assign(note="kept").astype({"count": float})
    frame.iloc[anomalies["row_of_file"] - 2, ::-1].to_csv(folder / "test.csv", index=False)
    score.run(ScoreConfig(run, folder / "test.csv"))
    scored = pd.read_csv(folder / "test.scores.csv")
    assert np.allclose(scored["anomaly_score"], anomalies["anomaly_score"])
    assert scored["row_of_file"].tolist() == [*range(2, 28)]
    holes.loc[::3, "kind"] = None
    holes.loc[1::3, "count"] = None
    holes.to_csv(folder / "holes.csv", index=False)
    assert impute.run(ImputeConfig(run, folder / "holes.csv")) == {"rows": 40, "cells": 27}
    filled = pd.read_csv(folder / "holes.filled.csv")
    assert filled.columns.tolist() == holes.columns.tolist()
    assert filled.dtypes.equals(frame.assign(note="kept").dtypes)
    assert (filled == holes).where(holes.notna(), True).all(axis=None)
    assert set(filled["kind"]) == {"low", "high"}
    sample.run(SampleConfig(run, samples=7, seed=3, out=folder / "more.csv"))
    assert pd.read_csv(folder / "more.csv").dtypes.equals(frame.dtypes)
    for refused, reason in [
        (lambda: score.run(ScoreConfig(run, folder / "test.csv")), "which exists"),
        (lambda: sample.run(SampleConfig(run)), "expected a new CSV file .* got none"),
        (lambda: sample.run(SampleConfig(run, chains=3, out=folder / "x.csv")), "chains: expected only"),
        (lambda: impute.run(ImputeConfig(folder, folder / "test.csv")), "finished run of estimate"),
        (lambda: impute.run(ImputeConfig(run)), "got not both"),
    ]:
        with pytest.raises(InputError, match=reason):
            refused()
    (run / "model/columns.json").write_bytes(b"{}")
    with pytest.raises(InputError, match="changed or damaged"):
        sample.run(SampleConfig(run, out=folder / "x.csv"))
    shutil.rmtree(run / "model")
    with pytest.raises(InputError, match="run estimate again"):
        score.run(ScoreConfig(run, folder / "test.csv", folder / "y.csv"))


def test_a_binary_run_names_the_option_for_other_columns(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("a,b,c,d\n" + "0,1,1,x\n1,0,1,y\n" * 20)
    with pytest.raises(InputError, match=r"column 'd': .*\(otherwise use --types auto\), got x"):
        estimate.run(EstimateConfig(data=str(path)))


def test_one_hot_columns_of_a_binary_run_are_warned_of():
    codes = np.eye(3, dtype=np.uint8)[np.arange(60) % 3]
    data = TableData("mine", "", codes, codes, codes, names=("x", "y", "z"))
    with pytest.warns(UserWarning, match=r"'x' to 'z' hold exactly one 1 .*--types auto"):
        estimate._warn_of_one_hot(data)


@pytest.mark.parametrize(
    ("text", "types", "mixed"),
    [
        ("a,b\n1,x\n0,y\n1,x\n", (), False),  # as many binary columns as others: one may be a mistake
        ("a,b,c\n1,x,2.5\n0,y,3\n1,x,7\n", (), True),
        ("a,b,c\n1,0,2\n0,1,1\n1,0,1\n", (), False),
        ("a,b,c\n1,0,2\n0,1,1\n1,0,1\n", ("auto",), True),
        ("1,0,1\n0,0,1\n", (), False),
    ],
)
def test_tables_of_any_kind_are_recognised(tmp_path, text, types, mixed):
    path = tmp_path / "mine.csv"
    path.write_text(text)
    assert is_mixed(EstimateConfig(data=str(path), types=types)) == mixed
    assert not is_mixed(EstimateConfig(data="moons"))


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("--data mine.csv --loss pl", "loss: expected only with binary data"),
        ("--data mine.csv --types kind=number", "column 'kind': expected numbers"),
        ("--data moons --types auto", "moons: expected a text table"),
        ("--data mine.csv --types price=number", "got 'price'"),
        ("--data mine.csv --types kind=category", "at least 20 test rows, got 12, a fifth of 60 rows; bring more rows"),
    ],
)
def test_what_has_no_effect_on_such_a_table_is_refused(tmp_path, monkeypatch, capsys, arguments, reason):
    monkeypatch.chdir(tmp_path)
    table(60).to_csv("mine.csv", index=False)
    with pytest.raises(SystemExit) as stop:
        run_job("estimate", [*arguments.split(), "--out", "run"])
    assert stop.value.code == 2
    assert reason in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_samples_lose_the_cells_that_rows_lack():
    rows = pd.DataFrame({"a": [1.0, np.nan], "b": ["x", "y"], "c": [None, None]})
    samples = pd.DataFrame({"a": [1.0] * 400, "b": ["x"] * 400, "c": ["z"] * 400})
    found = mixed_tables.with_missing_cells_of(rows, samples, 0)
    assert 150 < found["a"].isna().sum() < 250
    assert (found["b"].notna().all(), found["c"].isna().all()) == (True, True)
    assert mixed_tables.with_missing_cells_of(rows[["b"]], samples[["b"]], 0).equals(samples[["b"]])
