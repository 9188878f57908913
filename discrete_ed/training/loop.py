"""The training loop, step by step."""

from __future__ import annotations

import signal
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from math import isfinite
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, ReduceLROnPlateau
from torch.optim.swa_utils import AveragedModel

from discrete_ed.energies.base import AnyEnergy, Energy, check_type
from discrete_ed.energies.probe import check_function, check_model
from discrete_ed.errors import InputError, NumericalError
from discrete_ed.runtime.checkpoints import Checkpoints
from discrete_ed.runtime.distributed import any_rank, from_first_, ranks, weighted_mean_
from discrete_ed.runtime.interrupts import Interrupted, Pending, deferred
from discrete_ed.runtime.threads import suitable_threads
from discrete_ed.training.batches import states_of, warn_of_random_order
from discrete_ed.training.config import FitConfig
from discrete_ed.training.records import Record, columns_of, records_of
from discrete_ed.training.watch import diverges, refuse_divergence, warn_of_divergence, warn_of_silence


class Training:
    """One training of an energy: everything that changes from step to step, and the loop over the steps.

    Args:
        energy, loss, batches, config, optimizer, scheduler, checkpoints: as in `fit`.
        things: further objects that checkpoints save and restore, by name. They are restored first, so that they
            can refuse to continue.

    Raises:
        InputError: the energy has no trainable parameters, or the optimizer or scheduler isn't for this energy.
    """

    def __init__(
        self,
        energy: AnyEnergy,
        loss: Callable[[AnyEnergy, Tensor], Tensor],
        batches: Iterable[Tensor | Sequence[Tensor]],
        config: FitConfig | None = None,
        *,
        optimizer: Optimizer | None = None,
        scheduler: LRScheduler | None = None,
        checkpoints: Checkpoints | None = None,
        things: Mapping[str, Any] | None = None,
    ) -> None:
        self.energy, self.loss, self.config = energy, loss, config or FitConfig()
        self.checkpoints, self.things = checkpoints, dict(things or {})
        check_type(energy)
        self.parameters = [p for p in energy.parameters() if p.requires_grad]
        if not self.parameters:
            raise InputError(f"energy: expected {type(energy).__name__} to have trainable parameters, got none")
        _check_optimizer(energy, optimizer, scheduler)
        if optimizer is None:
            rate, decay = self.config.learning_rate, self.config.weight_decay
            optimizer = torch.optim.AdamW(self.parameters, lr=rate, weight_decay=decay)
            scheduler = LambdaLR(optimizer, self.config.schedule)
        self.optimizer, self.scheduler = optimizer, scheduler
        self.averaged = AveragedModel(energy, multi_avg_fn=_moving_average(self.config.ema)).eval()
        if checkpoints is not None:
            warn_of_random_order(batches)
        self.stream = iter(batches)
        self.records: list[Record] = []
        self.unseen = False  # whether the last record still has to be yielded, since a signal came during its step

    def steps(self, pending: Pending | None = None) -> Generator[Record]:
        """Train; yields the record of each step of this call, see `fit_steps`.

        Args:
            pending: the signal that has arrived, if the caller defers signals until the iterator ends. A step whose
                record was yielded is then saved before `Interrupted` is raised. Without it signals are deferred during
                each step only, so that no handler of this package is installed while the iterator waits.
        """
        for tensor in self.energy.state_dict().values():
            from_first_(tensor)
        self._restore()
        resumed, changed = len(self.records), False
        self.energy.train()
        try:
            while self.unseen or len(self.records) < self.config.steps:
                if not self.unseen:
                    self._deferred_step(pending, first=len(self.records) == resumed)
                self.unseen, changed = False, True
                yield self.records[-1]
                due = self.checkpoints is not None and self.checkpoints.due()
                stop, due = any_rank(pending is not None and pending.signal is not None, due)
                if stop or due:
                    self._save()
                if stop:
                    raise _interrupted(pending)
            if changed:
                (diverged,) = any_rank(diverges(self.records))  # all ranks end alike
                if diverged:
                    refuse_divergence(self.records)
                self._save()
        finally:
            self.energy.eval()
            if self.records:
                self.energy.load_state_dict(self.averaged.module.state_dict())

    def _deferred_step(self, pending: Pending | None, *, first: bool) -> None:
        """One step, not cut short by a signal; if signals are not deferred elsewhere, `Interrupted` follows it."""
        with nullcontext(pending) if pending else deferred() as during_step:
            record = self._step(first=first)
            self.averaged.update_parameters(self.energy)
            self.records.append(record)
        warn_of_silence(self.records)
        warn_of_divergence(self.records)
        if pending is None:
            (stop,) = any_rank(during_step.signal is not None)
            if stop:
                self.unseen = True
                self._save()
                raise _interrupted(during_step)

    def _step(self, *, first: bool) -> Record:
        """One step of the optimizer, or an error that leaves the weights as they are."""
        batch = next(self.stream, None)
        if batch is None:
            raise InputError(
                f"batches: expected at least {self.config.steps} batches, got {len(self.records)}; a DataLoader or a "
                "list ends after one epoch, while shuffled_batches(data, size) is endless"
            )
        x = states_of(batch, self.energy)
        if first:
            check_model(self.energy, x, trainable=True)
        else:  # at once, unless the energy was constant so far
            check_function(self.energy, x, random=True)
        with suitable_threads(x.numel() * sum(p.numel() for p in self.parameters)):
            return self._update(x)

    def _update(self, x: Tensor) -> Record:
        """Gradient of the loss of a batch, and a step of the optimizer and the scheduler."""
        self.optimizer.zero_grad(set_to_none=True)
        value = self.loss(self.energy, x)
        if not isinstance(value, Tensor) or value.numel() != 1:
            got = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
            raise InputError(f"loss: expected a function of an energy and a batch to a scalar, got {got}")
        value = value.reshape(())
        value.backward()
        value = _over_ranks(self.parameters, value, len(x))
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, self.config.clip)
        record: Record = {
            "step": len(self.records) + 1,
            "loss": value.item(),
            "grad_norm": float(norm),
            "learning_rate": self._rate(),
        }
        if not (isfinite(record["loss"]) and isfinite(record["grad_norm"])):
            raise _not_finite(record, self.energy, x)
        self.optimizer.step()
        if isinstance(self.scheduler, ReduceLROnPlateau):
            self.scheduler.step(record["loss"])
        elif self.scheduler is not None:
            self.scheduler.step()
        return record

    def _rate(self) -> float:
        """The learning rate of the optimizer's first group."""
        return float(self.optimizer.param_groups[0]["lr"])

    def _stateful(self) -> dict[str, Any]:
        """The objects that checkpoints save and restore."""
        optional = {**self.things, "batches": self.stream, "loss": self.loss}
        return {
            **{name: thing for name, thing in optional.items() if hasattr(thing, "state_dict")},
            "energy": self.energy,
            "averaged": self.averaged,
            "optimizer": self.optimizer,
            **({} if self.scheduler is None else {"scheduler": self.scheduler}),
            **_default_generators(self.parameters),
        }

    def _settings(self) -> dict[str, Any]:
        """The settings that must equal those of a checkpoint."""
        names = {name: type(getattr(self, name)).__name__ for name in ("optimizer", "scheduler")}
        return {**asdict(self.config), **names, **_constants(self.optimizer)}

    def _save(self) -> None:
        if self.checkpoints is not None:
            state = {**self._stateful(), "records": columns_of(self.records), "config": self._settings()}
            state["unseen"] = self.unseen
            self.checkpoints.save(len(self.records), state)

    def _restore(self) -> None:
        """Load the newest checkpoint, if there is one."""
        if self.checkpoints is None:
            return
        things = self._stateful()
        saved = self.checkpoints.restore({"config": Unchanged("config", self._settings()), **things})
        if saved is not None:
            self.records, self.unseen = records_of(saved.state["records"]), saved.state["unseen"]
        if "batches" not in things:
            for _ in zip(range(len(self.records)), self.stream, strict=False):
                pass


class Unchanged:
    """A saved value that must be the same when a training is resumed, such as the number of steps."""

    def __init__(self, name: str, value: Any) -> None:
        self.name, self.value = name, value

    def state_dict(self) -> Any:
        return self.value

    def load_state_dict(self, state: Any) -> None:
        if state == self.value:
            return
        expected, got = state, self.value
        if isinstance(expected, dict) and isinstance(got, dict):
            missing = object()
            differ = [key for key in {**expected, **got} if expected.get(key, missing) != got.get(key, missing)]
            expected, got = ({key: part[key] for key in differ if key in part} for part in (expected, got))
        raise InputError(f"{self.name}: expected that of the checkpoint, {expected}, got {got}")


def _check_optimizer(energy: Energy, optimizer: Optimizer | None, scheduler: LRScheduler | None) -> None:
    if optimizer is None:
        if scheduler is not None:
            raise InputError("scheduler: expected its optimizer to be given as well, as `optimizer`, got none")
        return
    if isinstance(optimizer, torch.optim.LBFGS):
        raise InputError("optimizer: expected one whose step needs no closure, such as SGD or Adam, got LBFGS")
    optimized = {id(p) for group in optimizer.param_groups for p in group["params"]}
    foreign = optimized - {id(p) for p in energy.parameters()}
    missing = {id(p) for p in energy.parameters() if p.requires_grad} - optimized
    if foreign or missing:
        raise InputError(
            f"optimizer: expected it to be made for energy.parameters(), got {len(foreign)} parameters that aren't the "
            f"energy's, and {len(missing)} of the energy's are missing"
        )
    if scheduler is not None and scheduler.optimizer is not optimizer:
        raise InputError("scheduler: expected a scheduler of the optimizer that was given, got one of another")


def _constants(optimizer: Optimizer) -> dict[str, Any]:
    """The settings with which an optimizer was made, such as `optimizer.lr`; a scheduler does not change them."""
    return {f"optimizer.{name}": _constant(value) for name, value in optimizer.defaults.items()}


def _constant(value: Any) -> Any:
    """A setting of an optimizer in the form that it has in a checkpoint; the type's name for a tensor, which a
    scheduler changes in place."""
    if isinstance(value, list | tuple):
        return [_constant(part) for part in value]
    return value if value is None or isinstance(value, bool | int | float | str) else type(value).__name__


def _interrupted(pending: Pending | None) -> Interrupted:
    """The error for the signal that arrived in this process or, if it has none, in another one."""
    return Interrupted((pending and pending.signal) or signal.SIGTERM)


def _not_finite(record: Record, energy: Energy, x: Tensor) -> NumericalError:
    """The error for a loss or gradient that isn't finite, with the number of NaN and infinite energies in the batch."""
    with torch.no_grad():
        energies = energy(x)
    return NumericalError(
        f"loss: not finite at step {record['step']} (loss {record['loss']}, gradient norm {record['grad_norm']}; of "
        f"{len(x)} data points the energy is NaN at {int(energies.isnan().sum())} and infinite at "
        f"{int(energies.isinf().sum())}); try a smaller learning rate or clip, or look for NaN in the energy"
    )


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


def _default_generators(parameters: Sequence[Tensor]) -> dict[str, torch.Generator]:
    """Torch's own generators, which a loss without a generator samples from."""
    cuda = sorted({p.device.index for p in parameters if p.device.type == "cuda"})
    return {
        "torch": torch.default_generator,
        # named by number, not by index of the GPU, since a resumed rank may have another GPU
        **{f"cuda-{k}": torch.cuda.default_generators[index] for k, index in enumerate(cuda)},
    }


def _moving_average(decay: float) -> Callable[[Any, Any, Tensor | int], None]:
    """Moving average whose decay rises to its value as `(1 + n) / (10 + n)`, so that short runs forget their initial
    weights."""

    @torch.no_grad()
    def update(averaged: Any, current: Any, n: Tensor | int) -> None:
        weight = 1 - min(decay, (1 + int(n)) / (10 + int(n)))
        torch._foreach_lerp_(averaged, current, weight)

    return update
