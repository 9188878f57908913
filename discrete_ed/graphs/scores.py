"""The scores of each statistic: MMD² of the generated graphs, values to judge it by, and its uncertainty."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from discrete_ed.graphs.descriptors import AVERAGED, Description
from discrete_ed.graphs.mmd import compare
from discrete_ed.graphs.protocols import get_protocol
from discrete_ed.metrics.two_sample import TwoSampleTest, mean_test, two_sample_test

MEAN = "mean"  # name of the mean of three statistics
Row = dict[str, float]
"""a number for each statistic, and for the mean of three under the name `mean`"""


@dataclass(frozen=True)
class StatisticScores:
    """The scores of one statistic, or of the mean of degree, clustering and orbit."""

    mmd2: float
    """the score: MMD² of generated against reference graphs, with the estimate that the protocol uses"""
    floor: float
    """the score of real graphs: the training graphs against the reference or, without training graphs, the mean over
    random halves of the reference against each other"""
    resampled: float | None
    """mean over 10 sets of as many graphs as were generated, sampled with replacement from the training graphs: the
    floor for sets of the same size (None without training graphs)"""
    resampled_sd: float | None
    """standard deviation over these 10 sets"""
    bias: float | None
    """the part of a perfect generator's score that is due to the numbers of graphs, `(1/m + 1/n) (1 − mean k)` over
    pairs of reference graphs (None if the estimate is unbiased, or with a single reference graph)"""
    floor_bias: float | None
    """the same for the floor; score and floor are only comparable if the two are alike"""
    erdos_renyi: float
    """the score of the trivial generator: random graphs with the numbers of nodes and edges of training graphs"""
    mmd2_u: float | None
    """the U-statistic of the score, whose expectation is zero if the laws are equal (None for a single graph)"""
    p_value: float
    """p-value of the score, by 999 permutations"""
    interval: tuple[float, float] | None
    """how far the score would vary around its mean over other samples of both sets, centred on the observed score: the
    95% interval by bootstrap (None for a single graph); see `two_sample_test`"""

    def to_dict(self) -> dict[str, Any]:
        """The scores as values that JSON can hold. Values that do not exist for these sets are left out."""
        optional = ("resampled", "resampled_sd", "bias", "floor_bias")
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
            if not (name in optional and value is None)
        }


def with_mean(row: Row) -> Row:
    """The row with the mean of degree, clustering and orbit."""
    return {**row, MEAN: float(np.mean([row[name] for name in AVERAGED]))}


def scores(reference: Description, generated: Description, protocol: str) -> Row:
    """MMD² in each statistic, by the protocol's estimate, and the mean."""
    return with_mean(compare(reference, generated, protocol))


def unbiased_scores(reference: Description, generated: Description, protocol: str) -> Row:
    """The U-statistic in each statistic, and the mean; empty if one of the sets has a single graph."""
    if min(graph_count(features) for features in (reference, generated)) < 2:
        return {}
    return with_mean(compare(reference, generated, protocol, unbiased=True))


def permutation_test(
    reference: Description, generated: Description, protocol: str, name: str, seed: int
) -> dict[str, Any]:
    """The permutation test and bootstrap of one statistic, as the arguments of a `TwoSampleTest`."""
    chosen = get_protocol(protocol)
    kernel = chosen.kernels[name]
    return asdict(two_sample_test(reference[name], generated[name], kernel, unbiased=chosen.unbiased, seed=seed))


def collect_scores(
    rows: Mapping[str, Row], tests: Mapping[str, TwoSampleTest], unbiased: Row
) -> dict[str, StatisticScores]:
    """The scores by statistic, with the mean under the name `mean`.

    Args:
        rows: by name of the score or yardstick.
        tests: by statistic.
        unbiased: the row of U-statistics, which may be empty.
    """
    tests = {**tests, MEAN: mean_test([tests[name] for name in AVERAGED])}
    yardsticks = ("resampled", "resampled_sd", "bias", "floor_bias")
    return {
        name: StatisticScores(
            mmd2=rows["mmd2"][name],
            floor=rows["floor"][name],
            **{row: rows[row][name] if row in rows else None for row in yardsticks},
            erdos_renyi=rows["erdos_renyi"][name],
            mmd2_u=unbiased.get(name),
            p_value=test.p_value,
            interval=test.interval,
        )
        for name, test in tests.items()
    }


def graph_count(description: Description) -> int:
    """The number of graphs that were described."""
    return len(next(iter(description.values())))
