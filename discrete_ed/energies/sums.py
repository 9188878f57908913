"""Independent bits, and sums of energies, such as independent bits plus a learned correction."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from discrete_ed.energies.base import Energy, check_type, describe
from discrete_ed.errors import InputError
from discrete_ed.groups import Groups
from discrete_ed.groups.product import product_logits, product_means


class BernoulliEnergy(Energy):
    """Independent bits, `E(x) = −bᵀx`, so that `p(x_i = 1) = σ(b_i)`, or in a group of bits a softmax of its `b_i`.

    Args:
        logits: `b`, shape `(D,)`; or the number of bits `D`, which start with probability ½.

    >>> BernoulliEnergy(torch.tensor([0.0, 2.0])).flip_delta(torch.ones(1, 2)).tolist()
    [[0.0, 2.0]]
    """

    def __init__(self, logits: Tensor | int) -> None:
        super().__init__()
        if isinstance(logits, int):
            logits = torch.zeros(logits)
        elif logits.ndim != 1 or not logits.isfinite().all():
            raise InputError(f"logits: expected finite numbers of shape (D,), got shape {tuple(logits.shape)}")
        self.logits = nn.Parameter(logits.detach().clone())
        self.bits = len(logits)

    def arguments(self) -> dict[str, Any]:
        return {"logits": self.bits}

    @classmethod
    def from_data(cls, data: Tensor, *, pseudocount: float = 1.0, groups: Groups | None = None) -> BernoulliEnergy:
        """The energy whose marginals are those of a table `(N, D)`, each smoothed by `pseudocount` extra rows with
        value ½, or `1/K` in a group of K bits; it has the groups that are given.

        >>> BernoulliEnergy.from_data(torch.tensor([[1], [1], [1], [0]]), pseudocount=0.0).logits.exp()
        tensor([3.], grad_fn=<ExpBackward0>)
        """
        if data.ndim != 2 or len(data) == 0:
            raise InputError(f"data: expected a table of shape (N, D) with N >= 1, got {tuple(data.shape)}")
        if groups is not None:
            groups.check(data, "data")
            uniform = product_means(groups, data.new_zeros(data.shape[1], dtype=torch.float64))
            rate = (data.sum(0, dtype=torch.float64) + pseudocount * uniform) / (len(data) + pseudocount)
            energy = cls(product_logits(groups, rate).float())
            energy.groups = groups
            return energy
        rate = (data.sum(0, dtype=torch.float64) + pseudocount / 2) / (len(data) + pseudocount)
        return cls((rate.log() - (1 - rate).log()).float())

    def forward(self, x: Tensor) -> Tensor:
        return -x @ self.logits

    def flip_delta(self, x: Tensor) -> Tensor:
        """`Δ_i = −(1 − 2 x_i) b_i`."""
        return (2 * x - 1) * self.logits


class SumEnergy(Energy):
    """`E(x) = s Σ_k E_k(x)`: the product of the models; with `s = 1/K` their geometric mean, an ensemble.

    A bit is free where it is in every term. The groups of the terms are those of the sum.

    Args:
        terms: the energies `E_k`.
        scale: `s`.

    Raises:
        InputError: no term, one that isn't an `Energy`, or terms with different groups.

    >>> from discrete_ed import MLPEnergy
    >>> energy = SumEnergy(BernoulliEnergy(8), MLPEnergy(8, hidden=(16,)))
    >>> energy(torch.zeros(5, 8)).shape
    torch.Size([5])
    """

    def __init__(self, *terms: Energy, scale: float = 1.0) -> None:
        super().__init__()
        if not terms:
            raise InputError("terms: expected at least one energy, got none")
        for term in terms:
            check_type(term, "terms")
        self.terms = nn.ModuleList(terms)
        self.scale = float(scale)
        groups = {term.groups for term in terms} - {None}
        if len(groups) > 1:
            raise InputError("terms: expected energies of one space, got some with different groups")
        self.groups = groups.pop() if groups else None

    @cached_property
    def bits(self) -> int:
        """The number of bits `D`, from the first term that knows it.

        Raises:
            InputError: no term knows its number of bits.
        """
        *others, last = self._terms()
        for term in others:
            try:
                return term.bits
            except InputError:
                continue
        return last.bits

    def arguments(self) -> dict[str, Any]:
        return {"terms": [describe(term) for term in self._terms()], "scale": self.scale}

    def without(self, term: Energy) -> SumEnergy:
        """The sum of the other terms, which it shares with this one.

        Raises:
            InputError: the energy isn't one of the terms, or the only one.
        """
        others = [other for other in self._terms() if other is not term]
        if len(others) in (0, len(self.terms)):
            raise InputError(f"term: expected one of {len(self.terms)} terms, others being left, got another energy")
        return SumEnergy(*others, scale=self.scale)

    def forward(self, x: Tensor) -> Tensor:
        return self.scale * torch.stack([term(x) for term in self._terms()]).sum(0)

    def flip_delta(self, x: Tensor) -> Tensor:
        """The sum of the differences of the terms."""
        return self.scale * torch.stack([term.flip_delta(x) for term in self._terms()]).sum(0)

    def free(self, x: Tensor) -> Tensor:
        return torch.stack([term.free(x) for term in self._terms()]).all(0)

    def _terms(self) -> Iterator[Energy]:
        return iter(self.terms)  # type: ignore[arg-type]
