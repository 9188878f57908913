"""Dependence inside bins: truncated normal laws against integrals, and correlations that bins alone would lose."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kstest, norm

from discrete_ed.tables import TableEncoder, TableEstimator, load_table_estimator, save_table_estimator
from discrete_ed.tables.binned_copula import BinnedCopula, sample_truncated_normal

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("correlation", "low", "high"),
    [
        (0.9, (-1.0, -1.0), (1.0, 1.0)),
        (-0.7, (0.5, -np.inf), (np.inf, 0.0)),
        (0.95, (-0.3, 0.3), (0.3, 1.0)),
        (0.8, (3.0, -9.0), (4.0, -8.0)),  # far from where the law has its weight
    ],
)
def test_truncated_normals_have_the_moments_of_their_density(correlation, low, high):
    precision = np.linalg.inv([[1, correlation], [correlation, 1]])
    axes = [np.linspace(max(a, -10), min(b, 10), 301) for a, b in zip(low, high, strict=True)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), -1)
    weights = np.exp(-np.einsum("abi,ij,abj->ab", grid, precision, grid) / 2 + 30)
    for axis in (0, 1):  # the trapezoidal rule
        weights[(slice(None),) * axis + ([0, -1],)] /= 2
    weights /= weights.sum()
    count = 4000
    box = [np.tile(end, (count, 1)) for end in (low, high)]
    start = np.clip(np.zeros((count, 2)), *box)
    z = sample_truncated_normal(precision, *box, start, sweeps=20, rng=np.random.default_rng(1))
    assert ((z >= low) & (z <= high)).all()
    for power in ((1, 0), (0, 1), (1, 1), (2, 0)):
        exact = (weights * (grid**power).prod(-1)).sum()
        found = (z**power).prod(-1)
        assert found.mean() == pytest.approx(exact, abs=4 * found.std() / count**0.5 + 2e-3)


def test_with_one_bin_it_is_the_gaussian_copula():
    x = RNG.multivariate_normal([0, 0, 0], [[1, 0.8, 0], [0.8, 1, -0.5], [0, -0.5, 1]], 3000)
    cells = np.exp(x)
    cells[RNG.random(cells.shape) < 0.1] = np.nan
    copula = BinnedCopula.fit(cells, np.where(np.isnan(cells), np.nan, 0.0), [1, 1, 1])
    correlations = np.corrcoef(norm.ppf(copula.sample(np.zeros((4000, 3)), np.random.default_rng(0))).T)
    assert correlations == pytest.approx(np.corrcoef(x.T), abs=0.06)
    some = np.full((4000, 3), np.nan)
    some[:, 0] = norm.cdf(1.5)
    given = norm.ppf(copula.sample(np.zeros((4000, 3)), np.random.default_rng(0), known=some))
    assert given[:, 0] == pytest.approx(1.5)
    assert given[:, 1].mean() == pytest.approx(1.2, abs=0.12)
    assert given[:, 1].std() == pytest.approx(0.6, abs=0.06)


def pairs(count: int) -> pd.DataFrame:
    """A number, a nearly equal one in another unit, and one that falls as they grow."""
    x = RNG.normal(size=count)
    noise = RNG.normal(size=(2, count))
    return pd.DataFrame(
        {"x": x, "same": np.exp(x + 0.05 * noise[0]), "falls": -x + 0.3 * noise[1], "half": (x > 0) & (noise[1] > 0)}
    )


def test_dependence_inside_bins_comes_back_and_columns_keep_their_laws():
    frame = pairs(1000)
    encoder = TableEncoder.fit(frame, bins=4)
    states = encoder.encode(frame)
    decoded = encoder.decode(states, seed=1)
    np.testing.assert_array_equal(encoder.encode(decoded), states)
    real, found = (each.corr("spearman").to_numpy() for each in (frame, decoded))
    assert found[0, 1:3] == pytest.approx(real[0, 1:3], abs=0.02)  # independent places: .93 and -.85
    for name in ("x", "same", "falls"):
        assert kstest(decoded[name], frame[name]).statistic < 0.01
    few = pd.concat([encoder.decode(states[k : k + 4], seed=k) for k in range(0, 400, 4)])  # nothing to stratify
    assert few.corr("spearman").iloc[0, 1] > 0.985
    assert kstest(few["same"], frame["same"][:400]).statistic < 0.08


def test_imputed_numbers_depend_on_known_numbers_inside_bins(tmp_path):
    frame = pairs(400)
    model = TableEstimator(bins=4, steps=1, width=2, random_state=0).fit(frame[:300])
    holes = frame[300:].assign(same=np.nan)
    filled = model.impute(holes, random_state=0)
    pd.testing.assert_frame_equal(filled.drop(columns="same"), holes.drop(columns="same"))
    bins = [model.encoder_.positions(rows)[:, list(frame).index("same")] for rows in (filled, frame[300:])]
    inside = []
    for number in range(4):
        rows = frame.index[300:][(bins[0] == number) & (bins[1] == number)]
        inside.append(filled["same"][rows].corr(frame["same"][rows], "spearman"))
    assert np.mean(inside) > 0.5  # without the copula places in one bin are independent: 0 ± .11
    save_table_estimator(tmp_path / "model", model)
    pd.testing.assert_frame_equal(load_table_estimator(tmp_path / "model").impute(holes, random_state=0), filled)
