"""Which couplings have an interval: not those that the rows don't tell apart, nor those that were left out."""

from __future__ import annotations

import numpy as np
import pytest

from discrete_ed.ising import Observations, Parameters, Recovery, compare_with_truth, covered, recover_couplings
from discrete_ed.ising.edge_decision import widening
from discrete_ed.ising.identification import identified_pairs
from discrete_ed.names import Z_95

RNG = np.random.default_rng(0)
A, B, C = (np.where(RNG.random((3, 60)) < 0.5, 1.0, -1.0)).tolist()
GAPS = [0.0 if k % 7 == 0 else spin for k, spin in enumerate(A)]
ONE = [1.0] * 60


def rare(k: int) -> list[float]:
    """A column that is up in a single row."""
    return [1.0 if row == k else -1.0 for row in range(60)]


HALF = [1.0] * 30 + [-1.0] * 30
FROZEN = [HALF] * 4 + [[-1.0] + [1.0] * 29 + [-1.0] * 30, [1.0] * 30 + [-1.0] * 29 + [1.0]]
LATER = [[i, j] for i in range(6, 10) for j in range(i + 1, 10)]


@pytest.mark.parametrize(
    ("columns", "pairs"),
    [
        ([A, B, C], [[0, 1], [0, 2], [1, 2]]),
        ([A, A, B, C], [[0, 1], [2, 3]]),
        ([A, [-s for s in A], B], [[0, 1]]),
        ([A, A, A, B], []),
        ([A, A, B, B], [[0, 1], [2, 3]]),
        ([A, GAPS, B, C], [[0, 1], [2, 3]]),
        ([A, ONE, B, ONE], [[0, 2]]),
        ([A, B, C, *[ONE] * 9], [[0, 1], [0, 2], [1, 2]]),  # species that never occur
        ([A, B, *[rare(1)] * 2, *[rare(2)] * 2, *[rare(3)] * 2], [[0, 1], [2, 3], [4, 5], [6, 7]]),
        ([A, B, C, A, B, C, *RNG.choice([-1.0, 1.0], (4, 60)).tolist()], [[0, 3], [1, 4], [2, 5], *LATER]),
        (FROZEN, []),  # four of sixty rows differ; two columns equal no others
    ],
)
def test_pairs_are_identified_unless_others_stand_in_for_them(columns, pairs):
    found = identified_pairs(Observations(np.array(columns).T))
    assert np.argwhere(np.triu(found)).tolist() == pairs
    assert (found == found.T).all()


def test_what_is_not_identified_or_was_left_out_has_no_bounded_interval():
    couplings = np.array([[0, 0.5, 0.4], [0.5, 0, 0], [0.4, 0, 0]])
    identified = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], bool)
    found = Recovery(
        couplings, np.zeros(3), couplings / 5, np.ones(3), "single-site", "", {}, 1.0, 1.0, identified=identified
    )
    middles, errors = found.intervals
    assert (middles[0, 1], errors[0, 1], errors[0, 2]) == (0.5, 0.1, np.inf)
    assert np.isnan(errors[1, 2])
    true = Parameters(np.array([[0, 0.45, 0.4], [0.45, 0, 0.1], [0.4, 0.1, 0]]), np.zeros(3))
    assert np.argwhere(np.triu(covered(found, true.couplings))).tolist() == [[0, 1]]
    compared = compare_with_truth(found, true, with_fields=False)
    assert (compared.true_edges, compared.bounded_edges, compared.covered_edges) == (3, 1, 1)


@pytest.mark.parametrize("penalty", ["auto", "none"])
def test_frozen_rows_give_no_interval_and_say_so(penalty):
    found = recover_couplings(np.repeat(np.array(FROZEN).T, 5, axis=0), "single-site", penalty, block_length=1)
    assert not np.isfinite(found.intervals[1]).any()
    assert any("only 4 rows differ: they can't tell which pairs interact" in said for said in found.warnings)
    assert penalty != "auto" or not len(found.edges)


@pytest.mark.parametrize("missing", [0.0, 0.1])
def test_edges_that_l1_shrank_have_intervals_of_their_own_where_all_pairs_can_have_none(missing):
    rng, d = np.random.default_rng(3), 14
    spins = np.where(rng.random((24, d)) < 0.5, 1.0, -1.0)
    spins[:, 1::2] = spins[:, ::2] * np.where(rng.random((24, d // 2)) < 0.08, -1, 1)  # seven pairs
    spins[rng.random(spins.shape) < missing] = np.nan
    found = recover_couplings(spins, "single-site", "l1", block_length=1)
    assert len(found.edges) >= 3
    middles, errors = (array[tuple(found.edges.T)] for array in found.intervals)
    assert (middles > 1.15 * found.couplings[tuple(found.edges.T)]).all()
    assert (np.abs(middles - np.arctanh(0.84)) < 2.5 * errors).all()
    assert np.isnan(found.intervals[1]).sum() == d * d - 2 * len(found.edges)


def test_what_is_not_identified_is_named_and_no_edge():
    rng = np.random.default_rng(1)
    a = np.where(rng.random(300) < 0.5, 1.0, -1.0)
    b, c = a * np.where(rng.random((2, 300)) < 0.2, -1.0, 1.0)
    found = recover_couplings(np.array([a, a, b, c]).T, names=list("abcd"), block_length=1)
    assert found.edges.tolist() == [[0, 1]]
    assert len(found.unclear) == 2
    said = found.warnings[-1]
    assert said.startswith("2 couplings are not identified, since the rows can't tell to which of the columns")
    assert "they have no interval, and no pair of such columns is called an edge" in said
    assert ["a and c" in said or "b and c" in said, "a and d" in said or "b and d" in said] == [True, True]
    (_, chosen) = recover_couplings(np.array([a, a, b, c]).T, penalty="refit", block_length=1).warnings
    assert "called an edge" not in chosen  # with refit all that is estimated is listed


def test_intervals_of_chosen_pairs_hold_however_they_were_chosen():
    rng, missed = np.random.default_rng(0), []
    for _ in range(300):
        noise = rng.normal(size=40)
        chosen = np.argsort(-noise)[:3]
        missed.append((np.abs(noise[chosen]) > Z_95 * widening(3, 40)).mean())
    assert np.mean(missed) < 0.05 < (np.abs(np.sort(noise)[-3:]) > Z_95).mean()
