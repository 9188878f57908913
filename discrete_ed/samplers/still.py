"""Chains that stand still, whose states say nothing about the law."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor

from discrete_ed.energies.base import Energy

STEPS = 100
"""number of steps after which chains should have moved"""
MOST_STILL = 0.5
"""largest share of chains that may be at their first state without a closer look"""
LOOKED_AT = 4
"""number of chains whose neighbours are evaluated to find the reason"""


def warn_if_still(energy: Energy, first: Tensor, last: Tensor, steps: int) -> None:
    """Warn if most chains are still at the states `(B, D)` at which they started.

    Chains that have forgotten their starts are at the start of another chain as often as at their own. So the share of
    chains at their own start is compared with that share, within four standard errors. Chains without free bits are
    left out, since they can't move. In fewer steps than a hundred, chains may stand still by chance: then only those
    without any possible neighbour are told of.
    """
    still = (first == last).all(-1)
    if not len(still) or still.double().mean() < MOST_STILL:
        return
    free = energy.free(first)
    movable = free.any(-1)
    first, last, free, still = first[movable], last[movable], free[movable], still[movable]
    chains, unmoved = len(still), int(still.sum())
    if not chains:
        return
    by_chance = _agreement_with_others(first, last)
    error = (by_chance * (1 - by_chance) / chains) ** 0.5
    stuck = unmoved == chains and not _has_possible_neighbour(energy, last[:LOOKED_AT], free[:LOOKED_AT])
    if not stuck and (steps < STEPS or not unmoved / chains > max(MOST_STILL, by_chance + 4 * error)):
        return
    reason = (
        "no flip of one free bit leads to a state of finite energy, as in one-hot data: kernels that flip single bits "
        "can't move, nor can PathAuxiliary with Exact, whose differences are all infinite; PathAuxiliary(2) with "
        "Taylor can, where two flips lead to a possible state and the energy is differentiable. If the bits are "
        "one-hot codes, declare them: after energy.groups = Groups.one_hot([K, …]) every kernel can move"
        if stuck
        else "they have not mixed, and their states are those at which they started; run them longer, or take another "
        "kernel or tempering"
    )
    warnings.warn(
        f"chains: {unmoved} of {chains} are where they started after {steps} steps: {reason}",
        RuntimeWarning,
        stacklevel=4,
    )


def _agreement_with_others(first: Tensor, last: Tensor) -> float:
    """The share of pairs of different chains in which one ends where the other started, with one extra such pair."""
    chains = len(first)
    label = torch.cat([first, last]).unique(dim=0, return_inverse=True)[1]
    starts, ends = (part.bincount(minlength=2 * chains).double() for part in label.split(chains))
    own = (label[:chains] == label[chains:]).sum().double()
    return (((starts * ends).sum() - own + 1) / (chains * (chains - 1) + 1)).item()


def _has_possible_neighbour(energy: Energy, x: Tensor, free: Tensor) -> bool:
    """Whether a flip of a `free` bit leads from one of the states `(B, D)` to one of finite energy."""
    with torch.no_grad():
        if energy.groups is not None:
            free = energy.groups.movable(x, free)
        return bool((energy.move_delta(x).isfinite() & free).any())
