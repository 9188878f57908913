"""Running a kernel: as an iterator over states, or from bits to bits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

import numpy as np
import torch
from torch import Tensor

from discrete_ed.energies.base import evaluation_size
from discrete_ed.energies.local import LocalEvaluation
from discrete_ed.errors import InputError
from discrete_ed.runtime.threads import suitable_threads
from discrete_ed.samplers.compiled import compiled
from discrete_ed.samplers.compiled_tempering import tempered
from discrete_ed.samplers.compiled_values import compiled_values
from discrete_ed.samplers.kernels import Kernel, State, check_numbers, check_step, possible, start
from discrete_ed.samplers.still import STEPS, warn_if_still

CHECKED = 100  # steps between two checks for NaN energies, since each check waits for the device


def chain(
    kernel: Kernel, local: LocalEvaluation, x: Tensor, *, thin: int = 1, generator: torch.Generator | None = None
) -> Iterator[State]:
    """An endless iterator over the states after every `thin` steps; drop a burn-in with `itertools.islice`.

    On the CPU, chains of an `IsingEnergy` or a `PottsEnergy` run in compiled loops if there is one for the kernel (see
    `compiled` and `compiled_values`). The energy must not change while the iterator is in use, since states hold
    earlier evaluations of it.

    Args:
        x: the states at which the `B` chains start, `(B, D)`.
        thin: number of steps from one state to the next. Compiled loops take a new seed from the generator for each
            state that they yield, so that the bits and the generator's state determine the rest of the chain; with
            another `thin` the random numbers, and so the chain, therefore differ.

    Raises:
        InputError: `x` is not a `(B, D)` float tensor of bits that the energy takes, or one of the states has
            probability zero; the value of the energy depends on more than the state (active dropout, other rows);
            `thin` below 1; the first step of a kernel of one's own returned no state of as many bits, or changed the
            given one in place.
        NumericalError: an energy is NaN or −∞, or a difference is NaN; this is checked at the start and every 100
            steps.

    Warns:
        RuntimeWarning: after at least 100 steps most chains are where they started, and it isn't because the law has so
            few states.

    >>> from itertools import islice
    >>> from discrete_ed import Exact, GibbsWithGradients, IsingEnergy
    >>> states = chain(GibbsWithGradients(), Exact(IsingEnergy(8)), torch.zeros(4, 8), thin=10)
    >>> kept = [state.x for state in islice(states, 10, 20)]
    >>> len(kept), kept[0].shape
    (10, torch.Size([4, 8]))
    """
    if thin < 1:
        raise InputError(f"thin: expected at least 1, got {thin}")
    state = possible(start(kernel, local, x))
    return _states(kernel, local, state, thin, generator)


def _states(
    kernel: Kernel, local: LocalEvaluation, state: State, thin: int, generator: torch.Generator | None
) -> Iterator[State]:
    ways = (compiled, compiled_values, tempered)
    advance = next((found for found in (way(kernel, local, state.x) for way in ways) if found is not None), None)
    threads = suitable_threads(evaluation_size(local.energy, state.x.numel()))
    first = state.x
    unchecked = advance is None
    for step in count(thin, thin):
        if advance is not None:
            state = advance(state, thin, generator)
        else:
            with threads:
                for _ in range(thin):
                    before, unchanged = state, state.x.clone() if unchecked else state.x
                    state = kernel.step(local, state, generator=generator)
                    if unchecked:
                        check_step(kernel, local.energy, before, unchanged, state)
                        unchecked = False
        if step % CHECKED < thin:
            check_numbers(state, step)
        if step - thin < STEPS <= step:  # once
            warn_if_still(local.energy, first, state.x, step)
        yield state


def sample(
    kernel: Kernel,
    local: LocalEvaluation,
    x: Tensor,
    steps: int,
    *,
    generator: torch.Generator | None = None,
    callback: Callable[[int, State], None] | None = None,
) -> Tensor:
    """Run the chains for some steps: bits `(B, D)` in, bits `(B, D)` out.

    Only bits are returned, so no cached evaluation outlives a change of the energy's parameters. Compiled loops are
    used as in `chain`.

    Args:
        steps: number of steps of the kernel.
        callback: called with the number of steps done and the state after each, for progress and records. With a
            callback compiled loops use other random numbers than without, see `thin` of `chain`.

    Raises:
        InputError, NumericalError: as `chain`; energies are also checked after the last step.

    Warns:
        RuntimeWarning: as `chain`.

    >>> from discrete_ed import Exact, GibbsWithGradients, IsingEnergy
    >>> g = torch.Generator().manual_seed(0)
    >>> up = IsingEnergy(torch.zeros(3, 3), fields=torch.full((3,), 9.0))
    >>> sample(GibbsWithGradients(), Exact(up), torch.zeros(1, 3), steps=10, generator=g)
    tensor([[1., 1., 1.]])
    """
    if not (isinstance(steps, int | np.integer) and steps >= 0):
        raise InputError(f"steps: expected a whole number, at least 0, got {steps}")
    if steps == 0:
        return possible(start(kernel, local, x)).x
    states = chain(kernel, local, x, thin=1 if callback else steps, generator=generator)
    if callback is None:
        state = next(states)
    else:
        for step in range(1, steps + 1):
            state = next(states)
            callback(step, state)
    check_numbers(state, steps)
    if steps < STEPS:
        warn_if_still(local.energy, x, state.x, steps)
    return state.x
