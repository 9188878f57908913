"""The fields and couplings of a table's energy, fitted to its rows by pseudo-likelihood with a Gaussian prior."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from discrete_ed.tables.columns import Cells
from discrete_ed.tables.energy import SMOOTHED, TableEnergy, gaussian_couplings
from discrete_ed.tables.sweeps import log_conditionals

DEVIATIONS = (0.12, 0.25, 0.5, 1.0, 2.0, 4.0)
"""standard deviations of the prior that may be tried, from the strongest prior to the weakest"""
FIRST = 2  # the number of the one that is tried first
TRIED_STEPS, STEPS = 40, 100
"""steps of L-BFGS for each deviation that is tried, from the couplings of the last one, and for the chosen one"""
MOST_STEPS = 2 * len(DEVIATIONS) * TRIED_STEPS
"""of all fits in which deviations and features are tried"""
LEAST_GAIN = 2.0
"""what a fit must gain on held-out rows over the Gaussian law, and indicators over none, in standard errors of the mean
of the gains of rows; more than one, since up to twelve fits are tried"""
MOST_GAIN = 10.0
"""in nats, what a row is taken to gain or lose at most: one row to which a law gives no chance would decide alone"""
LEAST_ROWS, MOST_PRODUCTS = 2000, 4e9
"""the rows that are used: so many that a step takes at most so many products, but at least so many"""
MOST_INDICATORS = 600
"""values of all columns above which ordered columns have no indicators"""
CHUNK_CELLS = 2**22  # log-probabilities that are held at once


@dataclass(frozen=True)
class ChosenPairs:
    """How the couplings of a table were fitted, and what held-out rows say of it."""

    indicators: bool
    """whether ordered columns have indicators of their values, too"""
    deviation: float | None
    """standard deviation of the prior; None for the couplings of a Gaussian law"""
    scores: list[tuple[bool, float | None, float]]
    """for all that was tried, indicators, deviation, and the mean of `log p(cell | the other cells)` of held-out rows,
    summed over columns"""

    def to_dict(self) -> dict[str, Any]:
        """The choice as values that JSON can hold."""
        return asdict(self)


def fit_pairs(
    energy: TableEnergy,
    positions: Cells,
    deviation: float,
    *,
    steps: int = STEPS,
    warm: bool = False,
    callback: Callable[[], None] | None = None,
) -> None:
    """Fit the fields and couplings of an energy without a network by pseudo-likelihood, in place.

    The loss of N rows is `−Σ log p(cell | the other cells) / N + Σ (G − G₀)² / (2 s² N)`. `G` are the couplings in the
    units that the prior is about: those of indicators which are 0 or 1, and of scores whose variance is 1. `G₀` is 0
    but for the couplings of two scores, where it is that of a Gaussian law of all scores. So numbers depend on each
    other as in a Gaussian copula, and all else as in a logistic regression. Of two values, a Gaussian law of their
    indicators has `1 + r` where the logarithm of a ratio of probabilities is meant, which is far too much if they are
    rare.

    Args:
        energy: the energy.
        positions: the value of each column, `(N, columns)`, NaN where it is missing; such a cell counts as the mean of
            its features for the others, and is not in the loss.
        deviation: s, the standard deviation of the prior.
        steps: the number of steps of L-BFGS.
        warm: whether the fit starts at the couplings of the energy, which are of another fit, or at `G₀`.
        callback: called after each step.

    Source: Besag 1975, The Statistician 24, 179–195; Ekeberg et al. 2013, Physical Review E 87, 012707.

    >>> rows = np.repeat([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]], 20, axis=0)
    >>> energy = TableEnergy.of_rows(rows, [3, 3], [False, False])
    >>> fit_pairs(energy, rows, deviation=2.0)
    >>> log_conditionals(energy, torch.tensor([[1, 1]])).exp().gt(0.95).tolist()
    [[True, True]]
    """
    from scipy.optimize import minimize

    most = max(LEAST_ROWS, int(MOST_PRODUCTS / (len(energy.couplings) * sum(energy.sizes))))
    used = positions if len(positions) <= most else positions[np.linspace(0, len(positions) - 1, most).astype(int)]
    problem = _Problem(energy, used, deviation)
    if problem.free.shape[1] == 0:
        return

    def after_step(_: Any) -> None:
        if callback is not None:
            callback()

    options = {"maxiter": steps}
    problem.store(
        minimize(problem, problem.start(warm=warm), jac=True, method="L-BFGS-B", options=options, callback=after_step).x
    )


def choose_pairs(
    start: Callable[[bool], TableEnergy],
    positions: Cells,
    held_out: Tensor,
    *,
    callback: Callable[[], None] | None = None,
) -> tuple[TableEnergy, ChosenPairs]:
    """The energy whose features and prior make held-out rows most probable, and what was chosen.

    Without indicators of ordered columns, and then with them, the deviation .5 is tried first, then larger ones until
    held-out rows become less probable or, if the first of these is no better, smaller ones. The couplings of the
    Gaussian law stay if no other ones are better, compared row by row, by two standard errors of the mean, and so do
    features without indicators.

    Args:
        start: makes an energy of the rows without a network, with or without indicators, see `TableEnergy.of_rows`.
        positions: the rows, `(N, columns)`, NaN where a cell is missing.
        held_out: positions of other rows without missing cells, `(M, columns)`.
        callback: called after each step of each fit, at most `MOST_STEPS` times.
    """
    energy = start(False)
    best = log_conditionals(energy, held_out).sum(-1)
    scores: list[tuple[bool, float | None, float]] = [(False, None, float(best.mean()))]
    chosen, indicators, deviation = energy, False, None
    tried = [False]
    if sum(energy.sizes) <= MOST_INDICATORS and any(
        size > 2 and energy.score_of(k) is not None for k, size in enumerate(energy.sizes)
    ):
        tried.append(True)
    for with_indicators in tried:
        energy, within, most = start(with_indicators), best, -float("inf")
        at, step = FIRST, 1
        while 0 <= at < len(DEVIATIONS):
            fit_pairs(energy, positions, DEVIATIONS[at], steps=TRIED_STEPS, warm=at != FIRST, callback=callback)
            found = log_conditionals(energy, held_out).sum(-1)
            scores.append((with_indicators, DEVIATIONS[at], float(found.mean())))
            if found.mean() <= most:
                if (at, step) != (FIRST + 1, 1):
                    break
                at, step = FIRST, -1
            else:
                most, gain = float(found.mean()), (found - within).clamp(-MOST_GAIN, MOST_GAIN)
                if gain.mean() > LEAST_GAIN * gain.std() / len(gain) ** 0.5 and found.mean() > best.mean():
                    chosen, best, indicators, deviation = deepcopy(energy), found, with_indicators, DEVIATIONS[at]
            at += step
    return chosen, ChosenPairs(indicators, deviation, scores)


class _Problem:
    """The loss of `fit_pairs` and its gradient, as a function of the free couplings in units of the prior, and of the
    fields of all values."""

    def __init__(self, energy: TableEnergy, positions: Cells, deviation: float) -> None:
        self.energy, self.deviation = energy, deviation
        columns, features = len(energy.sizes), len(energy.couplings)
        of_column = [energy.value_features(k).detach() for k in range(columns)]
        self.table = torch.cat(of_column)  # (values, P)
        self.ends = np.cumsum(energy.sizes).tolist()
        cells = torch.from_numpy(positions)
        known = ~cells.isnan()
        whole = cells.nan_to_num().long()
        self.phi = energy.origin.expand(len(cells), -1).clone()
        self.on = torch.zeros(len(cells), len(self.table), dtype=torch.bool)
        self.known = torch.zeros_like(self.on)
        own = torch.zeros(features, features, dtype=torch.bool)
        self.unit = torch.ones(features)
        scores = []
        for k, (size, added) in enumerate(zip(energy.sizes, of_column, strict=True)):
            place = slice(self.ends[k] - size, self.ends[k])
            used = (added != 0).any(0)
            self.on[:, place] = torch.nn.functional.one_hot(whole[:, k], size).bool() & known[:, k : k + 1]
            self.known[:, place] = known[:, k : k + 1]
            self.phi += torch.where(known[:, k : k + 1], added[whole[:, k]], -energy.origin * used)
            own |= used.unsqueeze(0) & used.unsqueeze(1)
            self.unit[used] = (added.amax(0) - added.amin(0))[used]
            score = energy.score_of(k)
            if size > 2 and score is not None:
                scores.append(score)
                self.unit[score] = 1.0
        self.places = [slice(end - size, end) for end, size in zip(self.ends, energy.sizes, strict=True)]
        rows, others = torch.triu_indices(features, features, 1)
        self.free = torch.stack([rows, others])[:, ~own[rows, others]]
        self.units = (self.unit[self.free[0]] * self.unit[self.free[1]]).double()
        centre = torch.zeros(features, features, dtype=torch.float64)
        if len(scores) > 1:
            inner = torch.from_numpy(gaussian_couplings(self.phi[:, scores].double().numpy()))
            centre[torch.tensor(scores)[:, None], torch.tensor(scores)] = inner
        self.centre = centre[self.free[0], self.free[1]] * self.units

    def start(self, *, warm: bool) -> Any:
        """The couplings of the energy, or else those of the mean of the prior, and the fields of the energy."""
        couplings = (self.energy.couplings + self.energy.couplings.T).detach().double() / 2
        fields = torch.cat([self.energy.value_fields(k).detach() for k in range(len(self.places))]).double()
        return torch.cat([couplings[self.free[0], self.free[1]] * self.units if warm else self.centre, fields]).numpy()

    def parts(self, values: Any) -> tuple[Tensor, Tensor, Tensor]:
        """The couplings in units of the prior, as a matrix `(P, P)`, and the fields."""
        found = torch.from_numpy(np.ascontiguousarray(values))
        pairs, fields = found[: self.free.shape[1]], found[self.free.shape[1] :]
        matrix = torch.zeros(len(self.unit), len(self.unit), dtype=torch.float64)
        matrix[self.free[0], self.free[1]] = pairs / self.units
        return pairs, matrix + matrix.T, fields

    def __call__(self, values: Any) -> tuple[float, Any]:
        pairs, matrix, fields = self.parts(values)
        weights, total = matrix.float() @ self.table.T, len(self.phi)
        slope = torch.zeros(len(self.table), len(self.unit))
        for_fields = torch.zeros(len(fields), dtype=torch.float64)
        loss = 0.0
        rows = max(1, CHUNK_CELLS // len(self.table))
        for phi, on, known in zip(self.phi.split(rows), self.on.split(rows), self.known.split(rows), strict=True):
            law = phi @ weights + fields.float()
            for place in self.places:
                law[:, place] = law[:, place].log_softmax(-1)
            loss -= float(law[on].double().sum())
            rest = law.exp() * known - on.float()
            slope += rest.T @ phi
            for_fields += rest.sum(0).double()
        for place in self.places:  # as if half a row more had each value, whatever the other columns hold
            alone = fields[place].log_softmax(0)
            loss -= SMOOTHED * float(alone.sum())
            for_fields[place] += SMOOTHED * (len(alone) * alone.exp() - 1)
        full = (slope.T @ self.table).double()
        for_pairs = (full + full.T)[self.free[0], self.free[1]] / self.units
        away = (pairs - self.centre) / self.deviation**2
        loss += float((away * (pairs - self.centre)).sum()) / 2
        return loss / total, (torch.cat([for_pairs + away, for_fields]) / total).numpy()

    def store(self, values: Any) -> None:
        """Give the energy these couplings and fields."""
        _, matrix, fields = self.parts(values)
        self.energy.couplings.data = matrix.to(self.energy.couplings)
        for k, place in enumerate(self.places):
            self.energy.set_fields(k, fields[place])
