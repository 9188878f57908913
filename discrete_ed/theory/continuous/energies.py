"""Energies of real vectors: Gaussians and their mixtures, which are normalised, and neural ones, which are not."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import log, pi

import torch
from torch import Tensor, nn

from discrete_ed.errors import InputError


class GaussianEnergy(nn.Module):
    """`E(x) = ‖x − μ‖² / (2σ²) + D/2 log(2πσ²)`: a normal law of mean `μ` and variance `σ²` in each coordinate.

    Args:
        mean: `μ`, `(D,)`.
        variance: `σ²`, positive.

    >>> GaussianEnergy(torch.zeros(1), 1.0)(torch.tensor([[0.0], [1.0]])).tolist()  # ½ log 2π, and ½ more
    [0.9189385175704956, 1.4189385175704956]
    """

    def __init__(self, mean: Tensor, variance: float = 1.0) -> None:
        super().__init__()
        if not variance > 0:
            raise InputError(f"variance: expected a positive number, got {variance}")
        self.mean = nn.Parameter(mean.detach().clone())
        self.log_variance = nn.Parameter(torch.tensor(log(variance), dtype=mean.dtype))

    def forward(self, x: Tensor) -> Tensor:
        square = (x - self.mean).square().sum(-1) / self.log_variance.exp()
        return (square + len(self.mean) * (log(2 * pi) + self.log_variance)) / 2


class MixtureEnergy(nn.Module):
    """`E(x) = −log Σ_k ρ_k N(x; μ_k, σ²)`, a mixture of normal laws of one variance.

    Args:
        weights: `ρ`, `(K,)`, positive; they are divided by their sum.
        means: `μ`, `(K, D)`.
        variance: `σ²`, positive.

    >>> pair = MixtureEnergy(torch.tensor([0.2, 0.8]), torch.tensor([[-5.0], [5.0]]))
    >>> round((pair(torch.tensor([-5.0])) - pair(torch.tensor([5.0]))).item(), 4)  # log 4
    1.3863
    """

    means: Tensor

    def __init__(self, weights: Tensor, means: Tensor, variance: float = 1.0) -> None:
        super().__init__()
        if means.ndim != 2 or weights.shape != means.shape[:1] or not (weights > 0).all():
            raise InputError(
                f"weights: expected a positive number for each mean (K, D), got {weights.tolist()} "
                f"for means of shape {tuple(means.shape)}"
            )
        if not variance > 0:
            raise InputError(f"variance: expected a positive number, got {variance}")
        self.log_weights = nn.Parameter(weights.detach().log())
        self.register_buffer("means", means.detach().clone())
        self.variance = variance

    def forward(self, x: Tensor) -> Tensor:
        square = (x.unsqueeze(-2) - self.means).square().sum(-1) / self.variance
        constant = self.means.shape[-1] / 2 * log(2 * pi * self.variance)
        return constant - (self.log_weights.log_softmax(0) - square / 2).logsumexp(-1)

    def sample(self, count: int, *, generator: torch.Generator | None = None) -> Tensor:
        """Independent samples, `(count, D)`."""
        parts = self.log_weights.detach().softmax(0).multinomial(count, replacement=True, generator=generator)
        shape, like = (count, self.means.shape[-1]), self.means
        noise = torch.randn(shape, generator=generator, dtype=like.dtype, device=like.device)
        return self.means[parts] + self.variance**0.5 * noise

    def diffused(self, t: float) -> MixtureEnergy:
        """The contrastive potential for noise of variance `t`: the same mixture with `σ² + t`."""
        return MixtureEnergy(self.log_weights.detach().exp(), self.means, self.variance + t)


class NeuralEnergy(nn.Module):
    """`E(x) = f(x)`, fully connected with SiLU between the layers: smooth, and not normalised.

    >>> NeuralEnergy(2, hidden=(8,))(torch.zeros(5, 3, 2)).shape
    torch.Size([5, 3])
    """

    def __init__(self, dimensions: int, hidden: Sequence[int] = (128, 128, 128)) -> None:
        super().__init__()
        self.net = fully_connected((dimensions, *hidden, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x).squeeze(-1)


def fully_connected(widths: Sequence[int]) -> nn.Sequential:
    """Linear layers of these widths with SiLU between them."""
    layers: list[nn.Module] = []
    for fan_in, fan_out in pairwise(widths):
        layers += [nn.Linear(fan_in, fan_out), nn.SiLU()]
    return nn.Sequential(*layers[:-1])
