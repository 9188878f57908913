"""A decoder with an energy as its prior: `p(x) = ∫ p(x|z) p(z) dz`, `p(z) ∝ exp(−E(z))`."""

from __future__ import annotations

from collections.abc import Sequence
from math import log, pi

import torch
from torch import Tensor, nn

from discrete_ed.errors import InputError
from discrete_ed.theory.continuous.energies import NeuralEnergy, fully_connected


class NormalPrior(nn.Module):
    """`E(z) = ‖z‖² / 2`: a standard normal law, without parameters.

    >>> NormalPrior()(torch.ones(5, 2)).tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0]
    """

    def forward(self, z: Tensor) -> Tensor:
        return z.square().sum(-1) / 2


class TiltedPrior(nn.Module):
    """`E(z) = ‖z‖² / 2 + f(z)`: a standard normal law tilted by a neural energy.

    Args:
        dimensions: number of coordinates of `z`.
        hidden: widths of the hidden layers of `f`.

    >>> TiltedPrior(3, hidden=(8,))(torch.zeros(5, 3)).shape
    torch.Size([5])
    """

    def __init__(self, dimensions: int, hidden: Sequence[int] = (128, 128)) -> None:
        super().__init__()
        self.tilt = NeuralEnergy(dimensions, hidden)

    def forward(self, z: Tensor) -> Tensor:
        return z.square().sum(-1) / 2 + self.tilt(z)


class LatentModel(nn.Module):
    """`z ~ exp(−E(z))`, `x | z ~ N(g(z), σ²)` with a fully connected decoder `g`, whose outputs lie in `(0, 1)`.

    Given `x`, the posterior energy is `E(z) + ‖x − g(z)‖² / 2σ²`; it is sampled by Langevin chains, one for each data
    point. The decoder learns to reconstruct `x` from its samples, and the prior learns these samples by energy
    discrepancy.

    Args:
        prior: the energy of `z`, `(..., dimensions) → (...)`.
        dimensions: number of coordinates of `z`.
        pixels: number of pixels of `x`.
        hidden: widths of the decoder's hidden layers.
        sigma: σ, standard deviation of the noise of a pixel.

    Source: Pang et al. 2020, arXiv 2006.08205; with energy discrepancy: Schröder et al. 2023, arXiv 2307.06431.

    >>> model = LatentModel(NormalPrior(), dimensions=3, pixels=16, hidden=(8,))
    >>> model.posterior(torch.zeros(5, 16))(torch.zeros(5, 3)).shape
    torch.Size([5])
    """

    def __init__(
        self,
        prior: nn.Module,
        dimensions: int,
        pixels: int,
        *,
        hidden: Sequence[int] = (256, 256),
        sigma: float = 0.15,
    ) -> None:
        super().__init__()
        if not sigma > 0:
            raise InputError(f"sigma: expected a positive number, got {sigma}")
        self.prior = prior
        self.dimensions, self.pixels, self.sigma = dimensions, pixels, sigma
        self.decoder = nn.Sequential(fully_connected((dimensions, *hidden, pixels)), nn.Sigmoid())

    def reconstruction(self, x: Tensor, z: Tensor) -> Tensor:
        """`−log p(x|z)`, `(B,)`."""
        square = (x - self.decoder(z)).square().sum(-1) / self.sigma**2
        return (square + self.pixels * log(2 * pi * self.sigma**2)) / 2

    def posterior(self, x: Tensor) -> PosteriorEnergy:
        """The energy of `z` given `x`, `(B, dimensions) → (B,)`, up to a constant."""
        return PosteriorEnergy(self, x)

    def decode(self, z: Tensor) -> Tensor:
        """`g(z)`, `(B, pixels)`, without a gradient."""
        with torch.no_grad():
            return self.decoder(z)


class PosteriorEnergy(nn.Module):
    """`E(z) − log p(x|z)` for given `x`.

    >>> PosteriorEnergy(LatentModel(NormalPrior(), 2, 4, hidden=()), torch.zeros(3, 4))(torch.zeros(3, 2)).shape
    torch.Size([3])
    """

    def __init__(self, model: LatentModel, x: Tensor) -> None:
        super().__init__()
        self.model, self.x = model, x

    def forward(self, z: Tensor) -> Tensor:
        return self.model.prior(z) + self.model.reconstruction(self.x, z)
