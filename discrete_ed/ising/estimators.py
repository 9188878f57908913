"""Every estimator by name: its objective, its solver, and its standard errors.

To add one: its name in `names.EstimatorName`, its objective in `objectives.py`, and its entry in `ESTIMATORS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from discrete_ed.ising.contrastive import by_contrastive_divergence
from discrete_ed.ising.minimise import minimise
from discrete_ed.ising.objectives import (
    BernoulliDiscrepancy,
    BlockDiscrepancy,
    NegativeLogLikelihood,
    Objective,
    SiteLoss,
    SiteObjective,
    log_logistic,
    screening,
    squared_ratio,
)
from discrete_ed.ising.parameters import Array, Parameters, Support
from discrete_ed.ising.pseudo_likelihood import PseudoLikelihoodFit, SpinColumns
from discrete_ed.ising.standard_errors import (
    SampledObjective,
    jackknife_errors,
    least_errors,
    likelihood_errors,
    sandwich_errors,
)
from discrete_ed.names import SMALL_BITS, EstimatorName


@dataclass(frozen=True)
class EstimatorSettings:
    """Settings of the estimators `block` and `bernoulli`.

    >>> EstimatorSettings(epsilon=0.05).epsilon, EstimatorSettings().block
    (0.05, 6)
    """

    epsilon: float | None = None
    """ε, the probability that noise flips a spin; by default 0.01 for `bernoulli` and 0.1 for `block`"""
    m: int = 32
    """M, number of noisy copies of each sample (`bernoulli`)"""
    w: float = 1.0
    """w, stabilisation of the loss (`bernoulli`)"""
    block: int = 6
    """k, number of spins in a block (`block`)"""

    def noise(self, estimator: str) -> float | None:
        """The ε that an estimator uses, or `None` if it has no noise."""
        usual = {"block": 0.1, "bernoulli": 0.01}
        return usual.get(estimator) if self.epsilon is None or estimator not in usual else self.epsilon


@dataclass(frozen=True)
class Estimator:
    """One entry of `ESTIMATORS`."""

    objective: Callable[[Array, EstimatorSettings, np.random.Generator], Objective]
    """a function of samples −1 and +1, `(N, D)`, to the objective"""
    errors: Callable[[ConfiguredEstimator, Array, Support, Parameters], Array]
    """a function of estimator, samples, support and estimate to the standard errors of the free parameters"""
    solver: Callable[[ConfiguredEstimator, Array, Support, Parameters, float], Parameters]
    """a function of estimator, samples, support, start and λ to the estimate"""
    is_pseudo_likelihood: bool = False
    """whether the estimate on a support is the minimum of pseudo-likelihood, so that no further fit is needed"""


@dataclass(frozen=True)
class ConfiguredEstimator:
    """An estimator with its settings and seed, which needs only samples."""

    name: EstimatorName
    settings: EstimatorSettings = field(default_factory=EstimatorSettings)
    with_fields: bool = True
    seed: int = 0

    @property
    def entry(self) -> Estimator:
        """The entry of `ESTIMATORS` for this name."""
        return ESTIMATORS[self.name]

    def objective(self, spins: Array) -> Objective:
        """The objective, with its blocks or flips sampled; the same for the same samples and seed."""
        return self.entry.objective(spins, self.settings, np.random.default_rng(self.seed))

    def solve(self, spins: Array, support: Support, start: Parameters, *, penalty: float = 0.0) -> Parameters:
        """The estimate on a support, with `λ Σ|J_ij|` added to the objective if a penalty λ is given."""
        return self.entry.solver(self, spins, support, start, penalty)

    def refit(self, spins: Array, fit: PseudoLikelihoodFit) -> Parameters:
        """The estimate on the support of a pseudo-likelihood fit to the same samples."""
        if self.entry.is_pseudo_likelihood:
            return fit.parameters
        return self.solve(spins, fit.support, fit.parameters)

    def errors(self, spins: Array, parameters: Parameters) -> Parameters:
        """Standard errors of an estimate; zero for a parameter that was left out."""
        support = Support.of(parameters.couplings, self.with_fields)
        return support.parameters(self.entry.errors(self, spins, support, parameters), spins.shape[1])


def resolve_estimator(name: EstimatorName, spins: int) -> EstimatorName:
    """The name of an estimator; `auto` means maximum likelihood up to 16 spins, and single-site above."""
    if name != "auto":
        return name
    return "maximum-likelihood" if spins <= SMALL_BITS else "single-site"


def _by_gradients(
    estimator: ConfiguredEstimator, spins: Array, support: Support, start: Parameters, penalty: float
) -> Parameters:
    return minimise(estimator.objective(spins), support, start, len(spins), penalty=penalty)


def _by_chains(
    estimator: ConfiguredEstimator, spins: Array, support: Support, start: Parameters, penalty: float
) -> Parameters:
    return by_contrastive_divergence(spins, support, start, penalty=penalty, seed=estimator.seed)


def _by_jackknife(estimator: ConfiguredEstimator, spins: Array, support: Support, parameters: Parameters) -> Array:
    objective = estimator.objective(spins)
    assert isinstance(objective, BlockDiscrepancy | BernoulliDiscrepancy)
    sampled: SampledObjective = objective
    values = jackknife_errors(sampled, len(spins), support, parameters, seed=estimator.seed)
    return np.maximum(values, least_errors(SpinColumns.of(spins), support, parameters))


def _by_information(_: ConfiguredEstimator, spins: Array, support: Support, parameters: Parameters) -> Array:
    return likelihood_errors(spins, support, parameters)


def _site_by_site(phi: SiteLoss, *, is_pseudo_likelihood: bool = False) -> Estimator:
    """The estimator that minimises `mean_n Σ_i φ(m_ni)`, with sandwich errors."""

    def errors(_: ConfiguredEstimator, spins: Array, support: Support, parameters: Parameters) -> Array:
        columns = SpinColumns.of(spins)
        values = sandwich_errors(columns, support, parameters, phi)
        return np.maximum(values, least_errors(columns, support, parameters))

    return Estimator(lambda spins, *_: SiteObjective(spins, phi), errors, _by_gradients, is_pseudo_likelihood)


def _blocks(spins: Array, settings: EstimatorSettings, rng: np.random.Generator) -> Objective:
    epsilon = settings.noise("block")
    assert epsilon is not None
    return BlockDiscrepancy.sampled(spins, rng, size=settings.block, epsilon=epsilon)


def _copies(spins: Array, settings: EstimatorSettings, rng: np.random.Generator) -> Objective:
    epsilon = settings.noise("bernoulli")
    assert epsilon is not None
    return BernoulliDiscrepancy.sampled(spins, rng, epsilon=epsilon, m=settings.m, w=settings.w)


def _likelihood(spins: Array, *_: object) -> Objective:
    return NegativeLogLikelihood(spins)


ESTIMATORS: dict[EstimatorName, Estimator] = {
    "single-site": _site_by_site(log_logistic, is_pseudo_likelihood=True),
    "block": Estimator(_blocks, _by_jackknife, _by_gradients),
    "bernoulli": Estimator(_copies, _by_jackknife, _by_gradients),
    "interaction-screening": _site_by_site(screening),
    "ratio-matching": _site_by_site(squared_ratio),
    "contrastive-divergence": Estimator(_likelihood, _by_information, _by_chains),
    "maximum-likelihood": Estimator(_likelihood, _by_information, _by_gradients),
}
"""every estimator except `auto`, which means one of them"""
