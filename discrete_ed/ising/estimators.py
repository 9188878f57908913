"""Every estimator by name: its solver and its standard errors.

To add one: its name in `names.EstimatorName`, its objective in `objectives.py`, and its entry in `ESTIMATORS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.stats import t

from discrete_ed.ising.columns import columns_of
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
from discrete_ed.ising.observations import Observations
from discrete_ed.ising.packed_columns import PackedColumns
from discrete_ed.ising.parameters import Array, Parameters, Support
from discrete_ed.ising.pseudo_likelihood import SpinColumns
from discrete_ed.ising.site_fits import SiteFit
from discrete_ed.ising.standard_errors import (
    SampledObjective,
    jackknife_errors,
    least_errors,
    likelihood_errors,
    packed_errors,
    sandwich_errors,
)
from discrete_ed.names import ISING_EPSILON, SMALL_BITS, Z_95, EstimatorName


@dataclass(frozen=True)
class EstimatorSettings:
    """Settings of the estimators `block` and `bernoulli`.

    >>> EstimatorSettings(epsilon=0.05).epsilon, EstimatorSettings().block
    (0.05, 6)
    """

    epsilon: float | None = None
    """ε, the probability that noise flips a spin; by default that of the estimator in `names.ISING_EPSILON`"""
    m: int = 32
    """M, number of noisy copies of each sample (`bernoulli`)"""
    w: float = 1.0
    """w, stabilisation of the loss (`bernoulli`)"""
    block: int = 6
    """k, number of spins in a block (`block`)"""

    def noise(self, estimator: str) -> float | None:
        """The ε that an estimator uses, or `None` if it has no noise."""
        usual = ISING_EPSILON.get(estimator)
        return usual if usual is None or self.epsilon is None else self.epsilon


@dataclass(frozen=True)
class Estimator:
    """One entry of `ESTIMATORS`."""

    solver: Solver
    """a function of estimator, observations, support, start and λ to the estimate"""
    errors: Errors
    """a function of estimator, observations, support and estimate to the standard errors of the free parameters"""
    is_pseudo_likelihood: bool = False
    """whether the estimate on a support is the minimum of pseudo-likelihood, so that no further fit is needed"""
    weighs_rows: bool = True
    """whether rows may have weights and blocks; not where each row gets random flips of its own"""


@dataclass(frozen=True)
class ConfiguredEstimator:
    """An estimator with its settings and seed, which needs only observations."""

    name: EstimatorName
    settings: EstimatorSettings = field(default_factory=EstimatorSettings)
    with_fields: bool = True
    seed: int = 0

    @property
    def entry(self) -> Estimator:
        """The entry of `ESTIMATORS` for this name."""
        return ESTIMATORS[self.name]

    def solve(self, data: Observations, support: Support, start: Parameters, *, penalty: float = 0.0) -> Parameters:
        """The estimate on a support, with `λ Σ|J_ij|` added to the objective if a penalty λ is given."""
        return self.entry.solver(self, data, support, start, penalty)

    def refit(self, data: Observations, fit: SiteFit) -> Parameters:
        """The estimate on the support of a pseudo-likelihood fit to the same samples."""
        if self.entry.is_pseudo_likelihood:
            return fit.parameters
        return self.solve(data, fit.support, fit.parameters)

    def errors(self, data: Observations, parameters: Parameters) -> Parameters:
        """Standard errors of an estimate; zero for a parameter that was left out.

        With blocks they are those of whole blocks, widened by Student's law, and at least those of as many independent
        rows as there are in effect.
        """
        support = Support.of(parameters.couplings, self.with_fields)
        values = self.entry.errors(self, data, support, parameters)
        if data.depends:  # few blocks say little of many parameters at once
            values = values * t.ppf(0.975, data.block_count - 1) / Z_95
            alone = replace(data, blocks=data.source, copies=None)
            values = np.maximum(values, self.entry.errors(self, alone, support, parameters))
        return support.parameters(values, data.spins.shape[1])


def resolve_estimator(name: EstimatorName, spins: int) -> EstimatorName:
    """The name of an estimator; `auto` means maximum likelihood up to 16 spins, and single-site above."""
    if name != "auto":
        return name
    return "maximum-likelihood" if spins <= SMALL_BITS else "single-site"


Solver = Callable[[ConfiguredEstimator, Observations, Support, Parameters, float], Parameters]
Errors = Callable[[ConfiguredEstimator, Observations, Support, Parameters], Array]


def _by_gradients(objective: Callable[[ConfiguredEstimator, Observations], Objective]) -> Solver:
    """The solver that minimises an objective, a function of estimator and observations, by its gradient."""

    def solver(
        estimator: ConfiguredEstimator, data: Observations, support: Support, start: Parameters, penalty: float
    ) -> Parameters:
        return minimise(objective(estimator, data), support, start, data.size, penalty=penalty)

    return solver


def _by_chains(
    estimator: ConfiguredEstimator, data: Observations, support: Support, start: Parameters, penalty: float
) -> Parameters:
    return by_contrastive_divergence(data.spins, support, start, penalty=penalty, seed=estimator.seed)


def _by_information(_: ConfiguredEstimator, data: Observations, support: Support, parameters: Parameters) -> Array:
    return likelihood_errors(data, support, parameters)


def _site_by_site(phi: SiteLoss, *, is_pseudo_likelihood: bool = False) -> Estimator:
    """The estimator that minimises `mean_n Σ_i φ(m_ni)`, with sandwich errors."""

    def errors(_: ConfiguredEstimator, data: Observations, support: Support, parameters: Parameters) -> Array:
        if is_pseudo_likelihood and isinstance(columns := columns_of(data), PackedColumns):
            return packed_errors(columns.fit_at(support, support.vector(parameters)))
        values = sandwich_errors(data, support, parameters, phi)
        return np.maximum(values, least_errors(SpinColumns.of(data), support, parameters))

    solver = _by_gradients(lambda _, data: SiteObjective(data.spins, phi, data.weights))
    return Estimator(solver, errors, is_pseudo_likelihood)


def _with_samples(
    sample: Callable[[Array, EstimatorSettings, np.random.Generator], SampledObjective],
) -> Estimator:
    """The estimator whose objective has random blocks or flips for each sample, with jackknife errors.

    Args:
        sample: the function that samples them, the same for the same samples and seed.
    """

    def objective(estimator: ConfiguredEstimator, data: Observations) -> SampledObjective:
        return sample(data.spins, estimator.settings, np.random.default_rng(estimator.seed))

    def errors(estimator: ConfiguredEstimator, data: Observations, support: Support, parameters: Parameters) -> Array:
        samples = len(data.spins)
        values = jackknife_errors(objective(estimator, data), samples, support, parameters, seed=estimator.seed)
        return np.maximum(values, least_errors(SpinColumns.of(data), support, parameters))

    return Estimator(_by_gradients(objective), errors, weighs_rows=False)


def _blocks(spins: Array, settings: EstimatorSettings, rng: np.random.Generator) -> SampledObjective:
    epsilon = settings.noise("block")
    assert epsilon is not None
    return BlockDiscrepancy.sampled(spins, rng, epsilon=epsilon, size=settings.block)


def _copies(spins: Array, settings: EstimatorSettings, rng: np.random.Generator) -> SampledObjective:
    epsilon = settings.noise("bernoulli")
    assert epsilon is not None
    return BernoulliDiscrepancy.sampled(spins, rng, epsilon=epsilon, m=settings.m, w=settings.w)


ESTIMATORS: dict[EstimatorName, Estimator] = {
    "single-site": _site_by_site(log_logistic, is_pseudo_likelihood=True),
    "block": _with_samples(_blocks),
    "bernoulli": _with_samples(_copies),
    "interaction-screening": _site_by_site(screening),
    "ratio-matching": _site_by_site(squared_ratio),
    "contrastive-divergence": Estimator(_by_chains, _by_information, weighs_rows=False),
    "maximum-likelihood": Estimator(
        _by_gradients(lambda _, data: NegativeLogLikelihood(data.spins, data.weights)), _by_information
    ),
}
"""every estimator except `auto`, which means one of them"""
