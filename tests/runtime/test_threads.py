"""Small work gets one thread, large work all, and what the user chose stays."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest
import torch

from discrete_ed import FitConfig, IsingEnergy, fit, pseudo_likelihood
from discrete_ed.jobs import cli
from discrete_ed.runtime import threads
from discrete_ed.runtime.threads import LARGE_OPERATION, suitable_threads, threads_for


@pytest.fixture
def three_threads(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("three_threads")
def test_small_work_gets_one_thread_and_large_work_all():
    with suitable_threads(LARGE_OPERATION / 2):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 3
    with suitable_threads(LARGE_OPERATION):
        assert torch.get_num_threads() == 3
    with pytest.raises(KeyError), suitable_threads(1):
        raise KeyError
    assert torch.get_num_threads() == 3


@pytest.mark.usefixtures("three_threads")
@pytest.mark.parametrize("variable", ["OMP_NUM_THREADS", "MKL_NUM_THREADS"])
def test_a_number_of_threads_from_the_environment_is_kept(monkeypatch, variable):
    monkeypatch.setenv(variable, "3")
    assert threads_for(1) == 3


@pytest.mark.usefixtures("three_threads")
def test_a_training_step_of_a_small_model_has_one_thread_and_its_callback_all(monkeypatch):
    seen = []

    def loss(energy, x):
        seen.append(torch.get_num_threads())
        return pseudo_likelihood(energy, x)

    def train() -> None:
        batches, config = [torch.ones(4, 3)] * 2, FitConfig(steps=2)
        fit(IsingEnergy(3), loss, batches, config, callback=lambda _: seen.append(-torch.get_num_threads()))

    train()
    assert seen == [1, -3, 1, -3]
    monkeypatch.setattr(threads, "LARGE_OPERATION", 4 * 3 * (9 + 3))  # numbers in the batch × couplings and fields
    seen.clear()
    train()
    assert seen == [3, -3, 3, -3]


def test_threads_of_jobs_wait_without_spinning_unless_the_user_says_otherwise(monkeypatch):
    seen = []
    job = SimpleNamespace(
        config_type=lambda: cli.JOBS["continuous"].config_type(),
        run=lambda _: seen.append(os.environ["OMP_WAIT_POLICY"]),
    )
    monkeypatch.setitem(cli.JOBS, "sample", job)
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    cli.run_job("sample", [])
    monkeypatch.delenv("OMP_WAIT_POLICY")
    cli.run_job("sample", [])
    assert seen == ["active", "passive"]
