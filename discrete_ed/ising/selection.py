"""The choice between penalties by held-out samples, and the agreement of two halves of the samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from discrete_ed.ising.columns import columns_of
from discrete_ed.ising.completion import completed
from discrete_ed.ising.edge_search import search_edges
from discrete_ed.ising.estimators import ConfiguredEstimator
from discrete_ed.ising.expectation import estimate
from discrete_ed.ising.objectives import row_losses
from discrete_ed.ising.observations import Observations
from discrete_ed.ising.parameters import Array, Parameters, Support
from discrete_ed.ising.penalties import Free, Lasso, Penalty, Refit, Zero
from discrete_ed.names import PenaltyName

PRICES = (17.0, 12.0, 8.0)
"""candidates for the decrease of the loss that a pair must achieve to be selected; held-out data choose between them

Both spins of a pair give information on its coupling, so that by chance alone the decrease is about χ²₁: 17 is
p ≈ 4·10⁻⁵, 8 is p ≈ .005.
"""
STRENGTHS = (4, 2, 1, 0.7, 0.5, 0.35, 0.25, 0.12, 0.06)
"""candidates for λ of L1 in units of the largest gradient expected from noise alone, `√(log(pairs) / N)`"""
SAME = 1e-9
"""difference of held-out losses, in nats a row, up to which they count as equal: prices that select the same pairs
differ by rounding only, and the highest of them is taken"""
PLENTY = 10
"""number of rows for each pair above which L1 must be better than refit by two standard errors"""
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
    estimator: ConfiguredEstimator, data: Observations, rule: PenaltyRule, callback: Callable[[str], None]
) -> HeldOutChoice:
    """The fixed penalty of a rule, or its candidate that predicts a held-out fifth of the samples best.

    A candidate predicts single spins given all others.

    Candidates of one kind are tried in the order of falling prices or strengths, until one
    predicts worse than the one before. If L1 is best, the best refit is chosen instead, or else the largest λ, provided
    that it is not worse by more than a standard error of the difference (of refit two, with more than ten rows for each
    pair): couplings should not be shrunk for an advantage that may be due to chance. With blocks of dependent rows L1
    is not tried beside refit, since it keeps many pairs that are only noise, and few blocks can't tell.

    Rows with missing cells are completed first, as a pilot fit of the remaining rows expects.

    Args:
        rule: an entry of `PENALTIES`.
        callback: called with a message before each candidate that takes long.
    """
    if rule.fixed is not None:
        return HeldOutChoice(rule.fixed, losses={}, support=None)
    d = data.spins.shape[1]
    held, kept = data.divided(5, np.random.default_rng(estimator.seed))
    if not data.spins.all():
        pilot = estimate(replace(estimator, name="single-site"), Refit(PRICES[1]), kept).parameters
        held, kept = (completed(part, pilot, estimator.seed) for part in (held, kept))
    losses: dict[Penalty, Array] = {}  # the loss of every held-out sample
    supports: dict[Penalty, Support] = {}

    def held_out_loss(penalty: Penalty, parameters: Parameters) -> float:
        losses[penalty] = row_losses(held.spins, parameters)
        return float(held.mean(losses[penalty]))

    if rule.tries_zero:
        held_out_loss(Zero(), Zero().estimate(estimator, kept))
    columns, fit, before = columns_of(kept), None, np.inf
    for price in PRICES if rule.tries_refit else ():
        callback(f"select pairs, price {price:g}")
        fit = search_edges(columns, estimator.with_fields, price, fit)
        supports[Refit(price)] = fit.support
        loss = held_out_loss(Refit(price), estimator.refit(kept, fit))
        if loss > before + SAME:
            break
        before = loss
    allows_lasso = not data.depends and len(data.spins) * d * d <= LASSO_SIZE
    if rule.tries_lasso and (allows_lasso or not rule.tries_refit):
        before, found = np.inf, Parameters.zeros(d)
        for strength in _strengths(kept):
            lasso = Lasso(strength)
            callback(str(lasso))
            found = lasso.estimate(estimator, kept, found)
            loss = held_out_loss(lasso, found)
            if loss > before:
                break
            before = loss
    means = {penalty: float(held.mean(loss)) for penalty, loss in losses.items()}
    best = _least(list(losses), means)
    if isinstance(best, Lasso):  # L1 shrinks all couplings, so others are preferred
        refits = [penalty for penalty in losses if isinstance(penalty, Refit)]
        best_refit = [_least(refits, means)] if refits else []
        lassos = [penalty for penalty in losses if isinstance(penalty, Lasso)]  # the largest λ first
        candidates: list[Penalty] = [*best_refit, *lassos]
        margin = 2.0 if data.size > PLENTY * d * (d - 1) / 2 else 1.0
        margins = {penalty: margin if isinstance(penalty, Refit) else 1.0 for penalty in candidates}
        best = next(each for each in candidates if is_tied(losses[each] - losses[best], held, margins[each]))
    return HeldOutChoice(best, {str(penalty): mean for penalty, mean in means.items()}, supports.get(best))


def _least(penalties: Sequence[Penalty], means: Mapping[Penalty, float]) -> Penalty:
    """The first of the penalties whose loss is the least, up to rounding."""
    least = min(means[penalty] for penalty in penalties)
    return next(penalty for penalty in penalties if means[penalty] <= least + SAME)


def is_tied(excess: Array, held: Observations, margin: float = 1.0) -> bool:
    """Whether the mean excess of a loss is no more than `margin` standard errors above zero.

    Args:
        excess: for each held-out row the loss less the smallest.
        held: the held-out rows, with their weights and blocks.
    """
    return bool(held.mean(excess) <= margin * held.error_of_mean(excess))


def reliability(estimator: ConfiguredEstimator, penalty: Penalty, data: Observations) -> float:
    """Cosine `c` between the couplings from two halves of the samples, corrected to all: `2c / (1 + c)`.

    Each half is estimated without a start, since estimates from a common start would agree too well. In a half a pair
    decreases the loss by half as much, so where the halves select no pair in common, both are searched at half the
    price. NaN if a half has no couplings even so: then nothing can be compared.

    Source: Spearman 1910 and Brown 1910, British Journal of Psychology 3, 271–295 and 296–322.
    """
    parts = data.divided(2, np.random.default_rng(estimator.seed + 1))
    halves = [estimate(estimator, penalty, half).parameters.couplings for half in parts]
    if isinstance(penalty, Refit) and not (halves[0] * halves[1]).any():
        cheaper = Refit(penalty.price / 2)
        halves = [estimate(estimator, cheaper, half).parameters.couplings for half in parts]
    if not all(half.any() for half in halves):
        return float("nan")
    norms = [np.linalg.norm(half) for half in halves]
    cosine = max(0.0, float((halves[0] * halves[1]).sum() / (norms[0] * norms[1])))
    return 2 * cosine / (1 + cosine)


def shrinkage_warnings(penalty: Penalty, couplings: Array, agreement: float, shrinkage: float) -> list[str]:
    """Warnings if couplings were shrunk; none if there are none."""
    found = []
    if isinstance(penalty, Lasso) and couplings.any():
        found.append(
            "L1 shrinks all couplings, and many that are not zero are only noise; intervals are those of an estimate "
            "without this bias, so a coupling may lie outside of its own"
        )
    if np.isnan(agreement):
        found.append(
            "half of the data alone shows no coupling, so that two halves can't be compared; the couplings are not "
            "shrunk, and more samples are needed to confirm them"
        )
    elif shrinkage < 0.995:
        found.append(
            f"halves of the data hardly agree on the couplings (reliability {agreement:.2f}); they were multiplied by "
            f"{shrinkage:.2f}, so that a coupling may lie outside of its interval, and more samples are needed to tell "
            "which pairs interact"
        )
    return found


def _strengths(data: Observations) -> list[float]:
    """The candidates for λ, the largest first."""
    n, d = data.size, data.spins.shape[1]
    noise = float(np.sqrt(np.log(max(d * (d - 1) / 2, 2)) / n))
    return [factor * noise for factor in STRENGTHS]
