"""Hamming MMD against a slow computation and a known law."""

from __future__ import annotations

from math import exp

import numpy as np
import pytest
import torch
from place import DEVICE, FLOAT, rounding
from scipy.stats import kstest

from discrete_ed import InputError, enumerate_states, hamming_mmd, hamming_mmd_repeats, hamming_test
from discrete_ed.metrics import hamming

pytestmark = pytest.mark.anywhere


def slow(x, y, rate=0.1):
    def k(a, b):
        return exp(-rate * float((a != b).sum()))

    within = [sum(k(a, b) for i, a in enumerate(s) for j, b in enumerate(s) if i != j) for s in (x, y)]
    across = sum(k(a, b) for a in x for b in y)
    m, n = len(x), len(y)
    return within[0] / (m * (m - 1)) + within[1] / (n * (n - 1)) - 2 * across / (m * n)


def test_it_is_the_sum_over_pairs_whatever_the_chunk(monkeypatch, generator):
    x, y = torch.rand(13, 9, generator=generator).round(), (torch.rand(7, 9, generator=generator) < 0.3).float()
    assert hamming_mmd(x, y) == pytest.approx(slow(x, y), abs=rounding(1e-12))
    assert hamming_mmd(x, y, rate=1.0) == pytest.approx(slow(x, y, 1.0), abs=rounding(1e-12))
    monkeypatch.setattr(hamming, "ROWS", 4)
    assert hamming_mmd(x, y) == pytest.approx(slow(x, y), abs=rounding(1e-12))


@pytest.mark.thorough
@pytest.mark.many_steps
def test_it_is_unbiased(generator):
    """Its mean over samples is the laws' distance by enumeration, `(p − q)ᵀ k (p − q)`; zero where they are equal."""
    states = enumerate_states(4, device=DEVICE)
    p, q = (torch.rand(16, generator=generator).to(FLOAT) for _ in range(2))
    p, q = p / p.sum(), q / q.sum()
    kernel = (-0.1 * (states.unsqueeze(1) - states).abs().sum(-1)).exp().to(FLOAT)
    for other in (q, p):
        values = torch.tensor(
            [
                hamming_mmd(*(states[law.multinomial(10, replacement=True, generator=generator)] for law in (p, other)))
                for _ in range(2000)
            ],
            dtype=FLOAT,
        )
        expected = (p - other) @ kernel @ (p - other)
        assert abs(values.mean() - expected) < 4.5 * values.std() / 2000**0.5


def test_repeats_use_each_row_once(generator):
    x, y = torch.rand(2, 35, 6, generator=generator).round()
    repeats = hamming_mmd_repeats(x, y, size=10)
    assert repeats.values == tuple(hamming_mmd(x[k : k + 10], y[k : k + 10]) for k in (0, 10, 20))
    assert repeats.mean == pytest.approx(sum(repeats.values) / 3)
    assert repeats.error == pytest.approx(torch.tensor(repeats.values).std().item() / 3**0.5, rel=1e-5)


def test_permutations_are_of_the_same_estimate_and_deal_the_states_anew(generator):
    x, y = torch.rand(13, 9, generator=generator).round(), (torch.rand(8, 9, generator=generator) < 0.3).float()
    tested = hamming_test(x, y, rate=0.5, permutations=300)
    assert tested.observed == pytest.approx(hamming_mmd(x, y, rate=0.5), abs=rounding(1e-12))
    rng, both = np.random.default_rng(0), torch.cat([x, y])
    for value in tested.permuted[:20]:
        order = rng.permutation(21)
        expected = hamming_mmd(both[order[:13]], both[order[13:]], rate=0.5)
        assert value == pytest.approx(expected, abs=rounding(1e-12))
    assert tested.p_value == (1 + (tested.permuted >= tested.observed - 1e-12).sum()) / 301


@pytest.mark.thorough
@pytest.mark.many_steps
def test_p_values_are_even_under_equality_and_small_without(generator):
    states = enumerate_states(5, device=DEVICE)
    law = torch.rand(32, generator=generator).to(FLOAT)
    other = law.roll(3)
    p = {}
    for name, second in (("equal", law), ("other", other)):
        sets = [
            [states[one.multinomial(120, replacement=True, generator=generator)] for one in (law, second)]
            for _ in range(150)
        ]
        p[name] = np.array([hamming_test(*pair, permutations=99).p_value for pair in sets])
    assert kstest(p["equal"], "uniform").pvalue > 0.01
    assert np.median(p["other"]) < 0.05


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (torch.zeros(1, 3), torch.zeros(2, 3), "x: expected at least two"),
        (torch.zeros(2, 3), torch.zeros(2, 4), "y: expected 3 bits"),
        (torch.zeros(2, 3), torch.full((2, 3), 2.0), "y: expected only zeros and ones"),
    ],
)
def test_bad_sets_are_refused(x, y, message):
    with pytest.raises(InputError, match=message):
        hamming_mmd(x, y)


def test_other_bad_arguments_are_refused():
    with pytest.raises(InputError, match="rate"):
        hamming_mmd(torch.zeros(2, 3), torch.zeros(2, 3), rate=0.0)
    with pytest.raises(InputError, match="size: expected at least 2 states in a set, got 0"):
        hamming_mmd_repeats(torch.zeros(5, 3), torch.zeros(5, 3), 0)
    with pytest.raises(InputError, match="two repeats of 4000"):
        hamming_mmd_repeats(torch.zeros(5000, 3), torch.zeros(5000, 3))
