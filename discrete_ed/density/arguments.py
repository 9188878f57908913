"""Checks of the arguments of the density estimator, which scikit-learn wants to be made when it is fitted."""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite
from operator import index
from typing import Any, SupportsIndex

from discrete_ed.energies import Energy
from discrete_ed.errors import InputError, check_count
from discrete_ed.groups import Groups
from discrete_ed.names import EPSILON


def check_arguments(arguments: dict[str, Any]) -> None:
    """Raise `InputError` for arguments of `DensityEstimator` that it can't use.

    Names of energies and losses, and settings of the optimiser, are checked where they are used.
    """
    for name in ("width", "layers", "steps", "batch_size"):
        check_count(arguments[name], name)
    check_threshold(arguments["binarize"])
    energy, loss, epsilon = (arguments[name] for name in ("energy", "loss", "epsilon"))
    if isinstance(energy, Energy):
        raise InputError(
            f"energy: expected a name, or a function from the number of bits to an energy, got the "
            f"{type(energy).__name__} itself; pass lambda bits: {type(energy).__name__}(bits, …)"
        )
    if isinstance(energy, str) and energy == "conv":
        raise InputError(
            "energy: expected one that needs no shape, got 'conv'; pass lambda bits: density_energy('conv', bits, "
            "shape=(rows, columns))"
        )
    if arguments["components"] is not None:
        check_count(arguments["components"], "components")
    if epsilon is not None and not (isinstance(loss, str) and loss in EPSILON):
        kind = repr(loss) if isinstance(loss, str | None) else "a loss of your own"
        raise InputError(f"epsilon: expected None, since only {' and '.join(EPSILON)} have noise, got it with {kind}")


def check_threshold(threshold: Any) -> None:
    """Raise `InputError` unless it is None or a finite number."""
    try:
        known = threshold is None or isfinite(threshold)
    except TypeError:
        known = False
    if not known:
        raise InputError(f"binarize: expected a finite number or None, got {threshold!r}")


def groups_of(categories: Any, bits: int) -> Groups | None:
    """The groups that the argument `categories` declares for a table with so many columns.

    Raises:
        InputError: it is neither None nor groups nor numbers of values, or doesn't fit the columns.
    """
    if categories is None:
        return None
    if not isinstance(categories, Groups):
        if isinstance(categories, str) or not isinstance(categories, Iterable):
            raise InputError(
                f"categories: expected the number of columns of each one-hot variable, such as [4, 3], or Groups, got "
                f"{categories!r}"
            )
        sizes = list(categories)
        if all(isinstance(size, SupportsIndex) for size in sizes) and sum(map(index, sizes)) > bits:
            raise InputError(f"categories: expected at most {bits} columns in all, got {sum(map(index, sizes))}")
        categories = Groups.one_hot(sizes, bits)
    if categories.bits != bits:
        raise InputError(f"categories: expected groups of {bits} columns, got {categories.bits}")
    return categories


def positions(columns: Iterable[Any], bits: int) -> list[int]:
    """Positions of columns from the left; negative ones count from the right, as in lists.

    Raises:
        InputError: what is given is not a collection of whole numbers.
    """
    try:
        if any(isinstance(column, bool) for column in columns):
            raise TypeError
        places = [index(column) for column in columns]
    except TypeError:
        raise InputError(f"columns: expected a list of positions of columns, such as [-1], got {columns!r}") from None
    return [place + bits if place < 0 else place for place in places]
