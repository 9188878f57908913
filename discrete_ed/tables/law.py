"""The exact law of the rows of a table, where its columns have few enough joint values to sum over all of them."""

from __future__ import annotations

from copy import deepcopy
from math import inf, prod

import torch
from torch import Tensor

from discrete_ed.likelihood import Bracket, LogPartition
from discrete_ed.tables.energy import TableEnergy
from discrete_ed.tables.matching import (
    LEAST_EFFECTIVE,
    MOST_ERROR,
    coupling_step,
    covariance_of,
    largest_difference,
    warn_of_covariance,
)

MOST_ROWS = 2**16
"""largest number of joint values over which laws are summed"""
MATCHING_ROUNDS, MATCHED = 300, 1e-7
"""largest number of rounds of `RowLaw.match`, and the distance of shares at which it ends"""
LEAST_STEP = 1e-6  # of a change of couplings
COUPLING_ROUNDS = 30
"""rounds of it in which couplings are changed as well"""


class RowLaw:
    """`p(row)` of an energy of a table for all joint values of its columns.

    Args:
        energy: the energy, with at most 2^16 joint values, see `is_small`.

    >>> law = RowLaw(TableEnergy([2, 3], features=1))
    >>> law.log_z.exp().round().item(), law.sample(2).shape
    (1.0, torch.Size([2, 2]))
    """

    def __init__(self, energy: TableEnergy) -> None:
        groups = energy.groups
        assert groups is not None
        self.sizes = energy.sizes
        self.rows = torch.cartesian_prod(*[torch.arange(size) for size in self.sizes]).reshape(-1, len(self.sizes))
        states = groups.encode(self.rows).to(energy.fields)
        with torch.no_grad():
            logits = torch.cat([-energy(part) for part in states.split(8192)]).double()
        self.logits = logits.reshape(self.sizes)

    @staticmethod
    def is_small(sizes: tuple[int, ...]) -> bool:
        """Whether a law can be summed."""
        return prod(sizes) <= MOST_ROWS

    @classmethod
    def matched(cls, energy: TableEnergy, shares: list[Tensor], covariance: Tensor | None = None) -> RowLaw | None:
        """The law after `match`; None if it can't be summed."""
        if not cls.is_small(energy.sizes):
            return None
        unchanged = deepcopy(energy.state_dict())
        law = cls(energy)
        law.match(energy, shares, covariance)
        if covariance is not None and law.covariance_error(energy, covariance) > MOST_ERROR:
            energy.load_state_dict(unchanged)
            law = cls(energy)
            law.match(energy, shares)
            warn_of_covariance(law.covariance_error(energy, covariance))
        return law

    def covariance_error(self, energy: TableEnergy, wanted: Tensor) -> float:
        """The largest difference of the covariance of two scores from the wanted one; infinite if there is none."""
        if not self.logits.isfinite().all():
            return inf
        groups = energy.groups
        assert groups is not None
        phi = energy.features(groups.encode(self.rows).to(energy.fields)).detach().double()
        found = covariance_of(phi, self.logits.flatten().softmax(0))
        return largest_difference(found, wanted, energy.scores)

    @property
    def log_z(self) -> Tensor:
        """`log Σ exp(−E)` over all rows."""
        return self.logits.flatten().logsumexp(0)

    @property
    def log_partition(self) -> LogPartition:
        """`log_z` as the exact value that it is."""
        return LogPartition(Bracket(float(self.log_z), float(self.log_z), 0.0, 0.0), exact=True)

    def marginal(self, column: int) -> Tensor:
        """The share of each value of a column, `(K,)`."""
        return self._shares(self.logits, column)

    def sample(self, count: int, *, generator: torch.Generator | None = None) -> Tensor:
        """Rows in random order, `(count, columns)`: each has this law, and no row comes more or less often than it is
        expected to by one or more, see `sweep_columns`."""
        shares = (self.logits - self.log_z).exp().flatten()
        u = (torch.randperm(count, generator=generator) + torch.rand(count, generator=generator).double()) / count
        return self.rows[torch.searchsorted(shares.cumsum(0), u).clamp(max=len(shares) - 1)]

    def complete(self, positions: Tensor, known: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """Rows whose cells that are not known are sampled given the others, `(B, columns)`."""
        found = positions.clone()
        for row, (cells, kept) in enumerate(zip(positions.tolist(), known.tolist(), strict=True)):
            if not all(kept):
                part = self._logits_of(cells, kept)
                drawn = int(_places(part.flatten().softmax(0), 1, generator))
                for column in reversed([k for k, keep in enumerate(kept) if not keep]):
                    drawn, found[row, column] = divmod(drawn, self.sizes[column])
        return found

    def column_given(self, positions: Tensor, known: Tensor, column: int) -> Tensor:
        """`p(column | known cells)` of each row, `(B, K)`; the column counts as unknown."""
        found = []
        for cells, kept in zip(positions.tolist(), known.tolist(), strict=True):
            kept[column] = False
            place = sum(not keep for keep in kept[:column])
            found.append(self._shares(self._logits_of(cells, kept), place))
        return torch.stack(found)

    def match(self, energy: TableEnergy, shares: list[Tensor], covariance: Tensor | None = None) -> None:
        """Change `b` and `J` of the energy, and this law, until its columns have the given shares and its features the
        given covariance, as maximum likelihood demands: iterative proportional fitting, which converges to the only
        solution, and steps of Newton's method (see `coupling_step`).

        Source: Deming and Stephan 1940, Annals of Mathematical Statistics 11, 427–444.
        """
        groups = energy.groups
        assert groups is not None
        phi = energy.features(groups.encode(self.rows).to(energy.fields)).double()
        for turn in range(MATCHING_ROUNDS):
            distance = 0.0
            for column, share in enumerate(shares):
                found = self.marginal(column)
                distance = max(distance, float((found - share).abs().max()))
                step = share.double().log() - found.log()
                step = step - step[0]  # as the energy sets its fields, so that `log_z` stays that of the energy
                self.logits = self.logits + step.reshape([-1 if k == column else 1 for k in range(len(self.sizes))])
                energy.add_fields(column, step)
            if covariance is not None and turn < COUPLING_ROUNDS:
                added = coupling_step(energy, covariance_of(phi, self.logits.flatten().softmax(0)), covariance)
                change = (((phi @ added) * phi).sum(-1) / 2).reshape(self.sizes)
                gain = self._gain(change)
                with torch.no_grad():
                    energy.couplings.add_(gain * added.to(energy.couplings))
                self.logits = self.logits + gain * change
            elif distance < MATCHED:
                return

    def _gain(self, change: Tensor) -> float:
        """The share of a change of the logits after which rows keep enough of their weights, so that no step of
        Newton's method leads far away: it is 1 near the solution."""
        before = self.logits.flatten().log_softmax(0)
        gain = 1.0
        while gain > LEAST_STEP:
            moved = gain * change.flatten()
            effective = 2 * (before + moved).logsumexp(0) - (before + 2 * moved).logsumexp(0)
            if effective.exp() >= LEAST_EFFECTIVE:
                break
            gain /= 2
        return gain

    def _logits_of(self, cells: list[int], kept: list[bool]) -> Tensor:
        return self.logits[tuple(cell if keep else slice(None) for cell, keep in zip(cells, kept, strict=True))]

    @staticmethod
    def _shares(logits: Tensor, column: int) -> Tensor:
        return logits.movedim(column, 0).reshape(logits.shape[column], -1).logsumexp(1).softmax(0)


def _places(shares: Tensor, count: int, generator: torch.Generator | None) -> Tensor:
    u = torch.rand(count, generator=generator, dtype=torch.float64)
    return torch.searchsorted(shares.cumsum(0), u).clamp(max=len(shares) - 1)
