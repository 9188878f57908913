"""The compiled backend: `chain` and `sample` run some kernels in loops that numba compiles.

They do so on the CPU, for an `IsingEnergy` at one inverse temperature, and for the kernels `Gibbs`, `GibbsSweep`,
`SwendsenWang` and `GibbsWithGradients` (whose differences are then exact even with `Taylor`). Everywhere else, and if
numba can't be imported, the kernel's `step` runs. Both sample the same law; the random numbers differ, and so do the
bits. The loops compute in float64. The first use compiles, which takes seconds, and caches the result on disk.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array, triu
from scipy.special import expit
from torch import Tensor

from discrete_ed.energies import IsingEnergy
from discrete_ed.energies.local import Exact, LocalEvaluation, Taylor
from discrete_ed.samplers.cluster import SwendsenWang
from discrete_ed.samplers.gibbs import Gibbs, GibbsSweep
from discrete_ed.samplers.gradients import Balance, GibbsWithGradients
from discrete_ed.samplers.kernels import Kernel, State

UPDATES = 2**26  # spin updates between two checks for an interrupt: a second or less
STEEPEST = 300.0  # largest |β field| for which no weight of a flip overflows or underflows
MOST_TABLED = 6  # largest number of neighbours for which thresholds are tabulated for all their states
MOST_COUNTED = 12  # largest number of neighbours whose spins up are counted bit by bit
PACKED = 32  # smallest number of chains for which packing them into words pays off

Array = NDArray[Any]
Advance = Callable[[State, int, torch.Generator | None], State]
Loop = Callable[[Array, int, np.uint64], tuple[Array, Array, np.uint64]]


class Interactions(NamedTuple):
    """The couplings and fields of an Ising model, times the inverse temperature, as the loops take them."""

    couplings: csr_array
    """`β J`, symmetric."""
    fields: Array
    """`β h`, `(D,)`."""

    @classmethod
    def of(cls, energy: IsingEnergy, beta: float = 1.0) -> Interactions:
        """Those of an energy, dense or sparse."""
        return cls(energy.to_scipy(), energy.fields.detach().double().numpy()).at_beta(beta)

    def at_beta(self, beta: float) -> Interactions:
        """The same at `beta` times the inverse temperature."""
        return self if beta == 1 else Interactions(self.couplings * beta, self.fields * beta)

    def local_fields(self, s: Array) -> Array:
        """`β (h_i + Σ_j J_ij s_j)` of spins `(B, D)`."""
        return np.ascontiguousarray((self.couplings @ s.T).T + self.fields)

    @property
    def rows(self) -> tuple[Array, Array, Array]:
        """The arrays of the sparse couplings: the start of each row, the neighbours, the values."""
        j = self.couplings
        return j.indptr.astype(np.int64), j.indices.astype(np.int64), j.data


@cache
def loops() -> Any:
    """The module of compiled loops; None, after a warning, if numba can't be imported or can't write its cache."""
    try:
        return importlib.import_module("discrete_ed.samplers.loops")
    except (ImportError, RuntimeError) as error:
        warnings.warn(f"no compiled loops, chains of Ising models will be slow: {error}", RuntimeWarning, stacklevel=2)
        return None


def compiled(kernel: Kernel, local: LocalEvaluation, x: Tensor) -> Advance | None:
    """A function that advances chains like `x`, `(B, D)`, in compiled loops; None if `kernel.step` must be used.

    The energy is read only here, so later changes of it have no effect.
    """
    energy = local.energy
    if type(energy) is not IsingEnergy or type(local) not in (Exact, Taylor):  # another evaluation may differ
        return None
    if isinstance(local.beta, Tensor) or x.device.type != "cpu" or not x.numel():
        return None
    if type(kernel) not in (Gibbs, GibbsSweep, GibbsWithGradients, SwendsenWang) or loops() is None:
        return None
    model = Interactions.of(energy, local.beta)
    steepest = (abs(model.fields) + abs(model.couplings).sum(1)).max()
    if not steepest < (STEEPEST if isinstance(kernel, GibbsWithGradients) else np.inf):
        return None
    work = x.numel() if isinstance(kernel, GibbsSweep | SwendsenWang) else len(x)
    return partial(_advance, model, loop_for(kernel, model, len(x)), max(1, UPDATES // work))


def _advance(
    model: Interactions, loop: Loop, most: int, state: State, steps: int, generator: torch.Generator | None
) -> State:
    """Run a loop for some steps, in calls of at most `most` steps, since a call can't be interrupted."""
    counter = np.uint64(torch.randint(2**63 - 1, (), generator=generator).item())
    bits, moved = state.x.numpy().astype(np.uint8), state.accepted.numpy()
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
        return partial(_flips, model, run.informed, get_args(Balance).index(kernel.balance))
    if isinstance(kernel, Gibbs):
        return partial(_flips, model, run.resample_spins, np.empty(0, np.int64))
    if isinstance(kernel, SwendsenWang):
        return partial(_clusters, model)
    assert isinstance(kernel, GibbsSweep)
    order = np.arange(len(model.fields)) if kernel.classes is None else np.concatenate(kernel.classes).astype(np.int64)
    degree = int(np.diff(model.couplings.indptr).max())
    if chains >= PACKED and degree <= MOST_COUNTED and len(np.unique(abs(model.couplings.data))) <= 1:
        return partial(
            _sweeps, partial(run.sweep_packed, order=order, **_thresholds_by_count(model, degree)), _pack, _unpack
        )
    if degree > MOST_TABLED:
        return partial(_sweeps, partial(_resample_in_turn, model, order), _spins, _bits)
    return partial(_sweeps, partial(run.sweep_each, **_thresholds_by_state(model, order, degree)), np.copy, np.asarray)


def couple_from_the_past(
    energy: IsingEnergy, count: int, most: int, generator: torch.Generator | None
) -> tuple[Tensor, int] | None:
    """Perfect samples `(count, D)` of a ferromagnet, and the number of chain pairs that had not met; None if there is
    no loop for the model."""
    if energy.fields.device.type != "cpu" or loops() is None:
        return None
    model = Interactions.of(energy)
    degree = int(np.diff(model.couplings.indptr).max(initial=0))
    if degree > MOST_TABLED:
        return None
    fields = model.fields
    tables = _thresholds_by_state(model, np.arange(len(fields)), degree)
    first = torch.randint(2**63 - 1, (), generator=generator).item()
    stretch = (most + 1) * len(fields) * int(loops().STEP)  # values of the counter reserved for each sample
    samples = [
        loops().couple(**tables, most=most, counter=np.uint64((first + n * stretch) % 2**64)) for n in range(count)
    ]
    bits = np.array([bits for bits, _ in samples], np.uint8).reshape(count, len(fields))
    return torch.from_numpy(bits).to(energy.fields.dtype), sum(not met for _, met in samples)


def _flips(
    model: Interactions, run: Any, choice: Any, bits: Array, steps: int, counter: np.uint64
) -> tuple[Array, Array, np.uint64]:
    """Steps that flip at most one spin, with all local fields kept up to date."""
    s = _spins(bits)
    moved, counter = run(s, model.local_fields(s), *model.rows, choice, steps, counter)
    return _bits(s), moved, counter


def _clusters(model: Interactions, bits: Array, steps: int, counter: np.uint64) -> tuple[Array, Array, np.uint64]:
    """Cluster steps; a field is a coupling to an additional last spin that is up."""
    pairs = triu(model.couplings)
    (k,) = model.fields.nonzero()
    i, j = np.concatenate([pairs.row, k]), np.concatenate([pairs.col, np.full_like(k, len(model.fields))])
    coupling = np.concatenate([pairs.data, model.fields[k]])
    s = np.column_stack([_spins(bits), np.ones(len(bits))])
    moved, counter = loops().clusters(s, i, j, np.sign(coupling), -np.expm1(-2 * abs(coupling)), steps, counter)
    return _bits(s[:, :-1]), moved, counter


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


def _transposed(bits: Array) -> Array:
    return np.ascontiguousarray(bits.T)


def _pack(bits: Array) -> Array:
    """Bits `(B, D)` to words `(D, W)` that hold 64 chains each; the last word may be padded with zeros."""
    padded = np.pad(bits, ((0, -len(bits) % 64), (0, 0)))
    return np.packbits(_transposed(padded), axis=1).view(np.uint64)


def _unpack(words: Array) -> Array:
    return _transposed(np.unpackbits(words.view(np.uint8), axis=1))


def _threshold(field: Array) -> Array:
    """`p(s = 1) = σ(2 f)` in units of 2^-64."""
    p = expit(2 * field)
    sure = p >= 1 - 2.0**-53
    return np.where(sure, np.uint64(2**64 - 1), (np.where(sure, 0, p) * 2.0**64).astype(np.uint64))


def _thresholds_by_count(model: Interactions, degree: int) -> dict[str, Array]:
    """Thresholds by the number of neighbours that favour spin up, if all couplings have the same magnitude."""
    start, neighbour, value = model.rows
    pull = abs(value).max(initial=0) * (2 * np.arange(degree + 1) - np.diff(start)[:, None])
    kinds, row = np.unique(model.fields[:, None] + pull, axis=0, return_inverse=True)
    negative = np.where(value < 0, np.uint64(2**64 - 1), np.uint64(0))
    threshold = _threshold(kinds)
    return {"start": start, "neighbour": neighbour, "negative": negative, "row": row.ravel(), "threshold": threshold}


def _thresholds_by_state(model: Interactions, order: Array, degree: int) -> dict[str, Any]:
    """Thresholds by the states of the neighbours, in the order of a sweep; bits of one kind share them."""
    start, column, value = model.rows
    bits = np.arange(len(model.fields))
    bit = np.repeat(bits, np.diff(start))
    place = np.arange(len(column)) - start[bit]
    width = max(degree, 1)
    neighbour = np.repeat(bits[:, None], width, 1)  # padded with the bit itself, whose coupling is zero
    coupling = np.zeros((len(bits), width))
    neighbour[bit, place], coupling[bit, place] = column, value
    kinds, row = np.unique(np.column_stack([model.fields, coupling]), axis=0, return_inverse=True)
    spins = 2.0 * (np.arange(2**width) >> np.arange(width)[:, None] & 1) - 1
    threshold = _threshold(kinds[:, :1] + kinds[:, 1:] @ spins)
    return {
        "order": order.astype(np.uint32),
        "neighbours": tuple(np.ascontiguousarray(part) for part in neighbour[order].astype(np.uint32).T),
        "row": (row.ravel()[order] * threshold.shape[1]).astype(np.uint64),
        "threshold": threshold.ravel(),
    }
