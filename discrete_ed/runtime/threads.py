"""The number of threads of torch: one for small operations, in which threads mostly wait for each other."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

LARGE_OPERATION = 1e9
"""numbers in the input × numbers in the model from which more than one thread pays off

On two cores a training step of the default graph model (9e8) takes 1.3 times as long with one thread as with two when
both cores are idle, and 0.7 times as long when other programs keep them busy. With larger operations two threads gain
more than that. The rule looks at sizes only, so that a seed gives the same numbers however busy the machine is.
"""


def threads_for(size: float) -> int:
    """The number of threads for an operation of this size: one, or torch's own number for a large operation.

    A number that the user set with `OMP_NUM_THREADS` or `MKL_NUM_THREADS` is kept; one that was set with
    `torch.set_num_threads` is never exceeded.

    >>> threads_for(1e3)
    1
    """
    chosen = any(name in os.environ for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"))
    return torch.get_num_threads() if chosen or size >= LARGE_OPERATION else 1


@contextmanager
def suitable_threads(size: float) -> Iterator[None]:
    """A block in which torch uses the number of threads that suits the size of its operations, see `threads_for`.

    Args:
        size: numbers in the input × numbers in the model.

    >>> with suitable_threads(1e3):
    ...     torch.get_num_threads()
    1
    """
    before = torch.get_num_threads()
    suitable = threads_for(size)
    if suitable == before:
        yield
        return
    torch.set_num_threads(suitable)
    try:
        yield
    finally:
        torch.set_num_threads(before)
