"""Metrics: whether chains have mixed, and how far two sets of states are apart."""

from discrete_ed.metrics.diagnostics import Diagnosis, diagnose, ess_bulk, ess_tail, hamming_jump, rhat
from discrete_ed.metrics.export import to_arviz
from discrete_ed.metrics.hamming import hamming_mmd, hamming_mmd_repeats, hamming_test

__all__ = [
    "Diagnosis",
    "diagnose",
    "ess_bulk",
    "ess_tail",
    "hamming_jump",
    "hamming_mmd",
    "hamming_mmd_repeats",
    "hamming_test",
    "rhat",
    "to_arviz",
]
