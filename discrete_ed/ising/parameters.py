"""The parameters of an Ising model, and the support, which says which of them are free."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Array = np.ndarray

PRIOR_SD = 3.0
"""standard deviation of the normal prior on every coupling and field, which keeps estimates from separable data
finite"""


@dataclass(frozen=True, eq=False)
class Parameters:
    """Couplings and fields of an Ising model, or one number for each of them, such as a gradient or standard errors.

    Physics convention: `E(s) = −½ sᵀJs − hᵀs` with spins −1 and +1, each pair counted once.

    >>> Parameters.zeros(3).couplings.shape
    (3, 3)
    """

    couplings: Array
    """`J`, `(D, D)`, symmetric with zero diagonal."""
    fields: Array
    """`h`, `(D,)`."""

    @classmethod
    def zeros(cls, spins: int) -> Parameters:
        """All couplings and fields zero."""
        return cls(np.zeros((spins, spins)), np.zeros(spins))


@dataclass(frozen=True, eq=False)
class Support:
    """Which parameters are free: the couplings of some pairs, and all fields or none. Everything else is zero.

    As a vector, the free parameters are the couplings of the pairs, in their order, then the fields.
    """

    pairs: Array
    """`(P, 2)`, `i < j`, no pair twice"""
    with_fields: bool
    """whether the fields are free"""

    @classmethod
    def all_pairs(cls, spins: int, with_fields: bool) -> Support:
        """The support of all `D (D − 1) / 2` pairs."""
        return cls(np.stack(np.triu_indices(spins, 1), 1), with_fields)

    @classmethod
    def no_pairs(cls, with_fields: bool) -> Support:
        """The support of the independent model, without couplings."""
        return cls(np.zeros((0, 2), dtype=int), with_fields)

    @classmethod
    def of(cls, couplings: Array, with_fields: bool) -> Support:
        """The support of the couplings that are not zero."""
        return cls(np.argwhere(np.triu(couplings, 1)), with_fields)

    def size(self, spins: int) -> int:
        """The number of free parameters of a model of `D` spins."""
        return len(self.pairs) + (spins if self.with_fields else 0)

    def neighbourhoods(self, spins: int) -> list[tuple[Array, Array]]:
        """For each of `D` spins the positions of its couplings, and of its field if it is free, in the vector of all
        free parameters, `(K,)`; and the other spins, in the order of their couplings."""
        ends, others = self.pairs.ravel(), self.pairs[:, ::-1].ravel()
        order = np.argsort(ends, kind="stable")
        bounds = np.searchsorted(ends[order], np.arange(spins + 1))
        found = []
        for i in range(spins):
            mine = order[bounds[i] : bounds[i + 1]]
            places = np.append(mine // 2, len(self.pairs) + i) if self.with_fields else mine // 2
            found.append((places, others[mine]))
        return found

    def vector(self, parameters: Parameters) -> Array:
        """The free parameters as a vector, `(P,)` or `(P + D,)`."""
        couplings = parameters.couplings[tuple(self.pairs.T)]
        return np.concatenate([couplings, parameters.fields]) if self.with_fields else couplings

    def parameters(self, vector: Array, spins: int) -> Parameters:
        """The parameters from the vector of the free ones; the inverse of `vector`."""
        couplings = np.zeros((spins, spins))
        i, j = self.pairs.T
        couplings[i, j] = couplings[j, i] = vector[: len(self.pairs)]
        return Parameters(couplings, vector[len(self.pairs) :] if self.with_fields else np.zeros(spins))
