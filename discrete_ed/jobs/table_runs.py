"""Runs of `estimate` on tables of any kind, opened again: to score rows, to sample, to fill in missing cells."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from discrete_ed.errors import InputError
from discrete_ed.runtime.files import write_atomically

if TYPE_CHECKING:
    from pandas import DataFrame

    from discrete_ed.tables import TableEstimator

MODEL = "model"
"""folder of a run with the model of the table"""


def is_table_run(folder: Path) -> bool:
    """Whether this is a run of `estimate` on a table of any kind."""
    try:
        result = json.loads((folder / "result.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(result, dict) and "log_conditionals" in result


def open_table_run(folder: Path) -> TableEstimator:
    """The model of such a run.

    Raises:
        InputError: it keeps none, or it was changed.
    """
    from discrete_ed.tables import load_table_estimator  # imports pandas, which other runs don't need

    if not (folder / MODEL).is_dir():
        raise InputError(f"{folder}: expected a run with a folder {MODEL}, got one without; run estimate again")
    return load_table_estimator(folder / MODEL)


def rows_for(model: TableEstimator, path: Path) -> tuple[DataFrame, list[int]]:
    """The rows of a text table, read like the table of the run, and the line of each in the file."""
    from discrete_ed.tables import read_frame
    from discrete_ed.tables.reading import lines_of_rows

    schema = model.encoder_.schema
    words = [str(column.name) for column in schema.columns if column.is_discrete]
    like = schema.frame(np.empty((0, len(schema.columns))))
    return read_frame(path, words=words, like=like), lines_of_rows(path)


def expect_new_file(path: Path) -> None:
    """Refuse a file that exists, or whose folder doesn't."""
    if path.exists() or not path.parent.is_dir():
        got = "which exists" if path.exists() else "whose folder doesn't exist"
        raise InputError(f"out: expected a new file in an existing folder, got {path}, {got}")


def write_rows(path: Path, frame: DataFrame) -> None:
    """Write a table as CSV."""
    try:
        write_atomically(path, frame.to_csv(index=False).encode())
    except OSError as error:
        raise InputError(f"out: expected a file that can be written, got {path}: {error.strerror or error}") from None


def anomalies(model: TableEstimator, rows: DataFrame, lines: Any) -> DataFrame:
    """For each row its line in the file, its anomaly score, and the cell that is least expected given the others."""
    found = model.log_conditionals(rows)
    return rows.assign(
        row_of_file=lines,
        anomaly_score=-found.sum(axis=1),
        least_expected_column=found.idxmin(axis=1),
        its_log_probability=found.min(axis=1),
    )
