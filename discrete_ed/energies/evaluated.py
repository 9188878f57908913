"""Checks of what an energy returns, of the bits that it frees, and of why torch refused to evaluate it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from discrete_ed.errors import InputError

if TYPE_CHECKING:
    from discrete_ed.energies.base import Energy


def check_free(energy: Energy, x: Tensor) -> None:
    """Raise `InputError` unless all bits of the states `(B, D)` may change, which sums over all states require."""
    if not energy.free(x).all():
        raise InputError(
            f"energy: expected one that freezes no bit, since log Z depends on those that are frozen, got "
            f"{type(energy).__name__}"
        )


def check_shape(energy: nn.Module, value: Tensor, shape: tuple[int, ...]) -> None:
    """Raise `InputError` unless energies `value` have the shape of their batch: `(..., D)` states give `(...)`."""
    if not isinstance(value, Tensor):
        raise InputError(f"energy: expected {type(energy).__name__} to give a torch tensor, got {type(value).__name__}")
    if value.shape != shape:
        states = ", ".join(map(str, (*shape, "D")))
        raise InputError(
            f"energy: expected {type(energy).__name__} to map states ({states}) to energies {shape}, got "
            f"{tuple(value.shape)}{way_to_shape(value, shape)}"
        )


def way_to_shape(value: Tensor, shape: tuple[int, ...]) -> str:
    """What helps if energies have the wrong shape, as the end of a message."""
    if value.ndim < len(shape):
        return "; keep the axes of the batch: sum over bits only, as .sum(-1) does"
    if value.shape == (*shape, 1):
        return "; drop the last axis by .squeeze(-1)"
    return ""


def raise_explained(energy: nn.Module, x: Tensor, error: RuntimeError) -> None:
    """Raise `InputError` if shape, precision or device explain why torch refused to evaluate an energy at `x`."""
    explained = any(word in str(error) for word in ("shape", "size", "dimension", "dtype", "same device"))
    if explained and not isinstance(error, torch.OutOfMemoryError):
        own = next((part.dtype for part in energy.parameters() if part.is_floating_point()), x.dtype)
        way = f"; x.to({own}) has the type of its parameters" if own != x.dtype else ""
        raise InputError(
            f"x: expected states that {type(energy).__name__} takes, got shape {tuple(x.shape)}, {x.dtype} on "
            f"{x.device}: {str(error).splitlines()[0]}{way}"
        ) from error
