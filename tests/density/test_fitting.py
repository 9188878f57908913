"""One energy fitted, and an ensemble of them."""

from __future__ import annotations

import pytest
import torch

from discrete_ed import BernoulliEnergy, FitConfig, NumericalError, SumEnergy, log_likelihood, pseudo_likelihood
from discrete_ed.density import Ensemble, fit_density, fit_ensemble, validation_score
from discrete_ed.density import fitting as density_fitting

PROBABILITIES = torch.tensor([0.9, 0.1, 0.5, 0.7], device="cpu")
STATES = (torch.rand(300, 4, generator=torch.Generator().manual_seed(0), device="cpu") < PROBABILITIES).float()
CONFIG = FitConfig(steps=60, learning_rate=0.1, ema=0.5)


def bernoulli(seed: int) -> BernoulliEnergy:
    return BernoulliEnergy(torch.randn(4, generator=torch.Generator().manual_seed(seed)))


def fit(energy, seed):
    return fit_density(energy, pseudo_likelihood, STATES, STATES, CONFIG, batch_size=50, seed=seed)


def test_a_fit_keeps_the_weights_that_score_best():
    energy = bernoulli(0)
    before = validation_score(energy, STATES)
    selected = fit(energy, 0)
    assert selected.score == max(score for _, score in selected.scores) == validation_score(energy, STATES)
    assert selected.score > before + 0.5
    assert [step for step, _ in selected.scores] == list(range(3, 61, 3))


def test_the_seed_orders_the_training_states():
    fitted = [bernoulli(0) for _ in range(3)]
    for energy, seed in zip(fitted, (1, 1, 2), strict=True):
        fit(energy, seed)
    assert torch.equal(fitted[0].logits, fitted[1].logits)
    assert not torch.equal(fitted[0].logits, fitted[2].logits)


def test_only_so_many_wide_validation_states_are_scored(monkeypatch):
    monkeypatch.setattr(density_fitting, "SCORED_FLIPS", 18 * 7)
    seen = []
    monkeypatch.setattr(density_fitting, "validation_score", lambda _, x: seen.append(len(x)) or 0.0)
    wide = torch.zeros(30, 18)
    fit_density(BernoulliEnergy(18), pseudo_likelihood, wide, wide, FitConfig(steps=2))
    assert set(seen) == {7}


def test_an_ensemble_is_the_mean_of_its_members_with_seeds_of_their_own():
    seeds, saved = [], []

    def fit_member(energy, seed):
        seeds.append(seed)
        return fit(energy, seed)

    ensemble = fit_ensemble(bernoulli, fit_member, 3, seed=2, save=saved.append)
    assert seeds == [6, 7, 8]
    assert len(ensemble.fits) == 3
    mean = torch.stack([member(STATES) for member in ensemble.members]).mean(0)
    assert torch.allclose(ensemble.energy(STATES), mean, atol=1e-6)
    assert len(saved) == 1
    assert torch.equal(saved[0](STATES), ensemble.energy(STATES))


def test_an_ensemble_of_one_is_that_energy():
    ensemble = fit_ensemble(bernoulli, fit, seed=5)
    assert ensemble.energy is ensemble.members[0]
    assert log_likelihood(ensemble.energy, STATES).mean == pytest.approx(ensemble.fits[0].score)


@pytest.mark.parametrize("error", [KeyboardInterrupt, NumericalError])
@pytest.mark.parametrize(("failing", "kept"), [(0, BernoulliEnergy), (1, BernoulliEnergy), (2, SumEnergy)])
def test_what_is_finished_is_saved_where_training_stops(error, failing, kept):
    built, saved = [], []

    def build(seed):
        built.append(bernoulli(seed))
        return built[-1]

    def fit_member(energy, seed):
        if seed == failing:
            raise error("stopped")
        return fit(energy, seed)

    with pytest.raises(error):
        fit_ensemble(build, fit_member, 3, save=saved.append)
    (energy,) = saved
    assert isinstance(energy, kept)
    members = built[: max(1, failing)]
    assert torch.equal(energy(STATES), Ensemble(tuple(members), ()).energy(STATES))
