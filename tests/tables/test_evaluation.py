"""Scores of tables: against slow computations and known laws, and beside their yardsticks."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp, spearmanr, wasserstein_distance

from discrete_ed.errors import InputError
from discrete_ed.tables import (
    detection_score,
    evaluate_tables,
    marginal_distances,
    pair_distances,
    privacy,
    recognise_columns,
    sample_gaussian_copula,
    sample_independent_columns,
    utility,
)
from discrete_ed.tables.evaluation import prepare_tables
from discrete_ed.tables.utility import brier_score, calibration_error, score_classes

TYPES = {"level": "ordinal"}


def table(rows, seed, *, missing=0.0):
    """Rows of a law in which the colour decides the level and the price, up to noise."""
    rng = np.random.default_rng(seed)
    place = rng.integers(3, size=rows)
    level = np.where(rng.random(rows) < 0.8, place, rng.integers(3, size=rows)) + 1
    frame = pd.DataFrame(
        {
            "colour": np.array(["red", "green", "blue"])[place],
            "level": level,
            "price": (rng.normal(10 * place, 3)).round(2),
        }
    )
    return frame.mask(rng.random(frame.shape) < missing) if missing else frame


def every(k, rows):
    """Every k-th row, all cells of it."""
    return np.repeat(np.arange(rows) % k == 0, 3).reshape(rows, 3)


@pytest.fixture(scope="module")
def schema():
    return recognise_columns(table(200, 0), TYPES)


def test_distances_of_columns_are_those_of_their_definitions(schema):
    a, b = table(150, 1), table(90, 2).assign(colour="red")
    found = marginal_distances(schema, a, b)
    shares = [(frame["level"].value_counts(normalize=True).reindex([1, 2, 3], fill_value=0)) for frame in (a, b)]
    assert found["level"].distance == pytest.approx(np.abs(shares[0] - shares[1]).sum() / 2)
    assert found["colour"].distance == pytest.approx((a["colour"] != "red").mean())
    assert found["price"].distance == pytest.approx(ks_2samp(a["price"], b["price"]).statistic)
    scale = a["price"].std(ddof=0)
    assert found["price"].wasserstein == pytest.approx(wasserstein_distance(a["price"], b["price"]) / scale)


def test_missing_cells_are_one_more_value(schema):
    a = table(150, 1)
    found = marginal_distances(schema, a, a.mask(every(3, 150)))
    assert all(column.distance > 0.333 for column in found.values())
    assert found["price"].distance == pytest.approx(1 / 3, abs=0.02)
    nothing = marginal_distances(schema, a, a.assign(price=np.nan))["price"]
    assert (nothing.distance, nothing.wasserstein) == (1, None)


def test_distances_of_pairs_are_those_of_their_definitions(schema):
    a, b = table(150, 1, missing=0.1), table(90, 2, missing=0.2)
    found = pair_distances(schema, a, b)
    both = pd.concat([a, b], keys=["a", "b"])
    cuts = np.unique(a["price"].quantile([0.2, 0.4, 0.6, 0.8]))
    both["price"] = np.where(both["price"].isna(), np.nan, np.searchsorted(cuts, both["price"]))
    both = both.astype(object).where(both.notna(), "missing").astype(str)
    for k, one in enumerate(schema.names):
        for j, other in enumerate(schema.names):
            if one != other:
                counts = both.groupby([one, other]).size().index
                p, q = (both.loc[part].groupby([one, other]).size().reindex(counts, fill_value=0) for part in "ab")
                tv = np.abs(p / len(a) - q / len(b)).sum() / 2
                assert found.contingency[k, j] == pytest.approx(tv)
    expected = [spearmanr(x["level"], x["price"], nan_policy="omit").statistic for x in (a, b)]
    ranks = [x[["level", "price"]].rank().corr().iloc[0, 1] for x in (a, b)]
    assert found.correlation[1, 2] == pytest.approx(ranks[1] - ranks[0])
    assert ranks == pytest.approx(expected, abs=0.02)  # which ranks the rows that have both cells only
    assert np.isnan(found.correlation[0]).all()
    assert found.mean_correlation == pytest.approx(abs(ranks[1] - ranks[0]))


def test_trivial_models_have_the_laws_of_the_columns_and_what_they_know_of_pairs(schema):
    real = table(2000, 3, missing=0.1)
    independent = sample_independent_columns(schema, real, 2000)
    copula = sample_gaussian_copula(schema, real, 2000)
    for sampled in (independent, copula):
        assert sampled.dtypes.equals(schema.frame(schema.codes(real)).dtypes)
        assert max(column.distance for column in marginal_distances(schema, real, sampled).values()) < 0.05
    rank = [frame[["level", "price"]].corr("spearman").iloc[0, 1] for frame in (real, independent, copula)]
    assert rank[0] > 0.6
    assert abs(rank[1]) < 0.08
    assert abs(rank[2] - rank[0]) < 0.1
    x = np.random.default_rng(0).multivariate_normal([0, 0], [[1, 0.7], [0.7, 1]], 4000)
    normal = pd.DataFrame({"a": x[:, 0], "b": np.exp(x[:, 1])})
    sampled = sample_gaussian_copula(recognise_columns(normal), normal, 4000)
    assert sampled.corr("spearman").iloc[0, 1] == pytest.approx(normal.corr("spearman").iloc[0, 1], abs=0.05)


def test_a_classifier_cannot_tell_one_law_and_tells_two_apart(schema):
    real = table(300, 4)
    equal = detection_score(schema, real, table(300, 5), trees=10)
    other = detection_score(schema, real, sample_independent_columns(schema, real, 300), trees=10)
    assert abs(equal.auc - 0.5) < 4 * equal.error
    assert other.auc > 0.75
    assert equal.error == pytest.approx(np.sqrt(601 / (12 * 300**2)))


def test_utility_is_that_of_what_was_learned(schema):
    real, test = table(200, 6), table(200, 7)
    good, bad = (
        utility(schema, learned, test, "colour", trees=20)
        for learned in (real, sample_independent_columns(schema, real, 200))
    )
    assert good.auc > 0.9 > 0.65 > bad.auc
    assert good.f1 > 0.75 > bad.f1
    price = [utility(schema, learned, test, "price", trees=20).rmse for learned in (real, real.assign(price=10.0))]
    assert price[0] < 0.7 * price[1] == pytest.approx(0.7 * np.sqrt(((test["price"] - 10) ** 2).mean()))
    single = utility(schema, real.assign(colour="red"), test, "colour", trees=2)  # a class that was never seen
    assert single.auc == 0.5


def test_calibration_is_that_of_its_definition():
    rng = np.random.default_rng(0)
    p = rng.dirichlet([1, 1, 1], 5000)
    true = (rng.random((5000, 1)) > p.cumsum(1)).sum(1)
    assert calibration_error(p, true) < 0.02
    sure = np.where(p == p.max(1, keepdims=True), 0.99, 0.005)
    wrong = 0.99 - (p.argmax(1) == true).mean()
    assert calibration_error(sure, true) == pytest.approx(wrong)
    shares = np.tile(np.bincount(true) / len(true), (len(true), 1))  # calibrated, and knows nothing of the rows
    assert calibration_error(shares, true) == pytest.approx(0)
    assert brier_score(p, true) == pytest.approx((1 - (p**2).sum(1)).mean(), abs=0.01)  # its expectation
    assert brier_score(p, true) < brier_score(shares, true) == pytest.approx(1 - (shares[0] ** 2).sum())
    assert brier_score(p, true) < brier_score(sure, true)
    assert score_classes("x", np.full((4, 2), 0.5), np.array([0, 0, 1, 1])).auc == 0.5


def test_copies_are_counted_and_neighbours_compared(schema):
    train, held_out = table(200, 8), table(300, 9)
    half = pd.concat([train.iloc[:50], table(50, 10).assign(price=77.77)])
    assert privacy(schema, half, train).copies == 0.5
    assert privacy(schema, half, train).nearer is None
    fair = privacy(schema, table(400, 11), train, held_out)
    assert abs(fair.nearer - 0.5) < 4 * fair.error
    near = train.assign(price=train["price"] + 0.001)  # no copies, but as near as can be
    found = privacy(schema, near, train, held_out)
    assert found.copies == 0
    assert found.nearer > 0.85  # some held-out rows are equal to training rows but for the price
    gaps = train.mask(every(2, 200))
    assert privacy(schema, gaps, gaps, held_out).copies == 1


def test_equal_distances_count_half():
    coins = pd.DataFrame({"coin": np.arange(80) % 2})
    assert privacy(recognise_columns(coins), coins[:30], coins[:40], coins[40:]).nearer == 0.5


def test_a_missing_cell_is_at_most_one_away(schema):
    from discrete_ed.tables.privacy import _nearest, _places

    rows = schema.codes(table(20, 12))
    other = rows.copy()
    other[:, :] = np.nan
    first, second = _places(schema, rows, rows, other)
    assert (_nearest(first, second) <= 3).all()
    changed = rows.copy()
    changed[:, 0] = (changed[:, 0] + 1) % 3
    first, second = _places(schema, rows, rows[:1], changed[:1])
    assert _nearest(first, second) == 1


@pytest.fixture(scope="module")
def evaluation():
    train, held_out = table(120, 13), table(120, 14)
    tables = {"copies": train, "fresh": table(150, 15)[["price", "level", "colour"]]}
    return evaluate_tables(train, held_out, tables, types=TYPES, targets=("colour", "price"), trees=3)


def test_real_rows_are_the_floor_and_copies_are_found(evaluation):
    scores = evaluation.scores
    assert list(scores) == ["copies", "fresh", "real rows", "independent columns", "Gaussian copula"]
    assert (evaluation.rows, evaluation.held_out) == (120, 120)
    real, independent, copula = (scores[name] for name in list(scores)[2:])
    assert scores["copies"].pairs.mean_contingency == real.pairs.mean_contingency < copula.pairs.mean_contingency
    assert copula.pairs.mean_contingency < independent.pairs.mean_contingency
    assert real.detection.auc < independent.detection.auc
    assert real.utilities[0].auc > copula.utilities[0].auc > independent.utilities[0].auc - 0.1
    assert scores["copies"].privacy.copies == 1
    assert scores["copies"].privacy.nearer > 0.95  # a few held-out rows are equal to training rows
    assert scores["fresh"].privacy.copies < 0.1
    assert (real.privacy.nearer, real.privacy.copies < 0.1) == (0.5, True)
    result = json.loads(json.dumps(evaluation.to_dict(), allow_nan=False))
    assert result["tables"]["fresh"]["utility"]["price"]["rmse"] == scores["fresh"].utilities[1].rmse


def test_without_held_out_rows_halves_are_compared():
    real = table(80, 16)
    with pytest.warns(UserWarning, match="mine: 80 cells of column 'colour' have values that no real row has: 'pink'"):
        found = evaluate_tables(real, None, {"mine": real.assign(colour="pink")}, types=TYPES, trees=2)
    assert (found.rows, found.held_out) == (40, 40)
    assert found.scores["mine"].columns["colour"].distance == 1
    assert found.scores["mine"].privacy.nearer is None
    assert found.scores["Gaussian copula"].privacy.nearer is not None


@pytest.mark.parametrize(
    ("synthetic", "options", "reason"),
    [
        ({}, {}, "at least one table"),
        ({"mine": table(30, 1).drop(columns="level")}, {}, "mine: .* got none called 'level'"),
        ({"mine": table(30, 1).assign(size=1)}, {}, "mine: .* got 'size' as well"),
        ({"mine": table(30, 1).assign(price="dear")}, {}, "column 'price': expected numbers"),
        ({"mine": table(10, 1)}, {}, "mine: expected at least 20 rows, got 10"),
        ({"real rows": table(30, 1)}, {}, "other names"),
        ({"mine": table(30, 1)}, {"targets": ("size",)}, "target: expected one of"),
        ({"mine": np.zeros((30, 3))}, {}, "mine: expected a pandas data frame"),
    ],
)
def test_tables_that_cannot_be_compared_are_refused(synthetic, options, reason):
    with pytest.raises(InputError, match=reason):
        evaluate_tables(table(50, 2), table(50, 3), synthetic, types=TYPES, **options)


def test_tables_with_other_shares_of_missing_cells_are_warned_of():
    rng = np.random.default_rng(0)
    whole = pd.DataFrame({"a": rng.choice(["x", "y"], 120), "b": rng.normal(size=120)})
    holed = whole.mask(rng.random(whole.shape) < 0.2)
    with pytest.warns(UserWarning, match=r"mine: 0\.0% of the cells are missing, of the real rows (19|2\d)\.\d%"):
        prepare_tables(holed[:40], holed[40:80], {"mine": whole[80:]})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        prepare_tables(whole[:40], whole[40:80], {"mine": whole[80:]})
        prepare_tables(holed[:40], holed[40:80], {"mine": holed[80:]})  # which differ by chance
