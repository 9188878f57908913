"""Ground states: the exact method against enumeration, annealing against the exact method."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
import torch

from discrete_ed import (
    InputError,
    IsingEnergy,
    NumericalError,
    enumerate_states,
    gaussian_couplings,
    ground_state,
    lattice,
    plus_minus_couplings,
    random_fields,
)

pytest.importorskip("numba")

SQUARE, TRIANGULAR = lattice((3, 4)), lattice(3, kind="triangular")
SMALL = {
    "±J": IsingEnergy.from_graph(SQUARE, plus_minus_couplings(SQUARE, seed=3)),
    "gaussian, in fields": IsingEnergy.from_graph(SQUARE, gaussian_couplings(SQUARE), random_fields(SQUARE)),
    "triangles": IsingEnergy.from_graph(TRIANGULAR, -1.0, 0.3),
    "a tree": IsingEnergy.from_graph(nx.path_graph(6), -0.5, 0.1),
    "fields alone": IsingEnergy(5, torch.tensor([0.5, -1.0, 0.1, 2.0, -0.2]), edges=0),
}


@pytest.mark.thorough
@pytest.mark.parametrize("name", SMALL)
def test_both_methods_find_the_lowest_of_all_states(name):
    energy = SMALL[name]
    wanted = energy(enumerate_states(energy.bits)).min().item()
    for method in ("exact", "annealing"):
        found = ground_state(energy, method=method, sweeps=200)
        assert found.energy == pytest.approx(wanted, abs=1e-5)
        assert energy(torch.from_numpy(found.state).float()).item() == pytest.approx(wanted, abs=1e-5)
        assert found.proven == (method == "exact")


@pytest.mark.thorough
@pytest.mark.parametrize(("side", "dimension", "seeds"), [(6, 2, range(4)), (4, 3, [0])])
def test_annealing_finds_the_proven_ground_states_of_glasses(side, dimension, seeds):
    graph = lattice(side, dimension)
    for seed in seeds:
        energy = IsingEnergy.from_graph(graph, plus_minus_couplings(graph, seed=seed))
        proven, found = ground_state(energy, method="exact"), ground_state(energy, sweeps=500)
        assert found.energy == proven.energy
        assert found.hits > 0.2
        assert (proven.energy - energy(torch.from_numpy(found.state).float()).item()) == 0


@pytest.mark.thorough
def test_what_is_known_of_large_ferromagnets_and_a_proof_that_takes_too_long():
    graph = lattice(32)
    assert ground_state(IsingEnergy.from_graph(graph), chains=8, sweeps=600).energy == -2 * 32**2
    hard = lattice(7, 3)
    energy = IsingEnergy.from_graph(hard, gaussian_couplings(hard))
    with pytest.raises(NumericalError, match=r"expected a proof within 0\.1 seconds for 343 spins"):
        ground_state(energy, method="exact", seconds=0.1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "luck"}, "method: expected one of annealing, exact"),
        ({"sweeps": 0}, "expected positive numbers, the first two whole, got 64, 0 and 60"),
        ({"sweeps": 1.5}, r"the first two whole, got 64, 1\.5 and 60"),
        ({"energy": IsingEnergy(3, edges=0)}, "expected one with couplings or fields"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        ground_state(**{"energy": SMALL["±J"], **arguments})
    assert np.isfinite(ground_state(SMALL["±J"], sweeps=20).energy)
