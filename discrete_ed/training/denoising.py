"""Training energies of all noise levels: where negatives come from, and networks that predict data from noise."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from discrete_ed.energies.noise import NoiseConditionalEnergy
from discrete_ed.errors import InputError
from discrete_ed.losses import noise_level_discrepancy
from discrete_ed.names import ProposalName
from discrete_ed.states import check_states

PREDICTION_WEIGHT = 0.1
"""weight of the cross-entropy of predicted bits, which is tens of nats, beside energy discrepancy, which is about 1"""
RANKED_SHARE = 0.25
"""share of each batch that energy discrepancy sees where proposals are learned, since ranking a state among M negatives
takes M + 1 times as long as predicting the data from it, and needs less data"""


def noise_level_loss(
    proposals: ProposalName = "noise", *, negatives: int = 8, generator: torch.Generator | None = None
) -> Callable[[NoiseConditionalEnergy, Tensor], Tensor]:
    """The loss of an energy of all noise levels, for `fit`.

    Args:
        proposals: where the negatives of a noisy state are sampled from: `noise`, the noise alone; `gradients`, the
            differences of the energy at that state; or `learned`, the data that the energy's network predicts from it.
            The last adds `denoising_cross_entropy`, and energy discrepancy then sees a quarter of each batch.
        negatives: M, see `noise_level_discrepancy`.
        generator: source of levels, noise and negatives.

    Raises:
        InputError: unknown proposals.

    >>> from discrete_ed import MLPEnergy
    >>> energy = NoiseConditionalEnergy(MLPEnergy(4, hidden=(8,), noise_levels=True))
    >>> noise_level_loss("gradients")(energy, torch.eye(4)).shape
    torch.Size([])
    """
    if proposals not in get_args(ProposalName):
        raise InputError(f"proposals: expected one of {', '.join(get_args(ProposalName))}, got {proposals!r}")

    def loss(energy: NoiseConditionalEnergy, x: Tensor) -> Tensor:
        if proposals != "learned":
            return noise_level_discrepancy(
                energy, x, m=negatives, informed=proposals == "gradients", generator=generator
            )
        prediction = denoising_cross_entropy(energy, x, generator=generator)
        ranked = x[: max(1, round(RANKED_SHARE * len(x)))]
        discrepancy = noise_level_discrepancy(energy, ranked, m=negatives, informed=True, generator=generator)
        return discrepancy + PREDICTION_WEIGHT * prediction

    return loss


def denoising_cross_entropy(
    energy: NoiseConditionalEnergy, x: Tensor, *, generator: torch.Generator | None = None
) -> Tensor:
    """`−mean Σ_i log p(x_0,i | y)` over the free bits, with `y ~ q_t(·|x_0)` at a random level; a scalar.

    It trains `energy.predict` to give the probability of each bit of the data, given `y`. The independent bits that are
    proposed for `y` are then as near to the law of the states that became `y` as independent bits can be. Since the
    energy itself has no part in it, add it to `noise_level_discrepancy` with `informed=True`, whose minimiser doesn't
    depend on the proposals; `noise_level_loss("learned")` does.

    Args:
        energy: an energy of all noise levels whose network predicts the data, see `NoiseConditionalEnergy.predict`.
        x: data, `(B, D)`, zeros and ones.
        generator: source of levels and noise, on the device of `x`.

    Raises:
        InputError: `x` is not a `(B, D)` float tensor of bits; another energy, or one whose network predicts nothing.

    Source: Vignac et al. 2022, arXiv 2209.14734 (for the edges of graphs, as the whole of a model).

    >>> from discrete_ed import PairGraphEnergy
    >>> network = PairGraphEnergy(3, width=4, layers=1, noise_levels=True, denoiser=True)
    >>> denoising_cross_entropy(NoiseConditionalEnergy(network), torch.ones(2, 6)).shape
    torch.Size([])
    """
    if not isinstance(energy, NoiseConditionalEnergy):
        raise InputError(f"energy: expected a NoiseConditionalEnergy, got {type(energy).__name__}")
    check_states(x, bits=energy.bits)
    if x.ndim != 2 or len(x) == 0:
        raise InputError(f"x: expected a batch of shape (B, D) with B >= 1, got {tuple(x.shape)}")
    noise, free = energy.noise, energy.free(x)
    t = noise.level(torch.randint(1, noise.count + 1, (len(x),), generator=generator, device=x.device)).to(x.dtype)
    y = noise.blur(x, free, noise.keep(t), generator=generator)
    terms = binary_cross_entropy_with_logits(energy.predict(y, t), x, reduction="none")
    return torch.where(free, terms, 0.0).sum(-1).mean()
