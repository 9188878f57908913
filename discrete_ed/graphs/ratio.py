"""The average ratio of generated graphs' MMD² to the training graphs', as SPECTRE and HSpectre print it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from discrete_ed.errors import InputError
from discrete_ed.graphs.descriptors import STATISTICS, Description
from discrete_ed.graphs.kernels import FeatureKernel
from discrete_ed.graphs.statistics import Floats
from discrete_ed.metrics.two_sample import TwoSampleTest, mmd2, two_sample_test

NOTHING = 1e-8  # a training score below this counts as zero

RATIO_KERNELS: Mapping[str, FeatureKernel] = {
    **{name: STATISTICS[name].kernels["gran"] for name in ("degree", "clustering", "orbit", "spectral")},
    "wavelet": FeatureKernel("tv", 1.0),
}
"""the five statistics that are averaged, with their kernels"""


def average_ratio(reference: Description, generated: Description, train: Description | None) -> dict[str, float]:
    """MMD²(reference, generated) / MMD²(reference, train) in each statistic; the mean over these is the average ratio.

    The statistics are degree, clustering, orbit, spectral and wavelet, with the kernels of protocol `gran`; graphs
    without nodes are left out, as there. A statistic in which the training graphs score less than 10⁻⁸ is left out, be
    it that they are equal there or that the kernel, which is indefinite, gives less than zero: published code divides
    by 10⁻⁸ more than their score, so that such a statistic contributes zero or a huge number.

    Raises:
        InputError: there are no training graphs, or they score zero in every statistic.
    """
    x, y = _with_nodes(reference), _with_nodes(generated)
    floors = _training_scores(x, train)
    return {name: mmd2(x[name], y[name], RATIO_KERNELS[name]) / floor for name, floor in floors.items()}


def ratio_test(reference: Description, generated: Description, train: Description | None, seed: int) -> float:
    """The p-value of the average ratio, by permutation of reference and generated graphs; the training scores stay."""
    x, y = _with_nodes(reference), _with_nodes(generated)
    tests = [
        (two_sample_test(x[name], y[name], RATIO_KERNELS[name], seed=seed), floor)
        for name, floor in _training_scores(x, train).items()
    ]
    observed = float(np.mean([test.observed / floor for test, floor in tests]))
    permuted: Floats = np.mean([test.permuted / floor for test, floor in tests], axis=0)
    return TwoSampleTest(observed, permuted, np.zeros(0)).p_value


def _training_scores(reference: Description, train: Description | None) -> dict[str, float]:
    """The scores of the training graphs that are not zero."""
    if train is None:
        raise InputError("train: expected training graphs, since the ratio divides by their score, got none")
    learned = _with_nodes(train)
    scores = {name: mmd2(reference[name], learned[name], kernel) for name, kernel in RATIO_KERNELS.items()}
    if max(scores.values()) < NOTHING:
        raise InputError("train: expected training graphs that differ from the reference graphs, got equal scores")
    return {name: score for name, score in scores.items() if score >= NOTHING}


def _with_nodes(features: Description) -> Description:
    there = features["degree"].sum(axis=1) > 0
    return {name: features[name][there] for name in RATIO_KERNELS}
