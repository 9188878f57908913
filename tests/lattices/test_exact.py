"""Exact energies and specific heats: against enumeration, a slope of log Z, and known values."""

from __future__ import annotations

import math

import pytest
import torch

from discrete_ed import (
    InputError,
    IsingEnergy,
    enumerate_states,
    kaufman,
    kaufman_log_z,
    lattice,
    onsager_magnetisation,
)
from discrete_ed.lattices import CRITICAL_ENERGIES, CRITICAL_TEMPERATURES

CRITICAL = CRITICAL_TEMPERATURES["square"]


@pytest.mark.parametrize("temperature", [0.7, 2.0, CRITICAL, 3.0, 20.0])
def test_kaufman_is_the_sum_over_all_states(temperature):
    energy = IsingEnergy.from_graph(lattice((3, 4)))(enumerate_states(12)).double().detach()
    p = (-energy / temperature).softmax(0)
    mean = (p * energy).sum()
    exact = kaufman(3, 4, temperature)
    assert exact.energy == pytest.approx(mean.item() / 12, abs=1e-10)
    assert exact.specific_heat == pytest.approx(
        ((p * (energy - mean) ** 2).sum() / temperature**2 / 12).item(), abs=1e-9
    )
    assert exact.log_z == pytest.approx(kaufman_log_z(3, 4, 1 / temperature) / 12, abs=1e-12)
    assert torch.allclose((-energy / temperature).logsumexp(0) / 12, torch.tensor(exact.log_z, dtype=torch.float64))


@pytest.mark.parametrize("side", [32, 256, 1024])
@pytest.mark.parametrize("temperature", [0.1, 1.5, CRITICAL, 4.0])
def test_large_tori_are_finite_and_have_the_slope_of_log_z(side, temperature):
    exact, k, step = kaufman(side, side, temperature), 1 / temperature, 1e-5
    slope = (kaufman_log_z(side, side, k + step) - kaufman_log_z(side, side, k - step)) / (2 * step * side**2)
    assert exact.energy == pytest.approx(-slope, abs=1e-4)
    assert exact.specific_heat > -1e-9
    if temperature == CRITICAL:  # −√2 (1 + O(1/L)) from below
        assert CRITICAL_ENERGIES["square"] - 1 / side < exact.energy < CRITICAL_ENERGIES["square"]


def test_onsager():
    assert onsager_magnetisation(2.0) == pytest.approx((1 - math.sinh(1) ** -4) ** 0.125)
    assert onsager_magnetisation(0.001) == 1
    assert onsager_magnetisation(CRITICAL) == 0


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: kaufman(2, 4, 1.0), "rows, columns"),
        (lambda: kaufman(4, 4, 0.0), "temperature"),
        (lambda: kaufman(4, 4, float("nan")), "temperature"),
        (lambda: onsager_magnetisation(-1.0), "temperature"),
    ],
)
def test_bad_arguments_are_refused(call, name):
    with pytest.raises(InputError, match=f"{name}: expected"):
        call()
