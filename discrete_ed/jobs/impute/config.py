"""The options of the job that fills in missing cells."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from discrete_ed.errors import check_seed
from discrete_ed.jobs.options import HOUSEKEEPING


@dataclass(frozen=True)
class ImputeConfig:
    """Fill in the missing cells of a table with samples of a model that the job estimate has fitted.

    Each missing cell is sampled given the known cells of its row, which stay as they are. A sample shows one of the
    possible values; several tables, of different seeds, show how uncertain they are.

    Examples:
      discrete-ed impute RUN holes.csv
      discrete-ed impute RUN holes.csv --out filled.csv --seed 1
    """

    run: Annotated[Positional[Path | None], arg(metavar="RUN", help_behavior_hint="")] = None
    """run folder of the job estimate, finished, on a table with other than binary columns"""
    table: Annotated[Positional[Path | None], arg(metavar="TABLE", help_behavior_hint="")] = None
    """table with the columns that the run was fitted to, in any order (.csv, .tsv, .txt, .data)"""
    seed: int = 0
    """seed of the samples"""
    out: Annotated[Path | None, HOUSEKEEPING] = None
    """CSV file to write, which must be new; by default TABLE.filled.csv beside the table"""

    def __post_init__(self) -> None:
        check_seed(self.seed)
