"""Neural energies over bit vectors."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, silu

from discrete_ed.energies.base import Energy
from discrete_ed.energies.levels import LevelEmbedding, level_features
from discrete_ed.errors import InputError


class MLPEnergy(Energy):
    """A fully connected energy `E(x) = f(2x − 1)` with SiLU between the layers.

    Args:
        bits: number of bits `D`.
        hidden: widths of the hidden layers.
        noise_levels: whether the energy takes a noise level `t`, whose features are added before every SiLU; see
            `NoiseConditionalEnergy`.

    >>> import torch
    >>> MLPEnergy(bits=16, hidden=(32,))(torch.zeros(5, 16)).shape
    torch.Size([5])
    """

    def __init__(self, bits: int, hidden: Sequence[int] = (256, 256, 256), *, noise_levels: bool = False) -> None:
        super().__init__()
        self.bits = bits
        layers: list[nn.Module] = []
        for fan_in, fan_out in pairwise((bits, *hidden)):
            layers += [nn.Linear(fan_in, fan_out), nn.SiLU()]
        self.net = nn.Sequential(*layers, nn.Linear(hidden[-1] if hidden else bits, 1))
        self.noise_levels = noise_levels
        if noise_levels:
            self.level = LevelEmbedding(sum(hidden))
            self.widths = list(hidden)

    def forward(self, x: Tensor, t: Tensor | None = None) -> Tensor:
        level = level_features(self, x, t)
        if level is None:
            return self.net(2 * x - 1).squeeze(-1)
        shifts = iter(level.split(self.widths, -1))
        h = 2 * x - 1
        for layer in self.net:
            h = layer(h + next(shifts) if isinstance(layer, nn.SiLU) else h)
        return h.squeeze(-1)


class ResidualMLPEnergy(Energy):
    """A fully connected energy with skip connections: `h_0 = W (2x − 1)`, `h_{l+1} = h_l + f_l(h_l)`, `E(x) = vᵀh_L`.

    Each `f_l` is SiLU, linear, SiLU, linear.

    Args:
        bits: number of bits `D`.
        width: size of `h`.
        blocks: number of residual blocks `L`.
        noise_levels: whether the energy takes a noise level `t`, whose features are added before every block; see
            `NoiseConditionalEnergy`.

    >>> import torch
    >>> ResidualMLPEnergy(bits=16, width=32, blocks=3)(torch.zeros(5, 16)).shape
    torch.Size([5])
    """

    def __init__(self, bits: int, width: int = 128, blocks: int = 2, *, noise_levels: bool = False) -> None:
        super().__init__()
        self.bits = bits
        self.enter = nn.Linear(bits, width)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width)) for _ in range(blocks)
        )
        self.leave = nn.Sequential(nn.SiLU(), nn.Linear(width, 1))
        self.noise_levels = noise_levels
        if noise_levels:
            self.level = LevelEmbedding(blocks * width)

    def forward(self, x: Tensor, t: Tensor | None = None) -> Tensor:
        level = level_features(self, x, t)
        shifts = None if level is None else level.chunk(len(self.blocks), -1)
        h = self.enter(2 * x - 1)
        for number, block in enumerate(self.blocks):
            h = h + block(h if shifts is None else h + shifts[number])
        return self.leave(h).squeeze(-1)


class ConvEnergy(Energy):
    """A convolutional residual network over binary images, whose pixels are stored row by row in a state.

    A 3×3 convolution of `2x − 1`, then stages of residual blocks (SiLU, 3×3, SiLU, 3×3) with average pooling of 2×2
    between them; the last features are averaged over the image and mapped to one number. Images are padded with zeros.

    Args:
        shape: rows and columns of an image; `D` is their product.
        width: channels.
        stages: number of stages; the image is halved between them.
        blocks: residual blocks in a stage.
        noise_levels: whether the energy takes a noise level `t`, whose features are added before every block; see
            `NoiseConditionalEnergy`.

    >>> import torch
    >>> ConvEnergy((8, 8), width=4)(torch.zeros(5, 64)).shape
    torch.Size([5])
    """

    def __init__(
        self,
        shape: tuple[int, int],
        width: int = 32,
        stages: int = 3,
        blocks: int = 1,
        *,
        noise_levels: bool = False,
    ) -> None:
        super().__init__()
        rows, columns = shape
        if min(rows, columns) < 2 ** (stages - 1):
            raise InputError(f"stages: expected so few that {rows} × {columns} pixels can be halved, got {stages}")
        self.shape = rows, columns
        self.bits = rows * columns
        self.enter = nn.Conv2d(1, width, 3, padding=1)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.SiLU(), nn.Conv2d(width, width, 3, padding=1), nn.SiLU(), nn.Conv2d(width, width, 3, padding=1)
            )
            for _ in range(stages * blocks)
        )
        self.per_stage = blocks
        self.leave = nn.Linear(width, 1)
        self.noise_levels = noise_levels
        if noise_levels:
            self.level = LevelEmbedding(stages * blocks * width)

    def forward(self, x: Tensor, t: Tensor | None = None) -> Tensor:
        level = level_features(self, x, t)
        channels = None if level is None else level.reshape(-1, level.shape[-1], 1, 1).chunk(len(self.blocks), 1)
        h = self.enter((2 * x - 1).reshape(-1, 1, *self.shape))
        for number, block in enumerate(self.blocks):
            if number and number % self.per_stage == 0:
                h = avg_pool2d(h, 2)
            h = h + block(h if channels is None else h + channels[number])
        return self.leave(silu(h).mean((-2, -1))).reshape(x.shape[:-1])
