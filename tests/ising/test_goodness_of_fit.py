"""Goodness of fit: differences between data and model beside those of noise, and exact likelihoods of tables."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
import torch

from discrete_ed import (
    InputError,
    IsingEnergy,
    goodness_of_fit,
    lattice,
    log_likelihood,
    recover_couplings,
    sample_ising,
    torus_sample,
)
from discrete_ed.ising import row_log_likelihood


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_a_good_model_differs_by_noise_and_a_bad_one_by_more():
    energy = IsingEnergy.from_graph(lattice(4), 0.3)
    data, model = (torus_sample(energy, 4000, (4, 4), generator=generator().manual_seed(k)).numpy() for k in (1, 2))
    same = goodness_of_fit(data, model)
    assert same.pairs.shape == (2, 120)
    assert same.triples.shape == (2, 560)
    assert 0.5 < same.pair_error / same.pair_noise < 1.5
    assert 0.5 < same.triple_error / same.triple_noise < 1.5
    assert 0.5 < same.mean_error / same.mean_noise < 1.5
    assert 0.5 < same.sum_distance / same.sum_noise < 1.8
    assert not same.warnings
    apart = goodness_of_fit(data, np.random.default_rng(0).integers(0, 2, (4000, 16)))
    assert apart.pair_error > 5 * apart.pair_noise
    assert apart.sum_distance > 5 * apart.sum_noise
    (warning,) = apart.warnings
    assert warning.startswith("the model does not reproduce its own data and should not be simulated from: ")
    assert f"covariances of pairs differ by {apart.pair_error:.4f} (noise alone: {apart.pair_noise:.4f})" in warning
    assert "means" not in warning
    with pytest.raises(InputError, match="16 spins"):
        goodness_of_fit(data, model[:, :5])


def test_means_are_compared_too():
    rng = np.random.default_rng(0)
    data, model = (rng.random((4000, 6)) < p for p in (0.5, [0.6, 0.4] * 3))
    found = goodness_of_fit(data.astype(float), model.astype(float))
    assert found.means == pytest.approx(np.array([2 * data.mean(0) - 1, 2 * model.mean(0) - 1]))
    assert found.mean_error == pytest.approx(0.2, abs=0.02)
    (warning,) = found.warnings
    assert "means differ by" in warning
    assert "pairs" not in warning


def test_the_noise_of_each_measure_is_that_of_repeated_samples():
    rng = np.random.default_rng(1)
    found = [goodness_of_fit(*(rng.integers(0, 2, (n, 6)) for n in (300, 900))) for _ in range(60)]
    for error, noise in (("mean_error", "mean_noise"), ("sum_distance", "sum_noise")):
        seen = np.sqrt(np.mean([getattr(one, error) ** 2 for one in found]))
        assert seen == pytest.approx(np.mean([getattr(one, noise) for one in found]), rel=0.15)


@pytest.mark.thorough
def test_means_that_fields_were_fitted_to_differ_by_the_noise_of_the_models_samples_alone():
    energy = IsingEnergy.from_graph(nx.cycle_graph(5), 0.4, 0.3)
    found = []
    for seed in range(30):
        data = sample_ising(energy, 300, generator=generator().manual_seed(seed)).states
        model = sample_ising(recover_couplings(data, penalty="none").energy, 900, generator=generator()).states
        found.append(goodness_of_fit(data.numpy(), model.numpy(), fitted=True))
    seen = np.sqrt(np.mean([one.mean_error**2 for one in found]))
    assert seen == pytest.approx(np.mean([one.mean_noise for one in found]), rel=0.2)
    assert not any(one.warnings for one in found)
    model = sample_ising(IsingEnergy.from_graph(nx.cycle_graph(5), 0.4, 0.15), 900, generator=generator()).states
    (warning,) = goodness_of_fit(data.numpy(), model.numpy(), fitted=True).warnings
    assert ": means differ by" in warning


def test_two_spins_have_no_triples():
    assert goodness_of_fit(np.eye(2), np.eye(2)).triple_error == 0.0


def test_the_likelihood_of_rows_is_exact_and_independent_columns_are_its_yardstick():
    energy = IsingEnergy.from_graph(nx.cycle_graph(5), 0.5, 0.2)
    x = sample_ising(energy, 400, generator=generator()).states
    found = row_log_likelihood(energy, x.numpy().astype(int))
    assert found.mean == pytest.approx(log_likelihood(energy.double(), x.double()).mean, abs=1e-9)
    p = x.double().mean(0)
    assert found.independent == pytest.approx((p * p.log() + (1 - p) * (1 - p).log()).sum().item())
    assert found.mean > found.independent + 0.1
