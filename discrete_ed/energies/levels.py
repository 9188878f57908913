"""How a network takes a noise level: features of the level, which its layers add to their own."""

from __future__ import annotations

from math import pi

import torch
from torch import Tensor, nn

from discrete_ed.errors import InputError

OCTAVES = 4
"""number of frequencies that embed a noise level"""


class LevelEmbedding(nn.Module):
    """Features of a noise level `t`: `sin(2^k π t)` and `cos(2^k π t)`, then two linear maps with a SiLU between them.

    Args:
        features: number of features `F`.
        width: units between the two maps.
    """

    def __init__(self, features: int, width: int = 64) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2 * OCTAVES, width), nn.SiLU(), nn.Linear(width, features))

    def forward(self, t: Tensor) -> Tensor:
        """`(...)` to `(..., F)`."""
        angles = t.unsqueeze(-1) * (pi * 2.0 ** torch.arange(OCTAVES, device=t.device, dtype=t.dtype))
        return self.net(torch.cat([angles.sin(), angles.cos()], -1))


def level_features(network: nn.Module, x: Tensor, t: Tensor | None) -> Tensor | None:
    """The features `(..., F)` of levels `t` for states `(..., D)`; None for a network that takes no level.

    Raises:
        InputError: a level for a network that takes none, or none for one that does.
    """
    takes = getattr(network, "level", None)
    if takes is None and t is None:
        return None
    if takes is None or t is None:
        kind = type(network).__name__
        if takes is None:
            raise InputError(f"t: expected an energy built with noise_levels=True, got {kind} without it")
        raise InputError(f"t: expected a noise level for {kind}, got none; wrap it in NoiseConditionalEnergy")
    return takes(torch.as_tensor(t, dtype=x.dtype, device=x.device).expand(x.shape[:-1]))
