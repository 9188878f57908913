"""A mixture of independent bits as an energy: a normalised law that is low everywhere but near its components."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import softplus

from discrete_ed.energies.base import Energy
from discrete_ed.errors import InputError


class BernoulliMixtureEnergy(Energy):
    """`E(x) = −log Σ_k π_k Π_i σ(l_ki)^{x_i} (1 − σ(l_ki))^{1 − x_i}`, so that `log Z = 0`.

    The mixture is a constant, which training does not change (`log π` and `l` are buffers): it is meant as the base of
    a network, which is added to it. As a law that was fitted to all of a state, it grows with the distance from the
    data, where a loss that compares neighbours says nothing about the network.

    Args:
        log_weights: `log π`, `(K,)`; or the number of components `K`, with equal weights.
        logits: `l`, `(K, D)`; or the number of bits `D`, with probability ½.

    Raises:
        InputError: shapes that don't fit, or numbers that aren't finite.

    >>> two = BernoulliMixtureEnergy(torch.zeros(2), torch.tensor([[2.0, 2.0], [-2.0, -2.0]]))
    >>> two(torch.ones(1, 2))
    tensor([0.9289])
    """

    log_weights: Tensor
    logits: Tensor

    def __init__(self, log_weights: Tensor | int, logits: Tensor | int) -> None:
        super().__init__()
        if isinstance(log_weights, int):
            log_weights = torch.zeros(log_weights)
        if isinstance(logits, int):
            logits = torch.zeros(len(log_weights), logits)
        if logits.ndim != 2 or log_weights.shape != logits.shape[:1] or not len(log_weights):
            got = f"{tuple(log_weights.shape)} and {tuple(logits.shape)}"
            raise InputError(f"log_weights, logits: expected shapes (K,) and (K, D), got {got}")
        if not (log_weights.isfinite().all() and logits.isfinite().all()):
            raise InputError("log_weights, logits: expected finite numbers, got NaN or infinity")
        self.register_buffer("log_weights", log_weights.detach().log_softmax(0))
        self.register_buffer("logits", logits.detach().clone())
        self.bits = logits.shape[1]

    def arguments(self) -> dict[str, Any]:
        return {"log_weights": len(self.log_weights), "logits": self.bits}

    def forward(self, x: Tensor) -> Tensor:
        constants = self.log_weights - softplus(self.logits).sum(1)
        return -(x @ self.logits.T + constants).logsumexp(-1)

    def flip_delta(self, x: Tensor) -> Tensor:
        """`Δ_i = −log Σ_k r_k(x) exp((1 − 2 x_i) l_ki)`, with `r_k(x)` the share of component `k` in `p(x)`."""
        constants = self.log_weights - softplus(self.logits).sum(1)
        shares = (x @ self.logits.T + constants).log_softmax(-1)
        up = (shares.unsqueeze(-1) + self.logits).logsumexp(-2)
        down = (shares.unsqueeze(-1) - self.logits).logsumexp(-2)
        return -torch.where(x > 0.5, down, up)
