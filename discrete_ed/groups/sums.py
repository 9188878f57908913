"""Sums over variables of a function of the energies of their moves."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from discrete_ed.groups.space import Groups

OfGroup = Callable[[Tensor, Tensor, Tensor], Tensor]
"""A function of n groups: of the energies of their moves, `(B, n, K)`, 0 where a bit is on already and +∞ where it is
frozen; of which bits are on, `(B, n, K)` bool; and of the number of possible values, `(B, n)`. It gives `(B, n)`."""


def sum_over_variables(
    groups: Groups, x: Tensor, delta: Tensor, movable: Tensor, of_bit: Callable[[Tensor], Tensor], of_group: OfGroup
) -> Tensor:
    """The sum over free bits of `of_bit(Δ)`, and over groups of `of_group`, at states `(B, D)`: `(B,)`.

    Args:
        delta: the energies of all moves, `(B, D)`.
        movable: the moves that can be made, `(B, D)` bool.
    """
    total = x.new_zeros(len(x))
    for _, bits in groups.layout(x.device).blocks:
        some, can = delta[:, bits], movable[:, bits]
        if bits.shape[1] == 1:
            total = total + torch.where(can, of_bit(some.where(can, 0.0)), 0.0).sum((-1, -2))
        else:
            present = x[:, bits] > 0.5
            total = total + of_group(
                some.masked_fill(~(can | present), torch.inf), present, (can | present).sum(-1)
            ).sum(-1)
    return total
