"""The settings of an optimisation."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi

from discrete_ed.errors import InputError, check_count


@dataclass(frozen=True)
class FitConfig:
    """Settings of `fit`: AdamW, linear warm-up and cosine decay, clipped gradients, averaged weights.

    >>> FitConfig(steps=100).schedule(99) < 0.01
    True
    """

    steps: int = 3000
    """number of optimiser steps"""
    learning_rate: float = 1e-3
    """peak learning rate, reached after the warm-up"""
    warmup: float = 0.02
    """fraction of the steps in which the learning rate rises linearly from zero"""
    weight_decay: float = 0.0
    """decoupled weight decay, as in AdamW"""
    clip: float = 1.0
    """largest norm of the gradient; larger gradients are scaled down to it"""
    ema: float = 0.999
    """decay of the exponential moving average of the weights; 0 turns it off"""

    def __post_init__(self) -> None:
        check_count(self.steps, "steps")
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
