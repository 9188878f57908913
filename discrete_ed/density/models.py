"""Energies for density estimation, by name: networks on a Bernoulli base, `rbm`, `ising`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import get_args

import torch
from torch import Tensor

from discrete_ed.energies import BernoulliEnergy, Energy, IsingEnergy, NetworkEnergy, PottsEnergy, RBMEnergy
from discrete_ed.errors import InputError
from discrete_ed.groups import Groups
from discrete_ed.names import EnergyName, NetworkName


@dataclass(frozen=True, eq=False)
class _EnergySettings:
    logits: Tensor
    """initial log odds of each bit, `(D,)`"""
    width: int
    layers: int
    shape: tuple[int, int] | None
    groups: Groups | None


def _network(network: NetworkName, settings: _EnergySettings) -> Energy:
    logits = settings.logits
    energy = NetworkEnergy(len(logits), network, width=settings.width, layers=settings.layers, shape=settings.shape).to(
        logits.device
    )
    energy.base.logits.data.copy_(logits)
    return energy


def _rbm(settings: _EnergySettings) -> Energy:
    energy = RBMEnergy(len(settings.logits), settings.width).to(settings.logits.device)
    energy.visible_bias.data.copy_(settings.logits)
    return energy


def _ising(settings: _EnergySettings) -> Energy:
    logits = settings.logits
    if settings.groups is not None:
        return PottsEnergy(settings.groups, logits)
    return IsingEnergy(logits.new_zeros(len(logits), len(logits)), logits / 2)


ENERGIES: dict[EnergyName, Callable[[_EnergySettings], Energy]] = {
    **{network: partial(_network, network) for network in get_args(NetworkName)},
    "rbm": _rbm,
    "ising": _ising,
}
"""for each name that `density_energy` and the command line offer, the function that builds the energy"""


def density_energy(
    name: EnergyName,
    bits: int,
    *,
    width: int = 128,
    layers: int = 2,
    shape: tuple[int, int] | None = None,
    data: Tensor | None = None,
    seed: int = 0,
    groups: Groups | None = None,
) -> Energy:
    """An energy by name: a network (`mlp`, `residual`, `conv`) on a Bernoulli base, an `rbm` or an `ising` model.

    Args:
        name: one of the names above.
        bits: the number of bits `D`.
        width: units of each hidden layer; channels of `conv`; hidden units of `rbm`. It has no effect on `ising`.
        layers: hidden layers of `mlp`, blocks of `residual`, blocks in each stage of `conv`.
        shape: rows and columns of pixels, which `conv` needs.
        data: states `(N, D)`. The energy starts with their marginals (in the base of a network, the visible bias of
            `rbm`, the fields of `ising`), and is created on their device.
        seed: seed of the initial weights.
        groups: the groups into which bits are tied, if there are categorical variables: `rbm` then has softmax units
            that are visible, and `ising` is a Potts model with a coupling for every pair of values.

    Raises:
        InputError: an unknown name, or `conv` without a shape of `D` pixels; groups of another number of bits.

    >>> density_energy("mlp", 8, width=16)(torch.zeros(3, 8)).shape
    torch.Size([3])
    """
    if name not in ENERGIES:
        raise InputError(f"energy: expected one of {', '.join(ENERGIES)}, got {name!r}")
    if groups is not None and groups.bits != bits:
        raise InputError(f"groups: expected those of {bits} bits, got {groups.bits}")
    logits = torch.zeros(bits) if data is None else BernoulliEnergy.from_data(data, groups=groups).logits.detach()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        energy = ENERGIES[name](_EnergySettings(logits, width, layers, shape, groups))
    if energy.groups != groups:
        energy.groups = groups
    return energy
