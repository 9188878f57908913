"""Early stopping that is not fooled by noise: the last weights are kept unless held-out data say clearly otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from discrete_ed.energies.base import Energy
from discrete_ed.errors import InputError
from discrete_ed.runtime.distributed import from_first_

CLEARLY = 2.0  # standard errors of the mean difference of two losses


class HeldOutLoss:
    """Watches the loss of held-out data in the course of a training, and keeps the weights with the least.

    Losses of the same data at two moments are compared datum by datum, so that a difference has a standard error. The
    weights with the least loss are used in the end only if the last ones are clearly worse, by two standard errors:
    otherwise the choice would be one of noise, and the last weights, at which the learning rate has come to rest, are
    usually the better ones.

    Give it to `fit` as `snapshot`, and its method `stop` as `stop`; among the things of `checkpoints` it is saved.

    Args:
        losses: a function of an energy to the loss of every held-out datum, `(N,)`; it must use the same noise each
            time.
        every: number of steps between two looks.
        patience: number of looks in a row at which the loss is clearly above the least, after which training stops.

    Raises:
        InputError: `every` or `patience` below 1.

    >>> from discrete_ed import BernoulliEnergy
    >>> watch = HeldOutLoss(lambda energy: (energy.logits - 1).square(), every=1)
    >>> energy = BernoulliEnergy(2)
    >>> for step, value in enumerate((0.0, 0.9, 0.5), 1):
    ...     energy.logits.data[:] = torch.tensor([value, value])
    ...     watch(step, energy)
    >>> [round(loss, 2) for _, loss in watch.course], watch.choose(energy), energy.logits.tolist()
    ([1.0, 0.01, 0.25], 2, [0.8999999761581421, 0.8999999761581421])
    """

    def __init__(self, losses: Callable[[Energy], Tensor], *, every: int, patience: int = 3) -> None:
        if min(every, patience) < 1:
            raise InputError(f"every, patience: expected at least 1, got {every} and {patience}")
        self.losses, self.every, self.patience = losses, every, patience
        self.course: list[tuple[int, float]] = []
        """the mean loss at each look, by step"""
        self.best: Tensor | None = None
        self.best_weights: dict[str, Tensor] = {}
        self.last: Tensor | None = None
        self.worse = 0
        """number of looks in a row at which the loss was clearly above the least"""

    def __call__(self, step: int, averaged: Energy) -> None:
        """Look at the loss if it is time to."""
        if step % self.every == 0:
            self.look(step, averaged)

    def look(self, step: int, averaged: Energy) -> None:
        """Take the loss of the averaged weights at a step."""
        with torch.no_grad():
            self.last = from_first_(self.losses(averaged).detach().double().cpu())
        self.course.append((step, self.last.mean().item()))
        if self.best is None or self.last.mean() < self.best.mean():
            self.best = self.last
            self.best_weights = {name: part.clone() for name, part in averaged.state_dict().items()}
        self.worse = self.worse + 1 if self.clearly_worse() else 0

    def clearly_worse(self) -> bool:
        """Whether the last loss is above the least by more than its error."""
        if self.best is None or self.last is None:
            return False
        difference = self.last - self.best
        error = difference.std() / len(difference) ** 0.5 if len(difference) > 1 else torch.tensor(torch.inf)
        return bool(difference.mean() > CLEARLY * error)

    def stop(self) -> bool:
        """Whether the loss was clearly above the least for `patience` looks in a row."""
        return self.worse >= self.patience

    def choose(self, energy: Energy) -> int:
        """Give the energy the weights with the least loss if the last ones are clearly worse; returns the step whose
        weights it then has."""
        if not self.course:
            return 0
        if not self.clearly_worse():
            return self.course[-1][0]
        energy.load_state_dict(self.best_weights)
        return min(self.course, key=lambda pair: pair[1])[0]

    def state_dict(self) -> dict[str, Any]:
        return {
            "course": self.course,
            "best": self.best,
            "best_weights": self.best_weights,
            "last": self.last,
            "worse": self.worse,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.course = [(step, loss) for step, loss in state["course"]]
        self.best, self.best_weights, self.last = state["best"], state["best_weights"], state["last"]
        self.worse = state["worse"]
