"""Likelihoods: exact (by enumeration, by layers, by transfer matrices) or by annealed importance sampling."""

from discrete_ed.likelihood.annealing import Bracket, ais
from discrete_ed.likelihood.base import Mixture
from discrete_ed.likelihood.bracketing import Annealing, LogZEstimate
from discrete_ed.likelihood.data_likelihood import LogLikelihood, log_likelihood
from discrete_ed.likelihood.enumeration import Moments, log_law, moments
from discrete_ed.likelihood.layers import rbm_log_z, rbm_marginals
from discrete_ed.likelihood.partition import LogPartition, estimate_log_z, importance_log_z, log_z
from discrete_ed.likelihood.sparse import gray_log_z, treewidth_log_z
from discrete_ed.likelihood.torus import kaufman_log_z, torus_log_z, torus_sample

__all__ = [
    "Annealing",
    "Bracket",
    "LogLikelihood",
    "LogPartition",
    "LogZEstimate",
    "Mixture",
    "Moments",
    "ais",
    "estimate_log_z",
    "gray_log_z",
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
    "treewidth_log_z",
]
