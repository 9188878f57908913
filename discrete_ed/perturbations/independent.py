"""Independent bits: the law from which negatives and proposals are sampled around a state."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from discrete_ed.energies.local import Evaluation, Taylor
from discrete_ed.energies.noise import DenoisingEnergy


@dataclass(frozen=True, eq=False)
class IndependentBits:
    """A law of independent bits for every state of a batch, `r(x) = Π_i σ(o_i)^x_i σ(−o_i)^(1 − x_i)`.

    Args:
        log_odds: `o`, the log odds of a one, `(B, D)`; ±∞ for bits that never change.

    >>> bits = IndependentBits(torch.tensor([[0.0, torch.inf]]))
    >>> bits.sample(100)[..., 1].unique(), bits.log_prob(torch.ones(1, 1, 2)).exp()
    (tensor([1.]), tensor([[0.5000]]))
    """

    log_odds: Tensor

    @classmethod
    def frozen(cls, log_odds: Tensor, free: Tensor, y: Tensor) -> IndependentBits:
        """The law in which bits that aren't free keep their value in `y`; all arguments `(B, D)`."""
        return cls(torch.where(free, log_odds, (2 * y - 1) * torch.inf))

    @classmethod
    def around(cls, evaluation: Evaluation, y: Tensor) -> IndependentBits:
        """The law in which each bit of `y` flips with probability `σ(−Δ_i(y))`.

        If the bits of the model were independent, it would be the model.
        """
        return cls((2 * y - 1) * evaluation.delta)

    @classmethod
    def informed(cls, posterior: DenoisingEnergy, y: Tensor) -> IndependentBits:
        """The law of independent bits that a model of all noise levels proposes for the states that became `y`.

        A network that predicts the data gives it in one evaluation. Otherwise the law is that `around` y, with
        differences estimated from one gradient of the energy. No gradient passes through it.
        """
        energy = posterior.energy
        if not energy.denoises:
            return cls.around(Taylor(posterior)(y), y)
        with torch.no_grad():
            later = posterior.later.expand(len(y))
            predicted = energy.predict(y, later)
            odds = energy.noise.between(predicted, y, posterior.level.expand(len(y)), later)
        return cls.frozen(odds, energy.free(y), y)

    def sample(self, m: int, *, generator: torch.Generator | None = None) -> Tensor:
        """`M` samples for every state, `(B, M, D)`."""
        batch, bits = self.log_odds.shape
        u = torch.rand(batch, m, bits, generator=generator, device=self.log_odds.device)
        return (u < self.log_odds.sigmoid().unsqueeze(1)).to(self.log_odds.dtype)

    def log_prob(self, x: Tensor) -> Tensor:
        """`log r(x)` of states `(B, M, D)`: `(B, M)`."""
        odds = self.log_odds.unsqueeze(1)
        return torch.where(x > 0.5, logsigmoid(odds), logsigmoid(-odds)).sum(-1)
