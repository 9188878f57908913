"""Couplings from a table of spins: every estimator with every way to keep noise out, and a default that decides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal, get_args

import numpy as np
import torch

from discrete_ed.energies import IsingEnergy
from discrete_ed.errors import InputError
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
from discrete_ed.ising.support import DENSE, PRIOR_SD, Fit, Sample, refit, select
from discrete_ed.ising.uncertainty import likelihood_errors, sandwich
from discrete_ed.states import check_states

Estimator = Literal[
    "auto",
    "single-site",
    "block",
    "bernoulli",
    "interaction-screening",
    "ratio-matching",
    "contrastive-divergence",
    "maximum-likelihood",
]
Penalty = Literal["auto", "refit", "l1", "common", "none", "zero"]

PRICES = (17.0, 12.0, 8.0)
"""What a pair must gain in the loss to be taken for an edge; held-out data choose. Half of χ²₁: 17 is p ≈ 10⁻⁸."""
LASSO_SIZE = 2e9  # samples × spins² up to which `auto` tries L1
ENUMERATED, SMALL = 20, 16  # spins up to which maximum likelihood can be chosen, and is

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
class Recovery:
    """Recovered couplings, and how sure they are.

    All in the physics convention `E(s) = −½ sᵀJs − hᵀs`, each pair counted once.
    """

    couplings: Array
    """`J`, `(D, D)`."""
    fields: Array
    """`h`, `(D,)`."""
    standard_errors: Array
    """Of `J`, `(D, D)`; zero where a coupling was set to zero, not estimated."""
    field_errors: Array
    """Of `h`, `(D,)`."""
    estimator: str
    """What was minimised."""
    choice: str
    """What was done: `refit, price 12`, `L1, λ = 0.02`, …"""
    held_out: dict[str, float]
    """Negative log pseudo-likelihood of held-out samples for each candidate, lower is better; empty if none."""
    reliability: float
    """How well two halves of the data agree on the couplings (correlation, Spearman–Brown corrected); 1 at best."""
    shrinkage: float
    """The factor that couplings were multiplied by, for a reliability below ½."""
    common: tuple[float, float] | None = None
    """Mean and standard deviation of the couplings' common law, where it was assumed."""
    warnings: tuple[str, ...] = field(default=())

    @property
    def energy(self) -> IsingEnergy:
        """The model."""
        return IsingEnergy(torch.from_numpy(self.couplings).float(), torch.from_numpy(self.fields).float())

    @property
    def edges(self) -> Array:
        """The pairs that interact, `(P, 2)`, strongest first."""
        pairs = np.argwhere(np.triu(self.couplings, 1))
        return pairs[np.argsort(-np.abs(self.couplings[tuple(pairs.T)]), kind="stable")]


def recover_couplings(
    x: torch.Tensor | Array,
    estimator: Estimator = "auto",
    penalty: Penalty = "auto",
    *,
    fields: bool = True,
    settings: Settings | None = None,
    seed: int = 0,
    watch: Callable[[str], None] | None = None,
) -> Recovery:
    """Recover the couplings of an Ising model from independent observations.

    Estimators, each a convex objective in `(J, h)` (but ratio matching); `auto` is `maximum-likelihood` up to 16 spins
    and `single-site` beyond:

    - `single-site`: exact single-site energy discrepancy, which is pseudo-likelihood. Nearly efficient and fast.
    - `block`: energy discrepancy over random blocks of `k` spins, enumerated. No bias at any ε.
    - `bernoulli`: Bernoulli energy discrepancy with `M` copies. Take ε ≈ .01: with few copies at large ε the finite
      sample inflates couplings.
    - `interaction-screening`, `ratio-matching`: as published.
    - `contrastive-divergence`: maximum likelihood with persistent chains, 1,000 steps; slow and noisy, to compare.
    - `maximum-likelihood`: by enumeration, at most 20 spins; the optimum that any pairwise model can reach.

    What keeps noise out:

    - `refit`: pairs are selected forwards and backwards by pseudo-likelihood, then only their couplings are estimated.
    - `l1`: `λ Σ|J_ij|`, the largest λ within a standard error of the best on held-out data.
    - `auto`: held-out pseudo-likelihood (a fifth of the samples) decides between refit at three prices of a pair, L1
      and J = 0, then all samples are used. If two halves of the data agree so little that J = 0 may well be nearer to
      the truth (reliability r < ½), the couplings are shrunk by 2 r: as little as keeps the expected error from
      exceeding that of J = 0. L1 is not tried beyond `N D² = 2·10⁹`, where it takes minutes.
    - `common`: refit, then empirical Bayes. It assumes that the couplings of all edges are draws of one normal law,
      whose mean and spread it learns; right for lattices and wrong for networks of strong and weak edges.
    - `none`: all couplings free. `zero`: J = 0.

    A normal prior of standard deviation 3, counted once, keeps separable data finite.

    Args:
        x: observations, `(N, D)`, zeros and ones.
        fields: whether `h` is estimated; zero where not.
        seed: of the split, of blocks and of flips.
        watch: told what is being done.

    Raises:
        InputError: not a table of zeros and ones with at least 2 spins and 10 samples; an unknown name; too many spins
            for `maximum-likelihood`.

    >>> from discrete_ed import IsingEnergy, torus_sample
    >>> ring = 0.8 * (torch.eye(6).roll(1, 0) + torch.eye(6).roll(-1, 0))
    >>> x = torus_sample(IsingEnergy(ring), 2000, (6, 1), generator=torch.Generator().manual_seed(0))
    >>> found = recover_couplings(x, fields=False)
    >>> sorted(map(tuple, found.edges.tolist()))
    [(0, 1), (0, 5), (1, 2), (2, 3), (3, 4), (4, 5)]
    """
    spins, warnings = _checked(x, estimator, penalty)
    if estimator == "auto":
        estimator = "maximum-likelihood" if spins.shape[1] <= SMALL else "single-site"
    work = _Work(estimator, settings or Settings(), fields, seed, watch or _quiet)
    held_out: dict[str, float] = {}
    pairs = None
    if penalty in ("none", "zero"):
        recipe = _Recipe(penalty)
    else:
        recipe, held_out, pairs = work.choose(
            spins, zero=penalty == "auto", refit=penalty != "l1", l1=penalty in ("auto", "l1")
        )
    work.watch(f"fit all samples: {recipe}")
    couplings, h = work.apply(recipe, spins, pairs=pairs)
    reliability = shrinkage = 1.0
    if penalty == "auto" and couplings.any():
        work.watch("compare the two halves of the samples")
        reliability = work.reliability(recipe, spins)
        shrinkage = min(1.0, max(0.0, 2 * reliability))
    work.watch("standard errors")
    errors, field_errors = work.errors(spins, couplings, h)
    common = None
    if penalty == "common" and couplings.any():
        couplings, errors, common = _common(couplings, errors)
    if shrinkage < 1:
        couplings, errors = couplings * shrinkage, errors * shrinkage
        warnings.append(
            f"halves of the data hardly agree on the couplings (reliability {reliability:.2f}); they were shrunk by "
            f"{shrinkage:.2f}, and more samples are needed to tell which pairs interact"
        )
    large = np.argwhere(np.triu(np.abs(couplings) > PRIOR_SD))
    if len(large):
        warnings.append(
            f"couplings above {PRIOR_SD:g}, which only the prior keeps finite (separable data, such as columns that "
            f"always agree): {', '.join(f'{i + 1}–{j + 1}' for i, j in large[:5].tolist())}"
        )
    return Recovery(
        couplings,
        h,
        errors,
        field_errors,
        estimator,
        str(recipe),
        held_out,
        reliability,
        shrinkage,
        common,
        tuple(warnings),
    )


def _quiet(message: str) -> None:
    del message


def _checked(x: torch.Tensor | Array, estimator: str, penalty: str) -> tuple[Array, list[str]]:
    bits = x if isinstance(x, torch.Tensor) else torch.from_numpy(np.asarray(x, dtype=float))
    check_states(bits.float() if bits.dtype == torch.uint8 else bits)
    if bits.ndim != 2 or bits.shape[0] < 10 or bits.shape[1] < 2:
        raise InputError(f"x: expected a table of at least 10 samples of 2 spins, got shape {tuple(bits.shape)}")
    for name, value, known in (("estimator", estimator, Estimator), ("penalty", penalty, Penalty)):
        if value not in get_args(known):
            raise InputError(f"{name}: expected one of {', '.join(get_args(known))}, got {value!r}")
    n, d = bits.shape
    if estimator == "maximum-likelihood" and d > ENUMERATED:
        raise InputError(f"estimator: expected at most {ENUMERATED} spins for maximum-likelihood, got {d}")
    spins = 2 * bits.double().cpu().numpy() - 1
    warnings = []
    constant = np.flatnonzero(np.abs(spins.mean(0)) == 1)
    if len(constant):
        warnings.append(f"columns that never change carry no couplings: {', '.join(map(str, constant[:5] + 1))}")
    if n < d:
        warnings.append(f"fewer samples ({n}) than spins ({d}): only strong couplings can be found")
    return spins, warnings


@dataclass(frozen=True)
class _Recipe:
    kind: str  # refit, l1, none or zero
    level: float = 0.0  # the price of a pair, or λ

    def __str__(self) -> str:
        return {
            "refit": f"refit, price {self.level:g}",
            "l1": f"L1, λ = {self.level:.3g}",
            "none": "all pairs free",
        }.get(self.kind, "J = 0")


@dataclass(frozen=True)
class _Work:
    """An estimator with its settings, and what is done with it."""

    estimator: str
    settings: Settings
    with_fields: bool
    seed: int
    watch: Callable[[str], None]

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
        recipe: _Recipe,
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
    ) -> tuple[_Recipe, dict[str, float], Array | None]:
        """The candidate that predicts a held-out fifth of the samples best, single spins given all others.

        Among L1 estimates the largest λ that isn't worse by more than a standard error of the difference.

        Returns:
            The recipe; the held-out loss of each candidate; the pairs that it selected, where it did.
        """
        n, d = spins.shape
        order = np.random.default_rng(self.seed).permutation(n)
        kept, held = spins[order[n // 5 :]], spins[order[: n // 5]]
        rows: dict[_Recipe, Array] = {}  # the loss of every held-out sample

        def judge(recipe: _Recipe, found: tuple[Array, Array]) -> float:
            rows[recipe] = log_logistic(margins(held, *found))[0].sum(1)
            return float(rows[recipe].mean())

        if zero:
            judge(_Recipe("zero"), self.apply(_Recipe("zero"), kept))
        fit = None
        selected: dict[_Recipe, Array] = {}
        for price in PRICES if refit else ():
            self.watch(f"select pairs, price {price:g}")
            fit = select(self.sample(kept), price, fit)
            selected[_Recipe("refit", price)] = fit.pairs
            judge(_Recipe("refit", price), self.refitted(kept, fit))
        if l1 and (n * d * d <= LASSO_SIZE or not refit):
            before, found = np.inf, (np.zeros((d, d)), np.zeros(d))
            for lam in self.lambdas(kept):
                recipe = _Recipe("l1", lam)
                self.watch(str(recipe))
                found = self.apply(recipe, kept, *found)
                loss = judge(recipe, found)
                if loss > before:
                    break
                before = loss
        best = min(rows, key=lambda recipe: rows[recipe].mean())
        if best.kind == "l1":
            for recipe in (recipe for recipe in rows if recipe.kind == "l1"):  # λ decreases
                excess = rows[recipe] - rows[best]
                if excess.mean() <= excess.std() / np.sqrt(len(held)):
                    best = recipe
                    break
        return best, {str(recipe): float(loss.mean()) for recipe, loss in rows.items()}, selected.get(best)

    def reliability(self, recipe: _Recipe, spins: Array) -> float:
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
        """Standard errors: the sandwich form for local objectives, the inverse information for maximum likelihood.

        For energy discrepancy with blocks and copies, a grouped jackknife.
        """
        d = spins.shape[1]
        pairs = np.argwhere(np.triu(couplings, 1))
        if self.estimator in LOCAL:
            values = sandwich(spins, pairs, couplings, fields, LOCAL[self.estimator], self.with_fields)
        elif self.estimator in ("maximum-likelihood", "contrastive-divergence"):
            values = likelihood_errors(spins, pairs, self.with_fields)
        else:
            values = self.jackknife(spins, pairs, couplings, fields)
        errors = np.zeros((d, d))
        i, j = pairs.T
        errors[i, j] = errors[j, i] = values[: len(pairs)]
        return errors, values[len(pairs) :] if self.with_fields else np.zeros(d)

    def jackknife(self, spins: Array, pairs: Array, couplings: Array, fields: Array, groups: int = 10) -> Array:
        """`√((G−1)/G Σ_g (v_g − v̄)²)` over estimates on the same pairs that leave out one of `G` groups of samples."""
        order = np.random.default_rng(self.seed).permutation(len(spins))
        bounds = np.linspace(0, len(spins), groups + 1).astype(int)
        i, j = pairs.T
        found = []
        for first, last in pairwise(bounds):
            rest = spins[np.concatenate([order[:first], order[last:]])]
            some, h = self.on(rest, pairs, couplings, fields)
            found.append(np.concatenate([some[i, j], h]) if self.with_fields else some[i, j])
        return np.sqrt((groups - 1) * np.var(found, axis=0))


def _common(couplings: Array, errors: Array) -> tuple[Array, Array, tuple[float, float]]:
    """Empirical Bayes: `J_e ~ N(μ, τ²)` for every edge, `Ĵ_e | J_e ~ N(J_e, se_e²)`; posterior means and deviations.

    `μ` and `τ` maximise the likelihood of the estimates (expectation–maximisation).
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
    error[i, j] = error[j, i] = np.sqrt(weight * variance)
    return full, error, (float(mean), float(np.sqrt(spread)))
