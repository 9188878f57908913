"""Block Gibbs sampling of restricted Boltzmann machines."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from discrete_ed.energies import RBMEnergy
from discrete_ed.energies.base import of_kind
from discrete_ed.energies.local import LocalEvaluation
from discrete_ed.errors import InputError
from discrete_ed.samplers.kernels import Kernel, State, uniforms


@dataclass(frozen=True)
class BlockGibbs(Kernel):
    """Sample all hidden bits `h ~ p(h|x)`, then all free bits `x' ~ p(x|h)` of an `RBMEnergy`; reversible in `x`.

    The energy may be `Clamped`.

    `p(h_j = 1|x) = σ(c_j + (Wᵀx)_j)` and `p(x_i = 1|h) = σ(b_i + (W h)_i)`; in a group of bits the latter is a softmax
    of `b_i + (W h)_i`. It uses no energy differences:
    the state's `delta` has shape `(B, 0)`, and any local evaluation can be used.

    Raises:
        InputError: an energy other than an `RBMEnergy`; an inverse temperature other than 1, since summing out the
            hidden bits at β doesn't give `β E(x)`, so the chain would sample another law. This kernel can't be
            tempered.

    Source: Hinton 2002, Neural Computation 14, 1771–1800.

    >>> from discrete_ed import Exact, RBMEnergy, sample
    >>> sample(BlockGibbs(), Exact(RBMEnergy(8, 3)), torch.zeros(2, 8), steps=5).shape
    torch.Size([2, 8])
    """

    def init(self, local: LocalEvaluation, x: Tensor) -> State:
        _rbm(local)
        with torch.no_grad():
            still = torch.zeros(len(x), dtype=torch.bool, device=x.device)
            return State(x.detach(), local.energy(x), x.new_zeros(len(x), 0), still)

    def step(self, local: LocalEvaluation, state: State, *, generator: torch.Generator | None = None) -> State:
        u_hidden = uniforms(state, len(state.x), len(_rbm(local).hidden_bias), generator=generator)
        groups = local.energy.groups
        visible = state.x.shape[1] if groups is None else len(groups.variables)
        u_visible = uniforms(state, len(state.x), visible, generator=generator)
        return self.sample_both(local, state, u_hidden, u_visible)

    def sample_both(self, local: LocalEvaluation, state: State, u_hidden: Tensor, u_visible: Tensor) -> State:
        """Both half steps: a bit becomes one where its uniform, `(B, H)` or `(B, D)`, lies below its probability.

        If visible bits are tied into groups, their uniforms are `(B, V)`; see `Groups.choose`.
        """
        machine, energy = _rbm(local), local.energy
        with torch.no_grad():
            h = (u_hidden < self.hidden(machine, state.x)).to(state.x.dtype)
            if energy.groups is None:
                sampled = (u_visible < self.visible(machine, h)).to(state.x.dtype)
                x = torch.where(energy.free(state.x), sampled, state.x)
            else:
                gains = energy.groups.changes(state.x, machine.visible_bias + h @ machine.weight.T)
                moves = energy.groups.movable(state.x, energy.free(state.x))
                moves = energy.groups.choose(gains.masked_fill(~moves, -torch.inf), u_visible)
                x, _ = energy.groups.apply(state.x, moves)
            return State(x, energy(x), state.delta, (x != state.x).any(-1))

    def hidden(self, energy: RBMEnergy, x: Tensor) -> Tensor:
        """`p(h_j = 1|x)`: `(B, D)` to `(B, H)`."""
        return energy.transform(x)

    def visible(self, energy: RBMEnergy, h: Tensor) -> Tensor:
        """`p(x_i = 1|h)`: `(B, H)` to `(B, D)`."""
        return (energy.visible_bias + h @ energy.weight.T).sigmoid()


def _rbm(local: LocalEvaluation) -> RBMEnergy:
    machine = of_kind(local.energy, RBMEnergy)
    if machine is None:
        raise InputError(f"local: block Gibbs expected an RBMEnergy, got {type(local.energy).__name__}")
    if isinstance(local.beta, Tensor) or local.beta != 1:
        raise InputError(f"beta: block Gibbs expected inverse temperature 1, got {local.beta}")
    return machine
