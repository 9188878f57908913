"""Signs in the records of a training that it learns nothing or diverges."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from discrete_ed.errors import NumericalError
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
    if not diverges(records) or any(_far(record, records[0]) for record in records[:-1]):
        return
    warnings.warn(f"loss: {_growth(records)}, so training diverges; {_way_on(records)}", RuntimeWarning, stacklevel=2)


def diverges(records: Sequence[Record]) -> bool:
    """Whether the loss of the last record is far larger than the first one."""
    return _far(records[-1], records[0])


def refuse_divergence(records: Sequence[Record]) -> None:
    """Raise `NumericalError`, since at the end of a training the loss is far larger than at the beginning."""
    raise NumericalError(f"loss: {_growth(records)}, the last one, so training diverged; {_way_on(records)}")


def _far(record: Record, first: Record) -> bool:
    return abs(record["loss"]) > GROWTH * (1 + abs(first["loss"]))


def _growth(records: Sequence[Record]) -> str:
    return f"grew from {records[0]['loss']:.3g} to {records[-1]['loss']:.3g} at step {records[-1]['step']:.0f}"


def _way_on(records: Sequence[Record]) -> str:
    return f"take a smaller learning rate than {max(record['learning_rate'] for record in records):g}"
