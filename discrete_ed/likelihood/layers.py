"""Exact results for restricted Boltzmann machines, whose smaller layer is enumerated."""

from __future__ import annotations

import torch
from torch import Tensor

from discrete_ed.energies import RBMEnergy
from discrete_ed.energies.base import check_kind
from discrete_ed.groups.product import product_log_z, product_means
from discrete_ed.likelihood.enumeration import check_enumerable, number
from discrete_ed.states import state_chunks


def _layers(energy: RBMEnergy) -> tuple[Tensor, Tensor, Tensor, bool]:
    """`W` with the smaller layer as columns, the biases of rows and columns, and whether columns are hidden;
    float64."""
    check_kind(energy, RBMEnergy)
    check_enumerable(smaller_layer(energy), "smaller layer")
    weight, visible, hidden = (
        parameter.detach().double() for parameter in (energy.weight, energy.visible_bias, energy.hidden_bias)
    )
    if weight.shape[1] <= weight.shape[0] or energy.groups is not None:
        return weight, visible, hidden, True
    return weight.T, hidden, visible, False


def smaller_layer(energy: RBMEnergy) -> int:
    """The number of bits that are enumerated: those of the smaller layer, or the hidden ones if the visible ones are
    tied into groups."""
    return min(energy.weight.shape) if energy.groups is None else energy.weight.shape[1]


def rbm_log_z(energy: RBMEnergy) -> float:
    """`log Z` of a restricted Boltzmann machine: the smaller layer is enumerated, the other summed in closed form.

    `Z = Σ_h exp(cᵀh) Π_i (1 + exp(b_i + (W h)_i))`, or the same with the layers exchanged; float64. For a group of
    visible bits the factor is `Σ_i exp(b_i + (W h)_i)`.

    Raises:
        InputError: both layers have more than 20 bits.

    >>> from discrete_ed import RBMEnergy
    >>> round(rbm_log_z(RBMEnergy(30, 2, scale=0.0)), 6)  # 32 log 2
    22.18071
    """
    weight, outer, inner, _ = _layers(energy)
    parts = [
        (x @ inner + product_log_z(energy.groups, outer + x @ weight.T)).logsumexp(-1)
        for x in state_chunks(len(inner), dtype=torch.float64, device=weight.device)
    ]
    return number(torch.stack(parts).logsumexp(-1))


def rbm_marginals(energy: RBMEnergy) -> Tensor:
    """`p(x_i = 1)` of the visible bits of a restricted Boltzmann machine, `(D,)`, float64, by the same enumeration as
    `rbm_log_z`.

    Raises:
        InputError: both layers have more than 20 bits.

    >>> from discrete_ed import RBMEnergy
    >>> rbm_marginals(RBMEnergy(3, 2, scale=0.0))
    tensor([0.5000, 0.5000, 0.5000], dtype=torch.float64)
    """
    total = rbm_log_z(energy)
    weight, outer, inner, hidden = _layers(energy)
    marginals = weight.new_zeros(len(outer) if hidden else len(inner))
    for x in state_chunks(len(inner), dtype=torch.float64, device=weight.device):
        inputs = outer + x @ weight.T
        p = (x @ inner + product_log_z(energy.groups, inputs) - total).exp()
        marginals += p @ (product_means(energy.groups, inputs) if hidden else x)
    return marginals
