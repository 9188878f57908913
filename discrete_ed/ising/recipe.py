"""How couplings are estimated by one recipe, and how held-out data choose among recipes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from discrete_ed.ising.contrastive import by_contrastive_divergence
from discrete_ed.ising.minimise import minimise
from discrete_ed.ising.objectives import (
    Array,
    Bernoulli,
    Block,
    Likelihood,
    Local,
    Objective,
    log_logistic,
    margins,
    screening,
    squared_ratio,
)
from discrete_ed.ising.restricted import DENSE, PRIOR_SD, Fit, Sample, refit
from discrete_ed.ising.support import select
from discrete_ed.ising.uncertainty import least_errors, likelihood_errors, sandwich

PRICES = (17.0, 12.0, 8.0)
"""What a pair must gain in the loss to be taken for an edge; held-out data choose.

Both spins of a pair tell of its coupling, so that by chance alone the gain is about χ²₁: 17 is p ≈ 4·10⁻⁵, 8 p ≈ .005.
"""
LASSO_SIZE = 3e8  # samples × spins² up to which `auto` tries L1
LOCAL = {
    "single-site": log_logistic,
    "interaction-screening": screening,
    "ratio-matching": squared_ratio,
}


@dataclass(frozen=True)
class Settings:
    """What the estimators of energy discrepancy can be told."""

    epsilon: float | None = None
    """ε, the noise; .01 for `bernoulli`, .1 for `block` where not given"""
    m: int = 32
    """M, copies of a sample (`bernoulli`)"""
    w: float = 1.0
    """w, stabilisation (`bernoulli`)"""
    block: int = 6
    """k, spins in a block (`block`)"""


@dataclass(frozen=True)
class Recipe:
    """What keeps noise out, and how much of it."""

    kind: str  # refit, l1, none or zero
    level: float = 0.0  # the price of a pair, or λ

    def __str__(self) -> str:
        return {
            "refit": f"refit, price {self.level:g}",
            "l1": f"L1, λ = {self.level:.3g}",
            "none": "all pairs free",
        }.get(self.kind, "J = 0")


@dataclass(frozen=True)
class Work:
    """An estimator with its settings, and what is done with it."""

    estimator: str
    settings: Settings
    with_fields: bool
    seed: int
    callback: Callable[[str], None]

    def objective(self, spins: Array) -> Objective:
        rng = np.random.default_rng(self.seed)
        if self.estimator == "block":
            epsilon = 0.1 if self.settings.epsilon is None else self.settings.epsilon
            return Block.drawn(spins, rng, size=self.settings.block, epsilon=epsilon)
        if self.estimator == "bernoulli":
            epsilon = 0.01 if self.settings.epsilon is None else self.settings.epsilon
            return Bernoulli.drawn(spins, rng, epsilon=epsilon, m=self.settings.m, w=self.settings.w)
        if self.estimator == "maximum-likelihood":
            return Likelihood(spins)
        return Local(spins, LOCAL[self.estimator])

    def on(
        self, spins: Array, pairs: Array, couplings: Array, fields: Array, *, penalty: float = 0.0
    ) -> tuple[Array, Array]:
        """Minimise the objective over the couplings of these pairs, from where it is said."""
        h = fields if self.with_fields else None
        if self.estimator == "contrastive-divergence":
            return by_contrastive_divergence(spins, pairs, couplings, h, penalty=penalty, seed=self.seed)
        return minimise(self.objective(spins), pairs, couplings, h, len(spins), penalty=penalty)

    def refitted(self, spins: Array, fit: Fit) -> tuple[Array, Array]:
        """What the estimator makes of the pairs of a pseudo-likelihood fit."""
        if self.estimator == "single-site":
            return fit.couplings, fit.fields
        return self.on(spins, fit.pairs, fit.couplings, fit.fields)

    def sample(self, spins: Array) -> Sample:
        return Sample(np.ascontiguousarray(spins.T), self.with_fields)

    def apply(
        self,
        recipe: Recipe,
        spins: Array,
        couplings: Array | None = None,
        fields: Array | None = None,
        *,
        pairs: Array | None = None,
    ) -> tuple[Array, Array]:
        """Estimate by a recipe; couplings, fields and pairs to start from, where given, save time."""
        d = spins.shape[1]
        if recipe.kind == "refit":
            sample = self.sample(spins)
            return self.refitted(spins, select(sample, recipe.level, None if pairs is None else refit(sample, pairs)))
        if recipe.kind == "zero":
            return self.refitted(spins, refit(self.sample(spins), np.zeros((0, 2), dtype=int)))
        pairs = np.stack(np.triu_indices(d, 1), 1)
        if couplings is None or fields is None:
            few = recipe.kind == "none" and len(pairs) <= DENSE
            start = refit(self.sample(spins), pairs if few else pairs[:0])
            if few and self.estimator == "single-site":
                return start.couplings, start.fields
            couplings, fields = start.couplings, start.fields
        return self.on(spins, pairs, couplings, fields, penalty=recipe.level)

    def lambdas(self, spins: Array) -> list[float]:
        """Decreasing λ, in proportion to what noise alone would reach, `√(log(pairs) / N)`."""
        n, d = spins.shape
        noise = float(np.sqrt(np.log(max(d * (d - 1) / 2, 2)) / n))
        return [factor * noise for factor in (4, 2, 1, 0.7, 0.5, 0.35, 0.25, 0.12, 0.06)]

    def choose(
        self, spins: Array, *, zero: bool, refit: bool, l1: bool
    ) -> tuple[Recipe, dict[str, float], Array | None]:
        """The candidate that predicts a held-out fifth of the samples best, single spins given all others.

        Where that is an L1 estimate, the best refit instead, else the largest λ, that isn't worse by more than a
        standard error of the difference: an advantage that may be chance is no reason to shrink couplings.

        Returns:
            The recipe; the held-out loss of each candidate; the pairs that it selected, where it did.
        """
        n, d = spins.shape
        order = np.random.default_rng(self.seed).permutation(n)
        kept, held = spins[order[n // 5 :]], spins[order[: n // 5]]
        rows: dict[Recipe, Array] = {}  # the loss of every held-out sample

        def judge(recipe: Recipe, found: tuple[Array, Array]) -> float:
            rows[recipe] = log_logistic(margins(held, *found))[0].sum(1)
            return float(rows[recipe].mean())

        if zero:
            judge(Recipe("zero"), self.apply(Recipe("zero"), kept))
        fit, before = None, np.inf
        selected: dict[Recipe, Array] = {}
        for price in PRICES if refit else ():
            self.callback(f"select pairs, price {price:g}")
            fit = select(self.sample(kept), price, fit)
            selected[Recipe("refit", price)] = fit.pairs
            loss = judge(Recipe("refit", price), self.refitted(kept, fit))
            if loss > before:
                break
            before = loss
        if l1 and (n * d * d <= LASSO_SIZE or not refit):
            before, found = np.inf, (np.zeros((d, d)), np.zeros(d))
            for lam in self.lambdas(kept):
                recipe = Recipe("l1", lam)
                self.callback(str(recipe))
                found = self.apply(recipe, kept, *found)
                loss = judge(recipe, found)
                if loss > before:
                    break
                before = loss
        best = min(rows, key=lambda recipe: rows[recipe].mean())
        if best.kind == "l1":  # whose couplings are all too small
            refits = [recipe for recipe in rows if recipe.kind == "refit"]
            unshrunk = sorted(refits, key=lambda recipe: float(rows[recipe].mean()))[:1]
            lassos = [recipe for recipe in rows if recipe.kind == "l1"]  # λ decreases
            best = next(recipe for recipe in unshrunk + lassos if _tied(rows[recipe], rows[best]))
        return best, {str(recipe): float(loss.mean()) for recipe, loss in rows.items()}, selected.get(best)

    def reliability(self, recipe: Recipe, spins: Array) -> float:
        """Cosine `c` between the couplings from two halves of the samples, corrected to all: `2c / (1 + c)`.

        Each half starts from nothing: from a common start they would agree for no merit of theirs.

        Source: Spearman 1910 and Brown 1910, British Journal of Psychology 3, 271–295 and 296–322.
        """
        order = np.random.default_rng(self.seed + 1).permutation(len(spins))
        halves = [self.apply(recipe, spins[half])[0] for half in np.array_split(order, 2)]
        norms = [np.linalg.norm(half) for half in halves]
        if not all(norms):
            return 0.0
        cosine = max(0.0, float((halves[0] * halves[1]).sum() / (norms[0] * norms[1])))
        return 2 * cosine / (1 + cosine)

    def errors(self, spins: Array, couplings: Array, fields: Array) -> tuple[Array, Array]:
        """Standard errors: the sandwich form for local objectives and for maximum likelihood.

        For energy discrepancy with blocks and copies, a grouped jackknife. None but those of maximum likelihood, which
        have a floor of their own, is below `least_errors`.
        """
        d = spins.shape[1]
        pairs = np.argwhere(np.triu(couplings, 1))
        if self.estimator in ("maximum-likelihood", "contrastive-divergence"):
            values = likelihood_errors(spins, pairs, couplings, fields, self.with_fields)
        else:
            if self.estimator in LOCAL:
                values = sandwich(spins, pairs, couplings, fields, LOCAL[self.estimator], self.with_fields)
            else:
                values = self.jackknife(spins, pairs, couplings, fields)
            values = np.maximum(values, least_errors(spins, pairs, couplings, fields, self.with_fields))
        errors = np.zeros((d, d))
        i, j = pairs.T
        errors[i, j] = errors[j, i] = values[: len(pairs)]
        return errors, values[len(pairs) :] if self.with_fields else np.zeros(d)

    def fields_given(self, spins: Array, couplings: Array) -> tuple[Array, Array]:
        """The fields that fit best where couplings are what they are, by pseudo-likelihood, and their errors."""
        sample = Sample(np.ascontiguousarray(spins.T), True, couplings @ spins.T)
        fit = refit(sample, np.zeros((0, 2), dtype=int))
        return fit.fields, 1 / np.sqrt([curvature.item() + 1 / PRIOR_SD**2 for curvature in fit.curvatures])

    def jackknife(self, spins: Array, pairs: Array, couplings: Array, fields: Array, groups: int = 10) -> Array:
        """`√((G−1)/G Σ_g (v_g − v̄)²)` over estimates on the same pairs that leave out one of `G` groups of samples.

        The samples that stay keep their blocks or flips: drawn anew for each group, these would add noise of their own.
        """
        objective = self.objective(spins)
        assert isinstance(objective, Block | Bernoulli)
        order = np.random.default_rng(self.seed).permutation(len(spins))
        bounds = np.linspace(0, len(spins), groups + 1).astype(int)
        i, j = pairs.T
        found = []
        for first, last in pairwise(bounds):
            rest = np.concatenate([order[:first], order[last:]])
            start = fields if self.with_fields else None
            some, h = minimise(objective.rows(rest), pairs, couplings, start, len(rest))
            found.append(np.concatenate([some[i, j], h]) if self.with_fields else some[i, j])
        return np.sqrt((groups - 1) * np.var(found, axis=0))


def _tied(losses: Array, least: Array) -> bool:
    """Whether a mean loss exceeds the least by no more than a standard error of their difference."""
    excess = losses - least
    return bool(excess.mean() <= excess.std() / np.sqrt(len(excess)))


def common_law(couplings: Array, errors: Array) -> tuple[Array, Array, tuple[float, float]]:
    """Empirical Bayes: `J_e ~ N(μ, τ²)` for every edge, `Ĵ_e | J_e ~ N(J_e, se_e²)`; posterior means and deviations.

    `μ` and `τ` maximise the likelihood of the estimates (expectation–maximisation). With `w = τ² / (τ² + se²)` the
    deviation is `√(w se² + (1 − w)² / Σ 1/(τ² + se²))`: its second term is what few edges leave open about `μ`. That
    `τ` is learned, too, isn't counted.

    Returns:
        `J` and its deviations, `(D, D)`; `(μ, τ)`.

    Source: Morris 1983, Journal of the American Statistical Association 78, 47–55.
    """
    i, j = np.nonzero(np.triu(couplings, 1))
    value, variance = couplings[i, j], errors[i, j] ** 2
    mean, spread = value.mean(), value.var()
    for _ in range(500):
        weight = spread / (spread + variance)
        posterior = mean + weight * (value - mean)
        mean, spread = posterior.mean(), float(((posterior - mean) ** 2 + weight * variance).mean())
    weight = spread / (spread + variance)
    posterior = mean + weight * (value - mean)
    full, error = np.zeros_like(couplings), np.zeros_like(errors)
    full[i, j] = full[j, i] = posterior
    of_mean = 1 / (1 / (spread + variance)).sum()
    error[i, j] = error[j, i] = np.sqrt(weight * variance + (1 - weight) ** 2 * of_mean)
    return full, error, (float(mean), float(np.sqrt(spread)))
