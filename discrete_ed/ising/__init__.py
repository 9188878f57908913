"""Ising models from observations: couplings, their standard errors, and the goodness of fit."""

from discrete_ed.ising.bounds import bound_for_edges, cramer_rao, cramer_rao_all_pairs, states_for_bound
from discrete_ed.ising.comparison import Comparison, compare_with_truth, covered, neg_log_rmse
from discrete_ed.ising.estimators import ESTIMATORS, Estimator, EstimatorSettings, resolve_estimator
from discrete_ed.ising.goodness_of_fit import GoodnessOfFit, RowLogLikelihood, goodness_of_fit, row_log_likelihood
from discrete_ed.ising.observations import Observations
from discrete_ed.ising.parameters import Parameters, Support
from discrete_ed.ising.recovery import recover_couplings
from discrete_ed.ising.result import Recovery
from discrete_ed.ising.table_checks import check_estimator, check_samples, pair_counts, weighted_means

__all__ = [
    "ESTIMATORS",
    "Comparison",
    "Estimator",
    "EstimatorSettings",
    "GoodnessOfFit",
    "Observations",
    "Parameters",
    "Recovery",
    "RowLogLikelihood",
    "Support",
    "bound_for_edges",
    "check_estimator",
    "check_samples",
    "compare_with_truth",
    "covered",
    "cramer_rao",
    "cramer_rao_all_pairs",
    "goodness_of_fit",
    "neg_log_rmse",
    "pair_counts",
    "recover_couplings",
    "resolve_estimator",
    "row_log_likelihood",
    "states_for_bound",
    "weighted_means",
]
