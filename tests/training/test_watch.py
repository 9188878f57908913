"""Trainings that learn nothing or diverge say so, and loaders are explained."""

from __future__ import annotations

import warnings
from contextlib import nullcontext

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from discrete_ed import (
    Checkpoints,
    Energy,
    FitConfig,
    InputError,
    IsingEnergy,
    MLPEnergy,
    NumericalError,
    density_energy,
    fit,
    fit_steps,
    log_likelihood,
    pseudo_likelihood,
    shuffled_batches,
)
from discrete_ed.density import fit_density
from discrete_ed.training.watch import warn_of_divergence, warn_of_silence

X = (torch.rand(120, 5, generator=torch.Generator().manual_seed(0), device="cpu") < 0.3).float()


class OnlyOnes(Energy):
    """One bit is on, and states with another number of ones are impossible."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(5))

    def forward(self, x):
        return (x @ self.weight).masked_fill(x.sum(-1) != 1, torch.inf)


def test_a_loss_without_gradient_says_so():
    with (
        pytest.warns(RuntimeWarning, match="exactly zero in the first 10 steps"),
        pytest.warns(RuntimeWarning, match="none of the neighbours"),
    ):
        records = fit(OnlyOnes(), pseudo_likelihood, [torch.eye(5)] * 12, FitConfig(steps=12))
    assert all(record["grad_norm"] == 0 for record in records)


@pytest.mark.parametrize("spike", [True, False])
def test_an_exploding_learning_rate_is_refused_unless_the_loss_comes_back(spike):
    energy = density_energy("mlp", 5, width=16, data=X)
    optimizer = torch.optim.SGD(energy.parameters(), lr=1e-2)
    batches = shuffled_batches(X, 60, generator=torch.Generator().manual_seed(0))
    count = 0

    def loss(energy, x):
        nonlocal count
        count += 1
        return pseudo_likelihood(energy, x) + 1e5 * (count == 5 if spike else count >= 5)

    with (
        pytest.warns(RuntimeWarning, match=r"grew from 3.* at step 5, so training diverges; take a smaller learning"),
        nullcontext() if spike else pytest.raises(NumericalError, match=r"at step 20, the last one, so training div"),
    ):
        fit(energy, loss, batches, FitConfig(steps=20), optimizer=optimizer)
    assert not energy.training


def test_a_learning_rate_is_judged_by_the_loss():
    batches = shuffled_batches(X, 60, generator=torch.Generator().manual_seed(0))
    energy = density_energy("mlp", 5, width=16, data=X)
    with (
        pytest.warns(RuntimeWarning, match="training diverges; take a smaller learning rate than 100"),
        pytest.raises(NumericalError, match="training diverged; take a smaller learning rate than 100"),
    ):
        fit(energy, pseudo_likelihood, batches, FitConfig(steps=20, learning_rate=100.0))
    energy = density_energy("mlp", 5, width=16, data=X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(energy, pseudo_likelihood, batches, FitConfig(steps=20, learning_rate=0.01))
    assert log_likelihood(energy, X).mean > -3.2  # the entropy of five bits with probability .3 is 3.05


def test_each_sign_is_given_once():
    quiet = [{"step": float(k), "loss": 1.0, "grad_norm": 0.0, "learning_rate": 0.1} for k in range(1, 31)]
    loud = [{**record, "loss": -1e7 * (record["step"] > 3), "grad_norm": 1.0} for record in quiet]
    for warn, records in ((warn_of_silence, quiet), (warn_of_divergence, loud)):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for count in range(1, 31):
                warn(records[:count])
        assert len(caught) == 1


def test_loaders_of_tuples_and_short_loaders_are_explained():
    labelled = DataLoader(TensorDataset(X, torch.zeros(len(X))), batch_size=40)
    with pytest.raises(InputError, match=r"got list of 2; pass the states only, such as \(x for x, label in loader\)"):
        fit(IsingEnergy(5), pseudo_likelihood, labelled, FitConfig(steps=2))
    records = fit(IsingEnergy(5), pseudo_likelihood, (x for x, _ in labelled), FitConfig(steps=3))
    with pytest.raises(InputError, match=r"expected at least 4 batches, got 3; a DataLoader .* ends after one epoch"):
        fit(IsingEnergy(5), pseudo_likelihood, (x for x, _ in labelled), FitConfig(steps=4))
    assert len(records) == 3


def test_a_shuffled_loader_and_checkpoints_do_not_go_together_silently(tmp_path):
    def shuffled() -> DataLoader:
        return DataLoader(X, batch_size=40, shuffle=True)

    with pytest.warns(RuntimeWarning, match=r"rows in another order.*shuffled_batches\(data, size\) can be resumed"):
        fit(IsingEnergy(5), pseudo_likelihood, shuffled(), FitConfig(steps=1), checkpoints=Checkpoints(tmp_path / "a"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        in_order = DataLoader(X, batch_size=40)
        fit(IsingEnergy(5), pseudo_likelihood, in_order, FitConfig(steps=1), checkpoints=Checkpoints(tmp_path / "b"))
        fit(IsingEnergy(5), pseudo_likelihood, shuffled(), FitConfig(steps=1))


@pytest.mark.parametrize("valid", [X[:0], X[:, :4], X[0]], ids=["empty", "fewer columns", "one row"])
def test_validation_states_that_cannot_be_scored_are_refused(valid):
    with pytest.raises(InputError, match="valid: expected at least one state of 5 bits"):
        fit_density(MLPEnergy(5, hidden=(4,)), pseudo_likelihood, X, valid, FitConfig(steps=2))


def test_the_first_record_comes_before_any_sign():
    steps = fit_steps(IsingEnergy(5), pseudo_likelihood, shuffled_batches(X, 60), FitConfig(steps=2))
    assert next(steps)["step"] == 1
    steps.close()


@pytest.mark.parametrize("steps", ["5", 2.5, None])
def test_a_number_of_steps_is_whole(steps):
    with pytest.raises(InputError, match="steps: expected a whole number, at least 1"):
        FitConfig(steps=steps)
