"""Tables as states and back: exact for categories and ordinals, the same bins and laws for numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import ks_2samp

from discrete_ed.errors import InputError
from discrete_ed.tables import Bins, TableEncoder

N = 400
RNG = np.random.default_rng(0)
WORDS = np.array(["low", "mid", "high"])[RNG.integers(3, size=N)]
FRAME = pd.DataFrame(
    {
        "truth": WORDS == "low",
        "word": WORDS,
        "level": pd.Categorical(WORDS, ["low", "mid", "high"], ordered=True),
        "gain": np.where(RNG.random(N) < 0.9, 0, RNG.integers(100, 9000, N)),
        "price": RNG.normal(100, 20, N).round(1),
        "small": RNG.random(N).astype(np.float32),
        "nullable": pd.array(RNG.integers(1000, size=N), dtype="Int64"),
    }
)


@pytest.fixture(scope="module")
def encoder():
    return TableEncoder.fit(FRAME, bins=10)


def test_rows_go_back_to_the_same_columns(encoder):
    states = encoder.encode(FRAME)
    decoded = encoder.decode(states, seed=1)
    assert (decoded.dtypes == FRAME.dtypes).all()
    pd.testing.assert_frame_equal(decoded[["truth", "word", "level"]], FRAME[["truth", "word", "level"]])
    assert torch.equal(encoder.encode(decoded), states)  # numbers stay in their bins
    for number in ("gain", "price", "small", "nullable"):
        assert ks_2samp(decoded[number].astype(float), FRAME[number].astype(float)).statistic < 0.05
    assert (decoded["price"].round(1) == decoded["price"]).all()
    assert ((decoded["gain"] == 0) == (FRAME["gain"] == 0)).all()  # a frequent value has a bin of its own
    pd.testing.assert_frame_equal(decoded, encoder.decode(states, seed=1))
    assert not decoded.equals(encoder.decode(states, seed=2))


def test_every_state_goes_through_rows_to_itself(encoder):
    positions = np.stack([RNG.integers(size, size=1000) for size in encoder.sizes], axis=1).astype(float)
    positions[RNG.random(positions.shape) < 0.1] = np.nan
    states = encoder.states(positions)
    np.testing.assert_array_equal(encoder.positions_of(states), positions)
    np.testing.assert_array_equal(encoder.positions(encoder.decode(states)), positions)
    whole = states[~states.isnan().any(1)]
    for place, size in zip(encoder.places, encoder.sizes, strict=True):
        assert len(place) == (1 if size == 2 else size)
        assert len(place) == 1 or (whole[:, list(place)].sum(1) == 1).all()


@pytest.mark.parametrize(
    ("numbers", "count", "shares"),
    [
        (np.arange(100.0), 4, [0.25] * 4),
        (np.arange(3.0).repeat(10), 8, [1 / 3] * 3),
        (np.array([0.0] * 90 + [*range(1, 11)]), 4, [0.9, 0.1]),
        (np.array([*range(-40, 0), *[0.0] * 20, *range(1, 41)]), 5, [0.16, 0.16, 0.08, 0.2, 0.16, 0.16, 0.08]),
        (np.array([0.0] * 900 + [*range(1, 101)]), 5, [0.9] + [0.02] * 5),  # the few are told apart
        (np.array([0.0] * 99 + [1.0]), 2, [0.99, 0.01]),
    ],
)
def test_bins_have_equal_shares_as_far_as_values_allow(numbers, count, shares):
    bins = Bins.of(RNG.permutation(numbers), count)
    assert np.bincount(bins.places(numbers).astype(int)) / len(numbers) == pytest.approx(shares, abs=0.02)


def test_bins_of_any_numbers_are_few_and_hold_their_cells():
    for seed in range(50):
        rng = np.random.default_rng(seed)
        numbers = rng.choice(rng.normal(size=rng.integers(2, 200)), rng.integers(30, 400)).round(rng.integers(1, 4))
        if len(np.unique(numbers)) < 2:
            continue
        count = int(rng.integers(2, 25))
        bins = Bins.of(numbers, count)
        places = bins.places(numbers)
        assert set(places) == set(range(len(bins.knots)))
        assert len(bins.knots) <= 2 * count + 1
        sampled = bins.sample(places, rng.random(len(places)), rng)
        assert (bins.places(sampled) == places).all()
        assert (sampled >= numbers.min()).all() & (sampled <= numbers.max()).all()


def test_what_cannot_be_encoded_is_named(encoder):
    with pytest.raises(InputError, match=r"column 'word': .* got 'top' in 400 of 400 rows; replace them"):
        encoder.encode(FRAME.assign(word="top"))
    with pytest.warns(UserWarning, match="'price': numbers such as 9999.0 lie far outside"):
        encoder.encode(FRAME[:1].assign(price=9999.0))
    states = encoder.encode(FRAME)[:2]
    states[1, encoder.places[1].start : encoder.places[1].stop] = 1
    with pytest.raises(InputError, match=r"bits 1 to 3 \(column 'word'\) to be on, got \[1.0, 1.0, 1.0\] in row 1"):
        encoder.decode(states)
    with pytest.raises(InputError, match=r"expected shape \(N, "):
        encoder.decode(states[:, 1:])
    with pytest.raises(InputError, match="bins: expected at least 2"):
        TableEncoder.fit(FRAME, bins=1)
