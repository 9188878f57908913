"""Values of variables as they are given, and bits of groups in words."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from discrete_ed.errors import InputError


def listed(group: Sequence[int]) -> str:
    """The bits of a group in words: `4 to 7` if they are neighbours in this order, and otherwise each of them.

    >>> listed((4, 5, 6)), listed((4, 0, 2))
    ('4 to 6', '4, 0, 2')
    """
    if tuple(group) == tuple(range(group[0], group[0] + len(group))):
        return f"{group[0]} to {group[-1]}"
    return ", ".join(map(str, group[:8])) + (", …" if len(group) > 8 else "")


def whole_numbers(values: ArrayLike | Tensor) -> Tensor:
    """Whole numbers as a tensor that isn't rounded."""
    try:
        found = torch.as_tensor(values)
    except (TypeError, ValueError, RuntimeError):
        raise InputError(f"values: expected whole numbers, got {type(values).__name__} that holds others") from None
    if found.is_complex() or (found.is_floating_point() and not (found == found.round()).all()):
        other = next(value for value in found.flatten().tolist() if isinstance(value, complex) or value % 1 != 0)
        raise InputError(f"values: expected whole numbers, got {other}")
    return found


def shown(values: Tensor) -> str:
    """The shape and the range of some values in words."""
    span = f" with values from {values.min().item()} to {values.max().item()}" if values.numel() else ""
    return f"shape {tuple(values.shape)}{span}"
