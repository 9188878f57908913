"""The job on large tables: what it needs is said first, what doesn't fit is refused, and its model is sampled."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from discrete_ed.energies import IsingEnergy
from discrete_ed.errors import InputError
from discrete_ed.jobs.cli import Job, run_job
from discrete_ed.jobs.recover.config import RecoverConfig
from discrete_ed.jobs.recover.run import run
from discrete_ed.lattices.sampling import sample_near_rows


@pytest.fixture
def coins(tmp_path):
    path = tmp_path / "coins.npy"
    np.save(path, np.random.default_rng(0).integers(0, 2, (300, 20), dtype=np.uint8))
    return path


def test_what_does_not_fit_is_refused_and_nothing_is_written(coins, tmp_path, monkeypatch):
    monkeypatch.setattr("discrete_ed.ising.forecast.BYTES_DENSE", 1e9)
    with pytest.raises(InputError, match=r"fits into memory, got one of .* GB where .* choose fewer columns or rows"):
        run(RecoverConfig(data=coins, out=tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_a_large_table_says_first_what_it_needs(coins, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("discrete_ed.jobs.recover.run.COMPACT", 100)

    class Stop(Exception):
        pass

    def stop(*_, **__):
        raise Stop

    monkeypatch.setattr("discrete_ed.jobs.recover.run.recover", stop)
    with pytest.raises(Stop):
        run(RecoverConfig(data=coins, out=tmp_path / "run"))
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("300 rows and 20 columns: 0.")
    assert "190 pairs" in first


def test_memory_that_runs_out_is_one_line(monkeypatch, capsys):
    def fail(_, __):
        raise MemoryError("Unable to allocate 7 GiB")

    monkeypatch.setattr(Job, "run", fail)
    with pytest.raises(SystemExit) as stopped:
        run_job("recover", [])
    assert stopped.value.code == 2
    assert capsys.readouterr().err == (
        "error: memory: expected enough for this run, got Unable to allocate 7 GiB; take less data\n"
    )


def test_chains_from_data_and_from_random_bits_must_agree():
    generator = torch.Generator().manual_seed(0)
    weak = IsingEnergy(0.2 * (torch.eye(12).roll(1, 0) + torch.eye(12).roll(-1, 0)))
    rows = (torch.rand(100, 12, generator=generator) < 0.5).float()
    found = sample_near_rows(weak, rows, 1200, generator=generator)
    assert found is not None
    assert found.states.shape == (1200, 12)
    pairs = (2 * found.states - 1) * (2 * found.states - 1).roll(1, 1)
    assert pairs.mean() == pytest.approx(np.tanh(0.2), abs=0.03)
    frozen = IsingEnergy(0.4 * (1 - torch.eye(12)))  # chains stay where they fall
    assert sample_near_rows(frozen, torch.ones(100, 12), 500, generator=generator) is None
