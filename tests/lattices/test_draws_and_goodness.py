"""Interaction graphs, draws on them by every way there is, and goodness of fit."""

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
    moments,
    recover_couplings,
    sample_ising,
    torus_sample,
)
from discrete_ed.graphs.interactions import interaction_graph


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_lattices_have_their_sites_and_bonds():
    assert lattice(3, 3).number_of_edges() == 81
    assert lattice(5, 1).number_of_edges() == 5
    assert lattice(5, 1, periodic=False).number_of_edges() == 4
    assert lattice(2).number_of_edges() == 4
    assert sorted(lattice(4).neighbors(0)) == [1, 3, 4, 12]
    with pytest.raises(InputError, match="side"):
        lattice(1)


def test_a_graph_file_gives_the_interactions(tmp_path):
    nx.write_graph6(nx.cycle_graph(7), tmp_path / "ring.g6", header=False)
    assert interaction_graph(tmp_path / "ring.g6").number_of_edges() == 7
    (tmp_path / "two.g6").write_text("C~\nC~\n")
    with pytest.raises(InputError, match="one graph"):
        interaction_graph(tmp_path / "two.g6")


def check(energy: IsingEnergy, x: torch.Tensor) -> None:
    wanted = moments(energy)
    seen = x.double().T @ x.double() / len(x)
    error = (wanted.pairs * (1 - wanted.pairs) / len(x)).sqrt()
    assert ((seen - wanted.pairs).abs() < 4.5 * error + 1e-9).all()


@pytest.mark.parametrize(
    ("energy", "arguments", "way"),
    [
        (IsingEnergy.from_graph(lattice(4), 0.3), {"torus": (4, 4)}, "transfer matrices"),
        (IsingEnergy.from_graph(lattice(4, periodic=False), -0.4, 0.2), {"torus": (4, 4)}, "transfer matrices"),
        (IsingEnergy.from_graph(nx.cycle_graph(7), 0.5, 0.1), {}, "enumeration"),
        (IsingEnergy.from_graph(nx.cycle_graph(18), 0.6), {}, "clusters"),
        (IsingEnergy.from_graph(nx.complete_graph(17), -0.1, 0.2), {}, "tempering"),
        (IsingEnergy.from_graph(nx.cycle_graph(9), 0.5), {"sweeps": 50}, "50 sweeps of single spins"),
    ],
)
def test_draws_have_the_moments_of_the_model(energy, arguments, way, monkeypatch):
    monkeypatch.setattr("discrete_ed.lattices.draws.SWEEPS", 40)
    monkeypatch.setattr("discrete_ed.lattices.draws.CHAINS", 500)
    x, how = sample_ising(energy, 3000, generator=generator(), **arguments)
    assert way in how
    assert x.shape == (3000, len(energy.fields))
    check(energy, x)


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


def test_the_noise_of_what_is_compared_is_that_of_repeated_draws():
    rng = np.random.default_rng(1)
    found = [goodness_of_fit(*(rng.integers(0, 2, (n, 6)) for n in (300, 900))) for _ in range(60)]
    for error, noise in (("mean_error", "mean_noise"), ("sum_distance", "sum_noise")):
        seen = np.sqrt(np.mean([getattr(one, error) ** 2 for one in found]))
        assert seen == pytest.approx(np.mean([getattr(one, noise) for one in found]), rel=0.15)


def test_means_that_fields_were_fitted_to_differ_by_the_noise_of_the_draws_alone():
    energy = IsingEnergy.from_graph(nx.cycle_graph(5), 0.4, 0.3)
    found = []
    for seed in range(30):
        data, _ = sample_ising(energy, 300, generator=generator().manual_seed(seed))
        model, _ = sample_ising(recover_couplings(data, penalty="none").energy, 900, generator=generator())
        found.append(goodness_of_fit(data.numpy(), model.numpy(), fitted=True))
    seen = np.sqrt(np.mean([one.mean_error**2 for one in found]))
    assert seen == pytest.approx(np.mean([one.mean_noise for one in found]), rel=0.2)
    assert not any(one.warnings for one in found)
    model, _ = sample_ising(IsingEnergy.from_graph(nx.cycle_graph(5), 0.4, 0.15), 900, generator=generator())
    (warning,) = goodness_of_fit(data.numpy(), model.numpy(), fitted=True).warnings
    assert ": means differ by" in warning


def test_two_spins_have_no_triples():
    assert goodness_of_fit(np.eye(2), np.eye(2)).triple_error == 0.0
