"""pandas and scikit-learn, which only tables of any kind need, imported where they are used."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

from discrete_ed.errors import InputError


def pandas() -> ModuleType:
    """The package pandas.

    Raises:
        InputError: it is not installed.
    """
    return _imported("pandas", "columns of any kind")


def scikit_learn(module: str) -> ModuleType:
    """A module of scikit-learn, such as `ensemble`.

    Raises:
        InputError: it is not installed.
    """
    return _imported(f"sklearn.{module}", "judging tables")


def expect_frame(table: Any, name: str = "table") -> None:
    """Refuse what is not a pandas data frame with at least one row and one column."""
    if not isinstance(table, pandas().DataFrame):
        raise InputError(
            f"{name}: expected a pandas data frame, got {type(table).__name__}; pandas.DataFrame(array) makes one"
        )
    if not table.size:
        raise InputError(f"{name}: expected at least one row and one column, got shape {table.shape}")


def _imported(module: str, purpose: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ImportError:
        package = module.partition(".")[0]
        raise InputError(
            f"tables: expected {package} for {purpose} to be installed (pip install pandas scikit-learn)"
        ) from None
