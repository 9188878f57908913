"""The fields and couplings of a table's energy, fitted to its rows by pseudo-likelihood with a Gaussian prior."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from discrete_ed.tables.columns import Cells
from discrete_ed.tables.energy import TableEnergy, gaussian_couplings
from discrete_ed.tables.mixture import COMPONENTS, ROWS_EACH, SMOOTHED

START, PRIOR_ROWS = 0.5, 0.1
"""standard deviation of the prior of all couplings at first, and the number of couplings for which that counts when the
widths of blocks are found"""
ROUNDS, STEPS = 6, 20
"""times that the widths of all blocks are found anew, and steps of L-BFGS before the first time and after each"""
MOST_STEPS = (ROUNDS + 1) * STEPS
"""of one call of `fit_pairs`"""
LEAST_GAIN, SURE_GAIN = 1.0, 2.0
"""what another energy must gain on held-out rows to be chosen, in standard errors of the mean of their gains; and what
it must gain as the best of many, or over what is safer"""
MOST_GAIN = 10.0
"""in nats, what a row is taken to gain or lose at most: one row to which a law gives no chance would decide alone"""
LEAST_ROWS, MOST_PRODUCTS = 2000, 4e9
"""the rows that are used: so many that a step takes at most so many products, but at least so many"""
MOST_INDICATORS = 600
"""values of all columns above which ordered columns have no indicators"""
CHUNK_CELLS = 2**22  # log-probabilities that are held at once


@dataclass(frozen=True)
class PairFit:
    """One way in which the dependence of the columns of a table was fitted."""

    fitted: bool
    """whether couplings are fitted by pseudo-likelihood; if not, they are those of a Gaussian law"""
    indicators: bool
    """whether ordered columns have indicators of their values, too"""
    components: int
    """of the mixture of independent columns; 1 is none"""
    score: float
    """the mean of `log p(cell | the other cells)` of held-out rows, summed over known cells"""

    def __str__(self) -> str:
        if not self.fitted:
            return "the couplings of a Gaussian law"
        features = ", with indicators of all values of ordered columns" if self.indicators else ""
        kinds = f", on a mixture of {self.components} kinds of rows" if self.components > 1 else ""
        return f"couplings fitted by pseudo-likelihood{features}{kinds}"


@dataclass(frozen=True)
class ChosenPairs:
    """How the dependence of the columns of a table was fitted, and what held-out rows say of what was tried."""

    best: PairFit
    """what was chosen"""
    tried: list[PairFit]
    """all that was tried"""

    def to_dict(self) -> dict[str, Any]:
        """The choice as values that JSON can hold."""
        return asdict(self)


def fit_pairs(energy: TableEnergy, positions: Cells, *, callback: Callable[[], None] | None = None) -> None:
    """Fit the fields and couplings of an energy without a network by pseudo-likelihood, in place.

    The loss of N rows is half of `−Σ log p(cell | the other cells)`, in which each coupling occurs twice, and
    `Σ (G − G₀)² / 2s²`, both divided by N/2. `G` are the couplings in the units that the prior is about: those of
    indicators which are 0 or 1, and of scores whose variance is 1. `G₀` is 0 but for the couplings of two scores of an
    energy with one component, where it is that of a Gaussian law of all scores. So numbers depend on each other as in a
    Gaussian copula, and all else as in a logistic regression. Of two values, a Gaussian law of their indicators has
    `1 + r` where the logarithm of a ratio of probabilities is meant, which is far too much if they are rare.

    Each block of couplings, those of the score or the indicators of a column with those of another, has its own width
    s, so that a column that depends on nothing isn't overfitted beside columns that copy each other. It is the one that
    explains the block (the maximum of the evidence, up to a weak prior):

        s² = (Σ (G − G₀)² + ν s₀²) / (Σ γ + ν),   γ = h s² / (1 + h s²)

    with `h` the second derivatives of the first part of the loss, `s₀` = `START` and `ν` = `PRIOR_ROWS`. Fits and
    widths take turns. The mixture of the energy stays as it is, so that pairs explain what it leaves.

    Args:
        energy: the energy.
        positions: the value of each column, `(N, columns)`, NaN where it is missing; such a cell counts as the mean of
            its features for the others, and is not in the loss.
        callback: called after each step, at most `MOST_STEPS` times.

    Source: Besag 1975, The Statistician 24, 179–195; Ekeberg et al. 2013, Physical Review E 87, 012707; for widths
    MacKay 1992, Neural Computation 4, 415–447.

    >>> from discrete_ed.tables.sweeps import log_conditionals
    >>> rows = np.repeat([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]], 20, axis=0)
    >>> energy = TableEnergy.of_rows(rows, [3, 3], [False, False])
    >>> fit_pairs(energy, rows)
    >>> log_conditionals(energy, torch.tensor([[1, 1]])).exp().gt(0.95).tolist()
    [[True, True]]
    """
    from scipy.optimize import minimize

    most = max(LEAST_ROWS, int(MOST_PRODUCTS / (len(energy.couplings) * sum(energy.sizes))))
    used = positions if len(positions) <= most else positions[np.linspace(0, len(positions) - 1, most).astype(int)]
    problem = _Problem(energy, used)
    if problem.free.shape[1] == 0:
        return

    def after_step(_: Any) -> None:
        if callback is not None:
            callback()

    values = problem.start()
    for turn in range(ROUNDS + 1):
        if turn:
            problem.find_widths(values)
        options = {"maxiter": STEPS}
        values = minimize(problem, values, jac=True, method="L-BFGS-B", options=options, callback=after_step).x
    problem.store(values)


def choose_pairs(
    start: Callable[[bool, int], TableEnergy],
    positions: Cells,
    judge: Callable[[TableEnergy], Tensor],
    *,
    callback: Callable[[], None] | None = None,
) -> tuple[TableEnergy, ChosenPairs]:
    """The energy whose mixture and couplings make held-out rows most probable, and what was chosen.

    If most columns are ordered, the couplings of the Gaussian law come first. Then fitted ones are tried, without and
    with indicators of ordered columns, and, with the better of these, fitted ones on a mixture, with the number of
    components whose mixture alone is best. Each must be better than the best before it, see `is_better`: by two
    standard errors if that is the Gaussian law, which suits numbers (the samples of strong couplings, each fitted to
    one column at a time, keep their correlations less well), or if it is the mixture that is tried, as the best of
    several.

    Args:
        start: makes an energy of the rows without a network, with or without indicators, and with a number of
            components, see `TableEnergy.of_rows`.
        positions: the rows, `(N, columns)`, NaN where a cell is missing.
        judge: gives for each held-out row the sum of `log p(cell | the other cells)` over its known cells, `(M,)`.
        callback: called after each step of each fit, at most `3 MOST_STEPS` times.
    """
    plain = start(False, 1)
    columns = zip(range(len(plain.sizes)), plain.sizes, strict=True)
    ordered = sum(size > 2 and plain.score_of(k) is not None for k, size in columns)
    chosen: TableEnergy | None = None
    tried: list[PairFit] = []
    best, found = torch.empty(0), PairFit(True, False, 1, -np.inf)

    def candidates() -> Iterator[tuple[TableEnergy, PairFit, float]]:
        if 2 * ordered > len(plain.sizes):
            yield plain, replace(found, fitted=False), LEAST_GAIN
        yield start(False, 1), replace(found, fitted=True), LEAST_GAIN
        if ordered and sum(plain.sizes) <= MOST_INDICATORS:
            yield start(True, 1), replace(found, fitted=True, indicators=True), LEAST_GAIN
        mixtures = [start(found.indicators, k) for k in COMPONENTS if k * ROWS_EACH <= len(positions)]
        if mixtures and len(plain.sizes) > 1:
            mixture = max(mixtures, key=lambda energy: float(judge(energy).mean()))
            yield mixture, replace(found, fitted=True, components=len(mixture.log_weights)), SURE_GAIN

    for energy, fit, least in candidates():
        if fit.fitted:
            fit_pairs(energy, positions, callback=callback)
        judged = judge(energy)
        tried.append(replace(fit, score=float(judged.mean())))
        if chosen is None or is_better(judged, best, least if found.fitted else SURE_GAIN):
            chosen, best, found = energy, judged, tried[-1]
    assert chosen is not None
    return chosen, ChosenPairs(found, tried)


def is_better(judged: Tensor, best: Tensor, least: float = LEAST_GAIN) -> bool:
    """Whether held-out rows gain by another energy, compared row by row: `least` standard errors of the mean gain.

    Args:
        judged: what each row is worth by the other energy, `(M,)`, in nats.
        best: the same by the energy that is the best so far.
        least: what must be gained, in standard errors.

    >>> is_better(torch.tensor([1.0, 2.0, 900.0]), torch.zeros(3)), is_better(torch.tensor([-1.0, 2.0]), torch.zeros(2))
    (True, False)
    """
    gain = (judged - best).clamp(-MOST_GAIN, MOST_GAIN)
    return bool(gain.mean() > least * gain.std() / len(gain) ** 0.5)


class _Problem:
    """The loss of `fit_pairs` and its gradient, as a function of the free couplings in units of the prior, and of the
    fields of all values."""

    def __init__(self, energy: TableEnergy, positions: Cells) -> None:
        self.energy = energy
        columns, features = len(energy.sizes), len(energy.couplings)
        of_column = [energy.value_features(k).detach() for k in range(columns)]
        self.table = torch.cat(of_column)  # (values, P)
        ends = np.cumsum(energy.sizes).tolist()
        self.places = [slice(end - size, end) for end, size in zip(ends, energy.sizes, strict=True)]
        cells = torch.from_numpy(positions)
        known = ~cells.isnan()
        whole = cells.nan_to_num().long()
        self.phi = energy.origin.expand(len(cells), -1).clone()
        self.on = torch.zeros(len(cells), len(self.table), dtype=torch.bool)
        self.known = torch.zeros_like(self.on)
        own = torch.zeros(features, features, dtype=torch.bool)
        self.unit = torch.ones(features)
        scores = []
        kinds = np.zeros(features, dtype=int)  # two for each column: its indicators, and its score
        for k, (size, added) in enumerate(zip(energy.sizes, of_column, strict=True)):
            place = self.places[k]
            used = (added != 0).any(0)
            self.on[:, place] = torch.nn.functional.one_hot(whole[:, k], size).bool() & known[:, k : k + 1]
            self.known[:, place] = known[:, k : k + 1]
            self.phi += torch.where(known[:, k : k + 1], added[whole[:, k]], -energy.origin * used)
            own |= used.unsqueeze(0) & used.unsqueeze(1)
            self.unit[used] = (added.amax(0) - added.amin(0))[used]
            kinds[used.numpy()] = 2 * k
            score = energy.score_of(k)
            if size > 2 and score is not None:
                scores.append(score)
                self.unit[score] = 1.0
                kinds[score] = 2 * k + 1
        rows, others = torch.triu_indices(features, features, 1)
        self.free = torch.stack([rows, others])[:, ~own[rows, others]]
        self.units = (self.unit[self.free[0]] * self.unit[self.free[1]]).double()
        centre = torch.zeros(features, features, dtype=torch.float64)
        if len(scores) > 1 and len(energy.log_weights) == 1:
            inner = torch.from_numpy(gaussian_couplings(self.phi[:, scores].double().numpy()))
            centre[torch.tensor(scores)[:, None], torch.tensor(scores)] = inner
        self.centre = centre[self.free[0], self.free[1]] * self.units
        low, high = np.sort(kinds[self.free.numpy()], axis=0)
        _, block = np.unique(low * 2 * columns + high, return_inverse=True)
        self.block = torch.from_numpy(block)
        self.variances = torch.full((int(block.max(initial=-1)) + 1,), START**2, dtype=torch.float64)
        mixture = energy.mixture
        self.given = mixture.given_others(whole, known)
        self.alone = torch.cat(mixture.marginals()).log().double()

    def start(self) -> Any:
        """The couplings that are the mean of the prior, and the fields of the energy."""
        fields = torch.cat([self.energy.value_fields(k).detach() for k in range(len(self.places))]).double()
        return torch.cat([self.centre, fields]).numpy()

    def parts(self, values: Any) -> tuple[Tensor, Tensor, Tensor]:
        """The couplings in units of the prior, as a matrix `(P, P)`, and the fields."""
        found = torch.from_numpy(np.ascontiguousarray(values))
        pairs, fields = found[: self.free.shape[1]], found[self.free.shape[1] :]
        matrix = torch.zeros(len(self.unit), len(self.unit), dtype=torch.float64)
        matrix[self.free[0], self.free[1]] = pairs / self.units
        return pairs, matrix + matrix.T, fields

    def __call__(self, values: Any) -> tuple[float, Any]:
        pairs, matrix, fields = self.parts(values)
        total = len(self.phi)
        slope = torch.zeros(len(self.table), len(self.unit))
        for_fields = torch.zeros(len(fields), dtype=torch.float64)
        loss = 0.0
        for phi, on, known, law in self.laws(matrix, fields):
            loss -= float(law[on].double().sum())
            rest = law.exp() * known - on.float()
            slope += rest.T @ phi
            for_fields += rest.sum(0).double()
        for place in self.places:  # as if half a row more had each value, whatever the other columns hold
            alone = (fields[place] + self.alone[place]).log_softmax(0)
            loss -= SMOOTHED * float(alone.sum())
            for_fields[place] += SMOOTHED * (len(alone) * alone.exp() - 1)
        full = (slope.T @ self.table).double()
        for_pairs = (full + full.T)[self.free[0], self.free[1]] / self.units
        away = (pairs - self.centre) / self.variances[self.block]
        loss += float((away * (pairs - self.centre)).sum())
        return loss / total, (torch.cat([for_pairs + 2 * away, for_fields]) / total).numpy()

    def laws(self, matrix: Tensor, fields: Tensor) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]:
        """For some rows at a time, their features, which values they have, which are those of known cells, and the
        log-probability of each value given the other cells."""
        weights, rows = matrix.float() @ self.table.T, max(1, CHUNK_CELLS // len(self.table))
        parts = [whole.split(rows) for whole in (self.phi, self.on, self.known, self.given)]
        for phi, on, known, given in zip(*parts, strict=True):
            law = phi @ weights + fields.float() + given
            for place in self.places:
                law[:, place] = law[:, place].log_softmax(-1)
            yield phi, on, known, law

    def find_widths(self, values: Any) -> None:
        """The variance of the prior of each block that explains its couplings, see `fit_pairs`."""
        pairs, matrix, fields = self.parts(values)
        curvature = torch.zeros_like(matrix)
        for phi, _, known, law in self.laws(matrix, fields):
            known_law = law.exp() * known
            # an unknown cell has variance 0 here: its law is not in the loss
            variance = known_law @ self.table**2 - (known_law @ self.table) ** 2
            curvature += ((phi**2).T @ variance).double()
        half = (curvature + curvature.T)[self.free[0], self.free[1]] / self.units**2 / 2
        given = half * self.variances[self.block]
        total = torch.zeros_like(self.variances)
        determined = total.index_add(0, self.block, given / (1 + given))
        squares = total.index_add(0, self.block, (pairs - self.centre) ** 2)
        self.variances = (squares + PRIOR_ROWS * START**2) / (determined + PRIOR_ROWS)

    def store(self, values: Any) -> None:
        """Give the energy these couplings and fields."""
        _, matrix, fields = self.parts(values)
        self.energy.couplings.data = matrix.to(self.energy.couplings)
        for k, place in enumerate(self.places):
            self.energy.set_fields(k, fields[place])
