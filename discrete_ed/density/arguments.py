"""Checks of the arguments of the density estimator, which scikit-learn wants to be made when it is fitted."""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite
from operator import index
from typing import Any, SupportsIndex

from discrete_ed.energies import Energy
from discrete_ed.energies.base import check_type
from discrete_ed.errors import InputError, check_count
from discrete_ed.groups import Groups, listed
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


def with_groups(energy: Any, groups: Groups | None) -> Energy:
    """The energy that a function for `energy` returned, with the groups of `categories` if it has none.

    Raises:
        InputError: what it returned is no energy, or one for other groups.
    """
    check_type(energy)
    if groups is not None and energy.groups not in (None, groups):
        raise InputError(
            f"energy: expected one for the groups of categories, {_in_words(groups)}, got one for "
            f"{_in_words(energy.groups)}"
        )
    if groups is not None:
        energy.groups = groups
    return energy


def _in_words(groups: Groups) -> str:
    """The first bits of each group in words."""
    shown = "; ".join(listed(group) for group in groups.members[:4])
    return f"bits {shown}" + ("; …" if len(groups.members) > 4 else "")


def positions(columns: Iterable[Any], bits: int, groups: Groups | None = None) -> list[int]:
    """Positions of columns from the left; negative ones count from the right, as in lists.

    Raises:
        InputError: what is given is not a collection of whole numbers, or they repeat, are no columns or a part of
            a group.
    """
    try:
        if any(isinstance(column, bool) for column in columns):
            raise TypeError
        places = [index(column) for column in columns]
    except TypeError:
        raise InputError(f"columns: expected a list of positions of columns, such as [-1], got {columns!r}") from None
    found = [place + bits if place < 0 else place for place in places]
    if not found or len(set(found)) < len(found) or not all(0 <= place < bits for place in found):
        raise InputError(f"columns: expected different columns from 0 to {bits - 1}, got {places}")
    if groups is not None:
        groups.among(found, "columns")
    return found
