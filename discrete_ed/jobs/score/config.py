"""The options of the job that scores new rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from discrete_ed.jobs.options import HOUSEKEEPING


@dataclass(frozen=True)
class ScoreConfig:
    """Score new rows under a density that the job estimate has fitted.

    Writes a CSV file with a line for each row: its log-likelihood, and the column whose value is the least expected one
    given the other columns. Prints the mean next to that of the test rows of the run. For a run on a table with other
    than binary columns, the score is the sum over columns of the log-probability of a cell given the others, which may
    be missing.

    Examples:
      discrete-ed score RUN new.csv
      discrete-ed score RUN new.csv --out scores.csv
    """

    run: Annotated[Positional[Path | None], arg(metavar="RUN", help_behavior_hint="")] = None
    """run folder of the job estimate, finished, on a table"""
    table: Annotated[Positional[Path | None], arg(metavar="TABLE", help_behavior_hint="")] = None
    """table with the columns that the run was fitted to, in any order (.csv, .data, .npy, .npz, .parquet; for a
    table with other than binary columns .csv, .tsv, .txt, .data)"""
    out: Annotated[Path | None, HOUSEKEEPING] = None
    """CSV file to write, which must be new; by default TABLE.scores.csv beside the table"""

    def __post_init__(self) -> None:
        """Every value is allowed here; files are checked where they are read."""
