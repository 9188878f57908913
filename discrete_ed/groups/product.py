"""Independent variables, `p(x) ∝ exp(lᵀx)`: free bits and groups; `groups=None` means that all bits are free."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import softplus

from discrete_ed.groups.space import Groups


def product_log_z(groups: Groups | None, logits: Tensor) -> Tensor:
    """`log Σ_x exp(lᵀx)`: `(..., D)` to `(...)`."""
    if groups is None:
        return softplus(logits).sum(-1)
    total = logits.new_zeros(logits.shape[:-1])
    for _, bits in groups.layout(logits.device).blocks:
        some = logits[..., bits]
        total = total + (some.logsumexp(-1) if bits.shape[1] > 1 else softplus(some[..., 0])).sum(-1)
    return total


def product_means(groups: Groups | None, logits: Tensor) -> Tensor:
    """`p(x_i = 1)`, a sigmoid or, in a group, a softmax: `(..., D)` to `(..., D)`."""
    means = logits.sigmoid()
    if groups is None:
        return means
    for _, bits in groups.layout(logits.device).blocks:
        if bits.shape[1] > 1:
            means[..., bits] = logits[..., bits].softmax(-1)
    return means


def product_logits(groups: Groups | None, means: Tensor) -> Tensor:
    """The inverse of `product_means`."""
    if groups is None:
        return means.logit()
    return torch.where(groups.layout(means.device).tied, means.log(), means.logit())


def product_sample(groups: Groups | None, logits: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
    """One state for each row of logits `(B, D)`."""
    if groups is None:
        return (torch.rand(logits.shape, generator=generator, device=logits.device) < logits.sigmoid()).to(logits.dtype)
    first = torch.zeros_like(logits)
    first[:, [group[0] for group in groups.members]] = 1
    u = torch.rand(len(logits), len(groups.variables), generator=generator, device=logits.device)
    gains = groups.changes(first, logits).masked_fill(~groups.movable(first), -torch.inf)
    return groups.apply(first, groups.choose(gains, u))[0]
