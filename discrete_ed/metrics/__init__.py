"""Metrics: diagnostics of chains, and distances between two sets of states."""

from discrete_ed.metrics.diagnostics import Diagnosis, diagnose, ess_bulk, ess_tail, hamming_jump, rhat
from discrete_ed.metrics.export import to_arviz
from discrete_ed.metrics.hamming import hamming_mmd, hamming_mmd_repeats, hamming_test
from discrete_ed.metrics.time_series import (
    Autocorrelation,
    autocorrelation_time,
    blocking_error,
    jackknife,
    thermalisation,
)
from discrete_ed.metrics.two_sample import TwoSampleTest, two_sample_test

__all__ = [
    "Autocorrelation",
    "Diagnosis",
    "TwoSampleTest",
    "autocorrelation_time",
    "blocking_error",
    "diagnose",
    "ess_bulk",
    "ess_tail",
    "hamming_jump",
    "hamming_mmd",
    "hamming_mmd_repeats",
    "hamming_test",
    "jackknife",
    "rhat",
    "thermalisation",
    "to_arviz",
    "two_sample_test",
]
