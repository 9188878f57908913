"""The job that makes the tables of Ising estimators: what they hold, how it is resumed, and the old door to it."""

from __future__ import annotations

import json

import pytest
from small_runs import run_script

from discrete_ed.jobs.cli import run_job
from discrete_ed.jobs.ising_tables import report
from discrete_ed.jobs.ising_tables import run as ising_tables
from discrete_ed.jobs.ising_tables.config import IsingTablesConfig


class Killed(Exception):
    """Stands for kill -9."""


def run(*arguments: str) -> None:
    run_job("ising-tables", list(arguments))


@pytest.mark.thorough
def test_the_tables_hold_what_they_say(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(ising_tables, "COLUMNS", ((4, 0.1), (3, -0.1)))
    monkeypatch.setattr(report, "PUBLISHED", {})
    run(
        "--table",
        "published",
        "--samples",
        "300",
        "--seeds",
        "2",
        "--estimator",
        "single-site",
        "--out",
        str(tmp_path / "table"),
    )
    table = json.loads((tmp_path / "table" / "result.json").read_text())["table"]
    assert [row[0] for row in table[1:]] == ["single-site auto", "J = 0", "bound, if the edges were known"]
    assert len((tmp_path / "table" / "metrics.jsonl").read_text().splitlines()) == 4
    run(
        "--table", "published", "--samples", "300", "--seeds", "1", "--penalty", "zero", "--out", str(tmp_path / "zero")
    )
    table = json.loads((tmp_path / "zero" / "result.json").read_text())["table"]
    assert [row[0] for row in table[1:]] == ["single-site zero", "J = 0", "bound, if the edges were known"]

    monkeypatch.setattr(ising_tables, "BIAS_SAMPLES", 400)
    run("--table", "bias", "--side", "3", "--sigma", "0.1", "--out", str(tmp_path / "bias"))
    assert len(json.loads((tmp_path / "bias" / "result.json").read_text())["table"]) == 11

    for name in ("LIMIT_SAMPLES", "COVER_SAMPLES"):
        monkeypatch.setattr(ising_tables, name, 400)
    monkeypatch.setattr(ising_tables, "COVER_SETS", 4)
    run("--table", "limits", "--side", "3", "--seeds", "1", "--out", str(tmp_path / "limits"))
    rows = json.loads((tmp_path / "limits" / "result.json").read_text())["table"]
    assert 0.7 < float(rows[2][1].split()[0]) < 1.6  # of all pairs free
    assert 0.7 < float(rows[4][1].split()[0]) < 3  # of edges selected
    assert "intervals of edges that hold the truth" in capsys.readouterr().out


@pytest.mark.thorough
def test_a_table_goes_on_cell_by_cell(tmp_path, monkeypatch):
    monkeypatch.setattr(ising_tables, "COLUMNS", ((3, 0.2),))
    monkeypatch.setattr(ising_tables, "ROWS", (("single-site", "refit"), ("single-site", "zero")))
    monkeypatch.setattr(report, "PUBLISHED", {})
    done = []
    real = ising_tables.recover_couplings

    def counted(*arguments: object, **named: object) -> object:
        done.append(arguments[1:])
        if len(done) == 2:
            raise Killed
        return real(*arguments, **named)

    monkeypatch.setattr(ising_tables, "recover_couplings", counted)
    with pytest.raises(Killed):
        ising_tables.run(IsingTablesConfig(seeds=2, samples=60, out=tmp_path / "run"))
    result = ising_tables.run(IsingTablesConfig(resume=tmp_path / "run"))
    assert len(done) == 5  # four cells, and the one that was cut short
    assert len((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()) == 4
    assert result["table"][1][0] == "single-site refit"


@pytest.mark.parametrize(
    ("arguments", "option", "where"),
    [
        (["--side", "4"], "side", "with --table bias or limits"),
        (["--sigma", "0.3"], "sigma", "with --table bias or limits"),
        (["--table", "bias", "--samples", "99"], "samples", "with --table published"),
        (["--table", "bias", "--seeds", "2"], "seeds", "with --table published or limits"),
        (["--table", "limits", "--penalty", "l1"], "penalty", "with --table published"),
        (["--table", "limits", "--estimator", "block"], "estimator", "with --table published"),
    ],
)
def test_an_option_without_effect_is_refused(tmp_path, capsys, arguments, option, where):
    with pytest.raises(SystemExit, match="2"):
        run(*arguments, "--out", str(tmp_path / "run"))
    error = capsys.readouterr().err
    assert error.startswith(f"error: {option}: expected only {where}, since it has no effect otherwise, got ")
    assert error.count("\n") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--table", "other"],
        ["--samples", "5"],
        ["--seeds", "0"],
        ["--table", "bias", "--side", "1"],
        ["--table", "bias", "--side", "11"],
        ["--table", "limits", "--sigma", "nan"],
    ],
)
def test_bad_arguments_exit_2(tmp_path, arguments):
    with pytest.raises(SystemExit, match="2"):
        run(*arguments, "--out", str(tmp_path / "run"))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--table", "--side", "4"], "side: expected only with --table bias or limits"),
        (["--samples", "99", "--bias"], "samples: expected only with --table published"),
        (["--limits", "--penalty", "l1"], "penalty: expected only with --table published"),
        (["--table", "--bias"], "table, bias, limits: expected at most one of them"),
        (["--bias", "--resume", "nowhere"], "resume: expected the folder of a run"),
    ],
)
def test_the_script_that_recovers_couplings_hands_its_tables_on(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        run_script(monkeypatch, "train_ising.py", *arguments)
    assert stopped.value.code == 2
    assert capsys.readouterr().err.startswith(f"error: {message}")
