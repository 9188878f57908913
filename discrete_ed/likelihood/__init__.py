"""Likelihoods: exact by enumeration and by layers, transfer matrices, annealed importance sampling."""

from discrete_ed.likelihood.annealing import Bracket, ais
from discrete_ed.likelihood.enumeration import log_law, log_z, moments, rbm_log_z, rbm_marginals
from discrete_ed.likelihood.partition import (
    LogLikelihood,
    Normaliser,
    importance_log_z,
    log_likelihood,
    normaliser,
)
from discrete_ed.likelihood.torus import kaufman_log_z, torus_log_z, torus_sample

__all__ = [
    "Bracket",
    "LogLikelihood",
    "Normaliser",
    "ais",
    "importance_log_z",
    "kaufman_log_z",
    "log_law",
    "log_likelihood",
    "log_z",
    "moments",
    "normaliser",
    "rbm_log_z",
    "rbm_marginals",
    "torus_log_z",
    "torus_sample",
]
