"""Errors of time series: against processes whose autocorrelations are known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter

from discrete_ed import InputError, autocorrelation_time, blocking_error, jackknife, thermalisation


def autoregressive(a: float, draws: int, chains: int, seed: int = 0) -> np.ndarray:
    """`x_t = a x_{t−1} + noise` with variance 1, whose `τ = (1 + a) / (2 (1 − a))`."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((draws + 1, chains)) * (1 - a * a) ** 0.5
    noise[0] /= (1 - a * a) ** 0.5
    return lfilter([1], [1, -a], noise, axis=0)[1:]


@pytest.mark.parametrize("chains", [1, 4])
@pytest.mark.parametrize("a", [0.0, 0.5, 0.95, -0.3])
def test_the_autocorrelation_time_of_a_known_process(a, chains):
    found = autocorrelation_time(autoregressive(a, 40_000, chains))
    assert abs(found.time - 0.5 * (1 + a) / (1 - a)) < 4 * found.error + 0.02
    assert found.ess == pytest.approx(40_000 * chains / max(1, 2 * found.time))
    assert found.error < 0.15 * found.time


def test_draws_that_alternate_count_as_independent_at_most():
    found = autocorrelation_time((-1.0) ** np.arange(1000) + autoregressive(0, 1000, 1)[:, 0] / 10)
    assert 0.5 / 3 <= found.time < 0.5
    assert found.ess == 1000


def test_chains_and_draws_in_each_others_place_are_warned_of_and_complex_numbers_refused():
    with pytest.warns(RuntimeWarning, match=r"4 draws of 1000 chains"):
        autocorrelation_time(autoregressive(0.5, 1000, 4).T)
    with pytest.raises(InputError, match="real numbers"):
        autocorrelation_time(np.ones(100, complex))


def test_chains_that_disagree_are_strongly_correlated():
    apart = autoregressive(0.5, 1000, 2) + np.array([0.0, 5.0])
    assert autocorrelation_time(apart).ess < 10
    assert autocorrelation_time(np.ones((100, 2))).time == 0.5
    assert autocorrelation_time(1 + 1e-12 * autoregressive(0, 100, 1)).time == 0.5  # rounding, not fluctuation


@pytest.mark.thorough
def test_errors_cover_the_truth_as_often_as_they_say():
    """95% intervals of a mean and of a nonlinear function, over 200 runs of a process with τ = 9.5."""
    inside = {"blocking": 0, "jackknife": 0, "variance": 0, "autocorrelation": 0}
    for seed in range(200):
        x = autoregressive(0.9, 8000, 2, seed)
        value, error = jackknife(
            lambda m: np.stack([m[..., 0], m[..., 1] - m[..., 0] ** 2], -1), np.stack([x, x**2], -1)
        )
        inside["blocking"] += abs(x.mean()) < 1.96 * blocking_error(x)
        inside["autocorrelation"] += abs(x.mean()) < 1.96 * x.std() / autocorrelation_time(x).ess ** 0.5
        inside["jackknife"] += abs(value[0]) < 1.96 * error[0]
        inside["variance"] += abs(value[1] - 1) < 1.96 * error[1]
    assert all(180 <= count <= 199 for count in inside.values()), inside


def test_modes_slower_than_the_chains_are_in_the_errors_and_in_the_autocorrelation_time():
    """A tenth of the variance is a level of each chain: blocks within chains see an error four times too small."""
    inside, levels = 0, np.random.default_rng(0).standard_normal((200, 8)) / 3
    for seed, level in enumerate(levels):
        x = autoregressive(0.5, 640, 8, seed) + level
        inside += abs(x.mean()) < 1.96 * jackknife(lambda m: m[..., 0], x[..., None])[1]
    assert 170 <= inside <= 199
    found = autocorrelation_time(x)
    assert found.window == 640  # from the spread, where the window alone would end at ten draws
    assert 8 / 5 < found.ess < 8 * 12  # about eight chains, times ten since the level is a tenth of the variance


def test_the_jackknife_is_exact_for_means_and_removes_the_bias_of_squares():
    x = autoregressive(0.0, 640, 1, 3)
    value, error = jackknife(lambda m: m[..., 0], x[..., None], blocks=64)
    blocks = x.reshape(64, 10).mean(1)
    assert value == pytest.approx(x.mean())
    assert error == pytest.approx(blocks.std(ddof=1) / 8)
    square, _ = jackknife(lambda m: m[..., 0] ** 2, x[..., None], blocks=640)
    assert square == pytest.approx(x.mean() ** 2 - x.var(ddof=1) / 640)  # the unbiased estimate of the squared mean


@pytest.mark.parametrize("decay", [5, 60])
def test_thermalisation_drops_the_start_and_little_else(decay):
    steady = autoregressive(0.5, 4000, 4)
    drift = steady + 20 * np.exp(-np.arange(4000) / decay)[:, None]
    assert 3 * decay < thermalisation(drift) < 1000
    assert thermalisation(steady) < 1000
    assert thermalisation(np.linspace(0, 1, 1000)) > 400  # still drifting: half of it, which says "too short"


@pytest.mark.parametrize("function", [autocorrelation_time, blocking_error, thermalisation])
def test_what_is_no_series_is_refused(function):
    for bad in ([1.0, 2.0], np.zeros((5, 2, 2)), [1.0, np.nan, 2.0, 3.0, 4.0]):
        with pytest.raises(InputError, match="series: expected"):
            function(bad)
    with pytest.raises(InputError, match="at least 4 draws"):
        jackknife(lambda m: m, np.zeros((2, 1)))
