"""The Ising job goes on where it was killed."""

from __future__ import annotations

import pytest

from discrete_ed.jobs.ising_tables import run as ising_tables
from discrete_ed.jobs.recover import run as ising
from discrete_ed.jobs.recover.config import RecoverConfig

TINY = {"side": 3, "samples": 60, "penalty": "refit"}


class Killed(Exception):
    """Stands for kill -9."""


def killed(*_: object, **__: object) -> None:
    raise Killed


@pytest.mark.parametrize("where", ["recover", "report_known_model"])
def test_killed_and_resumed_is_uninterrupted(tmp_path, monkeypatch, where):
    ising.run(RecoverConfig(out=tmp_path / "whole", **TINY))
    with monkeypatch.context() as patch:
        patch.setattr(ising, where, killed)
        with pytest.raises(Killed):
            ising.run(RecoverConfig(out=tmp_path / "run", **TINY))
        assert (tmp_path / "run" / "progress").exists() == (where == "report_known_model")
    if where == "report_known_model":
        monkeypatch.setattr(ising, "recover", killed)  # it is not done again
    ising.run(RecoverConfig(resume=tmp_path / "run"))
    for name in ("couplings.npz", "model/weights.safetensors", "couplings.png"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert not (tmp_path / "run" / "progress").exists()


def test_a_table_goes_on_cell_by_cell(tmp_path, monkeypatch):
    monkeypatch.setattr(ising_tables, "COLUMNS", ((3, 0.2),))
    monkeypatch.setattr(ising_tables, "ROWS", (("single-site", "refit"), ("single-site", "zero")))
    monkeypatch.setattr(ising_tables, "PUBLISHED", {})
    done = []
    real = ising_tables.recover_couplings

    def counted(*arguments: object, **named: object) -> object:
        done.append(arguments[1:])
        if len(done) == 2:
            raise Killed
        return real(*arguments, **named)

    monkeypatch.setattr(ising_tables, "recover_couplings", counted)
    with pytest.raises(Killed):
        ising.run(RecoverConfig(table=True, seeds=2, samples=60, out=tmp_path / "run"))
    result = ising.run(RecoverConfig(resume=tmp_path / "run"))
    assert len(done) == 5  # four cells, and the one that was cut short
    assert len((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()) == 4
    assert result["table"][1][0] == "single-site refit"
