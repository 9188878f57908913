"""Metropolis moves that need no gradients: single flips, and exchanges that keep the magnetisation."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from discrete_ed.energies import IsingEnergy
from discrete_ed.energies.base import of_kind
from discrete_ed.energies.local import LocalEvaluation
from discrete_ed.errors import InputError
from discrete_ed.samplers.gibbs import SingleFlip
from discrete_ed.samplers.kernels import Kernel, State, accept, evaluate, uniforms


@dataclass(frozen=True)
class Metropolis(SingleFlip):
    """Random scan: choose one free bit uniformly and flip it with probability `min(1, exp(−Δ_i(x)))`; reversible.

    A chain without free bits does not move. If bits are tied into groups, one of the moves is chosen uniformly.

    Raises:
        InputError: from `init`, a `Taylor` evaluation, whose estimated differences would lead to another law.

    Source: Metropolis, Rosenbluth, Rosenbluth, Teller and Teller 1953, Journal of Chemical Physics 21, 1087–1092.

    >>> from discrete_ed import Exact, IsingEnergy, sample
    >>> up = IsingEnergy(torch.zeros(2, 2), fields=torch.full((2,), 9.0))
    >>> sample(Metropolis(), Exact(up), torch.zeros(1, 2), steps=50, generator=torch.Generator().manual_seed(0))
    tensor([[1., 1.]])
    """

    def log_flip(self, delta: Tensor) -> Tensor:
        """`−Δ_i`."""
        return -delta


@dataclass(frozen=True)
class Kawasaki(Kernel):
    """Exchange the bits of a random pair with a coupling, with probability `min(1, exp(E(x) − E(x')))`; reversible.

    The number of ones, so the magnetisation, never changes: the chain samples the law of the energy among the states
    with as many ones as its start. A pair whose bits are equal, or of which one is frozen, stays as it is.

    Raises:
        InputError: from `init`, an energy other than an `IsingEnergy`, or one without couplings.

    Source: Kawasaki 1966, Physical Review 145, 224–230, with the acceptance of Metropolis.

    >>> from discrete_ed import Exact, IsingEnergy, sample
    >>> path = IsingEnergy.from_edges([(0, 1), (1, 2), (2, 3)])
    >>> sample(Kawasaki(), Exact(path), torch.tensor([[1.0, 0.0, 0.0, 1.0]]), steps=50).sum().item()
    2.0
    """

    def init(self, local: LocalEvaluation, x: Tensor) -> State:
        if not len(_pairs(local)[0]):
            raise InputError(
                "local: Kawasaki expected an IsingEnergy with couplings, whose pairs it exchanges, got none"
            )
        return evaluate(local, x)

    def step(self, local: LocalEvaluation, state: State, *, generator: torch.Generator | None = None) -> State:
        i, j = _pairs(local)
        u_choice = uniforms(state, len(state.x), generator=generator, dtype=torch.float64)
        u_accept = uniforms(state, len(state.x), generator=generator)
        k = (u_choice * len(i)).long().clamp(max=len(i) - 1)
        return self.exchange(local, state, i[k], j[k], u_accept.log())

    def exchange(self, local: LocalEvaluation, state: State, i: Tensor, j: Tensor, log_u: Tensor) -> State:
        """Exchange bits `i` and `j` of each chain, `(B,)`, where `log_u` lies below the log ratio."""
        pair = torch.stack([i, j], -1)
        bits = state.x.gather(-1, pair)
        proposed_x = state.x.scatter(-1, pair, bits.flip(-1))
        proposed = local(proposed_x)
        possible = local.energy.free(state.x).gather(-1, pair).all(-1) & (bits[:, 0] != bits[:, 1])
        return accept(state, proposed_x, proposed, possible & (log_u < state.energy - proposed.energy))


def _pairs(local: LocalEvaluation) -> tuple[Tensor, Tensor]:
    energy = of_kind(local.energy, IsingEnergy)
    if energy is None:
        raise InputError(
            f"local: Kawasaki expected an IsingEnergy, whose pairs are known, got {type(local.energy).__name__}"
        )
    i, j, _ = energy.coupled_pairs()
    return i, j
