"""Tables and long names as text for the terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence

MISSING = "–"
"""what a table shows in a cell that has no number"""


def finite(value: float) -> float | None:
    """The number, or None if it is infinite or NaN, which JSON can't hold."""
    return value if math.isfinite(value) else None


def number(value: float | None, form: str) -> str:
    """A number in the given format, or a dash if there is none.

    >>> number(1.25, ".1f"), number(None, ".1f")
    ('1.2', '–')
    """
    return MISSING if value is None else format(value, form)


def short(name: str, most: int = 24) -> str:
    """A name for pictures and the terminal: the middle of a long name is cut out, since names often differ only at
    their ends.

    >>> short("how often did you feel low, last week")
    'how often did y…ast week'
    """
    end = most // 3
    return name if len(name) <= most else f"{name[: most - 1 - end]}…{name[-end:]}"


def as_text(rows: Sequence[Sequence[str]]) -> str:
    """Rows in aligned columns, with a line under the first row.

    >>> print(as_text([["a", "b"], ["x", "12"]]))
    a   b
    -  --
    x  12
    """
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    lines = [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in [rows[0], ["-" * width for width in widths], *rows[1:]]
    ]
    return "\n".join(lines)
