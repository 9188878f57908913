"""Running a kernel: an iterator of states, or bits in and bits out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

import torch
from torch import Tensor

from discrete_ed.errors import InputError
from discrete_ed.local import LocalEvaluation
from discrete_ed.samplers.kernels import Kernel, State, check_numbers
from discrete_ed.states import check_states

CHECKED = 100  # steps between two looks for broken energies: each look waits for the device


def chain(
    kernel: Kernel, local: LocalEvaluation, x: Tensor, *, generator: torch.Generator | None = None
) -> Iterator[State]:
    """An endless iterator over the states after each step; burn-in and thinning are `itertools.islice`.

    Args:
        x: where the `B` chains start, `(B, D)`.

    Raises:
        InputError: `x` is not a `(B, D)` float tensor of bits, or a state of it has probability zero.
        NumericalError: an energy is NaN or −∞, or a difference is NaN; looked for at the start and every 100 steps.

    >>> from itertools import islice
    >>> from discrete_ed import Exact, GibbsWithGradients, IsingEnergy
    >>> states = chain(GibbsWithGradients(), Exact(IsingEnergy(8)), torch.zeros(4, 8))
    >>> thinned = [state.x for state in islice(states, 100, 200, 10)]
    >>> len(thinned), thinned[0].shape
    (10, torch.Size([4, 8]))
    """
    check_states(x)
    if x.ndim != 2:
        raise InputError(f"x: expected a batch of shape (B, D), got {tuple(x.shape)}")
    state = kernel.init(local, x)
    impossible = int(state.energy.isposinf().sum())
    if impossible:
        raise InputError(
            f"x: expected states of finite energy, got +inf (probability zero) at {impossible} of {len(x)}"
        )
    check_numbers(state, 0)
    for step in count(1):
        state = kernel.step(local, state, generator=generator)
        if step % CHECKED == 0:
            check_numbers(state, step)
        yield state


def sample(
    kernel: Kernel,
    local: LocalEvaluation,
    x: Tensor,
    steps: int,
    *,
    generator: torch.Generator | None = None,
    watch: Callable[[int, State], None] | None = None,
) -> Tensor:
    """Run the chains for some steps: bits `(B, D)` in, bits `(B, D)` out.

    Only bits come out, so nothing cached outlives the energy's parameters.

    Args:
        steps: how many steps of the kernel.
        watch: called with the number of steps done and the state after each, for progress and records.

    Raises:
        InputError, NumericalError: as `chain`; broken energies are looked for after the last step, too.

    >>> from discrete_ed import Exact, GibbsWithGradients, IsingEnergy
    >>> g = torch.Generator().manual_seed(0)
    >>> up = IsingEnergy(torch.zeros(3, 3), fields=torch.full((3,), 9.0))
    >>> sample(GibbsWithGradients(), Exact(up), torch.zeros(1, 3), steps=10, generator=g)
    tensor([[1., 1., 1.]])
    """
    if steps < 0:
        raise InputError(f"steps: expected at least 0, got {steps}")
    states = chain(kernel, local, x, generator=generator)
    for step in range(1, steps + 1):
        state = next(states)
        x = state.x
        if watch is not None:
            watch(step, state)
    if steps:
        check_numbers(state, steps)
    return x
