"""Batches of a data set: endless, shuffled, and resumable."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, SequentialSampler

from discrete_ed.energies.base import Energy, device_of, dtype_of
from discrete_ed.errors import InputError
from discrete_ed.runtime.distributed import ranks, share


def shuffled_batches(
    data: Tensor | np.ndarray[Any, Any], size: int, *, generator: torch.Generator | None = None
) -> Batches:
    """Endless float batches `(B, D)` of a data set `(N, D)`: every epoch is a fresh permutation, its remainder dropped.

    `data` is a tensor or a numpy array. `generator` may live on any device, whatever that of `data`. If the data set
    has fewer than `size` rows, each batch is the whole data set. The place in the epoch can be saved with `state_dict`
    and restored with `load_state_dict`. Inside `processes()` each rank gets its share of every batch; the generators
    of all ranks must then have the same seed.

    Raises:
        InputError: `data` is not a matrix or has no row, or a batch has fewer rows than there are ranks.

    >>> batches = shuffled_batches(torch.eye(10), 4)
    >>> next(batches).shape
    torch.Size([4, 10])
    """
    data = torch.as_tensor(data)
    if data.ndim != 2 or len(data) == 0:
        raise InputError(f"data: expected a data set of shape (N, D) with N >= 1, got {tuple(data.shape)}")
    size = min(size, len(data))
    if size < ranks().size:
        raise InputError(f"size: expected at least a row of each batch for each of {ranks().size} ranks, got {size}")
    return Batches(data, size, generator or torch.default_generator)


class Batches:
    """An endless iterator over batches whose position can be saved; made by `shuffled_batches`."""

    def __init__(self, data: Tensor, size: int, generator: torch.Generator) -> None:
        self.data, self.size, self.generator = data, size, generator
        self._shuffle()

    def __iter__(self) -> Batches:
        return self

    def __next__(self) -> Tensor:
        if self.place + self.size > len(self.data):
            self._shuffle()
        rows = self.order[self.place : self.place + self.size]
        self.place += self.size
        return self.data[rows[share(len(rows))]].float()

    def _shuffle(self) -> None:
        self.before = self.generator.get_state()
        order = torch.randperm(len(self.data), generator=self.generator, device=self.generator.device)
        self.order = order.to(self.data.device)
        self.place = 0

    def state_dict(self) -> dict[str, Any]:
        """The place in the epoch, and the generator's state before the epoch's permutation and now."""
        return {"place": self.place, "before": self.before, "now": self.generator.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where `state_dict` was called, with the same data."""
        self.generator.set_state(state["before"])
        self._shuffle()
        self.generator.set_state(state["now"])
        self.place = state["place"]


def states_of(batch: Tensor | Sequence[Tensor], energy: Energy) -> Tensor:
    """The states of a batch, on the device of the energy; the `DataLoader` of a `TensorDataset` wraps them in a
    list.

    Raises:
        InputError: anything but states `(B, D)`.
    """
    x = batch[0] if isinstance(batch, list | tuple) and len(batch) == 1 else batch
    if not isinstance(x, Tensor):
        got, way = type(x).__name__, ""
        if isinstance(x, list | tuple):
            got, way = f"{got} of {len(x)}", "; pass the states only, such as (x for x, label in loader)"
        raise InputError(f"batches: expected tensors of states (B, D), got {got}{way}")
    if x.ndim != 2:
        raise InputError(
            f"batches: expected tensors of states (B, D), got shape {tuple(x.shape)}; shuffled_batches(data, size) "
            "makes them of a data set"
        )
    return x.to(device_of(energy), dtype_of(energy))


def warn_of_random_order(batches: object) -> None:
    """Warn if the order of a loader is random and can't be saved, so that a resumed training would not continue it."""
    if not isinstance(batches, DataLoader) or hasattr(batches, "state_dict"):
        return
    if isinstance(batches.sampler, SequentialSampler):
        return
    warnings.warn(
        "batches: a training that is resumed will see the rows in another order, since the position in a shuffled "
        "DataLoader can't be saved; shuffled_batches(data, size) can be resumed",
        RuntimeWarning,
        stacklevel=4,
    )
