"""Numbers that a threshold cuts: what is surely wrong is refused, what may be wrong is warned of."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import scipy.sparse

from discrete_ed import DensityEstimator, InputError
from discrete_ed.density.encoding import Code, check_encoding, encode

RNG = np.random.default_rng(0)
BITS = (RNG.random((40, 3)) < 0.4).astype(float)


@pytest.mark.parametrize("threshold", [0.0, None, 0.5])
def test_bits_pass(threshold):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_encoding(BITS, threshold)
    assert np.array_equal(encode(BITS, threshold), BITS)


WORDS = np.where(BITS == 1, "yes", "no")


@pytest.mark.parametrize(
    "table", [WORDS, WORDS.astype(object), [["yes", 1], ["no", 0]]], ids=["text", "objects", "list"]
)
def test_words_are_refused_with_the_way_on(table):
    with pytest.raises(InputError, match=r"the word '(yes|no)'; write 0 and 1.*or take TableEstimator"):
        DensityEstimator().fit(table)


def test_numbers_as_text_are_numbers_and_other_errors_stay():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ValueError, match=r"Found array with|N >= 2"):
            DensityEstimator().fit(np.array([["1", "0"]], dtype=object))


@pytest.mark.parametrize("values", [BITS + 1, BITS - 3, 2 * BITS + 3], ids=["1, 2", "-3, -2", "3, 5"])
def test_two_numbers_on_one_side_are_refused_with_the_threshold_that_parts_them(values):
    with pytest.raises(InputError, match=r"both sides of binarize=0, got only .* or set binarize=") as caught:
        check_encoding(values, 0.0)
    threshold = float(str(caught.value).split("binarize=")[-1])
    assert np.array_equal(encode(values, threshold), BITS)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.arange(120).reshape(40, 3) * 2, "numbers from 0 to 238 are cut at binarize=0.*such as 119"),
        (RNG.integers(0, 3, (40, 3)), "numbers from 0 to 2 are cut at binarize=0"),
        (RNG.random((40, 3)) + 1, "on one side of binarize=0, so all cells become 1"),
        (-RNG.random((40, 3)) - 1, "on one side of binarize=0, so all cells become 0"),
        (BITS * [1, 0, 1], r"1 of 3 columns are constant \(1\)"),
    ],
    ids=["grey values", "counts", "positive", "negative", "a constant column"],
)
def test_numbers_that_may_mean_something_else_are_warned_of(values, reason):
    with pytest.warns(UserWarning, match=reason):
        check_encoding(values.astype(float), 0.0)


@pytest.mark.parametrize(
    "values", [2 * BITS - 1, 255 * BITS, RNG.normal(size=(40, 3))], ids=["spins", "0, 255", "normal"]
)
def test_numbers_on_both_sides_pass(values):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_encoding(values, 0.0)


def test_rows_to_score_are_coded_like_the_rows_that_were_fitted():
    model = DensityEstimator(steps=2, width=4, random_state=0).fit(BITS)
    with pytest.raises(InputError, match="expected zeros and ones, as in the rows that were fitted, got 2"):
        model.score(BITS + 1)
    assert np.array_equal(model.score_samples(scipy.sparse.csr_matrix(BITS)), model.score_samples(BITS))
    sparse = DensityEstimator(steps=2, width=4, random_state=0).fit(scipy.sparse.csr_array(BITS))
    assert np.array_equal(sparse.score_samples(BITS), model.score_samples(BITS))
    missing = BITS.copy()
    missing[0, 1] = np.nan
    assert np.isnan(encode(missing, 0.0)).sum() == np.isnan(encode(missing, None)).sum() == 1


GREY = RNG.integers(0, 256, (40, 3)).astype(float)


@pytest.mark.parametrize(
    ("fitted", "scored", "threshold", "reason"),
    [
        (2 * BITS - 1, BITS + 1, 0.0, "expected -1 and 1, as in the rows that were fitted, got 2"),
        (2 * BITS - 1, 2 * BITS, 0.0, "expected -1 and 1, as in the rows that were fitted, got 0"),
        (255 * BITS, BITS, 127.0, "expected 0 and 255, as in the rows that were fitted, got 1"),
        (GREY, GREY / 255, 127.0, "got fractions from .* to .*, all on one side; scale them"),
        (GREY, GREY[:1] / 255, 127.0, "got fractions from .* to .*, all on one side; scale them"),
    ],
    ids=["spins, 1 and 2", "spins, 0 and 2", "255, 1", "grey values, shares", "a single row"],
)
def test_rows_that_are_surely_in_another_code_are_refused(fitted, scored, threshold, reason):
    with pytest.raises(InputError, match=reason):
        Code.of(fitted, threshold).check(scored, threshold)
    model = DensityEstimator(steps=2, width=4, binarize=threshold, random_state=0).fit(fitted)
    assert np.isfinite(model.score(fitted.astype(np.float32)))
    with pytest.raises(InputError, match=reason):
        model.score(scored)


@pytest.mark.parametrize(
    ("fitted", "scored", "threshold", "reason"),
    [
        (GREY, (GREY / 255).round(), 127.0, "so all cells become 0; the rows that were fitted, from .* on both sides"),
        (GREY, GREY + 256, 127.0, "so all cells become 1; the rows that were fitted, from .* on both sides"),
        (GREY / 255, GREY, 0.5, "numbers from .* to 255 lie far outside those of the rows that were fitted"),
    ],
    ids=["zeros and ones", "shifted", "shares, grey values"],
)
def test_rows_that_may_be_in_another_code_are_warned_of(fitted, scored, threshold, reason):
    with pytest.warns(UserWarning, match=reason):
        Code.of(fitted, threshold).check(scored, threshold)


@pytest.mark.parametrize("scored", [GREY[::-1], GREY.astype(np.float32), np.zeros((1, 3)), np.full((2, 3), np.nan)])
def test_rows_in_the_same_code_pass(scored):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Code.of(GREY, 127.0).check(scored, 127.0)
