"""The number of threads of torch and numpy: one for small operations, in which threads mostly wait for each other.

How threads wait is decided when they start, by the variable `OMP_WAIT_POLICY`. The command line sets it to `passive`,
so that waiting threads leave their cores to other programs; in other programs it is left to the user.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from types import TracebackType

import torch
from threadpoolctl import ThreadpoolController

LARGE_OPERATION = 1e9
"""numbers in the input × numbers in the model from which torch's own number of threads is used

This is a rough rule. It comes from training steps of the default graph model (9e8) on two cores, whose times varied
from run to run: with both cores idle, two threads were somewhat faster than one; with other programs on the cores, one
thread was faster. Other machines and larger operations were not measured. The rule looks at sizes only, so that a seed
gives the same numbers however busy the machine is.
"""


class suitable_threads:
    """A block in which torch uses the number of threads that suits the size of its operations.

    That is one thread, or torch's own number for operations of at least `LARGE_OPERATION`. A number that the user set
    with `OMP_NUM_THREADS` or `MKL_NUM_THREADS` is kept; one that was set with `torch.set_num_threads` is never
    exceeded.

    The block must not contain a `yield`, since the number would then stay while a generator waits. The same object may
    be entered again, one block after the other; to enter it takes less than a microsecond if the number suits already.

    Args:
        size: numbers in the input × numbers in the model, see `evaluation_size` of `discrete_ed.energies.base`.

    >>> with suitable_threads(1e3):
    ...     torch.get_num_threads()
    1
    """

    def __init__(self, size: float) -> None:
        chosen = any(name in os.environ for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"))
        self.one = size < LARGE_OPERATION and not chosen
        self.before = 1

    def __enter__(self) -> None:
        self.before = torch.get_num_threads() if self.one else 1
        if self.before > 1:
            torch.set_num_threads(1)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.before > 1:
            torch.set_num_threads(self.before)


@contextmanager
def suitable_numpy_threads(size: float) -> Iterator[None]:
    """A block in which numpy's matrix products, and torch, use the number of threads that suits their size.

    The rule is the one of `suitable_threads`, and a number that the user set with `OPENBLAS_NUM_THREADS` is kept, too.
    To enter the block takes milliseconds, since the libraries in memory are searched: it is for whole fits.

    Args:
        size: numbers in the input × numbers in the model.

    >>> with suitable_numpy_threads(1e3):
    ...     torch.get_num_threads()
    1
    """
    torch_threads = suitable_threads(size)
    with ExitStack() as limits:
        limits.enter_context(torch_threads)
        if torch_threads.one and "OPENBLAS_NUM_THREADS" not in os.environ:
            limits.enter_context(ThreadpoolController().select(user_api="blas").limit(limits=1))
        yield


def cores() -> int:
    """The number of cores that the program may use: at most `OMP_NUM_THREADS`, if that is set."""
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    chosen = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, min(there, int(chosen)) if chosen.isdecimal() else there)


def in_threads(task: Callable[[int, int], None], count: int) -> None:
    """Call `task(first, last)` on parts of the numbers 0 to `count`, one for each core, at the same time.

    It pays off for compiled loops that release the interpreter's lock.
    """
    parts = min(cores(), max(count, 1))
    if parts == 1:
        task(0, count)
        return
    ends = [count * k // parts for k in range(parts + 1)]
    with ThreadPoolExecutor(parts) as pool:
        list(pool.map(lambda part: task(*part), pairwise(ends)))
