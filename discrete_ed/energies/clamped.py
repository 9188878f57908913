"""Conditional laws: an energy with some bits fixed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from discrete_ed.energies.base import Energy, check_type, describe, known_bits
from discrete_ed.errors import InputError
from discrete_ed.groups import Groups


class Clamped(Energy):
    """The same energy with known bits fixed: `p(x_free | x_known) ∝ exp(−E(x))`.

    Known bits keep the values that they have in a state, so one object serves all conditions: chains that start at rows
    of a table fill in the unknown bits, and losses learn only the conditional law, since no loss changes a frozen bit.
    Its parameters are those of the energy. In a group, a known bit that is off can't be turned on; if the bit that is
    on is known, the group doesn't change.

    Args:
        energy: any energy; bits that it freezes stay frozen.
        known: bool, `(D,)` if the same bits are known in all states, or `(B, D)` for batches of `B` states, one row for
            each state; a tensor, or lists of bools.

    Raises:
        InputError: `known` isn't bool, or its shape isn't that of the states; what is given isn't an energy.

    >>> from discrete_ed import Exact, Gibbs, IsingEnergy, sample
    >>> g = torch.Generator().manual_seed(0)
    >>> agree = IsingEnergy(torch.tensor([[0.0, 9.0], [9.0, 0.0]]))
    >>> table = torch.tensor([[1.0, 0.0], [0.0, 0.0]])  # the second column is missing
    >>> sample(Gibbs(), Exact(Clamped(agree, torch.tensor([True, False]))), table, steps=5, generator=g)
    tensor([[1., 1.],
            [0., 0.]])
    """

    known: Tensor

    def __init__(self, energy: Energy, known: Tensor | Sequence[bool] | Sequence[Sequence[bool]]) -> None:
        super().__init__()
        check_type(energy)
        if not isinstance(known, Tensor):
            known = torch.tensor(known)
        if known.dtype != torch.bool or known.ndim not in (1, 2):
            raise InputError(f"known: expected bools of shape (D,) or (B, D), got {known.dtype}, {tuple(known.shape)}")
        bits = known_bits(energy)
        if bits not in (None, known.shape[-1]):
            raise InputError(f"known: expected {bits} bits, as of the energy, got {known.shape[-1]}")
        self.energy = energy
        self.bits = known.shape[-1]
        self.register_buffer("known", known, persistent=False)

    def arguments(self) -> dict[str, Any]:
        return {"energy": describe(self.energy), "known": self.known.tolist()}

    @property
    def unclamped(self) -> Energy:
        return self.energy.unclamped

    @property
    def groups(self) -> Groups | None:
        """Those of the energy."""
        return self.energy.groups

    @groups.setter
    def groups(self, groups: Groups | None) -> None:
        self.energy.groups = groups

    def forward(self, x: Tensor) -> Tensor:
        return self.energy(x)

    def flip_delta(self, x: Tensor) -> Tensor:
        return self.energy.flip_delta(x)

    def move_delta(self, x: Tensor) -> Tensor:
        return self.energy.move_delta(x)

    def free(self, x: Tensor) -> Tensor:
        if x.shape[x.ndim - self.known.ndim :] != self.known.shape:
            raise InputError(f"known: expected {tuple(x.shape)}, as of the states, got {tuple(self.known.shape)}")
        return self.energy.free(x) & ~self.known
