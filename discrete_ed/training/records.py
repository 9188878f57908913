"""The record of a training step."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

Record = dict[str, float]
"""`step` (from 1), `loss`, `grad_norm` (before clipping), `learning_rate`; with early stopping also `score`."""

COLUMNS = ("step", "loss", "grad_norm", "learning_rate")
"""the entries of a record that checkpoints save"""


def columns_of(records: Sequence[Record]) -> Tensor:
    """Records as a float64 tensor `(steps, 4)`, the form in which checkpoints save them."""
    return torch.tensor([[record[name] for name in COLUMNS] for record in records], dtype=torch.float64)


def records_of(columns: Tensor) -> list[Record]:
    """The inverse of `columns_of`."""
    return [{**dict(zip(COLUMNS, row, strict=True)), "step": int(row[0])} for row in columns.tolist()]
