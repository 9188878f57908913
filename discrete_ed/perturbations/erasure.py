"""Erased bits, which a mixture fills in."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import log

import torch
from torch import Tensor

from discrete_ed.energies import BernoulliMixtureEnergy, SumEnergy
from discrete_ed.energies.base import Energy, of_kind
from discrete_ed.errors import InputError
from discrete_ed.perturbations.base import Contrast, Perturbation, weighted_contrast

GRID = 2000
"""midpoints of a grid of `log u` that stands for its uniform law where probabilities are enumerated"""


@dataclass(frozen=True, eq=False)
class Erasure(Perturbation):
    """Erases a random set `S` of free bits; `y` shows which bits were erased, and keeps the others.

    Each bit is erased with probability `u`, and `log u` is uniform between `log 1/D` and 0 for each state, so that a
    few bits are erased in some states and nearly all in others: the loss compares states near the data and far from it,
    and so learns the weight of well separated modes as well. The `x'` that could have become `y` have any values in
    `S`. They are sampled from a mixture `r` of independent bits or of trees, given the bits that were kept,
    `x'_S ~ r(x_S | x_∖S)`, which is exact and costs little, and have the weights `1 / r(x'_S | x_∖S)`.

    *Forgets* bits of a known set of any size. *Costs* `1 + M` energies. *Choose it* for tables of many columns with a
    network on a mixture, whose mixture is then `r`: the weights cancel the mixture in the energy, and what remains is
    for the network to learn. With w = 1 the value of the loss estimates `−log p(x_S | x_∖S)` less `log 2` for each
    erased bit, from below where M is small.

    Args:
        mixture: `r`; by default the `BernoulliMixtureEnergy` inside the energy, or fair coins if there is none.

    Source: this package.

    >>> from discrete_ed import IsingEnergy, energy_discrepancy
    >>> loss = energy_discrepancy(IsingEnergy(4), torch.zeros(2, 4), Erasure(), m=8)
    >>> loss.abs().item() < 0.2  # fair coins have no energy to tell apart, but w = 1 adds log(1 + 1 / M)
    True
    """

    mixture: BernoulliMixtureEnergy | None = None

    @staticmethod
    def mixture_inside(energy: Energy) -> BernoulliMixtureEnergy | None:
        """The first `BernoulliMixtureEnergy` inside an energy."""
        return next((part for part in energy.modules() if isinstance(part, BernoulliMixtureEnergy)), None)

    def contrast(
        self, energy: Energy, x: Tensor, m: int, w: float, *, generator: torch.Generator | None = None
    ) -> Contrast:
        """The data point, and `M` states in which the mixture has filled in the erased bits."""
        free = energy.free(x)
        u = x.shape[1] ** (torch.rand(len(x), 1, generator=generator, device=x.device) - 1)
        erased = (torch.rand(x.shape, generator=generator, device=x.device) < u) & free
        mixture = self.mixture or self.mixture_inside(energy)
        coins = BernoulliMixtureEnergy(1, x.shape[1]).to(x) if mixture is None else mixture
        if coins.bits != x.shape[1]:
            raise InputError(f"mixture: expected one of {x.shape[1]} bits, got {coins.bits}")
        with torch.no_grad():
            negatives, kept = coins.filled(x, erased, m, generator)
            log_weight = x.new_zeros(len(x), m + 1)  # fair coins: as many states as 1 / r, a constant of `y`
            rest = None if mixture is None else _without(energy, mixture)
            if mixture is not None:
                states = torch.cat([x.unsqueeze(1), negatives], 1) if rest is None else x.unsqueeze(1)
                log_weight = log_weight + mixture(states) + (kept - erased.sum(1) * log(2)).unsqueeze(1)
        return weighted_contrast(x, negatives, w, log_weight)._replace(rest=rest)

    def matrix(self, states: Tensor) -> Tensor:
        """A column for each set and each `y`, every bit free; a set of `k` bits has the probability that the mean of
        `u^k (1 − u)^(D − k)` over a grid of `log u` gives."""
        bits = states.shape[-1]
        u = bits ** ((torch.arange(GRID, dtype=states.dtype, device=states.device) + 0.5) / GRID - 1)
        columns = []
        for k in range(bits + 1):
            chance = (u**k * (1 - u) ** (bits - k)).mean()
            for kept in combinations(range(bits), bits - k):
                code = states[:, list(kept)] @ 2.0 ** torch.arange(len(kept), dtype=states.dtype, device=states.device)
                same = code.unsqueeze(1) == code.unique()
                columns.append(same.to(states.dtype) * chance)
        return torch.cat(columns, 1)


def _without(energy: Energy, mixture: BernoulliMixtureEnergy) -> Energy | None:
    """What a sum adds to the mixture, if it does: of the weights `1 / r(x'_S | x_∖S)`, `r(x')` cancels."""
    total = of_kind(energy, SumEnergy)
    if total is None or total is not energy or total.scale != 1 or len(total.terms) < 2:
        return None
    return total.without(mixture) if [term is mixture for term in total.terms].count(True) == 1 else None
