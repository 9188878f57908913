"""Early stopping: fit, score the averaged weights on held-out data now and then, and keep the best."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from math import isnan
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from discrete_ed.energies.base import AnyEnergy
from discrete_ed.errors import InputError, NumericalError
from discrete_ed.runtime.checkpoints import Checkpoints
from discrete_ed.runtime.distributed import from_first_
from discrete_ed.runtime.interrupts import deferred
from discrete_ed.training.config import FitConfig
from discrete_ed.training.loop import Training
from discrete_ed.training.records import Record


@dataclass(frozen=True)
class Selected:
    """The result of a fit with early stopping.

    >>> from discrete_ed import BernoulliEnergy, pseudo_likelihood
    >>> states = torch.eye(4)
    >>> judge = lambda energy: -pseudo_likelihood(energy, states).item()
    >>> config = FitConfig(steps=4)
    >>> found = fit_selected(BernoulliEnergy(4), pseudo_likelihood, [states] * 4, config, score=judge, every=2)
    >>> [step for step, _ in found.scores], len(found.records)
    ([2, 4], 4)
    """

    step: int
    """the step whose averaged weights the energy now holds"""
    score: float
    """the score of these weights"""
    scores: list[tuple[int, float]]
    """each step at which a score was taken, with the score"""
    records: list[Record]
    """a record for each step, as `fit` returns them, with `score` if one was taken at that step"""


def fit_selected(
    energy: AnyEnergy,
    loss: Callable[[AnyEnergy, Tensor], Tensor],
    batches: Iterable[Tensor | Sequence[Tensor]],
    config: FitConfig | None = None,
    *,
    score: Callable[[AnyEnergy], float],
    every: int = 200,
    patience: int | None = None,
    stop: Callable[[Sequence[tuple[int, float]]], bool] | None = None,
    optimizer: Optimizer | None = None,
    scheduler: LRScheduler | None = None,
    callback: Callable[[Record], None] | None = None,
    checkpoints: Checkpoints | None = None,
) -> Selected:
    """`fit`, but afterwards `energy` holds the averaged weights that scored best instead of the last ones.

    Args:
        energy, loss, batches, config, optimizer, scheduler: as in `fit`.
        score: judges an energy (which is in evaluation mode), higher is better: for example the likelihood of
            validation data, or minus a loss.
        every: number of steps between two scores; the last step is scored as well.
        patience: number of scores in a row without a new best after which the fit stops; None never stops early.
        stop: asked after each step, from the first score on, whether to end the fit, given the steps and scores so far.
        callback: called with the record of each step; the record of a step with a score has it as `score`.
        checkpoints: as in `fit`; the scores and the best weights so far are saved as well.

    Raises:
        InputError: `every` or `patience` is below 1; whatever `fit` raises.
        NumericalError: a score is NaN; whatever `fit` raises.

    >>> import torch
    >>> from discrete_ed import IsingEnergy, log_likelihood, pseudo_likelihood, shuffled_batches
    >>> g = torch.Generator().manual_seed(0)
    >>> data = (torch.rand(200, 3, generator=g) < 0.8).float()
    >>> train, valid = data[:150], data[150:]
    >>> energy = IsingEnergy(3)
    >>> selected = fit_selected(
    ...     energy,
    ...     pseudo_likelihood,
    ...     shuffled_batches(train, 50, generator=g),
    ...     FitConfig(steps=60, learning_rate=0.1),
    ...     score=lambda energy: log_likelihood(energy, valid).mean,
    ...     every=20,
    ... )
    >>> [step for step, _ in selected.scores], selected.score == max(score for _, score in selected.scores)
    ([20, 40, 60], True)
    """
    if every < 1 or (patience is not None and patience < 1):
        raise InputError(f"every, patience: expected at least 1, got {every} and {patience}")
    scores = _Scores(every, patience)
    training = Training(
        energy,
        loss,
        batches,
        config,
        optimizer=optimizer,
        scheduler=scheduler,
        checkpoints=checkpoints,
        things={"scores": scores},
    )
    judged = cast(Callable[[nn.Module], float], score)
    try:
        with deferred() as pending:
            with closing(training.steps(pending)) as steps:
                for record in steps:
                    number = int(record["step"])
                    if number % every == 0 or number == training.config.steps:
                        model = training.averaged.module
                        with torch.no_grad():
                            record = {**record, "score": scores.add(number, judged(model), model)}
                    if callback is not None:
                        callback(record)
                    if scores.exhausted() or (stop is not None and scores.taken and stop(scores.taken)):
                        break
            pending.check()
    finally:
        if scores.best_weights is not None:
            energy.load_state_dict(scores.best_weights)
    step, best = scores.best()
    taken = dict(scores.taken)
    records = [
        {**record, "score": taken[int(record["step"])]} if record["step"] in taken else record
        for record in training.records
    ]
    return Selected(step, best, scores.taken, records)


@dataclass
class _Scores:
    """The scores so far and the weights that scored best; checkpoints save them."""

    every: int
    patience: int | None
    taken: list[tuple[int, float]] = field(default_factory=list)
    best_weights: dict[str, Tensor] | None = None

    def add(self, step: int, score: float, model: nn.Module) -> float:
        """Record the score of a model's weights at a step; returns the score, which is the same on all ranks."""
        value = from_first_(torch.tensor(float(score), dtype=torch.float64)).item()  # all ranks stop together
        if isnan(value):
            raise NumericalError(f"score: expected a number, got NaN at step {step}")
        if not self.taken or value > self.best()[1]:
            self.best_weights = {name: part.clone() for name, part in model.state_dict().items()}
        self.taken.append((step, value))
        return value

    def best(self) -> tuple[int, float]:
        """The first step with the highest score, and the score."""
        return max(self.taken, key=lambda pair: pair[1])

    def exhausted(self) -> bool:
        """Whether the last `patience` scores brought no new best."""
        return self.patience is not None and bool(self.taken) and self._since_best() >= self.patience

    def _since_best(self) -> int:
        best = self.best()[0]
        return sum(step > best for step, _ in self.taken)

    def state_dict(self) -> dict[str, Any]:
        return {"settings": [self.every, self.patience], "taken": self.taken, "best_weights": self.best_weights}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        settings = [self.every, self.patience]
        if state["settings"] != settings:
            raise InputError(f"every, patience: expected those of the checkpoint, {state['settings']}, got {settings}")
        self.taken = [(step, score) for step, score in state["taken"]]
        self.best_weights = state["best_weights"]
