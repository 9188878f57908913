"""Fitting an energy: one loop for every loss."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from math import cos, isfinite, pi
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from discrete_ed.energies.base import Energy, check_energy
from discrete_ed.errors import InputError, NumericalError

AnyEnergy = TypeVar("AnyEnergy", bound=Energy)
Record = dict[str, float]


@dataclass(frozen=True)
class FitConfig:
    """How `fit` optimises: AdamW, a linear warm-up and a cosine decay, clipped gradients, averaged weights.

    >>> FitConfig(steps=100).schedule(99) < 0.01
    True
    """

    steps: int = 3000
    """optimiser steps"""
    learning_rate: float = 1e-3
    """peak learning rate, reached after the warm-up"""
    warmup: float = 0.02
    """fraction of the steps in which the learning rate rises linearly from zero"""
    weight_decay: float = 0.0
    """decoupled weight decay, as in AdamW"""
    clip: float = 1.0
    """largest gradient norm"""
    ema: float = 0.999
    """decay of the exponential moving average of the weights; 0 turns it off"""

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise InputError(f"steps: expected at least 1, got {self.steps}")
        if not self.learning_rate > 0:
            raise InputError(f"learning_rate: expected a positive number, got {self.learning_rate}")
        if not 0 <= self.warmup < 1:
            raise InputError(f"warmup: expected a fraction in [0, 1), got {self.warmup}")
        if not self.weight_decay >= 0:
            raise InputError(f"weight_decay: expected at least 0, got {self.weight_decay}")
        if not self.clip > 0:
            raise InputError(f"clip: expected a positive number, got {self.clip}")
        if not 0 <= self.ema < 1:
            raise InputError(f"ema: expected a decay in [0, 1), got {self.ema}")

    def schedule(self, step: int) -> float:
        """The factor on the learning rate in `step = 0, 1, …`: linear warm-up, then a half cosine towards zero."""
        warm = max(1, round(self.warmup * self.steps))
        if step < warm:
            return (step + 1) / warm
        return 0.5 * (1 + cos(pi * (step - warm) / max(1, self.steps - warm)))


def shuffled_batches(data: Tensor, size: int, *, generator: torch.Generator | None = None) -> Iterator[Tensor]:
    """Endless float batches `(B, D)` of a data set `(N, D)`: every epoch a fresh permutation, its remainder dropped.

    `generator` lives on the CPU, whatever the device of `data`. A data set smaller than `size` comes whole.

    >>> batches = shuffled_batches(torch.eye(10), 4)
    >>> next(batches).shape
    torch.Size([4, 10])
    """
    if data.ndim != 2 or len(data) == 0:
        raise InputError(f"data: expected a data set of shape (N, D) with N >= 1, got {tuple(data.shape)}")
    size = min(size, len(data))
    while True:
        order = torch.randperm(len(data), generator=generator).to(data.device)
        for rows in order[: len(data) - len(data) % size].split(size):
            yield data[rows].float()


def fit(
    energy: AnyEnergy,
    loss: Callable[[AnyEnergy, Tensor], Tensor],
    batches: Iterable[Tensor],
    config: FitConfig | None = None,
    *,
    watch: Callable[[Record], None] | None = None,
) -> list[Record]:
    """Minimise `loss(energy, x)` over the batches; afterwards `energy` holds the averaged weights.

    Args:
        energy: trained in place.
        loss: any function of an energy and a batch that returns a scalar.
        batches: at least `config.steps` batches of data `(B, D)`.
        config: how to optimise.
        watch: called with the record of each step, for progress and records.

    Returns:
        A record for each step: `step`, `loss`, `grad_norm` (before clipping) and `learning_rate`.

    Raises:
        NumericalError: the loss or its gradient is not finite. The weights stay those of the last good step.

    An interrupt (Ctrl-C) leaves the averaged weights so far in `energy`, too.

    >>> from discrete_ed import Bernoulli, IsingEnergy, energy_discrepancy
    >>> g = torch.Generator().manual_seed(0)
    >>> data = (torch.rand(500, 1, generator=g) < 0.9).expand(-1, 2)  # two spins that always agree
    >>> energy = IsingEnergy(2)
    >>> records = fit(
    ...     energy,
    ...     lambda energy, x: energy_discrepancy(energy, x, Bernoulli(epsilon=0.2), generator=g),
    ...     shuffled_batches(data, 100, generator=g),
    ...     FitConfig(steps=50, learning_rate=0.1),
    ... )
    >>> bool(energy.couplings[0, 1] > 0.5)
    True
    """
    config = config or FitConfig()
    parameters = [p for p in energy.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=config.learning_rate, weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, config.schedule)
    averaged = AveragedModel(energy, multi_avg_fn=_ema(config.ema))
    records: list[Record] = []
    try:
        for step, x in zip(range(1, config.steps + 1), batches, strict=False):
            if step == 1:
                check_energy(energy, x, trainable=True)
            optimizer.zero_grad(set_to_none=True)
            value = loss(energy, x)
            value.backward()
            norm = torch.nn.utils.clip_grad_norm_(parameters, config.clip)
            record: Record = {
                "step": step,
                "loss": value.item(),
                "grad_norm": float(norm),
                "learning_rate": float(schedule.get_last_lr()[0]),
            }
            if not (isfinite(record["loss"]) and isfinite(record["grad_norm"])):
                raise NumericalError(
                    f"loss: not finite at step {step} (loss {record['loss']}, gradient norm {record['grad_norm']}); "
                    "try a smaller learning rate, or look for NaN in the energy"
                )
            optimizer.step()
            schedule.step()
            averaged.update_parameters(energy)
            records.append(record)
            if watch is not None:
                watch(record)
    finally:
        if records:
            energy.load_state_dict(averaged.module.state_dict())
    if len(records) < config.steps:
        raise InputError(f"batches: expected at least {config.steps} batches, got {len(records)}")
    return records


def _ema(decay: float) -> Callable[[Any, Any, Tensor | int], None]:
    """Moving average whose decay rises to its value as `(1 + n) / (10 + n)`, so that short runs forget their start."""

    @torch.no_grad()
    def update(averaged: Any, current: Any, n: Tensor | int) -> None:
        weight = 1 - min(decay, (1 + int(n)) / (10 + int(n)))
        torch._foreach_lerp_(averaged, current, weight)

    return update
