"""The compiled backend: `chain` and `sample` run some kernels in loops that numba compiles.

They do so on the CPU, for an `IsingEnergy`, and for the kernels in `COMPILED` (whose differences are then exact
even with `Taylor`), also inside `ParallelTempering` and in `anneal`. Everywhere else, and if
numba can't be imported, the kernel's `step` runs. Both sample the same law; the random numbers differ, and so do the
bits. The loops compute in float64. The first use compiles, which takes seconds, and caches the result on disk.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, get_args

import numpy as np
import torch
from scipy.sparse import triu
from torch import Tensor

from discrete_ed.energies import IsingEnergy
from discrete_ed.energies.local import Exact, LocalEvaluation, Taylor
from discrete_ed.samplers.cluster import SwendsenWang, Wolff
from discrete_ed.samplers.compiled_clusters import swendsen_wang, wolff
from discrete_ed.samplers.gibbs import Gibbs, GibbsSweep
from discrete_ed.samplers.gradients import Balance, GibbsWithGradients
from discrete_ed.samplers.interactions import Array, Interactions, loops
from discrete_ed.samplers.kernels import Kernel, State
from discrete_ed.samplers.many_chains import many_words
from discrete_ed.samplers.metropolis import Kawasaki, Metropolis
from discrete_ed.samplers.thresholds import pack, thresholds_by_count, thresholds_by_state, unpack

UPDATES = 2**26  # spin updates between two checks for an interrupt: a second or less
STEEPEST = 300.0  # largest |β field| for which no weight of a flip overflows or underflows
MOST_TABLED = 6  # largest number of neighbours for which thresholds are tabulated for all their states
MOST_COUNTED = 12  # largest number of neighbours whose spins up are counted bit by bit
COMPILED: tuple[type[Kernel], ...] = (
    Gibbs,
    GibbsSweep,
    GibbsWithGradients,
    Kawasaki,
    Metropolis,
    SwendsenWang,
    Wolff,
)
PACKED = 32  # smallest number of chains for which packing them into words pays off

Advance = Callable[[State, int, torch.Generator | None], State]
Loop = Callable[[Array, int, np.uint64], tuple[Array, Array, np.uint64]]


def compiled(kernel: Kernel, local: LocalEvaluation, x: Tensor) -> Advance | None:
    """A function that advances chains like `x`, `(B, D)`, in compiled loops; None if `kernel.step` must be used.

    The energy is read only here, so later changes of it have no effect.
    """
    model = model_for(kernel, local, x)
    if model is None:
        return None
    return partial(_advance, model, loop_for(kernel, model, len(x)), most_steps(kernel, x))


def model_for(kernel: Kernel, local: LocalEvaluation, x: Tensor, steepest: float = 1.0) -> Interactions | None:
    """The model of chains like `x` if there is a loop for it and the kernel, up to `steepest` times its `β`."""
    energy = local.energy
    if type(energy) is not IsingEnergy or type(local) not in (Exact, Taylor):  # another evaluation may differ
        return None
    if isinstance(local.beta, Tensor) or x.device.type != "cpu" or not x.numel():
        return None
    if type(kernel) not in COMPILED or loops() is None:
        return None
    model = Interactions.of(energy, local.beta)
    largest = steepest * (abs(model.fields) + abs(model.couplings).sum(1)).max()
    return model if largest < (STEEPEST if isinstance(kernel, GibbsWithGradients) else np.inf) else None


def most_steps(kernel: Kernel, x: Tensor) -> int:
    """The number of steps between two checks for an interrupt."""
    return max(1, UPDATES // (x.numel() if isinstance(kernel, GibbsSweep | SwendsenWang) else len(x)))


def _advance(
    model: Interactions, loop: Loop, most: int, state: State, steps: int, generator: torch.Generator | None
) -> State:
    """Run a loop for some steps, in calls of at most `most` steps, since a call can't be interrupted."""
    counter = np.uint64(torch.randint(2**63 - 1, (), generator=generator).item())
    bits, moved = state.x.numpy().astype(np.uint8, order="C"), state.accepted.numpy()  # one layout is compiled once
    for done in range(0, steps, most):
        bits, moved, counter = loop(bits, min(most, steps - done), np.uint64(counter))
    s = 2.0 * bits - 1
    field = model.local_fields(s)
    energy = -(s * (field + model.fields)).sum(1) / 2
    x, energy, delta = (torch.from_numpy(part).to(state.x.dtype) for part in (bits, energy, 2 * s * field))
    return State(x, energy, delta if state.delta.shape[1] else state.delta, torch.from_numpy(moved))


def loop_for(kernel: Kernel, model: Interactions, chains: int) -> Loop:
    """The fastest loop for a kernel, a model, and a number of chains: `(bits, steps, counter)` to `(bits, moved,
    counter)`.

    Bits are uint8 `(B, D)`; `moved`, `(B,)`, marks the chains whose last step accepted a proposal or changed a bit.
    """
    run = loops()
    if isinstance(kernel, GibbsWithGradients):
        return partial(_flips, model, loops("informed_loops").informed, (get_args(Balance).index(kernel.balance),))
    if isinstance(kernel, Gibbs):
        return partial(_flips, model, run.resample_spins, (np.empty(0, np.int64),))
    if isinstance(kernel, Metropolis):
        return partial(_flips, model, run.metropolis, ())
    if isinstance(kernel, Kawasaki):
        pairs = triu(model.couplings, 1)
        ends = pairs.row.astype(np.int64), pairs.col.astype(np.int64)
        return partial(_flips, model, run.exchanges, (*ends, pairs.data))
    if isinstance(kernel, SwendsenWang | Wolff):
        return swendsen_wang(model) if isinstance(kernel, SwendsenWang) else wolff(model)
    assert isinstance(kernel, GibbsSweep)
    return sweep_loop(model, order_of(kernel, len(model.fields)), chains, kernel.classes)


def order_of(kernel: GibbsSweep, bits: int) -> Array:
    """The order in which a sweep visits the bits."""
    return np.arange(bits) if kernel.classes is None else np.concatenate(kernel.classes).astype(np.int64)


def sweep_loop(model: Interactions, order: Array, chains: int, classes: Sequence[Sequence[int]] | None = None) -> Loop:
    """The fastest loop for sweeps over the bits in the given order, that of the classes if there are some."""
    run, degree = loops(), model.degree
    if is_packed(model, chains):
        many = None if classes is None else many_words(model, classes)
        if many is not None:
            return partial(_sweeps, many.run, many.enter, many.leave)
        tables = thresholds_by_count(model, degree)
        return partial(_sweeps, partial(run.sweep_packed, order=order, **tables), pack, unpack)
    if degree > MOST_TABLED:
        return partial(_sweeps, partial(_resample_in_turn, model, order), _spins, _bits)
    return partial(_sweeps, partial(run.sweep_each, **thresholds_by_state(model, order, degree)), np.copy, np.asarray)


def is_packed(model: Interactions, chains: int) -> bool:
    """Whether sweeps hold 64 chains in a word: there are many, and all couplings have one strength."""
    return chains >= PACKED and model.degree <= MOST_COUNTED and model.has_one_strength


def couple_from_the_past(
    energy: IsingEnergy, count: int, most: int, generator: torch.Generator | None
) -> tuple[Tensor, int] | None:
    """Perfect samples `(count, D)` of a ferromagnet, and the number of chain pairs that had not met; None if there is
    no loop for the model."""
    if energy.fields.device.type != "cpu" or loops() is None:
        return None
    model = Interactions.of(energy)
    fields, degree = model.fields, model.degree
    if degree > MOST_TABLED:
        return None
    tables = thresholds_by_state(model, np.arange(len(fields)), degree)
    first = torch.randint(2**63 - 1, (), generator=generator).item()
    stretch = (most + 1) * len(fields) * int(loops().STEP)  # values of the counter reserved for each sample
    samples = [
        loops().couple(**tables, most=most, counter=np.uint64((first + n * stretch) % 2**64)) for n in range(count)
    ]
    bits = np.array([bits for bits, _ in samples], np.uint8).reshape(count, len(fields))
    return torch.from_numpy(bits).to(energy.fields.dtype), sum(not met for _, met in samples)


def _flips(
    model: Interactions, run: Any, choice: tuple[Any, ...], bits: Array, steps: int, counter: np.uint64
) -> tuple[Array, Array, np.uint64]:
    """Steps that flip at most one spin, with all local fields kept up to date."""
    s = _spins(bits)
    moved, counter = run(s, model.local_fields(s), *model.rows, *choice, steps, counter)
    return _bits(s), moved, counter


def _sweeps(
    run: Any,
    enter: Callable[[Array], Array],
    leave: Callable[..., Array],
    bits: Array,
    steps: int,
    counter: np.uint64,
) -> tuple[Array, Array, np.uint64]:
    """Sweeps over bits in the layout of the loop; the last sweep runs separately, to see which bits it changes."""
    chains = enter(bits)
    counter = run(chains, sweeps=steps - 1, counter=counter)
    before = chains.copy()
    counter = run(chains, sweeps=1, counter=np.uint64(counter))
    changed = leave(chains)[: len(bits)] != leave(before)[: len(bits)]
    return leave(chains)[: len(bits)], changed.any(1), counter


def _resample_in_turn(model: Interactions, order: Array, s: Array, sweeps: int, counter: np.uint64) -> np.uint64:
    _, counter = loops().resample_spins(s, model.local_fields(s), *model.rows, order, sweeps * len(order), counter)
    return counter


def _spins(bits: Array) -> Array:
    return 2.0 * bits - 1


def _bits(s: Array) -> Array:
    return (s > 0).astype(np.uint8)
