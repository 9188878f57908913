"""Where annealing starts, and the fastest path from there to the law of an energy."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from discrete_ed.energies import Energy, IsingEnergy, RBMEnergy
from discrete_ed.energies.base import of_kind
from discrete_ed.errors import InputError
from discrete_ed.groups import Groups
from discrete_ed.groups.product import product_logits, product_means
from discrete_ed.likelihood.base import Mixture, smoothed
from discrete_ed.likelihood.block import BlockPath
from discrete_ed.likelihood.paths import Path
from discrete_ed.likelihood.schedule import even
from discrete_ed.likelihood.single_site import SingleSite
from discrete_ed.likelihood.single_variable import SingleVariable
from discrete_ed.likelihood.spins import SpinPath
from discrete_ed.samplers.interactions import loops

BaseName = Literal["auto", "mixture", "frequencies", "model", "uniform"]
SHORT_ANNEALING = 200
"""inverse temperatures of the annealing by which a model finds its own base"""
SHORT_RUNS = 1000
"""its runs"""


def base_law(
    energy: Energy, x: Tensor, base: BaseName | Mixture, generator: torch.Generator | None = None
) -> tuple[Mixture, str]:
    """The law at which annealing starts, and what it is in words; see `estimate_log_z`.

    Raises:
        InputError: an unknown name, or a mixture with another number of bits.

    >>> law, words = base_law(IsingEnergy(3), torch.eye(3), "frequencies")
    >>> words
    'independent bits with the frequencies of the rows'
    """
    bits = x.shape[1]
    if isinstance(base, Mixture):
        if base.logits.shape[1] != bits:
            raise InputError(f"base: expected a mixture of {bits} bits, got {base.logits.shape[1]}")
        if base.groups != energy.groups:
            raise InputError("base: expected a mixture with the groups of the energy, got one with others")
        return base, f"the given mixture of {len(base.log_weights)} laws of independent bits"
    if base not in get_args(BaseName):
        raise InputError(f"base: expected {', '.join(get_args(BaseName))} or a Mixture, got {base!r}")
    groups = energy.groups
    uniform = Mixture.independent(x.new_zeros(bits), groups)
    if base == "uniform":
        return uniform, "the uniform law"
    rows = "the rows"
    if base == "model":
        path = path_to(energy, uniform)
        betas = even(SHORT_ANNEALING)
        x = path.walk(uniform.sample(SHORT_RUNS, generator), x[:0], betas, max(1, bits // SHORT_ANNEALING), generator).x
        rows = "states that the model's own short runs reach"
    simple = isinstance(
        path_to(energy, uniform), SpinPath | BlockPath
    )  # their steps are fast, and don't need a mixture
    if base == "frequencies" or (simple and base != "mixture"):
        law = Mixture.independent(product_logits(groups, frequencies(x, groups)).to(x.dtype), groups)
        return law, f"independent bits with the frequencies of {rows}"
    law = Mixture.fitted(x, generator, groups=groups)
    return law, f"a mixture of {len(law.log_weights)} laws of independent bits, fitted to {rows}"


def halfway(x: Tensor, groups: Groups | None = None) -> Tensor:
    """The log odds of frequencies halfway between those of the rows `(N, D)` and uniform ones: a broad law, `(D,)`."""
    uniform = product_means(groups, x.new_zeros(x.shape[1], dtype=torch.float64))
    return product_logits(groups, (frequencies(x, groups) + uniform) / 2).to(x.dtype)


def frequencies(x: Tensor, groups: Groups | None = None) -> Tensor:
    """The frequencies of ones in states `(N, D)`, with one extra row of uniform ones, so that none is 0 or 1;
    float64."""
    uniform = product_means(groups, x.new_zeros(x.shape[1], dtype=torch.float64))
    return smoothed(x.sum(0, dtype=torch.float64), len(x), uniform)


def path_to(energy: Energy, base: Mixture) -> Path:
    """The fastest path from a mixture to the law of an energy.

    Block Gibbs for an `RBMEnergy`; compiled loops for an `IsingEnergy` on the CPU, if the mixture has one component;
    otherwise updates of single bits, or of single variables if bits are tied into groups.

    >>> type(path_to(IsingEnergy(3), Mixture.independent(torch.zeros(3)))).__name__
    'SpinPath'
    """
    machine, spins = of_kind(energy, RBMEnergy), of_kind(energy, IsingEnergy)
    if machine is not None:
        return BlockPath(machine, base)
    if spins is not None and len(base.log_weights) == 1 and base.logits.device.type == "cpu" and loops() is not None:
        return SpinPath(spins, base)
    return (SingleSite if energy.groups is None else SingleVariable)(energy, base)
