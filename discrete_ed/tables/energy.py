"""The energy of a table: each column by itself or kinds of rows, pairs of columns, and a network for all the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from discrete_ed.energies import Energy
from discrete_ed.groups import Groups
from discrete_ed.tables.columns import Cells
from discrete_ed.tables.mixture import ColumnMixture, column_shares, fit_mixture
from discrete_ed.tables.optional import scikit_learn

RIDGE = 0.01
"""what is added to the variances of the features, so that no two of them determine each other"""
MOST_DEVIATIONS = 4.0
"""how far from their mean features may be whose covariances are matched: those of rare values have too much noise"""
CHUNK_UNITS = 2**19  # hidden units that are evaluated at once, so that they stay in the processor's cache
LARGEST_SCORE = 3.0  # of normal scores, those of rare values at the ends of an order


class TableEnergy(Energy):
    """`E(x) = −log m(x) − bᵀx − ½ φᵀJφ + f(φ)` with features `φ = Fx + φ₀` of the columns.

    An ordered column (an ordinal, or a number in bins) has a score that grows with its value; a category has an
    indicator of each value, and an ordered column may have them, too. They have mean 0 over the rows and variance 1, or
    less if a rare value would be more than `MOST_DEVIATIONS` from the mean. `m` is a mixture of independent columns,
    with one component the law of each column by itself. `J` holds the dependence of pairs, the network `f` with one
    hidden layer everything else, and `b` corrects the laws of columns for both. Training doesn't change `m`.

    Args:
        sizes: the number of values of each column. A column of K > 2 values has K bits, of which one is on, and a
            column of two values has one bit.
        features: P, the number of features.
        width: units of the hidden layer.
        components: of the mixture.

    >>> energy = TableEnergy([3, 2], features=4)
    >>> energy(torch.tensor([[1.0, 0.0, 0.0, 1.0]])).exp().tolist(), energy.groups.sizes
    ([6.0], (3, 2))
    """

    fixed_groups: ClassVar[bool] = True
    table: Tensor
    origin: Tensor
    log_weights: Tensor
    log_laws: Tensor

    def __init__(self, sizes: Sequence[int], features: int, width: int = 64, components: int = 1) -> None:
        super().__init__()
        widths = [1 if size == 2 else size for size in sizes]
        ends = np.cumsum(widths).tolist()
        self.places = tuple(slice(end - width, end) for end, width in zip(ends, widths, strict=True))
        self.sizes = tuple(int(size) for size in sizes)
        self.bits = int(ends[-1])
        members = tuple(tuple(range(p.start, p.stop)) for p in self.places if p.stop - p.start > 1)
        self.groups = Groups(members, self.bits)
        self.register_buffer("table", torch.zeros(self.bits, features))
        self.register_buffer("origin", torch.zeros(features))
        uniform = [torch.full((size, components), 1 / size).log() for size in self.sizes]
        self.register_buffer("log_weights", torch.full((components,), 1 / components).log())
        self.register_buffer("log_laws", torch.cat(uniform))
        self.fields = nn.Parameter(torch.zeros(self.bits))
        self.couplings = nn.Parameter(torch.zeros(features, features))
        self.hidden = nn.Linear(features, width)
        self.output = nn.Linear(width, 1, bias=False)
        nn.init.zeros_(self.output.weight)

    @classmethod
    def of_rows(
        cls,
        positions: Cells,
        sizes: Sequence[int],
        ordered: Sequence[bool],
        *,
        indicators: bool = False,
        components: int = 1,
        width: int = 64,
        seed: int = 0,
    ) -> TableEnergy:
        """The energy with the laws of columns and the correlations of features of some rows, and no network yet.

        With the covariance `C` of the features, shrunk as Ledoit and Wolf do, `J = I − C⁻¹`: the density of a Gaussian
        law of the features, divided by those of its columns. With more than one component `J = 0`, since the mixture
        has correlations of its own.

        Args:
            positions: the value of each column, `(N, columns)`, NaN where it is missing.
            sizes: the number of values of each column.
            ordered: whether the values of each column have an order.
            indicators: whether an ordered column of more than two values has indicators of each value, too; they have
                no couplings yet.
            components: of the mixture, which is fitted to the rows, see `fit_mixture`.
            width: units of the hidden layer.
            seed: seed of the initial weights and of the fit of the mixture.

        Source: Ledoit and Wolf 2004, Journal of Multivariate Analysis 88, 365–411.
        """
        tables, gaussian = [], []
        shares = [share.double().numpy() for share in column_shares(positions, sizes)]
        for size, in_order, share in zip(sizes, ordered, shares, strict=True):
            tables.append(_scores(share, in_order=in_order or size == 2))
            gaussian += [True] * tables[-1].shape[1]
            if indicators and in_order and size > 2:
                tables[-1] = np.concatenate([tables[-1], _scores(share, in_order=False)], axis=1)
                gaussian += [False] * size
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            energy = cls(sizes, sum(table.shape[1] for table in tables), width, components)
        mixture = fit_mixture(positions, sizes, components, seed=seed)
        energy.log_weights.copy_(mixture.log_weights)
        energy.log_laws.copy_(torch.cat(mixture.laws))
        column = 0
        rows = []
        for k, (place, table) in enumerate(zip(energy.places, tables, strict=True)):
            features = slice(column, column + table.shape[1])
            column = features.stop
            single = place.stop - place.start == 1
            energy.table[place, features] = torch.from_numpy(table[1:] - table[0] if single else table).float()
            energy.origin[features] = torch.from_numpy(table[0]).float() if single else 0.0
            cells = positions[:, k]
            rows.append(np.where(np.isnan(cells)[:, None], 0.0, table[np.nan_to_num(cells).astype(int)]))
        pairs = np.flatnonzero(gaussian)
        couplings = np.zeros((column, column))
        if components == 1:
            couplings[np.ix_(pairs, pairs)] = gaussian_couplings(np.concatenate(rows, axis=1)[:, pairs])
        divided = np.concatenate([_sizes(table) for table in tables])
        energy.table /= torch.from_numpy(divided).float()
        energy.origin /= torch.from_numpy(divided).float()
        energy.couplings.data = torch.from_numpy(couplings * divided * divided[:, None]).float()
        return energy

    def forward(self, x: Tensor) -> Tensor:
        phi = x @ self.table + self.origin
        pairs = ((phi @ self.couplings) * phi).sum(-1) / 2
        return self._network(self.hidden(phi)) - pairs - x @ self.fields - self.log_mixture(x)

    @property
    def mixture(self) -> ColumnMixture:
        """The mixture `m`."""
        return ColumnMixture(self.log_weights, list(self.log_laws.split(self.sizes)))

    def log_mixture(self, x: Tensor) -> Tensor:
        """`log m(x)` of states `(..., D)`."""
        mixture = self.mixture
        constants = self.log_weights + sum(law[0] for law in mixture.laws if len(law) == 2)
        return (x @ mixture.logits() + constants).logsumexp(-1)

    def features(self, x: Tensor) -> Tensor:
        """`φ` of states `(..., D)`: `(..., P)`."""
        return x @ self.table + self.origin

    def score_of(self, column: int) -> int | None:
        """The position among the P features of the one that grows with the values of a column; None for a category of
        more than two values, which has indicators only."""
        used = (self.table[self.places[column]] != 0).any(0).nonzero().squeeze(1)
        several = [int(p) for p in used if len(self.value_features(column)[:, p].unique()) > 2]
        return int(used[0]) if len(used) == 1 else several[0] if several else None

    @property
    def scores(self) -> Tensor:
        """The scores of columns that are never farther from their mean than `MOST_DEVIATIONS`, see `score_of`."""
        found = [(self.value_features(k) + self.origin, self.score_of(k)) for k in range(len(self.sizes))]
        near = [p for values, p in found if p is not None and values[:, p].abs().max() <= MOST_DEVIATIONS]
        return torch.tensor(near, dtype=torch.long)

    def value_features(self, column: int) -> Tensor:
        """What each value of a column adds to the features, `(K, P)`, beyond `φ₀`."""
        rows = self.table[self.places[column]]
        return torch.cat([torch.zeros_like(rows), rows]) if len(rows) == 1 else rows

    def value_fields(self, column: int) -> Tensor:
        """What each value of a column adds to `bᵀx`, `(K,)`."""
        fields = self.fields[self.places[column]]
        return torch.cat([torch.zeros_like(fields), fields]) if len(fields) == 1 else fields

    def add_fields(self, column: int, step: Tensor) -> None:
        """Add to what each value of a column adds to `bᵀx`, `(K,)`; the law stays the same if a constant is added."""
        place = self.places[column]
        step = step.to(self.fields)
        with torch.no_grad():
            self.fields[place] += step[1:] - step[0] if place.stop - place.start == 1 else step

    def set_fields(self, column: int, values: Tensor) -> None:
        """Set what each value of a column adds to `bᵀx`, `(K,)`, up to a constant."""
        self.add_fields(column, values.to(self.fields) - self.value_fields(column).detach())

    def column_logits(self, phi: Tensor, terms: Tensor, column: int, present: Tensor) -> Tensor:
        """`−E` of each value of a column, up to a constant of each row, `(B, K)`.

        Args:
            phi: the features of rows, `(B, P)`.
            terms: the logarithms of the terms of the mixture, `(B, components)`.
            column: the number of the column.
            present: the value that the column has in each row, `(B,)`, which has no say.
        """
        added = self.value_features(column)
        weights = (self.couplings + self.couplings.T) / 2 @ added.T
        own = added @ weights
        # the features without those of the column are never formed: that would take longer than the product
        logits = phi @ weights - own[present] + own.diagonal() / 2 + self.value_fields(column)
        law = self.mixture.laws[column]
        if law.shape[1] == 1:
            logits = logits + law.squeeze(1)
        else:
            logits = logits + ((terms - law[present]).softmax(1) @ law.exp().T).log()
        if not torch.is_grad_enabled() and not self.output.weight.any():  # there is no network
            return logits
        moved, rows = added @ self.hidden.weight.T, max(1, CHUNK_UNITS // max(1, len(added) * len(self.hidden.bias)))
        rest = self.hidden(phi) - moved[present]
        network = [self._network(part.unsqueeze(1) + moved) for part in rest.split(rows)]
        return logits - torch.cat(network)

    def _network(self, inner: Tensor) -> Tensor:
        return self.output(nn.functional.silu(inner)).squeeze(-1)


def gaussian_couplings(features: Cells) -> Cells:
    """`J = I − C⁻¹` of features `(N, P)` with variance 1: the density of a Gaussian law, divided by those of its
    columns.

    The covariance is shrunk as Ledoit and Wolf do.
    """
    covariance, _ = scikit_learn("covariance").ledoit_wolf(features)
    identity = np.eye(len(covariance))
    found: Cells = identity - np.linalg.inv(covariance + RIDGE * identity)
    return found


def _sizes(table: Cells) -> Cells:
    """By what the features of a column `(K, p)` are divided: those of indicators of rare values, which would be far
    from all others, so that they are at most `MOST_DEVIATIONS` from their mean."""
    found: Cells = np.maximum(np.abs(table).max(0) / MOST_DEVIATIONS, 1.0)
    return np.ones(1) if table.shape[1] == 1 else found


def _scores(shares: Cells, *, in_order: bool) -> Cells:
    """The features of each value, `(K, p)`, with mean 0 and variance 1: normal scores of an order, or indicators."""
    if not in_order:
        centred = np.eye(len(shares)) - shares
        scaled: Cells = centred / np.sqrt(shares * (1 - shares))
        return scaled
    from scipy.special import ndtri

    middle = ndtri(shares.cumsum() - shares / 2).clip(-LARGEST_SCORE, LARGEST_SCORE)
    middle -= (shares * middle).sum()
    column: Cells = (middle / np.sqrt((shares * middle**2).sum()))[:, None]
    return column
