"""Fitting an energy: one loop for every loss."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from math import cos, isfinite, pi
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from discrete_ed.energies.base import AnyEnergy, Energy, check_energy, check_type, device_of, dtype_of
from discrete_ed.errors import InputError, NumericalError
from discrete_ed.runtime.checkpoints import Checkpoints
from discrete_ed.runtime.distributed import anywhere, from_first_, ranks, share, weighted_mean_
from discrete_ed.runtime.interrupts import Interrupted, deferred

Record = dict[str, float]
RECORD = ("step", "loss", "grad_norm", "learning_rate")


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


def shuffled_batches(
    data: Tensor | np.ndarray[Any, Any], size: int, *, generator: torch.Generator | None = None
) -> Batches:
    """Endless float batches `(B, D)` of a data set `(N, D)`: every epoch a fresh permutation, its remainder dropped.

    `data` is a tensor, or an array of numpy's. `generator` may live on any device, whatever that of `data`. A data set
    smaller than `size` comes whole. The place in the epoch can be saved: `state_dict`, `load_state_dict`. Inside
    `processes()` each rank gets its share of every batch; the generators must then be seeded alike.

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
    """An endless iterator over batches that can say where it stands; made by `shuffled_batches`."""

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
        """The place in the epoch, and the generator before the epoch's permutation and now."""
        return {"place": self.place, "before": self.before, "now": self.generator.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` was taken, with the same data."""
        self.generator.set_state(state["before"])
        self._shuffle()
        self.generator.set_state(state["now"])
        self.place = state["place"]


def fit(
    energy: AnyEnergy,
    loss: Callable[[AnyEnergy, Tensor], Tensor],
    batches: Iterable[Tensor | Sequence[Tensor]],
    config: FitConfig | None = None,
    *,
    callback: Callable[[Record], None] | None = None,
    checkpoints: Checkpoints | None = None,
) -> list[Record]:
    """Minimise `loss(energy, x)` over the batches; afterwards `energy` holds the averaged weights.

    It is in training mode meanwhile (dropout drops) and in that of evaluation afterwards, as samplers and likelihoods
    need it.

    Args:
        energy: trained in place.
        loss: any function of an energy and a batch that returns a scalar.
        batches: at least `config.steps` batches of data `(B, D)`, from `shuffled_batches`, a `DataLoader`, or any other
            source; they come to the energy's device and precision. To resume, an iterable without `state_dict` (a list)
            is drawn again up to the step that was reached; it must not be random.
        config: how to optimise.
        callback: called with the record of each step that is done here, for progress and records.
        checkpoints: where to save, and from where to go on if something is there. Saved are the weights and their
            average, the optimizer, the records, the place in the batches, torch's own generators, and the state of a
            loss or `callback` that has a `state_dict`; other generators must be among the things of `checkpoints`.
            Stopped after any step and resumed equals uninterrupted, on a CPU bit for bit.

    Inside `processes()` every rank calls this with its share of the data and, where the loss is random, a generator of
    its own (`rank_seed`); gradients are averaged over all rows, and each rank saves to its own checkpoints.

    Returns:
        A record for each step: `step`, `loss`, `grad_norm` (before clipping) and `learning_rate`.

    Raises:
        NumericalError: the loss or its gradient is not finite. That step is not made, no checkpoint is written, and
            `energy` holds the averaged weights so far.
        InputError: too few batches, or a checkpoint that can't be written or is of another training.
        Interrupted: SIGINT or SIGTERM came. The step is finished and saved, and `energy` holds the averaged weights
            so far; a second signal ends the program at once.

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
    check_type(energy)
    parameters = [p for p in energy.parameters() if p.requires_grad]
    if not parameters:
        raise InputError(f"energy: expected {type(energy).__name__} to have parameters to be trained, got none")
    optimizer = torch.optim.AdamW(parameters, lr=config.learning_rate, weight_decay=config.weight_decay)
    averaged = AveragedModel(energy, multi_avg_fn=_ema(config.ema))
    stream = iter(batches)
    records: list[Record] = []
    for tensor in energy.state_dict().values():
        from_first_(tensor)
    stateful = {"callback": callback, "batches": stream, "loss": loss}  # `callback` first: it may refuse to go on
    things: dict[str, Any] = {
        **{name: thing for name, thing in stateful.items() if hasattr(thing, "state_dict")},
        "energy": energy,
        "averaged": averaged,
        "optimizer": optimizer,
        **_default_generators(parameters),
    }

    def save() -> None:
        if checkpoints is not None:
            checkpoints.save(len(records), {**things, "records": columns_of(records), "config": asdict(config)})

    if checkpoints is not None:
        records = _restored(checkpoints, things, config)
        if "batches" not in things:
            for _ in zip(range(len(records)), stream, strict=False):
                pass
    resumed = len(records)
    energy.train()
    try:
        with deferred() as pending:
            while len(records) < config.steps:
                batch = next(stream, None)
                if batch is None:
                    raise InputError(f"batches: expected at least {config.steps} batches, got {len(records)}")
                x = _states_of(batch, energy)
                if len(records) == resumed:
                    check_energy(energy, x, trainable=True)
                optimizer.zero_grad(set_to_none=True)
                value = loss(energy, x)
                if not isinstance(value, Tensor) or value.numel() != 1:
                    got = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
                    raise InputError(f"loss: expected a function of an energy and a batch to a scalar, got {got}")
                value = value.reshape(())
                value.backward()
                value = _over_ranks(parameters, value, len(x))
                record = _update(energy, x, value, config, len(records) + 1, optimizer, parameters)
                averaged.update_parameters(energy)
                records.append(record)
                if callback is not None:
                    callback(record)
                stop, due = anywhere(pending.signal is not None, checkpoints is not None and checkpoints.due())
                if stop or due:
                    save()
                if stop:
                    raise Interrupted(pending.signal or signal.SIGTERM)
            if len(records) > resumed:
                save()
    finally:
        energy.eval()
        if records:
            energy.load_state_dict(averaged.module.state_dict())
    return records


def _states_of(batch: Tensor | Sequence[Tensor], energy: Energy) -> Tensor:
    """The states of a batch where the energy is; a `DataLoader` of a data set of states alone packs them in a list."""
    x = batch[0] if isinstance(batch, list | tuple) and len(batch) == 1 else batch
    if not isinstance(x, Tensor):
        got = f"{type(x).__name__} of {len(x)}" if isinstance(x, list | tuple) else type(x).__name__
        raise InputError(f"batches: expected tensors of states (B, D), got {got}")
    if x.ndim != 2:
        raise InputError(
            f"batches: expected tensors of states (B, D), got shape {tuple(x.shape)}; shuffled_batches(data, size) "
            "makes them of a data set"
        )
    return x.to(device_of(energy), dtype_of(energy))


def _update(
    energy: Energy,
    x: Tensor,
    value: Tensor,
    config: FitConfig,
    step: int,
    optimizer: torch.optim.Optimizer,
    parameters: Sequence[Tensor],
) -> Record:
    """One step of the optimizer, or a `NumericalError` that leaves the weights as they are."""
    rate = config.learning_rate * config.schedule(step - 1)
    norm = torch.nn.utils.clip_grad_norm_(parameters, config.clip)
    record: Record = {"step": step, "loss": value.item(), "grad_norm": float(norm), "learning_rate": rate}
    if not (isfinite(record["loss"]) and isfinite(record["grad_norm"])):
        with torch.no_grad():
            energies = energy(x)
        raise NumericalError(
            f"loss: not finite at step {step} (loss {record['loss']}, gradient norm {record['grad_norm']}; of "
            f"{len(x)} data points the energy is NaN at {int(energies.isnan().sum())} and infinite at "
            f"{int(energies.isinf().sum())}); try a smaller learning rate or clip, or look for NaN in the energy"
        )
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.step()
    return record


def _over_ranks(parameters: Sequence[Tensor], value: Tensor, rows: int) -> Tensor:
    """Average the gradients and the loss over the rows of all ranks."""
    if ranks().size == 1:
        return value
    for p in parameters:
        if p.grad is None:
            p.grad = torch.zeros_like(p)
    value = value.detach().clone()
    weighted_mean_([*(p.grad for p in parameters if p.grad is not None), value], rows)
    return value


def _restored(checkpoints: Checkpoints, things: dict[str, Any], config: FitConfig) -> list[Record]:
    """The records so far, after loading the newest checkpoint into the things."""
    saved = checkpoints.restore({"config": _Same("config", asdict(config)), **things})
    return [] if saved is None else records_of(saved.state["records"])


class _Same:
    """What must be as it was when the checkpoint was written."""

    def __init__(self, name: str, value: Any) -> None:
        self.name, self.value = name, value

    def state_dict(self) -> Any:
        return self.value

    def load_state_dict(self, state: Any) -> None:
        if state != self.value:
            raise InputError(f"{self.name}: expected that of the checkpoint, {state}, got {self.value}")


def columns_of(records: list[Record]) -> Tensor:
    """Records as a float64 tensor `(steps, 4)`, to be saved."""
    return torch.tensor([[record[name] for name in RECORD] for record in records], dtype=torch.float64)


def records_of(columns: Tensor) -> list[Record]:
    """The records that `columns_of` made a tensor of."""
    return [{**dict(zip(RECORD, row, strict=True)), "step": int(row[0])} for row in columns.tolist()]


def _default_generators(parameters: Sequence[Tensor]) -> dict[str, torch.Generator]:
    """Torch's own generators, which a loss without one of its own draws from."""
    cuda = sorted({p.device.index for p in parameters if p.device.type == "cuda"})
    return {
        "torch": torch.default_generator,
        # by number, not by index: a rank may go on with another GPU
        **{f"cuda-{k}": torch.cuda.default_generators[index] for k, index in enumerate(cuda)},
    }


def _ema(decay: float) -> Callable[[Any, Any, Tensor | int], None]:
    """Moving average whose decay rises to its value as `(1 + n) / (10 + n)`, so that short runs forget their start."""

    @torch.no_grad()
    def update(averaged: Any, current: Any, n: Tensor | int) -> None:
        weight = 1 - min(decay, (1 + int(n)) / (10 + int(n)))
        torch._foreach_lerp_(averaged, current, weight)

    return update
