"""Several processes, one run: plain `torch.distributed` under `torchrun`. With one process nothing here has an effect.

Inside `processes()` work is divided among the processes: `shuffled_batches` gives each rank its share of every batch,
`fit` averages the gradients, and the kernel matrices of `evaluate_graphs` are computed in blocks. All ranks must then
make the same calls. Outside of it no work is divided, even in a program that uses `torch.distributed` for something
else.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor

from discrete_ed.errors import DiscreteEDError, InputError


class Ranks(NamedTuple):
    """The rank of this process, and the number of processes."""

    rank: int
    size: int


_current = Ranks(0, 1)  # changed by `processes` only


def ranks() -> Ranks:
    """The rank of this process, and the number of processes; `(0, 1)` outside `processes()`."""
    return _current


@contextmanager
def processes(*, timeout: float = 600.0) -> Iterator[Ranks]:
    """Join the processes that `torchrun` started, and divide work among them; without `torchrun` do nothing.

    Args:
        timeout: seconds that a rank waits for the others before it gives up with an error.

    Raises:
        InputError: the environment is not `torchrun`'s.

    >>> with processes() as (rank, size):
    ...     rank, size
    (0, 1)
    """
    global _current
    if int(os.environ.get("WORLD_SIZE", 1)) == 1:
        yield ranks()
        return
    try:
        # Not nccl, even with tensors on GPUs: the messages are small, and if a rank dies gloo raises an error in
        # the others, while nccl leaves them waiting for their device until a watchdog ends them.
        dist.init_process_group("gloo", timeout=timedelta(seconds=timeout))
    except (ValueError, RuntimeError) as error:
        raise InputError(f"WORLD_SIZE: expected to be started by torchrun, but {str(error).splitlines()[0]}") from None
    _current = Ranks(dist.get_rank(), dist.get_world_size())
    try:
        yield _current
    finally:
        _current = Ranks(0, 1)
        dist.destroy_process_group()


def pick_device(name: str) -> torch.device:
    """The torch device of that name, or an `InputError` if there is none; each of several processes gets its own GPU.

    Convolutions on GPUs use full single precision from then on: with the default rounding (TF32), the energy of a state
    would depend on the other states of its batch.
    """
    try:
        device = torch.device(name)
        if name == "cuda" and ranks().size > 1:
            device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
        torch.zeros(1, dtype=torch.float64, device=device).item()  # some devices have no double precision
    except (RuntimeError, AssertionError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"device: expected cpu, or an available device, got {name!r}: {reason}") from None
    torch.backends.cudnn.allow_tf32 = False
    return device


def rank_seed(seed: int) -> int:
    """A seed that differs between the ranks; that of rank 0 is `seed` itself.

    >>> rank_seed(7)
    7
    """
    rank, _ = ranks()
    return seed if rank == 0 else int(np.random.SeedSequence([seed, rank]).generate_state(1)[0])


def share(count: int) -> slice:
    """This rank's part of `count` items: consecutive items; the parts of two ranks differ in length by at most one.

    >>> share(10)
    slice(0, 10, None)
    """
    rank, size = ranks()
    return slice(count * rank // size, count * (rank + 1) // size)


def weighted_mean_(tensors: Sequence[Tensor], weight: float) -> None:
    """Replace each tensor by `Σ_r w_r t_r / Σ_r w_r` over the ranks, with a single message between the ranks."""
    if ranks().size > 1:
        flat = torch.cat([tensor.flatten() for tensor in tensors] + [torch.ones_like(tensors[0].flatten()[:1])])
        flat *= weight
        _run_collective(dist.all_reduce, flat)
        flat /= flat[-1].clone()
        for tensor, mean in zip(tensors, flat.split([*(tensor.numel() for tensor in tensors), 1]), strict=False):
            tensor.copy_(mean.view_as(tensor))


def rank_sum(array: NDArray[Any]) -> NDArray[Any]:
    """The sum of the ranks' arrays."""
    if ranks().size == 1:
        return array
    tensor = torch.from_numpy(np.array(array))
    _run_collective(dist.all_reduce, tensor)
    return tensor.numpy()


def rank_minimum(number: int) -> int:
    """The smallest of the ranks' numbers."""
    return -_rank_maximum([-number])[0]


def any_rank(*flags: bool) -> list[bool]:
    """Whether each flag is set on any rank."""
    return [bool(flag) for flag in _rank_maximum(list(flags))]


def _rank_maximum(numbers: Sequence[int]) -> list[int]:
    if ranks().size == 1:
        return list(numbers)
    tensor = torch.tensor(numbers, dtype=torch.int64)
    _run_collective(dist.all_reduce, tensor, dist.ReduceOp.MAX)
    return tensor.tolist()


def wait_for_all() -> None:
    """Wait until every rank has made this call, so that no rank gets far ahead of the others' checkpoints."""
    if ranks().size > 1:
        _run_collective(dist.barrier)


def from_first_(tensor: Tensor) -> Tensor:
    """Replace a tensor by that of rank 0."""
    if ranks().size > 1:
        _run_collective(dist.broadcast, tensor, 0)
    return tensor


def text_from_first(text: str) -> str:
    """The text of rank 0, at most 4,096 bytes."""
    if ranks().size == 1:
        return text
    encoded = torch.frombuffer(bytearray(text.encode()[:4096].ljust(4096, b"\0")), dtype=torch.uint8)
    return from_first_(encoded).numpy().tobytes().rstrip(b"\0").decode()


def gathered(rows: Tensor, count: int) -> Tensor:
    """All `count` rows, put together from the `share` of each rank."""
    if ranks().size == 1:
        return rows
    whole = rows.new_zeros(count, *rows.shape[1:])
    whole[share(count)] = rows
    _run_collective(dist.all_reduce, whole)
    return whole


def _run_collective(collective: Callable[..., Any], *arguments: Any) -> None:
    try:
        collective(*arguments)
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise DiscreteEDError(
            f"ranks: expected all processes to go on, but one ended or was too slow ({reason})"
        ) from None
