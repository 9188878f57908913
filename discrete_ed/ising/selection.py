"""The choice between penalties by held-out samples, and the agreement of two halves of the samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from discrete_ed.ising.edge_search import search_edges
from discrete_ed.ising.estimators import ConfiguredEstimator
from discrete_ed.ising.objectives import log_logistic, margins
from discrete_ed.ising.parameters import Array, Parameters, Support
from discrete_ed.ising.penalties import Free, Lasso, Penalty, Refit, Zero
from discrete_ed.ising.pseudo_likelihood import SpinColumns
from discrete_ed.names import PenaltyName

PRICES = (17.0, 12.0, 8.0)
"""candidates for the decrease of the loss that a pair must achieve to be selected; held-out data choose between them

Both spins of a pair give information on its coupling, so that by chance alone the decrease is about χ²₁: 17 is
p ≈ 4·10⁻⁵, 8 is p ≈ .005.
"""
STRENGTHS = (4, 2, 1, 0.7, 0.5, 0.35, 0.25, 0.12, 0.06)
"""candidates for λ of L1 in units of the largest gradient expected from noise alone, `√(log(pairs) / N)`"""
LASSO_SIZE = 3e8
"""largest samples × spins² for which L1 is tried if there are other candidates"""


@dataclass(frozen=True)
class PenaltyRule:
    """What the name of a penalty stands for: either one penalty, or candidates between which held-out data choose."""

    fixed: Penalty | None = None
    """the penalty, if no other is tried"""
    tries_zero: bool = False
    tries_refit: bool = False
    tries_lasso: bool = False
    tests_halves: bool = False
    """whether two halves of the samples are compared, and couplings on which they disagree are shrunk"""
    has_common_law: bool = False
    """whether the couplings of all edges are taken as samples of one normal law, whose mean and spread are learned"""


PENALTIES: dict[PenaltyName, PenaltyRule] = {
    "auto": PenaltyRule(tries_zero=True, tries_refit=True, tries_lasso=True, tests_halves=True),
    "refit": PenaltyRule(tries_refit=True),
    "l1": PenaltyRule(tries_lasso=True),
    "common": PenaltyRule(tries_refit=True, has_common_law=True),
    "none": PenaltyRule(Free()),
    "zero": PenaltyRule(Zero()),
}
"""for each name that `recover_couplings` and the command line offer, what it stands for"""


@dataclass(frozen=True, eq=False)
class HeldOutChoice:
    """The penalty that held-out samples chose."""

    penalty: Penalty
    losses: dict[str, float]
    """negative log pseudo-likelihood of held-out samples, by candidate; lower is better"""
    support: Support | None
    """the pairs that the penalty selected, if it selects pairs"""


def choose_penalty(
    estimator: ConfiguredEstimator, spins: Array, rule: PenaltyRule, callback: Callable[[str], None]
) -> HeldOutChoice:
    """The fixed penalty of a rule, or its candidate that predicts a held-out fifth of the samples best.

    A candidate predicts single spins given all others.

    Candidates of one kind are tried in the order of falling prices or strengths, until one
    predicts worse than the one before. If L1 is best, the best refit is chosen instead, or else the largest λ, provided
    that it is not worse by more than a standard error of the difference: couplings should not be shrunk for an
    advantage that may be due to chance.

    Args:
        rule: an entry of `PENALTIES`.
        callback: called with a message before each candidate that takes long.
    """
    if rule.fixed is not None:
        return HeldOutChoice(rule.fixed, losses={}, support=None)
    n, d = spins.shape
    order = np.random.default_rng(estimator.seed).permutation(n)
    kept, held = spins[order[n // 5 :]], spins[order[: n // 5]]
    losses: dict[Penalty, Array] = {}  # the loss of every held-out sample
    supports: dict[Penalty, Support] = {}

    def held_out_loss(penalty: Penalty, parameters: Parameters) -> float:
        losses[penalty] = log_logistic(margins(held, parameters))[0].sum(1)
        return float(losses[penalty].mean())

    if rule.tries_zero:
        held_out_loss(Zero(), Zero().estimate(estimator, kept))
    columns, fit, before = SpinColumns.of(kept), None, np.inf
    for price in PRICES if rule.tries_refit else ():
        callback(f"select pairs, price {price:g}")
        fit = search_edges(columns, estimator.with_fields, price, fit)
        supports[Refit(price)] = fit.support
        loss = held_out_loss(Refit(price), estimator.refit(kept, fit))
        if loss > before:
            break
        before = loss
    if rule.tries_lasso and (n * d * d <= LASSO_SIZE or not rule.tries_refit):
        before, found = np.inf, Parameters.zeros(d)
        for strength in _strengths(kept):
            lasso = Lasso(strength)
            callback(str(lasso))
            found = lasso.estimate(estimator, kept, found)
            loss = held_out_loss(lasso, found)
            if loss > before:
                break
            before = loss
    best = min(losses, key=lambda penalty: losses[penalty].mean())
    if isinstance(best, Lasso):  # L1 shrinks all couplings, so others are preferred
        refits = [penalty for penalty in losses if isinstance(penalty, Refit)]
        best_refit = sorted(refits, key=lambda penalty: float(losses[penalty].mean()))[:1]
        lassos = [penalty for penalty in losses if isinstance(penalty, Lasso)]  # the largest λ first
        candidates: list[Penalty] = [*best_refit, *lassos]
        best = next(penalty for penalty in candidates if is_tied(losses[penalty], losses[best]))
    means = {str(penalty): float(loss.mean()) for penalty, loss in losses.items()}
    return HeldOutChoice(best, means, supports.get(best))


def is_tied(losses: Array, smallest: Array) -> bool:
    """Whether a mean loss exceeds the smallest by no more than a standard error of their difference."""
    excess = losses - smallest
    return bool(excess.mean() <= excess.std() / np.sqrt(len(excess)))


def reliability(estimator: ConfiguredEstimator, penalty: Penalty, spins: Array) -> float:
    """Cosine `c` between the couplings from two halves of the samples, corrected to all: `2c / (1 + c)`.

    Each half is estimated without a start, since estimates from a common start would agree too well.

    Source: Spearman 1910 and Brown 1910, British Journal of Psychology 3, 271–295 and 296–322.
    """
    order = np.random.default_rng(estimator.seed + 1).permutation(len(spins))
    halves = [penalty.estimate(estimator, spins[half]).couplings for half in np.array_split(order, 2)]
    norms = [np.linalg.norm(half) for half in halves]
    if not all(norms):
        return 0.0
    cosine = max(0.0, float((halves[0] * halves[1]).sum() / (norms[0] * norms[1])))
    return 2 * cosine / (1 + cosine)


def _strengths(spins: Array) -> list[float]:
    """The candidates for λ, the largest first."""
    n, d = spins.shape
    noise = float(np.sqrt(np.log(max(d * (d - 1) / 2, 2)) / n))
    return [factor * noise for factor in STRENGTHS]
