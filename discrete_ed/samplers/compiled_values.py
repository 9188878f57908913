"""Potts models in compiled loops over values of variables."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple, get_args

import numpy as np
import torch
from scipy.sparse import coo_array, csr_array
from torch import Tensor

from discrete_ed.energies import PottsEnergy
from discrete_ed.energies.local import Exact, LocalEvaluation, Taylor
from discrete_ed.samplers.compiled import STEEPEST, Advance, most_steps
from discrete_ed.samplers.gibbs import Gibbs, GibbsSweep
from discrete_ed.samplers.gradients import Balance, GibbsWithGradients
from discrete_ed.samplers.interactions import Array, loops
from discrete_ed.samplers.kernels import Kernel, State


class PottsInteractions(NamedTuple):
    """The couplings and fields of a Potts model, times the inverse temperature, as the loops take them."""

    bits: Array
    """the bit of each value of each variable, `(V, K)`; D, which stands for no bit, is first for a free bit"""
    sizes: Array
    """the number of values of each variable, `(V,)`"""
    couplings: csr_array
    """`β J` of bits, symmetric, with a row of zeros for the bit D"""
    near: csr_array
    """which variables are coupled"""
    fields: Array
    """`β b`, `(D + 1,)`"""

    @classmethod
    def of(cls, energy: PottsEnergy, beta: float) -> PottsInteractions:
        """Those of an energy."""
        groups = energy.groups
        assert groups is not None
        count, variables = groups.bits, groups.variables
        values = [(count, *some) if len(some) == 1 else some for some in variables]
        most = max(groups.sizes)
        bits = np.array([[*some, *some[:1] * (most - len(some))] for some in values], np.int64)
        i, j, value = (part.cpu().numpy() for part in energy.coupled_pairs())
        i, j = np.concatenate([i, j]), np.concatenate([j, i])
        couplings = coo_array((beta * np.tile(value.astype(float), 2), (i, j)), shape=(count + 1, count + 1))
        variable = groups.layout(torch.device("cpu")).variable.numpy()
        pairs = np.ones(len(i), np.int32), (variable[i], variable[j])
        near = coo_array(pairs, shape=(len(variables), len(variables)))
        fields = beta * np.append(energy.fields.detach().double().cpu().numpy(), 0.0)
        return cls(bits, np.array(groups.sizes, np.int64), couplings.tocsr(), near.tocsr(), fields)

    @property
    def steepest(self) -> float:
        """A bound of the energies of moves."""
        return float(2 * (abs(self.fields) + abs(self.couplings).sum(1)).max())

    @property
    def layout(self) -> tuple[Array, ...]:
        """The arrays that all loops take."""
        j = self.couplings
        return self.bits, self.sizes, j.indptr.astype(np.int64), j.indices.astype(np.int64), j.data


def compiled_values(kernel: Kernel, local: LocalEvaluation, x: Tensor) -> Advance | None:
    """A function that advances chains like `x`, `(B, D)`, of a Potts model in compiled loops; None if `kernel.step`
    must be used. The energy is read only here, so later changes of it have no effect."""
    energy = local.energy
    if type(energy) is not PottsEnergy or type(local) not in (Exact, Taylor) or isinstance(local.beta, Tensor):
        return None
    if x.device.type != "cpu" or not x.numel() or type(kernel) not in (Gibbs, GibbsSweep, GibbsWithGradients):
        return None
    if loops("value_loops") is None:
        return None
    model = PottsInteractions.of(energy, local.beta)
    if not model.steepest <= STEEPEST:  # weights of moves could overflow or underflow
        return None
    return partial(_advance, model, _loop_for(kernel, model), local, most_steps(kernel, x))


def _loop_for(kernel: Kernel, model: PottsInteractions) -> Any:
    """The loop of a kernel, from `(value, field, steps, counter)` to `counter`; `value` and `field` are updated."""
    run, layout = loops("value_loops"), model.layout
    if isinstance(kernel, GibbsWithGradients):
        near = model.near.indptr.astype(np.int64), model.near.indices.astype(np.int64)
        balance = get_args(Balance).index(kernel.balance)
        return lambda value, field, steps, counter: run.informed_moves(
            value, field, *layout, *near, balance, steps, counter
        )
    order, each = np.empty(0, np.int64), 1
    if isinstance(kernel, GibbsSweep):
        variable = {bit: v for v, row in enumerate(model.bits.tolist()) for bit in row}
        visited = range(len(model.fields) - 1) if kernel.classes is None else np.concatenate(kernel.classes).tolist()
        order = np.array(list(dict.fromkeys(variable[bit] for bit in visited)), np.int64)
        each = len(order)
    return lambda value, field, steps, counter: run.resample_values(value, field, *layout, order, steps * each, counter)


def _advance(
    model: PottsInteractions,
    loop: Any,
    local: LocalEvaluation,
    most: int,
    state: State,
    steps: int,
    generator: torch.Generator | None,
) -> State:
    """Run a loop for some steps, in calls of at most `most` steps, since a call can't be interrupted; the last step is
    a call of its own, to see which chains it changes."""
    groups = local.energy.groups
    assert groups is not None
    counter = np.uint64(torch.randint(2**63 - 1, (), generator=generator).item())
    value = groups.decode(state.x).numpy()
    bits = np.pad(state.x.double().numpy(), ((0, 0), (0, 1)))
    field = np.ascontiguousarray((model.couplings @ bits.T).T + model.fields)
    for done in range(0, steps - 1, most):
        counter = loop(value, field, min(most, steps - 1 - done), np.uint64(counter))
    before = value.copy()
    loop(value, field, 1, np.uint64(counter))
    x = groups.encode(torch.from_numpy(value)).to(state.x.dtype)
    return State(x, *local(x), torch.from_numpy((value != before).any(1)))
