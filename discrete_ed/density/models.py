"""Energies for density estimation, by name: networks on a simple base, `rbm`, `ising`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import get_args

import torch
from torch import Tensor

from discrete_ed.energies import (
    BernoulliEnergy,
    BernoulliMixtureEnergy,
    Energy,
    IsingEnergy,
    NetworkEnergy,
    PottsEnergy,
    RBMEnergy,
)
from discrete_ed.errors import InputError, check_count
from discrete_ed.groups import Groups
from discrete_ed.likelihood import Mixture
from discrete_ed.likelihood.tree_fit import fitted_trees
from discrete_ed.names import EnergyName, NetworkName


@dataclass(frozen=True, eq=False)
class _EnergySettings:
    logits: Tensor
    """initial log odds of each bit, `(D,)`"""
    width: int
    layers: int
    shape: tuple[int, int] | None
    mixture: Mixture | None
    """the base of a network, if it isn't independent bits"""
    groups: Groups | None


def _network(network: NetworkName, settings: _EnergySettings) -> Energy:
    logits, mixture = settings.logits, settings.mixture
    components = 1 if mixture is None else len(mixture.log_weights)
    energy = NetworkEnergy(
        len(logits),
        network,
        width=settings.width,
        layers=settings.layers,
        shape=settings.shape,
        components=components,
        parents=None if mixture is None else mixture.parents,
    ).to(logits.device)
    if isinstance(energy.base, BernoulliMixtureEnergy) and mixture is not None and mixture.couplings is not None:
        energy.base.log_weights.copy_(mixture.log_weights)
        energy.base.logits.copy_(mixture.logits)
        energy.base.couplings.copy_(mixture.couplings)
    else:
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
    components: int = 1,
    data: Tensor | None = None,
    seed: int = 0,
    groups: Groups | None = None,
) -> Energy:
    """An energy by name: a network (`mlp`, `residual`, `conv`) on a simple base, an `rbm` or an `ising` model.

    Args:
        name: one of the names above.
        bits: the number of bits `D`.
        width: units of each hidden layer; channels of `conv`; hidden units of `rbm`. It has no effect on `ising`.
        layers: hidden layers of `mlp`, blocks of `residual`, blocks in each stage of `conv`.
        shape: rows and columns of pixels, which `conv` needs.
        components: of a network: number of components of the mixture of trees that is its base, fitted to `data` by
            expectation maximisation, at most one for every 50 rows and two broad ones besides (see
            `BernoulliMixtureEnergy`); 1 for independent bits, which are trained with the network.
        data: states `(N, D)`. The energy starts with their marginals (in the base of a network, the visible bias of
            `rbm`, the fields of `ising`), and is created on their device.
        seed: seed of the initial weights; the mixture doesn't depend on it, so that all members of an ensemble share
            one.
        groups: the groups into which bits are tied, if there are categorical variables: `rbm` then has softmax units
            that are visible, and `ising` is a Potts model with a coupling for every pair of values.

    Raises:
        InputError: an unknown name; `conv` without a shape of `D` pixels; groups of another number of bits; a mixture
            without data to fit it to, for groups, or for an energy that is no network.

    >>> density_energy("mlp", 8, width=16)(torch.zeros(3, 8)).shape
    torch.Size([3])
    """
    if name not in ENERGIES:
        raise InputError(f"energy: expected one of {', '.join(ENERGIES)}, got {name!r}")
    if groups is not None and groups.bits != bits:
        raise InputError(f"groups: expected those of {bits} bits, got {groups.bits}")
    logits = torch.zeros(bits) if data is None else BernoulliEnergy.from_data(data, groups=groups).logits.detach()
    mixture = None
    if check_count(components, "components") > 1:
        if name not in get_args(NetworkName) or data is None or groups is not None:
            got = "no data" if data is None else f"energy {name!r}" if groups is None else "groups"
            raise InputError(f"components: expected more than 1 only for a network and with data of bits, got {got}")
        mixture = fitted_trees(data.float(), torch.Generator(data.device).manual_seed(0), components)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        energy = ENERGIES[name](_EnergySettings(logits, width, layers, shape, mixture, groups))
    if energy.groups != groups:
        energy.groups = groups
    return energy
