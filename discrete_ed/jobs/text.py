"""Tables and long names as text for the terminal."""

from __future__ import annotations

from collections.abc import Sequence


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
