"""The errors of the package: an input that can't be used, and arithmetic that fails.

Everything the package raises on purpose is one of these, so a program can catch `DiscreteEDError` and know
that any other exception is a bug. The command line turns them into one line and exit code 2.
"""

from operator import index
from typing import SupportsIndex

LARGEST_TOTAL = 2.0**53  # up to this whole numbers are exact, so that counts can be divided at random
LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE = 1e-100, 1e100
SEEDS = 2**32  # number of different seeds, which every source of randomness accepts


class DiscreteEDError(Exception):
    """Base of every error that the package raises on purpose."""


class InputError(DiscreteEDError, ValueError):
    """An argument or a file can't be used; the message names it, what was expected, and what was given."""


class NumericalError(DiscreteEDError, ArithmeticError):
    """An energy or a loss became NaN or infinite; the message says where, and how often."""


def check_seed(seed: SupportsIndex, name: str = "seed") -> int:
    """The seed as an `int`, after checking that it is a whole number from 0 to 2³² − 1.

    Every source of randomness accepts these, and some accept no others.

    Raises:
        InputError: it is anything else.
    """
    try:
        number = index(seed)
    except TypeError:
        raise InputError(f"{name}: expected a whole number, got {seed!r}") from None
    if not 0 <= number < SEEDS:
        raise InputError(f"{name}: expected {'at least 0' if number < 0 else 'less than 2³²'}, got {number}")
    return number


def check_count(count: SupportsIndex, name: str, *, least: int = 1) -> int:
    """The count as an `int`, after checking that it is a whole number, at least `least`.

    Raises:
        InputError: it is anything else.
    """
    try:
        number = index(count)
    except TypeError:
        raise InputError(f"{name}: expected a whole number, at least {least}, got {count!r}") from None
    if number < least:
        raise InputError(f"{name}: expected at least {least}, got {number}")
    return number


def check_temperature(temperature: float, name: str) -> None:
    """Raise `InputError` unless a temperature is positive, and neither so low nor so high that its square, or an energy
    divided by it, has no place among floating-point numbers."""
    if not LOWEST_TEMPERATURE <= temperature <= HIGHEST_TEMPERATURE:
        raise InputError(
            f"{name}: expected a positive number, from {LOWEST_TEMPERATURE:g} to {HIGHEST_TEMPERATURE:g}, got "
            f"{temperature:g}"
        )


def check_total(total: float, name: str) -> None:
    """Refuse weights whose sum is too large to be exact.

    Raises:
        InputError: their sum is above 2⁵³.
    """
    if not total <= LARGEST_TOTAL:
        raise InputError(f"{name}: expected weights that add up to at most 2⁵³ (9e15), got {total:.3g}")
