"""Numbers of a simulation as text."""

from __future__ import annotations

import math
from collections.abc import Sequence

from discrete_ed.jobs.text import MISSING
from discrete_ed.lattices.observables import Estimate

PLAIN = 1e-6, 1e9  # sizes of numbers that are written without a power of ten

ROUNDING = 1e-12
"""relative error below which nothing but rounding varied"""


def with_error(each: Estimate) -> str:
    """The value with its error in units of the last digits, such as 2.2690(12); without one that is only rounding.

    >>> with_error(Estimate(2.26901, 0.00123)), with_error(Estimate(2.0, 0.0)), with_error(Estimate(2 / 3, 1e-15))
    ('2.2690(12)', '2', '0.666667')
    >>> with_error(Estimate(-1.707e-30, 8.9e-32)), with_error(Estimate(1.438e29, 4.4e28))
    ('-1.707(89)e-30', '1.44(44)e29')
    """
    if not math.isfinite(each.value):
        return MISSING
    if not math.isfinite(each.error) or each.error <= ROUNDING * abs(each.value):
        return f"{each.value:.6g}"
    largest = max(abs(each.value), each.error)
    if not PLAIN[0] <= largest < PLAIN[1]:
        power = math.floor(math.log10(largest))
        return f"{with_error(Estimate(each.value / 10.0**power, each.error / 10.0**power))}e{power}"
    places = max(0, 1 - math.floor(math.log10(each.error)))
    error = round(each.error * 10**places) if places else round(each.error)
    return f"{each.value:.{places}f}({error})"


def exact_text(value: float) -> str:
    """An exact value with five decimals, or where these would hide it, three digits.

    >>> exact_text(-1.75538), exact_text(0.0), exact_text(2.5e-9)
    ('-1.75538', '0.00000', '2.5e-09')
    """
    return f"{value:.5f}" if not value or 1e-3 <= abs(value) < PLAIN[1] else f"{value:.3g}"


def shown_temperatures(temperatures: Sequence[float]) -> list[str]:
    """Temperatures as text, with four decimals where that shows them and tells them apart, else with more digits.

    >>> shown_temperatures([0.5, 2.26918]), shown_temperatures([1e-9, 2.0]), shown_temperatures([1.00001, 1.00002])
    (['0.5000', '2.2692'], ['1e-09', '2'], ['1.00001', '1.00002'])
    """
    texts = [f"{t:.4f}" for t in temperatures]
    apart = len(set(temperatures))
    if all(1e-2 <= t < 1e6 for t in temperatures) and len(set(texts)) == apart:
        return texts
    many = ([f"{t:.{digits}g}" for t in temperatures] for digits in range(5, 18))
    return next(texts for texts in many if len(set(texts)) == apart)
