"""Mixtures of independent bits, the laws at which annealing starts: normalised, sampled exactly, fitted in a second."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import softplus

from discrete_ed.energies import BernoulliMixtureEnergy
from discrete_ed.errors import InputError
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
    """`p(x) = Σ_k π_k Π_i σ(l_ki)^{x_i} (1 − σ(l_ki))^{1 − x_i}`.

    >>> Mixture.independent(torch.zeros(3)).log_p(torch.zeros(1, 3))  # −3 log 2
    tensor([-2.0794])
    """

    log_weights: Tensor
    """`log π`, `(K,)`"""
    logits: Tensor
    """`l`, `(K, D)`"""

    @classmethod
    def independent(cls, logits: Tensor) -> Mixture:
        """Independent bits with log odds `(D,)`; zeros are the uniform law."""
        if logits.ndim != 1 or not logits.isfinite().all():
            raise InputError(f"logits: expected finite log odds (D,), got shape {tuple(logits.shape)}")
        return cls(logits.new_zeros(1), logits[None])

    @classmethod
    def of(cls, energy: BernoulliMixtureEnergy) -> Mixture:
        """The law of a `BernoulliMixtureEnergy`."""
        return cls(energy.log_weights, energy.logits)

    def __eq__(self, other: object) -> bool:
        """Whether both are the same mixture, number by number."""
        return (
            isinstance(other, Mixture)
            and torch.equal(self.log_weights, other.log_weights)
            and torch.equal(self.logits, other.logits)
        )

    @classmethod
    def fitted(cls, x: Tensor, generator: torch.Generator | None = None, components: int = COMPONENTS) -> Mixture:
        """A mixture fitted to states `(N, D)` by expectation maximisation, with a share of broad components.

        One component holds the frequencies of all rows, and one is uniform. With fewer than 50 rows for each of two
        components there are no others.
        """
        rows = x[torch.randperm(len(x), generator=generator, device=x.device)[:FITTED_ROWS]].double()
        frequencies = _smoothed(rows.sum(0), len(rows))
        components = min(components, len(rows) // ROWS_EACH)
        broad = torch.stack([frequencies, torch.full_like(frequencies, 0.5)])
        weights = rows.new_tensor([0.75, 0.25])
        if components >= 2:
            means = (frequencies + _smoothed(rows[:components], 1)) / 2
            shares = rows.new_full((components,), 1 / components)
            for _ in range(ITERATIONS):
                given = cls(shares.log(), means.logit()).terms(rows).softmax(1)
                counts = given.sum(0)
                means = (given.T @ rows + frequencies) / (counts + 1).unsqueeze(1)
                shares = (counts + 1) / (len(rows) + components)
            broad, weights = torch.cat([broad, means]), torch.cat([BROAD * weights, (1 - BROAD) * shares])
        return cls(weights.log().to(x.dtype), broad.logit().to(x.dtype))

    @property
    def constants(self) -> Tensor:
        """`log π_k − Σ_i log(1 + exp(l_ki))`, `(K,)`."""
        return self.log_weights - softplus(self.logits).sum(1)

    def terms(self, x: Tensor) -> Tensor:
        """The logarithms of the terms of `p(x)`, `(N, K)`."""
        return torch.addmm(self.constants, x, self.logits.T)

    def log_p(self, x: Tensor) -> Tensor:
        """`log p(x)` of states `(N, D)`, `(N,)`."""
        return self.terms(x).logsumexp(1)

    def sample(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """Independent samples, `(count, D)`."""
        k = self.log_weights.exp().multinomial(count, replacement=True, generator=generator)
        u = torch.rand(count, self.logits.shape[1], generator=generator, device=self.logits.device)
        return (u < self.logits[k].sigmoid()).to(self.logits.dtype)


def _smoothed(ones: Tensor, rows: int) -> Tensor:
    """Frequencies from numbers of ones, with one extra row of value ½, so that none is 0 or 1."""
    return (ones + 0.5) / (rows + 1)
