"""An experiment: which loss depends on the weight of a mixture whose modes are far apart?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from discrete_ed.theory.continuous.energies import MixtureEnergy
from discrete_ed.theory.continuous.losses import energy_discrepancy, score_matching
from discrete_ed.theory.continuous.minimise import Progress

Values = np.ndarray[Any, np.dtype[np.float64]]

TRUE_WEIGHT, VARIANCES, SAMPLES = 0.2, (2.0, 4.0, 8.0, 32.0), 4096
"""true weight of the mixture, variances t of the noise, number of data points"""
MEANS = torch.tensor([[-5.0], [5.0]])  # of the two modes
LIKELIHOOD = "maximum likelihood"  # name of its curve


@dataclass(frozen=True)
class WeightCurve:
    """A loss as a function of the weight."""

    minimiser: float
    """the weight at which the loss is smallest"""
    spread: float
    """largest value of the loss minus the smallest"""
    spread_of_likelihood: float
    """that spread divided by the spread of the negative log-likelihood"""
    correlation_with_likelihood: float
    """correlation of the loss with the negative log-likelihood over the weights"""


@dataclass(frozen=True, eq=False)
class MixtureWeights:
    """Losses as functions of the weight of a mixture."""

    weights: Values
    """the weights at which each loss was computed, `(K,)`"""
    curves: dict[str, Values]
    """the values `(K,)` of each loss, by its name; from score matching to maximum likelihood"""
    samples: int
    """the number of data points"""
    truth: float = TRUE_WEIGHT
    """the true weight, with which the data were sampled"""

    def summary(self) -> dict[str, WeightCurve]:
        """The minimiser, spread and correlation of each curve."""
        likelihood = self.curves[LIKELIHOOD]
        return {
            name: WeightCurve(
                minimiser=float(self.weights[int(curve.argmin())]),
                spread=float(np.ptp(curve)),
                spread_of_likelihood=float(np.ptp(curve) / np.ptp(likelihood)),
                correlation_with_likelihood=float(np.corrcoef(curve, likelihood)[0, 1]),
            )
            for name, curve in self.curves.items()
        }


def mixture_weights(*, seed: int = 0, callback: Progress | None = None) -> MixtureWeights:
    """Losses as functions of the weight ρ in `ρ N(−5, 1) + (1 − ρ) N(5, 1)`, for 4,096 data points with ρ = 0.2.

    Score matching hardly depends on the weight of modes that are far apart; with growing noise energy discrepancy
    tends to maximum likelihood, which depends on it.

    Args:
        seed: seed of the data; the noise has the next seed, and is the same for every weight.
        callback: called after each loss.
    """
    x = MixtureEnergy(torch.tensor([TRUE_WEIGHT, 1 - TRUE_WEIGHT]), MEANS).sample(
        SAMPLES, generator=torch.Generator().manual_seed(seed)
    )
    weights = torch.linspace(0.01, 0.98, 98)
    models = [MixtureEnergy(torch.stack([rho, 1 - rho]), MEANS) for rho in weights]

    def discrepancy(t: float) -> Callable[[nn.Module], Tensor]:
        def loss(model: nn.Module) -> Tensor:
            noise = torch.Generator().manual_seed(seed + 1)
            return energy_discrepancy(model, x, t, m=4, w=1.0, generator=noise)

        return loss

    losses: dict[str, Callable[[nn.Module], Tensor]] = {
        "score matching": lambda model: score_matching(model, x),
        **{f"energy discrepancy, t = {t:g}": discrepancy(t) for t in VARIANCES},
        LIKELIHOOD: lambda model: model(x).mean(),
    }
    curves = {}
    for k, (name, loss) in enumerate(losses.items(), 1):
        curves[name] = torch.stack([loss(model).detach() for model in models]).double().numpy()
        if callback is not None:
            callback("losses", k, len(losses))
    return MixtureWeights(weights.numpy(), curves, len(x))
