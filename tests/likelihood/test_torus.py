"""Ising models on tori: transfer matrices, Kaufman's formula and enumeration agree; draws obey the enumerated law."""

from __future__ import annotations

import pytest
import torch
from contracts import torus

from discrete_ed import (
    InputError,
    IsingEnergy,
    kaufman_log_z,
    log_law,
    log_z,
    torus_log_z,
    torus_sample,
)

DOUBLE = torch.float64


@pytest.mark.parametrize("shape", [(4, 4), (3, 5), (5, 3), (2, 4), (4, 2), (2, 2), (1, 5), (5, 1), (1, 2), (1, 1)])
def test_the_transfer_matrix_agrees_with_enumeration_on_random_bonds_and_fields(shape):
    bits = shape[0] * shape[1]
    energy = torus(*shape) if min(shape) > 1 or max(shape) > 2 else IsingEnergy(torch.zeros(bits, bits).double())
    assert torus_log_z(energy, shape) == pytest.approx(log_z(energy, dtype=DOUBLE), abs=1e-10)


@pytest.mark.parametrize("coupling", [0.05, 0.3, 0.4406867935097715, 0.6, 2.0])
def test_kaufman_transfer_matrix_and_enumeration_agree(coupling):
    for rows, columns in ((4, 4), (3, 4), (4, 3)):
        energy = torus(rows, columns, coupling)
        kaufman = kaufman_log_z(rows, columns, coupling)
        assert kaufman == pytest.approx(log_z(energy, dtype=DOUBLE), abs=1e-10)
        assert kaufman == pytest.approx(torus_log_z(energy, (rows, columns)), abs=1e-10)


@pytest.mark.parametrize(("rows", "columns", "coupling"), [(9, 8, 0.44), (8, 30, 0.44), (7, 8, 3.0)])
def test_kaufman_and_transfer_matrix_agree_beyond_enumeration(rows, columns, coupling):
    exact = torus_log_z(torus(rows, columns, coupling), (rows, columns))
    assert kaufman_log_z(rows, columns, coupling) == pytest.approx(exact, abs=1e-10)


@pytest.mark.parametrize("coupling", [1e-4, 20.0, 400.0])
def test_extreme_couplings_stay_finite(coupling):
    log_2 = torch.tensor(2.0).double().log().item()
    wanted = 16 * log_2 if coupling < 1 else log_2 + 32 * coupling
    assert kaufman_log_z(4, 4, coupling) == pytest.approx(wanted, rel=1e-6)
    assert torus_log_z(torus(4, 4, coupling), (4, 4)) == pytest.approx(wanted, rel=1e-6)


def spin_glass(side: int, strength: float) -> IsingEnergy:
    """Bonds of plus or minus one strength, at random."""
    g, couplings = torch.Generator().manual_seed(side), torch.zeros(side**2, side**2, dtype=DOUBLE)
    site = torch.arange(side**2).view(side, side)
    for neighbour in (site.roll(-1, 0), site.roll(-1, 1)):
        bond = strength * (2.0 * torch.randint(2, site.shape, generator=g) - 1).double()
        couplings[site, neighbour] = couplings[neighbour, site] = bond
    return IsingEnergy(couplings)


@pytest.mark.parametrize("strength", [1.0, 90.0, 1000.0])
def test_strong_and_frustrated_bonds_are_summed_and_drawn_exactly(strength):
    energy = spin_glass(4, strength)
    assert torus_log_z(energy, (4, 4)) == pytest.approx(log_z(energy), rel=1e-12)
    large = spin_glass(9, strength)
    drawn = large(torus_sample(large, 50, (9, 9), generator=torch.Generator().manual_seed(0)))
    if strength > 1:  # all draws are ground states, whose number is all that log Z has besides their energy
        assert drawn.max() - drawn.min() < 1e-6 * strength
        states = torus_log_z(large, (9, 9)) + drawn[0].item()
        assert 0 < states < 81


def test_lattices_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="expected rows × columns = 16 spins"):
        torus_log_z(torus(4, 4), (4, 5))
    with pytest.raises(InputError, match="couplings between neighbours on a torus of shape"):
        torus_log_z(torus(4, 4), (2, 8))
    with pytest.raises(InputError, match="shorter side of at most 12"):
        torus_log_z(IsingEnergy(169), (13, 13))
    with pytest.raises(InputError, match="sides of at least 3"):
        kaufman_log_z(2, 4, 0.3)
    with pytest.raises(InputError, match="coupling: expected a positive number"):
        kaufman_log_z(4, 4, -0.3)


@pytest.mark.parametrize("shape", [(3, 3), (2, 4), (4, 2), (1, 5), (5, 1), (2, 2), (1, 1)])
def test_draws_follow_the_enumerated_law_for_random_bonds_and_fields(shape, generator):
    bits = shape[0] * shape[1]
    energy = torus(*shape) if bits > 1 else IsingEnergy(torch.zeros(1, 1).double(), torch.tensor([0.3]).double())
    x = torus_sample(energy, 20_000, shape, generator=generator)
    law = log_law(energy, dtype=DOUBLE).exp().detach()
    seen = (x.long() @ (2 ** torch.arange(bits - 1, -1, -1))).bincount(minlength=2**bits) / len(x)
    common = law * len(x) > 5  # the rest are one cell together
    seen, law = (torch.cat([p[common], p[~common].sum().view(1)]) for p in (seen, law))
    freedom = int(common.sum())
    statistic = ((seen - law) ** 2 / law.clamp(min=1e-12)).sum() * len(x)
    assert abs(statistic - freedom) < 4.5 * (2 * freedom) ** 0.5 + 1


@pytest.mark.parametrize("coupling", [0.6, 1.0, -0.4])
def test_the_energy_of_draws_is_the_slope_of_log_z_at_any_temperature(coupling, generator):
    """Where chains and coupling from the past fail: deep in the ordered phase, and with frustration (9 is odd)."""
    rows, columns = 7, 9
    energy = torus(rows, columns, coupling)
    energies = energy(torus_sample(energy, 2000, (rows, columns), generator=generator)).detach()
    step = 1e-4
    ends = [torus_log_z(torus(rows, columns, coupling + d), (rows, columns)) for d in (-step, step)]
    wanted = -coupling * (ends[1] - ends[0]) / (2 * step)
    assert abs(energies.mean() - wanted) < 4.5 * energies.std() / len(energies) ** 0.5


def test_draws_are_reproducible_and_in_blocks(monkeypatch):
    energy = torus(3, 4, 0.3)
    same = [torus_sample(energy, 9, (3, 4), generator=torch.Generator().manual_seed(1)) for _ in range(2)]
    assert torch.equal(*same)
    monkeypatch.setattr("discrete_ed.likelihood.torus.BLOCK", 4)
    assert torus_sample(energy, 9, (3, 4)).shape == (9, 12)
    assert torus_sample(energy, 0, (3, 4)).shape == (0, 12)
    with pytest.raises(InputError, match="shorter side of at most 10"):
        torus_sample(IsingEnergy(121), 1, (11, 11))
    with pytest.raises(InputError, match="count: expected at least 0"):
        torus_sample(energy, -1, (3, 4))
