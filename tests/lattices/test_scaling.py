"""The critical point from Binder cumulants: laws that were put in, and exact cumulants of small lattices."""

from __future__ import annotations

from math import factorial

import numpy as np
import pytest

from discrete_ed import Estimate, InputError, scale

CRITICAL = 2 / np.log(1 + np.sqrt(2))


def curves_of(laws, rng, error=1e-3):
    """Curves of laws that give values at all temperatures, with noise of the stated size, most of it in common."""
    common = rng.standard_normal(len(laws["binder"]))
    return {
        name: [
            Estimate(v + error * abs(v) * n, error * abs(v))
            for v, n in zip(law, 0.9 * common + 0.19**0.5 * rng.standard_normal(len(law)), strict=True)
        ]
        for name, law in laws.items()
    }


def scaling_law(t, size, correction=0.0):
    """A scaling law with T_c = 2, ν = 1.25, β/ν = .3, γ/ν = 1.6 and ω = 1.2."""
    x = (t - 2.0) * size**0.8
    return {
        "binder": 0.6 - 0.1 * x - 0.01 * x**2 + correction * (size / 8) ** -1.2,
        "abs_magnetisation": size**-0.3 * (1 - 0.2 * x),
        "square_magnetisation": size**1.6 * (1 - 0.3 * x),
    }


def exact_binder(side, temperature):
    """The Binder cumulant of a square torus: traces of transfer matrices in fields h, as a series in h."""
    spins = ((np.arange(2**side)[:, None] >> np.arange(side)) & 1) * 2.0 - 1
    row, magnetisation = (spins * np.roll(spins, 1, 1)).sum(1) - side, spins.sum(1)
    between = np.exp((spins @ spins.T - side) / temperature)
    fields = np.linspace(0, 2.4, 8)

    def trace(field):
        half = np.exp((row / temperature + field / side**2 * magnetisation) / 2)
        return (np.linalg.eigvalsh(half[:, None] * between * half) ** side).sum()

    z = np.array([trace(field) for field in fields])
    powers = np.arange(2, 16, 2)
    terms = fields[1:, None] ** powers / np.array([factorial(int(k)) for k in powers])
    square, fourth = np.linalg.solve(terms, z[1:] / z[0] - 1)[:2]
    return 1 - fourth / (3 * square**2)


@pytest.mark.parametrize("correction", [None, 0.02])
def test_a_critical_point_that_was_put_in_is_found(correction):
    rng, t = np.random.default_rng(0), np.linspace(1.95, 2.05, 9)
    curves = {size: curves_of(scaling_law(t, size, correction or 0.0), rng) for size in (8, 16, 32)}
    found = scale(t[::-1], {n: {k: v[::-1] for k, v in c.items()} for n, c in curves.items()},
                  correction=correction and 1.2)  # fmt: skip
    for each, wanted in (
        (found.critical_temperature, 2.0),
        (found.binder, 0.6),
        (found.exponents["1/ν"], 0.8),
        (found.exponents["β/ν"], 0.3),
        (found.exponents["γ/ν"], 1.6),
    ):
        assert abs(each.value - wanted) < 4 * each.error, wanted
        assert each.error < 0.05
    if correction is None:
        assert found.correction is None
        apart = {size: {**curves[8], "binder": [Estimate(0.1 * size, 1e-3)] * 9} for size in curves}
        with pytest.raises(InputError, match="in which the Binder cumulants of sizes 16 and 32 cross"):
            scale(t, apart)
        unknown = {size: {**curves[8], "abs_magnetisation": [Estimate(0.5, np.nan)] * 9} for size in curves}
        with pytest.raises(InputError, match="NaN or an infinite one in abs_magnetisation"):
            scale(t, unknown)
        with pytest.raises(InputError, match="at least 2 sizes"):
            scale(t, {8: curves[8]})
    else:
        assert abs(found.correction.value - correction) < 4 * found.correction.error
        assert abs(scale(t, curves).critical_temperature.value - 2.0) > 4e-3  # what is left out shifts it


def test_exact_cumulants_of_small_tori_give_the_critical_temperature():
    """Sizes that small cross up to .03 below it, and the fitted correction takes away nearly all of this."""
    t = np.linspace(CRITICAL - 0.2, CRITICAL + 0.2, 7)
    curves = {}
    for side in (4, 6, 8):
        u = [Estimate(exact_binder(side, each), 1e-3) for each in t]
        curves[side] = dict.fromkeys(("binder", "abs_magnetisation", "square_magnetisation"), u)
    found, without = scale(t, curves, correction=1.75), scale(t, curves)
    assert without.critical_temperature.value - CRITICAL < -0.02
    assert abs(found.critical_temperature.value - CRITICAL) < 0.008
    assert abs(found.binder.value - 0.61069) < 0.003
    assert found.crossings[6, 8].value == pytest.approx(CRITICAL - 0.020563, abs=2e-4)  # by bisection
    assert found.crossings[4, 8].value == pytest.approx(CRITICAL - 0.033439, abs=2e-4)


@pytest.mark.thorough
def test_errors_cover_the_truth():
    t, misses = np.linspace(1.95, 2.05, 7), []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        curves = {size: curves_of(scaling_law(t, size, 0.02), rng) for size in (8, 16, 32)}
        found = scale(t, curves, correction=1.2).critical_temperature
        misses.append((found.value - 2.0) / found.error)
    assert 0.7 < np.sqrt(np.mean(np.square(misses))) < 1.3
    assert abs(np.mean(misses)) < 4 / np.sqrt(40)


def test_a_range_too_wide_for_polynomials_is_narrowed_or_refused():
    rng = np.random.default_rng(0)

    def at(t):
        curves = {}
        for size in (8, 16, 32):
            law = scaling_law(t, size)
            law["binder"] = 0.4 - 0.25 * np.tanh((t - 2.0) * size**0.8)
            curves[size] = curves_of(law, rng)
        return scale(t, curves).critical_temperature

    found = at(np.linspace(1.8, 2.2, 17))
    assert abs(found.value - 2.0) < 4 * found.error < 0.01
    with pytest.raises(InputError, match="take a narrower range"):
        at(np.linspace(1.0, 3.1, 8))
