"""The job that scores synthetic tables: what it writes, says and refuses."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from discrete_ed.jobs.cli import run_job


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Real rows, other real rows, and a table of which half the rows are copies."""
    folder = tmp_path_factory.mktemp("tables")
    rng = np.random.default_rng(0)
    place = rng.integers(2, size=160)
    frame = pd.DataFrame(
        {
            "kind": np.array(["low", "high"])[place],
            "size": (rng.normal(3 * place, 1)).round(3),
            "count": rng.poisson(2, 160),
        }
    )
    train, held_out = frame[:80], frame[80:]
    copied = pd.concat([train[:40], train.assign(size=rng.permutation(train["size"]))[40:]])
    for name, rows in {"real": train, "held": held_out, "mine": copied, "bad": train.drop(columns="size")}.items():
        rows.to_csv(folder / f"{name}.csv", index=False)
    return folder


@pytest.mark.filterwarnings("default:table. whole numbers")
def test_scores_are_written_with_their_yardsticks(files, tmp_path, capsys):
    arguments = f"{files}/real.csv {files}/mine.csv --held-out {files}/held.csv --target kind size --trees 2"
    run_job("evaluate-tables", [*arguments.split(), "--out", str(tmp_path / "run")])
    said = capsys.readouterr()
    assert "count=category" in said.err
    for text in ("real rows (floor)", "independent columns (trivial)", "of the rows of mine.csv are training rows"):
        assert text in said.out
    result = json.loads((tmp_path / "run/result.json").read_text())
    mine = result["tables"]["mine.csv"]
    assert 0.5 <= mine["copies"] < 0.6
    assert {"auc", "f1", "brier_score", "calibration_error"} < mine["utility"]["kind"].keys()
    assert mine["utility"]["size"]["rmse"] > 0
    page = (tmp_path / "run/report.html").read_text()
    assert f"{mine['detection_auc']:.3f}" in page
    assert f"{mine['copies']:.1%} of the rows of mine.csv are training rows" in page
    table = pd.read_csv(tmp_path / "run/scores.csv", index_col="table")
    assert table.loc["mine.csv", "detection_auc"] == pytest.approx(mine["detection_auc"])
    columns = pd.read_csv(tmp_path / "run/columns.csv")
    assert columns["column"].tolist() == ["kind", "size", "count"] * 4
    assert {path.name for path in (tmp_path / "run").glob("*.png")} == {"scores.png", "columns.png", "pairs.png"}


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("", "got none"),
        ("real.csv", "at least one synthetic"),
        ("real.csv none.csv", "No such file"),
        ("real.csv bad.csv", "bad.csv: expected the columns 'kind', 'size', 'count', got none called 'size'"),
        ("real.csv mine.csv --target price", "price"),
        ("real.csv mine.csv --types price=number", "types: expected names among 'kind', 'size', 'count', got 'price'"),
        ("real.csv mine.csv --types kind=number", "column 'kind': expected numbers, as types says, got 'high'"),
        ("real.csv mine.csv --types kind", "types: expected NAME=KIND"),
    ],
)
@pytest.mark.filterwarnings("ignore:table. whole numbers")
def test_mistakes_are_said_in_one_line_and_leave_nothing_behind(files, monkeypatch, capsys, arguments, reason):
    monkeypatch.chdir(files)
    with pytest.raises(SystemExit) as stop:
        run_job("evaluate-tables", [*arguments.split(), "--out", "run"])
    assert stop.value.code == 2
    error = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(error) == 1
    assert reason in error[0]
    assert not (files / "run").exists()
