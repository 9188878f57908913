"""Compiled loops through a schedule of inverse temperatures: annealing and parallel tempering of Ising models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

import numpy as np
import torch
from torch import Tensor

from discrete_ed.energies.local import LocalEvaluation
from discrete_ed.samplers import compiled
from discrete_ed.samplers.gibbs import GibbsSweep
from discrete_ed.samplers.interactions import Array, Interactions, loops
from discrete_ed.samplers.kernels import Kernel
from discrete_ed.samplers.many_chains import many_words
from discrete_ed.samplers.thresholds import fields_by_count, fields_by_state, pack, unpack

Anneal = Callable[[Array, Array, np.uint64], tuple[Array, np.uint64]]


def annealed(
    kernel: Kernel, local: LocalEvaluation, x: Tensor, betas: Sequence[float], generator: torch.Generator | None
) -> Tensor | None:
    """The bits `(B, D)` after one step at each inverse temperature; None if there is no compiled loop."""
    model = compiled.model_for(kernel, local, x, max(betas))
    if model is None:
        return None
    counter = np.uint64(torch.randint(2**63 - 1, (), generator=generator).item())
    bits, most = x.numpy().astype(np.uint8), compiled.most_steps(kernel, x)
    sweeps = _sweeps_of(kernel, model, len(x)) if isinstance(kernel, GibbsSweep) else None
    if sweeps is not None:
        for first in range(0, len(betas), most):
            bits, counter = sweeps(bits, np.array(betas[first : first + most], float), np.uint64(counter))
    else:
        for beta, same in groupby(betas):
            loop, steps = compiled.loop_for(kernel, model.at_beta(beta), len(x)), len(list(same))
            for done in range(0, steps, most):
                bits, _, counter = loop(bits, min(most, steps - done), np.uint64(counter))
    return torch.from_numpy(bits).to(x.dtype)


class AnnealedChains:
    """Chains of an Ising model whose inverse temperature changes between the steps, in compiled loops.

    Args:
        model: the model at `β = 1`.
        x: where the chains start, `(B, D)`.
    """

    def __init__(self, kernel: Kernel, model: Interactions, x: Tensor, generator: torch.Generator | None) -> None:
        self.kernel, self.model, self.dtype = kernel, model, x.dtype
        self.bits = x.numpy().astype(np.uint8)
        self.counter = np.uint64(torch.randint(2**63 - 1, (), generator=generator).item())
        self.sweeps = _sweeps_of(kernel, model, len(x)) if isinstance(kernel, GibbsSweep) else None

    def energies(self) -> Tensor:
        """`E` of the chains, float64 `(B,)`."""
        return torch.from_numpy(self.model.energies(self.bits))

    def step(self, beta: float, steps: int) -> None:
        """Steps at one inverse temperature."""
        if self.sweeps is not None:
            self.bits, self.counter = self.sweeps(self.bits, np.full(steps, beta), np.uint64(self.counter))
        else:
            loop = compiled.loop_for(self.kernel, self.model.at_beta(beta), len(self.bits))
            self.bits, _, self.counter = loop(self.bits, steps, np.uint64(self.counter))


def annealed_chains(
    kernel: Kernel, local: LocalEvaluation, x: Tensor, steepest: float, generator: torch.Generator | None
) -> AnnealedChains | None:
    """Chains for inverse temperatures up to `steepest`; None if there is no compiled loop."""
    model = compiled.model_for(kernel, local, x, steepest)
    return None if model is None else AnnealedChains(kernel, model, x, generator)


def _sweeps_of(kernel: GibbsSweep, model: Interactions, chains: int) -> Anneal | None:
    """Sweeps whose thresholds are computed anew at each inverse temperature, from the few different fields that a spin
    can feel; None if these are too many."""
    order, run = compiled.order_of(kernel, len(model.fields)), loops("schedule_loops")
    if compiled.is_packed(model, chains):
        many = None if kernel.classes is None else many_words(model, kernel.classes)
        if many is not None:
            return many.anneal
        places, field = fields_by_count(model, model.degree)
        value, which = np.unique(field, return_inverse=True)

        def packed(bits: Array, betas: Array, counter: np.uint64) -> tuple[Array, np.uint64]:
            words = pack(bits)
            counter = run.anneal_packed(words, order, *places, value, which.reshape(field.shape), betas, counter)
            return unpack(words)[: len(bits)], counter

        return packed
    if model.degree > compiled.MOST_TABLED:
        return None
    tables, field = fields_by_state(model, order, model.degree)
    value, which = np.unique(field, return_inverse=True)
    if len(value) > chains * len(model.fields) / 16:  # to tabulate them would take longer than the sweep
        return None

    def each(bits: Array, betas: Array, counter: np.uint64) -> tuple[Array, np.uint64]:
        bits = bits.copy()
        return bits, run.anneal_each(bits, *tables.values(), value, which.ravel(), betas, counter)

    return each
