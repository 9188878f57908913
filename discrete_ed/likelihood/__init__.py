"""Likelihoods: exact by enumeration and by layers, transfer matrices, annealed importance sampling."""

from discrete_ed.likelihood.annealing import Bracket, ais
from discrete_ed.likelihood.enumeration import log_law, log_z, moments, rbm_log_z, rbm_marginals
from discrete_ed.likelihood.partition import (
    LogLikelihood,
    LogPartition,
    estimate_log_z,
    importance_log_z,
    log_likelihood,
)
from discrete_ed.likelihood.torus import kaufman_log_z, torus_log_z, torus_sample

__all__ = [
    "Bracket",
    "LogLikelihood",
    "LogPartition",
    "ais",
    "estimate_log_z",
    "importance_log_z",
    "kaufman_log_z",
    "log_law",
    "log_likelihood",
    "log_z",
    "moments",
    "rbm_log_z",
    "rbm_marginals",
    "torus_log_z",
    "torus_sample",
]
