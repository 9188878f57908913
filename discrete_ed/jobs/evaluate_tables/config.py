"""The options of the job that scores synthetic tables."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from discrete_ed.errors import InputError, check_seed
from discrete_ed.jobs.options import HOUSEKEEPING, ResumableConfig, expect


@dataclass(frozen=True)
class EvaluateTablesConfig(ResumableConfig):
    """Score synthetic tables against real rows, beside real rows, independent columns and a Gaussian copula.

    Columns may hold categories, ordinals, numbers and missing cells. Reported are distances of columns and of pairs of
    columns; how well a classifier tells synthetic from real rows; with --target, what a forest that learns from
    synthetic rows is worth on real ones; and how many synthetic rows repeat training rows. The run folder has all
    scores as a page, as JSON and as CSV, and the figures.

    Examples:
      discrete-ed evaluate-tables real.csv mine.csv
      discrete-ed evaluate-tables train.csv mine.csv theirs.csv --held-out test.csv --target income
      discrete-ed evaluate-tables train.csv mine.csv --held-out test.csv --types age=number,size=small<medium<large
    """

    files: Annotated[Positional[tuple[Path, ...]], arg(metavar="REAL SYNTHETIC ...", help_behavior_hint="")] = ()
    """the real table from which the synthetic ones were made, then synthetic tables (.csv, .tsv, .txt, .data), which
    name their columns in the first row"""
    held_out: Path | None = None
    """real rows from which no table was made; by default a random half of the real table plays this part, and it can't
    be said whether synthetic rows are too near to real ones"""
    target: tuple[str, ...] = ()
    """columns that forests predict which learn from the synthetic rows, tested on held-out ones"""
    types: tuple[str, ...] = ()
    """kinds of columns where they are recognised wrongly: NAME=category, NAME=ordinal or NAME=number, or the values of
    an ordinal in order, NAME=low<high; several with commas or blanks between them"""
    trees: int = 100
    """number of trees of each forest"""
    seed: int = 0
    """seed of the rows that are chosen, the trivial models, and the forests"""
    out: Annotated[Path | None, HOUSEKEEPING] = None
    """run folder, which must be new or empty; by default runs/evaluate-tables/REAL-TIME"""

    def __post_init__(self) -> None:
        check_seed(self.seed)
        expect(self, "at least 1", "trees", low=1)
        if len(self.files) == 1:
            raise InputError(f"files: expected a real table and at least one synthetic one, got only {self.files[0]}")
