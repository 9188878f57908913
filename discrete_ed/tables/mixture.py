"""A mixture of independent columns, fitted to the rows of a table: kinds of rows that no column names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from discrete_ed.tables.columns import Cells

SMOOTHED = 0.5
"""number of extra rows with each value, so that values that were not seen are improbable and not impossible"""
COMPONENTS = (2, 4, 8, 16, 32, 64)
"""numbers of components that are tried"""
ROWS_EACH = 10
"""the least number of rows for each component"""
MOST_ROWS = 10_000
"""the largest number of rows to which components are fitted"""
PRIOR, STRENGTHS = 1.0, (0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 1000.0)
"""rows with the law of a column that are added to each component at first, and later"""
ALIKE = 10
"""iterations before these are chosen for each column"""
STARTS, ITERATIONS = 2, 150
"""random starts of expectation maximisation, and their iterations at most"""
CONVERGED = 1e-6
"""relative gain of an iteration below which it was the last"""
SPREAD = 0.3  # of the first memberships: the smaller, the more they differ from row to row


@dataclass(frozen=True, eq=False)
class ColumnMixture:
    """`p(row) = Σ_k π_k Π_j p_kj(x_j)`: latent classes. One component is a law of independent columns."""

    log_weights: Tensor
    """`log π`, `(K,)`"""
    laws: list[Tensor]
    """for each column `log p_kj` of its values, `(values, K)`"""

    def parts(self, positions: Tensor, known: Tensor) -> list[Tensor]:
        """For each column `log p_kj` of the cells of rows `(N, columns)`, `(N, K)`: zero where a cell is unknown, so
        that their sum is the law of the others."""
        return [
            torch.where(known[:, column, None], law[positions[:, column]], 0.0) for column, law in enumerate(self.laws)
        ]

    def logits(self) -> Tensor:
        """What each bit of a state adds to the log-probability of a row under each component, `(bits, K)`, beyond that
        of a row without bits: a column of two values has one bit, see `TableEnergy`."""
        return torch.cat([law[1:] - law[:1] if len(law) == 2 else law for law in self.laws])

    def marginals(self) -> list[Tensor]:
        """The share of each value of each column, `(values,)`."""
        return [law.exp() @ self.log_weights.exp() for law in self.laws]

    def given_others(self, positions: Tensor, known: Tensor) -> Tensor:
        """`log p(value | the other known cells)` of all values of all columns, `(N, values)`."""
        parts = self.parts(positions, known)
        terms = self.log_weights + torch.stack(parts).sum(0)
        found = [(terms - part).softmax(1) @ law.exp().T for part, law in zip(parts, self.laws, strict=True)]
        return torch.cat(found, 1).log()

    def filled(self, positions: Tensor, known: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """Rows whose unknown cells are sampled given the known ones, `(N, columns)`."""
        terms = self.log_weights + torch.stack(self.parts(positions, known)).sum(0)
        k = terms.softmax(1).multinomial(1, generator=generator).squeeze(1)
        sampled = [law.T[k].exp().multinomial(1, generator=generator) for law in self.laws]
        return torch.where(known, positions, torch.cat(sampled, 1))

    def sample(self, count: int, *, generator: torch.Generator | None = None) -> Tensor:
        """Independent rows, `(count, columns)`."""
        nothing = torch.zeros(count, len(self.laws), dtype=torch.long)
        return self.filled(nothing, nothing.bool(), generator=generator)


def fit_mixture(positions: Cells, sizes: Sequence[int], components: int = 1, *, seed: int = 0) -> ColumnMixture:
    """The mixture that fits rows best, by expectation maximisation from two random starts.

    Each component has one more row with the laws of the columns, so that no value is impossible. A missing cell has no
    part in the law of its row.

    Args:
        positions: the value of each column, `(N, columns)`, NaN where it is missing.
        sizes: the number of values of each column.
        components: K.
        seed: seed of the starts, and of the choice of rows if there are more than `MOST_ROWS`.

    Source: Dempster, Laird and Rubin 1977, Journal of the Royal Statistical Society B 39, 1–38; for latent classes
    Goodman 1974, Biometrika 61, 215–231.

    >>> rows = np.repeat([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]], 50, axis=0)
    >>> two = fit_mixture(rows, (2, 2, 2), 2)
    >>> two.given_others(torch.ones(1, 3).long(), torch.ones(1, 3).bool())[0, 1].exp() > 0.97
    tensor(True)
    """
    shares = column_shares(positions, sizes)
    found, best = ColumnMixture(torch.zeros(1), [share.log().unsqueeze(1) for share in shares]), -np.inf
    if components == 1:
        return found
    rng = np.random.default_rng(seed)
    cells = torch.from_numpy(positions[rng.permutation(len(positions))[:MOST_ROWS]])
    known, whole = ~cells.isnan(), cells.nan_to_num().long()
    states = torch.cat([one_hot(whole[:, k], size) * known[:, k : k + 1] for k, size in enumerate(sizes)], 1).float()
    for _ in range(STARTS):
        belonging = torch.from_numpy(rng.dirichlet([SPREAD] * components, len(states))).float()
        before, strengths = -np.inf, [PRIOR] * len(sizes)
        for turn in range(ITERATIONS):
            weights = ((belonging.sum(0) + 1) / (len(states) + components)).log()
            counts = (belonging.T @ states).split(list(sizes), 1)
            if turn >= ALIKE:
                strengths = [_strength(*each) for each in zip(counts, shares, strict=True)]
            laws = [count + s * share for count, share, s in zip(counts, shares, strengths, strict=True)]
            laws = [(law / law.sum(1, keepdim=True)).log() for law in laws]
            terms = torch.addmm(weights, states, torch.cat(laws, 1).T)
            now = float(terms.logsumexp(1).double().sum())
            belonging = terms.softmax(1)
            if turn > ALIKE and abs(now - before) < CONVERGED * abs(now):
                break
            before = now
        if now > best:
            best, found = now, ColumnMixture(weights, [law.T.contiguous() for law in laws])
    return found


def _strength(counts: Tensor, share: Tensor) -> float:
    """The strength of a column's prior under which the numbers of its values in each component `(K, values)` are most
    probable: they are multinomial with a Dirichlet prior `strength · share`."""
    total = torch.tensor(STRENGTHS)
    prior = (total[:, None] * share).unsqueeze(1)  # (strengths, 1, values)
    evidence = (torch.lgamma(counts + prior) - torch.lgamma(prior)).sum((1, 2))
    evidence += (torch.lgamma(total[:, None]) - torch.lgamma(total[:, None] + counts.sum(1))).sum(1)
    return STRENGTHS[int(evidence.argmax())]


def column_shares(positions: Cells, sizes: Sequence[int]) -> list[Tensor]:
    """The share of each value of each column of rows `(N, columns)`, with half a row more for each value.

    >>> column_shares(np.array([[0.0], [np.nan]]), (2,))
    [tensor([0.7500, 0.2500])]
    """
    found = []
    for column, size in zip(positions.T, sizes, strict=True):
        counts = np.bincount(column[~np.isnan(column)].astype(int), minlength=size) + SMOOTHED
        found.append(torch.from_numpy(counts / counts.sum()).float())
    return found
