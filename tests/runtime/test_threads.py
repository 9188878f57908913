"""Small work gets one thread, large work all, and what the user chose stays."""

from __future__ import annotations

import os
from itertools import islice
from types import SimpleNamespace

import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from discrete_ed import (
    DMALA,
    FitConfig,
    IsingEnergy,
    MLPEnergy,
    Taylor,
    adapt_step_size,
    ais,
    chain,
    fit,
    log_law,
    log_likelihood,
    pseudo_likelihood,
    sample,
)
from discrete_ed.density.fitting import validation_score
from discrete_ed.jobs import cli
from discrete_ed.likelihood import LogPartition
from discrete_ed.likelihood.annealing import Bracket
from discrete_ed.runtime import threads
from discrete_ed.runtime.threads import LARGE_OPERATION, suitable_numpy_threads, suitable_threads


@pytest.fixture
def three_threads(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
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
def test_numpys_matrix_products_follow_the_same_rule(monkeypatch):
    def used() -> set[int]:
        return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}

    with threadpool_limits(2, "blas"):
        with suitable_numpy_threads(LARGE_OPERATION / 2):
            assert (used(), torch.get_num_threads()) == ({1}, 1)
        with suitable_numpy_threads(LARGE_OPERATION):
            assert (used(), torch.get_num_threads()) == ({2}, 3)
        monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
        with suitable_numpy_threads(1):
            assert (used(), torch.get_num_threads()) == ({2}, 1)
        assert (used(), torch.get_num_threads()) == ({2}, 3)


@pytest.mark.usefixtures("three_threads")
@pytest.mark.parametrize("variable", ["OMP_NUM_THREADS", "MKL_NUM_THREADS"])
def test_a_number_of_threads_from_the_environment_is_kept(monkeypatch, variable):
    monkeypatch.setenv(variable, "3")
    with suitable_threads(1):
        assert torch.get_num_threads() == 3


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


class Counted(IsingEnergy):
    """An Ising energy whose evaluations note the number of threads."""

    def __init__(self, bits: int, seen: list[int]) -> None:
        super().__init__(bits)
        self.seen = seen

    def forward(self, x):
        self.seen.append(torch.get_num_threads())
        return super().forward(x)

    def arguments(self):
        return {}


X = torch.zeros(4, 3)
BETAS = [0.0, 0.5, 0.75, 1.0]


@pytest.mark.usefixtures("three_threads")
@pytest.mark.parametrize(
    ("bits", "evaluate"),
    [
        (3, lambda energy: [*islice(chain(DMALA(), Taylor(energy), X, thin=2), 2)]),
        (3, lambda energy: sample(DMALA(), Taylor(energy), X, 3, callback=lambda *_: None)),
        (3, lambda energy: adapt_step_size(DMALA(), Taylor(energy), X, 3)),
        (3, lambda energy: ais(DMALA(), Taylor(energy), X, X, BETAS)),
        (3, log_law),
        (3, lambda energy: log_likelihood(energy, X, LogPartition(Bracket(0.0, 0.0, 0.0, 0.0), exact=True))),
        (17, lambda energy: validation_score(energy, torch.zeros(4, 17))),
    ],
    ids=["chain", "sample", "step size", "annealing", "enumeration", "likelihood", "validation"],
)
def test_evaluations_of_a_small_model_have_one_thread_and_their_caller_all(bits, evaluate, monkeypatch):
    seen = []
    energy = Counted(bits, seen)
    evaluate(energy)
    assert seen[-1] == 1
    assert torch.get_num_threads() == 3
    monkeypatch.setattr(threads, "LARGE_OPERATION", 1)
    seen.clear()
    evaluate(energy)
    assert set(seen) == {3}


@pytest.mark.usefixtures("three_threads")
def test_all_threads_are_there_while_a_chain_waits():
    states = chain(DMALA(), Taylor(MLPEnergy(3, hidden=(2,))), X)
    for _ in islice(states, 3):
        assert torch.get_num_threads() == 3


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
