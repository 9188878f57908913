"""A training time in the place of a number of steps."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR

from discrete_ed.errors import InputError
from discrete_ed.runtime.distributed import from_first_
from discrete_ed.training.config import FitConfig

MOST_STEPS = 1_000_000
"""number of steps of a `FitConfig` whose training ends by time"""


class TimeBudget:
    """The share of a training time that is used up. Checkpoints save it, so that a resumed training has the rest.

    Args:
        seconds: the training time.

    Raises:
        InputError: a time that is not positive.

    >>> TimeBudget(60.0).share() < 1
    True
    """

    def __init__(self, seconds: float) -> None:
        if not 0 < seconds < float("inf"):
            raise InputError(f"seconds: expected a positive number, got {seconds}")
        self.seconds = seconds
        self.before = 0.0
        self.started = time.monotonic()

    def used(self) -> float:
        """Seconds since the start, with those of earlier processes."""
        return self.before + time.monotonic() - self.started

    def share(self) -> float:
        """The share of the time that is used up, from 0 to 1, as the first rank sees it."""
        return from_first_(torch.tensor(min(1.0, self.used() / self.seconds), dtype=torch.float64)).item()

    def spent(self) -> bool:
        """Whether the time is over."""
        return self.share() >= 1

    def state_dict(self) -> dict[str, Any]:
        return {"used": self.used()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.before, self.started = float(state["used"]), time.monotonic()


def timed_optimizer(parameters: Iterable[Tensor], config: FitConfig, budget: TimeBudget) -> tuple[AdamW, LambdaLR]:
    """The optimizer and scheduler of `fit`, with the warm-up and decay of the configuration over a time budget.

    Args:
        parameters: those of the energy.
        config: the settings; `steps` only sets how finely the schedule is resolved.
        budget: the time.

    >>> energy = torch.nn.Linear(2, 1)
    >>> _, scheduler = timed_optimizer(energy.parameters(), FitConfig(steps=100), TimeBudget(60.0))
    >>> scheduler.get_last_lr()[0] < 1e-3  # the warm-up begins
    True
    """
    optimizer = AdamW(parameters, lr=config.learning_rate, weight_decay=config.weight_decay)
    return optimizer, LambdaLR(optimizer, lambda _: config.schedule(int(budget.share() * (config.steps - 1))))
