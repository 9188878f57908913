"""Sums over variables of a function of the energies of their moves."""

from __future__ import annotations

from collections.abc import Callable
from math import log

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


def redrawn_group(epsilon: float) -> OfGroup:
    """The energy discrepancy of a group whose value is redrawn uniformly with probability 2ε: for K possible values

    `Σ_y q(y) log Σ_z q(y|z) e^{−Δ_z}`, with `q(y|z) = 2ε / K`, and `1 − 2ε` more where `y = z`, and `q(y)` from the
    present value.
    """

    def of_group(delta: Tensor, present: Tensor, values: Tensor) -> Tensor:
        other = 2 * epsilon / values.unsqueeze(-1).to(delta.dtype)
        become = other.log() + (-delta).logsumexp(-1, keepdim=True)
        if epsilon < 0.5:
            become = torch.logaddexp(become, log(1 - 2 * epsilon) - delta)
        chance = torch.where(delta.isposinf(), 0.0, other) + (1 - 2 * epsilon) * present.to(delta.dtype)
        return (chance * become).sum(-1)

    return of_group
