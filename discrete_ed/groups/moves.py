"""One move of each chain, in a space of groups or of free bits."""

from __future__ import annotations

from torch import Tensor

from discrete_ed.groups.space import Groups


def moved(groups: Groups | None, x: Tensor, i: Tensor) -> tuple[Tensor, Tensor]:
    """Make move `i`, `(B, 1)`, at states `(B, D)`, which is a flip without groups; the new states and the moves that
    undo it."""
    return (x.scatter(-1, i, 1 - x.gather(-1, i)), i) if groups is None else groups.move(x, i)
