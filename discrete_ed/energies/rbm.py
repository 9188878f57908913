"""The restricted Boltzmann machine with its hidden layer summed out."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from discrete_ed.energies.base import Energy
from discrete_ed.names import KernelName
from discrete_ed.states import CHUNK_STATES


class RBMEnergy(Energy):
    """`E(x) = −bᵀx − Σ_j softplus(c_j + (Wᵀx)_j)`: the free energy of `exp(bᵀx + cᵀh + xᵀWh)` over hidden bits `h`.

    Args:
        visible: number of bits `D`.
        hidden: number of hidden bits `H`.
        scale: standard deviation of the initial weights `W`, shape `(D, H)`.
        generator: source of the initial weights.

    >>> energy = RBMEnergy(visible=4, hidden=3, scale=0.0)
    >>> energy(torch.zeros(1, 4))  # three hidden bits that are free to be either: −3 log 2
    tensor([-2.0794], grad_fn=<SubBackward0>)
    """

    kernel_name: ClassVar[KernelName] = "block-gibbs"

    def __init__(
        self, visible: int, hidden: int, *, scale: float = 0.01, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        normal = torch.randn(visible, hidden, generator=generator, device=generator.device if generator else None)
        self.weight = nn.Parameter(scale * normal.to(torch.get_default_device()))
        self.visible_bias = nn.Parameter(torch.zeros(visible))
        self.hidden_bias = nn.Parameter(torch.zeros(hidden))
        self.bits = visible

    def arguments(self) -> dict[str, Any]:
        return {"visible": self.bits, "hidden": len(self.hidden_bias)}

    def forward(self, x: Tensor) -> Tensor:
        return -x @ self.visible_bias - softplus(self.hidden_bias + x @ self.weight).sum(-1)

    def transform(self, x: Tensor) -> Tensor:
        """`p(h_j = 1|x) = σ(c_j + (Wᵀx)_j)`: states `(..., D)` to features `(..., H)`.

        >>> RBMEnergy(visible=4, hidden=2, scale=0.0).transform(torch.ones(1, 4)).tolist()
        [[0.5, 0.5]]
        """
        return (self.hidden_bias + x @ self.weight).sigmoid()

    def reconstruct(self, x: Tensor) -> Tensor:
        """`σ(b_i + (W p(h|x))_i)`: the bits `(..., D)` that the expected hidden bits of a state suggest, one
        mean-field step of the two layers.

        >>> RBMEnergy(visible=4, hidden=2, scale=0.0).reconstruct(torch.ones(1, 4)).tolist()
        [[0.5, 0.5, 0.5, 0.5]]
        """
        return (self.visible_bias + self.transform(x) @ self.weight.T).sigmoid()

    def flip_delta(self, x: Tensor) -> Tensor:
        """A flip of bit `i` shifts every hidden input by `±W_ij`, so the matrix product is computed once, not `D`
        times."""
        inputs = self.hidden_bias + x @ self.weight
        sign = 1 - 2 * x
        rows = max(1, CHUNK_STATES // max(x.shape[-1], 1))
        deltas = [
            softplus(a).sum(-1, keepdim=True)
            - softplus(a.unsqueeze(1) + s.unsqueeze(-1) * self.weight).sum(-1)
            - s * self.visible_bias
            for a, s in zip(inputs.split(rows), sign.split(rows), strict=True)
        ]
        return torch.cat(deltas)
