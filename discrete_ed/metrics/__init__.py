"""Metrics: diagnostics of chains, and distances between two sets of states."""

from discrete_ed.metrics.diagnostics import Diagnosis, diagnose, ess_bulk, ess_tail, hamming_jump, rhat
from discrete_ed.metrics.export import to_arviz
from discrete_ed.metrics.hamming import hamming_mmd, hamming_mmd_repeats, hamming_test
from discrete_ed.metrics.two_sample import TwoSampleTest, two_sample_test

__all__ = [
    "Diagnosis",
    "TwoSampleTest",
    "diagnose",
    "ess_bulk",
    "ess_tail",
    "hamming_jump",
    "hamming_mmd",
    "hamming_mmd_repeats",
    "hamming_test",
    "rhat",
    "to_arviz",
    "two_sample_test",
]
