"""Where annealing starts, and the fastest path from there to the law of an energy."""

from __future__ import annotations

import warnings
from math import log
from typing import Literal, get_args

import torch
from torch import Tensor

from discrete_ed.energies import BernoulliMixtureEnergy, Energy, IsingEnergy, RBMEnergy
from discrete_ed.energies.base import of_kind
from discrete_ed.errors import InputError, NumericalError
from discrete_ed.groups import Groups
from discrete_ed.groups.product import product_logits, product_means
from discrete_ed.likelihood.annealing import largest_log_weight
from discrete_ed.likelihood.base import Mixture, smoothed
from discrete_ed.likelihood.block import BlockPath
from discrete_ed.likelihood.paths import Path
from discrete_ed.likelihood.schedule import even
from discrete_ed.likelihood.single_site import Layered, SingleSite
from discrete_ed.likelihood.single_variable import SingleVariable
from discrete_ed.likelihood.spins import SpinPath
from discrete_ed.likelihood.tree_fit import fitted_trees
from discrete_ed.samplers.interactions import loops

BaseName = Literal["auto", "both", "mixture", "frequencies", "model", "uniform"]
SHORT_ANNEALING = 100
"""inverse temperatures of the short annealing from the uniform law, by which a model finds states of its own"""
SHORT_SWEEPS = 8
"""its sweeps"""
SHORT_RUNS = 400
"""its runs"""
ROWS_EACH_STATE = 4
"""largest number of rows, for each of those states, to which a mixture is fitted together with them"""
OWN = 0.1
"""share of the law near an energy that is fitted to those states alone"""
OWN_COMPONENTS = 4
"""its components"""
ROUNDING = 1e-6
"""how far the factors of a mixture in a sum of energies may add up to another number than one"""


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
        return base, f"the given mixture of {len(base.log_weights)} laws of {_kind(base)}"
    if base not in get_args(BaseName):
        raise InputError(f"base: expected {', '.join(get_args(BaseName))} or a Mixture, got {base!r}")
    groups = energy.groups
    uniform = Mixture.independent(x.new_zeros(bits), groups)
    if base == "uniform":
        return uniform, "the uniform law"
    if base in ("auto", "both") and (own := _own_mixture(energy)) is not None:
        return own, f"the mixture of {len(own.log_weights)} laws of {_kind(own)} inside the energy"
    rows, simple = "the rows", _is_simple(energy, uniform)
    if base == "model":
        x, rows = model_states(energy, x, generator), "states that the model's own short runs reach"
    elif base == "both" or (base == "auto" and not simple):
        own_states = model_states(energy, x, generator)
        if not simple and groups is None:
            return near_law(x, own_states, generator), (
                f"a mixture of laws of bits along a tree, fitted to {rows}, and of independent bits, fitted to states "
                "that the model's own short runs reach"
            )
        order = torch.randperm(len(x), generator=generator, device=x.device)[: ROWS_EACH_STATE * len(own_states)]
        x, rows = torch.cat([x[order], own_states]), "the rows and to states that the model's own short runs reach"
    if base == "frequencies" or (simple and base != "mixture"):
        law = Mixture.independent(product_logits(groups, frequencies(x, groups)).to(x.dtype), groups)
        return law, f"independent bits with the frequencies of {rows}"
    law = Mixture.fitted(x, generator, groups=groups)
    return law, f"a mixture of {len(law.log_weights)} laws of independent bits, fitted to {rows}"


def near_law(x: Tensor, states: Tensor, generator: torch.Generator | None = None) -> Mixture:
    """A mixture of trees fitted to rows `(N, D)`, and of independent bits fitted to states `(M, D)` of a model.

    >>> law = near_law(torch.eye(4), torch.zeros(9, 4))
    >>> round(law.log_weights.exp().sum().item(), 4)
    1.0
    """
    trees = fitted_trees(x, generator)
    own = Mixture.fitted(states, generator, OWN_COMPONENTS)
    log_weights = torch.cat([trees.log_weights + log(1 - OWN), own.log_weights + log(OWN)])
    logits = torch.cat([trees.logits, own.logits])
    assert trees.couplings is not None
    couplings = torch.cat([trees.couplings, torch.zeros_like(own.logits)])
    return Mixture(log_weights, logits, None, trees.parents, couplings)


def _kind(law: Mixture) -> str:
    return "independent bits" if law.parents is None else "bits along a tree"


def _is_simple(energy: Energy, uniform: Mixture) -> bool:
    """Whether the steps of annealing are so fast that a mixture isn't needed."""
    return isinstance(path_to(energy, uniform), SpinPath | BlockPath)


def model_states(energy: Energy, like: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """States that short annealing of the model from the uniform law reaches, `(N, D)`, whatever its data were; or from
    laws nearer to other states `(M, D)`, where all states of the broader ones are impossible; or the ends of short
    chains from these states, where all states of simple laws are.

    Raises:
        NumericalError: the other states are impossible as well.

    Warns:
        RuntimeWarning: chains from the other states were needed, which find no part of the law that is cut off from
            them.
    """
    groups, betas = energy.groups, even(SHORT_ANNEALING)
    with torch.no_grad():
        for logits in (like.new_zeros(like.shape[1]), _between(like, groups), _between(like, groups, uniform=0.0)):
            starts = Mixture.independent(logits, groups)
            x = starts.sample(SHORT_RUNS, generator)
            if not (found := energy(x)).isposinf().all():
                largest_log_weight(-found.double(), "short annealing from a broad law")
                break
        else:
            possible = like[~energy(like).isposinf()]
            if not len(possible):
                raise NumericalError(
                    "energy: expected a finite energy at some of the rows, or of random states, got +∞ at all of them; "
                    "give rows that are possible, or sum over the states, which is exact"
                )
            warnings.warn(
                "energy: +∞ at all states of independent bits, so the model's own states are the ends of chains that "
                "start at rows; parts of its law that can't be reached from these would not be noticed",
                RuntimeWarning,
                stacklevel=2,
            )
            places = torch.randint(len(possible), (SHORT_RUNS,), generator=generator, device=like.device)
            x, betas = possible[places], torch.ones_like(betas)
    path = path_to(energy, starts)
    updates = max(1, SHORT_SWEEPS * path.updates // SHORT_ANNEALING)
    return path.walk(x, like[:0], betas, updates, generator).x


def _own_mixture(energy: Energy) -> Mixture | None:
    """The mixture to which the energy, or every term of it, adds something, if there is one."""
    found = [Mixture.of(part) for part in energy.modules() if isinstance(part, BernoulliMixtureEnergy)]
    if not found or any(other != found[0] for other in found):
        return None
    return found[0] if abs(Layered.of(energy, found[0]).share - 1) < ROUNDING else None


def _between(x: Tensor, groups: Groups | None = None, *, uniform: float = 0.5) -> Tensor:
    """The log odds of frequencies between those of the rows `(N, D)` and uniform ones, by default halfway, `(D,)`."""
    broad = product_means(groups, x.new_zeros(x.shape[1], dtype=torch.float64))
    return product_logits(groups, (1 - uniform) * frequencies(x, groups) + uniform * broad).to(x.dtype)


def frequencies(x: Tensor, groups: Groups | None = None) -> Tensor:
    """The frequencies of ones in states `(N, D)`, with one extra row of uniform ones, so that none is 0 or 1;
    float64."""
    uniform = product_means(groups, x.new_zeros(x.shape[1], dtype=torch.float64))
    return smoothed(x.sum(0, dtype=torch.float64), len(x), uniform)


def path_to(energy: Energy, base: Mixture) -> Path:
    """The fastest path from a mixture to the law of an energy.

    Without a tree, block Gibbs for an `RBMEnergy`, and compiled loops for an `IsingEnergy` on the CPU if the mixture
    has one component; otherwise updates of single bits, or of single variables if bits are tied into groups.

    >>> type(path_to(IsingEnergy(3), Mixture.independent(torch.zeros(3)))).__name__
    'SpinPath'
    """
    machine, spins = of_kind(energy, RBMEnergy), of_kind(energy, IsingEnergy)
    if base.parents is not None:
        if energy.groups is not None:
            raise InputError("base: expected a mixture of independent bits for an energy with groups, got trees")
        return SingleSite(energy, base)
    if machine is not None:
        return BlockPath(machine, base)
    if spins is not None and len(base.log_weights) == 1 and base.logits.device.type == "cpu" and loops() is not None:
        return SpinPath(spins, base)
    return (SingleSite if energy.groups is None else SingleVariable)(energy, base)
