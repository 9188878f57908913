"""Signs in the records of a training that it learns nothing or diverges."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from discrete_ed.training.records import Record

SILENT_STEPS = 10
"""number of first steps whose gradients are watched for zeros"""
GROWTH = 1000.0
"""factor by which a loss may grow, from its first value plus 1, before the training is said to diverge"""


def warn_of_silence(records: Sequence[Record]) -> None:
    """Warn after the first ten steps if no gradient reached the parameters."""
    if len(records) != SILENT_STEPS or any(record["grad_norm"] for record in records):
        return
    warnings.warn(
        f"loss: its gradient was exactly zero in the first {SILENT_STEPS} steps, so nothing is learned; does the loss "
        "compare the data with states of finite energy? With one-hot data no flip of one bit leads to one",
        RuntimeWarning,
        stacklevel=2,
    )


def warn_of_divergence(records: Sequence[Record]) -> None:
    """Warn at the first step at which the loss is far larger than at the beginning."""
    bound = GROWTH * (1 + abs(records[0]["loss"]))
    last = records[-1]
    if abs(last["loss"]) <= bound or any(abs(record["loss"]) > bound for record in records[:-1]):
        return
    warnings.warn(
        f"loss: grew from {records[0]['loss']:.3g} to {last['loss']:.3g} at step {last['step']:.0f}, so training "
        f"diverges; take a smaller learning rate than {max(record['learning_rate'] for record in records):g}",
        RuntimeWarning,
        stacklevel=2,
    )
