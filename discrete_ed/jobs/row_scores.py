"""Scores of single rows of a table: how probable each is, and which of its cells is the least expected."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from torch import Tensor

from discrete_ed.likelihood import LogLikelihood

HEADER = ("row", "log_likelihood", "least_expected_column", "its_log_probability")
LEAST_PROBABLE = 5
"""number of rows that are shown"""


def row_lines(
    scores: LogLikelihood, sites: Tensor, columns: tuple[str, ...], places: Sequence[int] | None = None
) -> list[list[str]]:
    """A line of text for each row of a table, in its order, with the cells of `HEADER`.

    Args:
        scores: the log-likelihoods of the rows.
        sites: the log-probability of each cell given all others of its row, `(N, D)`, see `log_sites`.
        columns: the names of the columns.
        places: the numbers of the rows, if they are some of a larger table; by default 1, 2, …
    """
    least, place = sites.min(1)
    places = range(1, len(sites) + 1) if places is None else places
    numbers = zip(places, scores.values.tolist(), place.tolist(), least.tolist(), strict=True)
    return [[str(k), f"{value:.6f}", columns[i], f"{log_p:.6f}"] for k, value, i, log_p in numbers]


def rows_as_csv(lines: list[list[str]]) -> bytes:
    """The lines of `row_lines` as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([HEADER, *lines])
    return text.getvalue().encode()


def least_probable(lines: list[list[str]], scores: LogLikelihood) -> list[list[str]]:
    """The least probable rows as a table, the least probable first."""
    order = (-scores.energies).argsort()[:LEAST_PROBABLE].tolist()
    return [list(HEADER), *(lines[k] for k in order)]
