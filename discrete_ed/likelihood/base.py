"""Mixtures of independent bits or of trees, the laws at which annealing starts: normalised and sampled exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from discrete_ed.energies import BernoulliMixtureEnergy
from discrete_ed.energies.trees import TreeLaws
from discrete_ed.errors import InputError
from discrete_ed.groups import Groups
from discrete_ed.groups.product import product_log_z, product_logits, product_means, product_sample
from discrete_ed.names import ROWS_EACH

COMPONENTS = 16
"""components of a mixture that is fitted to data"""
FITTED_ROWS = 5000
"""largest number of rows to which a mixture is fitted"""
ITERATIONS = 40
"""iterations of expectation maximisation"""
BROAD = 0.2
"""weight of the independent bits and of the uniform law together, so that no part of the space is left out"""


@dataclass(frozen=True, eq=False)
class Mixture:
    """`p(x) = Σ_k π_k Π_i σ(l_ki)^{x_i} (1 − σ(l_ki))^{1 − x_i}`; a group of bits has a softmax of its `l_ki`.

    With parents, the bits of all components depend on one another along one tree, see `BernoulliMixtureEnergy`.

    >>> Mixture.independent(torch.zeros(3)).log_p(torch.zeros(1, 3))  # −3 log 2
    tensor([-2.0794])
    """

    log_weights: Tensor
    """`log π`, `(K,)`"""
    logits: Tensor
    """`l`, `(K, D)`"""
    groups: Groups | None = None
    """the groups into which bits are tied"""
    parents: Sequence[int] | None = None
    """the parent of each bit in the tree, −1 for a root, if there is one"""
    couplings: Tensor | None = None
    """`J`, `(K, D)`, if there is a tree"""

    @classmethod
    def independent(cls, logits: Tensor, groups: Groups | None = None) -> Mixture:
        """Independent bits with log odds `(D,)`; zeros are the uniform law."""
        if logits.ndim != 1 or not logits.isfinite().all():
            raise InputError(f"logits: expected finite log odds (D,), got shape {tuple(logits.shape)}")
        return cls(logits.new_zeros(1), logits[None], groups)

    @classmethod
    def of(cls, energy: BernoulliMixtureEnergy) -> Mixture:
        """The law of a `BernoulliMixtureEnergy`."""
        couplings = None if energy.parents is None else energy.couplings
        return cls(energy.log_weights, energy.logits, parents=energy.parents, couplings=couplings)

    def __eq__(self, other: object) -> bool:
        """Whether both are the same mixture, number by number."""
        return (
            isinstance(other, Mixture)
            and torch.equal(self.log_weights, other.log_weights)
            and torch.equal(self.logits, other.logits)
            and self.groups == other.groups
            and self.parents == other.parents
            and (self.couplings is None or other.couplings is None or torch.equal(self.couplings, other.couplings))
        )

    @classmethod
    def fitted(
        cls,
        x: Tensor,
        generator: torch.Generator | None = None,
        components: int = COMPONENTS,
        groups: Groups | None = None,
    ) -> Mixture:
        """A mixture fitted to states `(N, D)` by expectation maximisation, with a share of broad components.

        One component holds the frequencies of all rows, and one is uniform. With fewer than 50 rows for each of two
        components there are no others.
        """
        rows = x[torch.randperm(len(x), generator=generator, device=x.device)[:FITTED_ROWS]].double()
        uniform = product_means(groups, torch.zeros_like(rows[0]))
        frequencies = smoothed(rows.sum(0), len(rows), uniform)
        components = min(components, len(rows) // ROWS_EACH)
        broad = torch.stack([frequencies, uniform])
        weights = rows.new_tensor([0.75, 0.25])
        if components >= 2:
            means = (frequencies + smoothed(rows[:components], 1, uniform)) / 2
            shares = rows.new_full((components,), 1 / components)
            for _ in range(ITERATIONS):
                given = cls(shares.log(), product_logits(groups, means), groups).terms(rows).softmax(1)
                counts = given.sum(0)
                means = (given.T @ rows + frequencies) / (counts + 1).unsqueeze(1)
                shares = (counts + 1) / (len(rows) + components)
            broad, weights = torch.cat([broad, means]), torch.cat([BROAD * weights, (1 - BROAD) * shares])
        return cls(weights.log().to(x.dtype), product_logits(groups, broad).to(x.dtype), groups)

    @property
    def laws(self) -> TreeLaws | None:
        """The laws of the components, if they have a tree."""
        if self.parents is None or self.couplings is None:
            return None
        return TreeLaws(self.logits, self.couplings, self.parents)

    @property
    def constants(self) -> Tensor:
        """`log π_k − Σ_i log(1 + exp(l_ki))`, `(K,)`; `log Σ_i exp(l_ki)` for a group of bits."""
        return self.log_weights - product_log_z(self.groups, self.logits)

    def terms(self, x: Tensor) -> Tensor:
        """The logarithms of the terms of `p(x)`, `(N, K)`."""
        if self.laws is not None:
            return self.laws.terms(x) + self.log_weights
        return torch.addmm(self.constants, x, self.logits.T)

    def log_p(self, x: Tensor) -> Tensor:
        """`log p(x)` of states `(N, D)`, `(N,)`."""
        return self.terms(x).logsumexp(1)

    def means(self) -> Tensor:
        """The probability of each bit to be one, `(D,)`."""
        laws = self.laws
        return self.log_weights.exp() @ (product_means(self.groups, self.logits) if laws is None else laws.means())

    def sample(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """Independent samples, `(count, D)`."""
        k = self.log_weights.exp().multinomial(count, replacement=True, generator=generator)
        if self.laws is not None:
            return self.laws.sample(k.unsqueeze(1), None, generator).squeeze(1)
        return product_sample(self.groups, self.logits[k], generator=generator)


def smoothed(ones: Tensor, rows: int, uniform: Tensor | float = 0.5) -> Tensor:
    """Frequencies from numbers of ones, with one extra row of the uniform ones, so that none is 0 or 1."""
    return (ones + uniform) / (rows + 1)
