"""The first line of an edge list: an edge, titles of columns, or counts of nodes and edges.

It is taken for titles or counts only where it alone is unlike the other lines, and a note says so.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from discrete_ed.graphs.files.end_columns import LETTERS, end_columns, words_of
from discrete_ed.graphs.files.rows import Row
from discrete_ed.graphs.files.simple import INFINITE, is_number


def has_titles(rows: Sequence[Row]) -> bool | None:
    """Whether the first row holds titles; None where it may, and is read as an edge."""
    first, others = rows[0].cells, [row.cells for row in rows[1:]]
    if len(first) < 2 or not others or any(is_number(cell) or cell.lower() in ("nan", *INFINITE) for cell in first):
        return False
    columns = [[row[k] for row in others if len(row) > k and row[k]] for k in range(len(first))]
    if any(cells and all(map(is_number, cells)) for cells in columns):
        return True
    names = [cell for row in others for cell in row]
    if set(first) & set(names):
        return False
    if end_columns(first) is not None:
        stems = {_stem(name) for name in names}
        numbered = any(_stem(cell) and _stem(cell) in stems for cell in first)
        letters = frozenset(map(str.lower, first)) in LETTERS and any(len(name) == 1 for name in names)
        return None if numbered or letters else True
    shapes = [set(map(_shape, cells)) for cells in columns[:2]]
    if len(others) > 1 and all(len(found) == 1 and _shape(first[k]) not in found for k, found in enumerate(shapes)):
        return True
    return None  # no other line has one of its names


def _stem(name: str) -> str:
    return " ".join(words_of(name)[:-1])


def _shape(name: str) -> str:
    """The kinds of characters of a name: `x12` and `y3` have one shape, `Ada Byron` another."""
    return re.sub(r"(.)\1+", r"\1", re.sub(r"[^\W\d_]", "a", re.sub(r"\d", "9", name)))


def has_counts(rows: Sequence[Row]) -> bool | None:
    """Whether the first row gives the numbers of nodes and edges, or that of nodes; None where it may or may not."""
    first, others = rows[0].cells, [row.cells for row in rows[1:]]
    pairs = [(int(row[0]), int(row[1])) for row in others if len(row) > 1 and all(map(_is_index, row[:2]))]
    if not pairs or len(pairs) < len(others) or len(first) > 2 or not all(map(_is_index, first)):
        return False
    labels = {label for pair in pairs for label in pair}
    nodes, low, high = int(first[0]), min(labels), max(labels)
    if len(labels) > nodes or high - (low > 0) >= nodes:
        return False
    if len(first) == 1:
        return True if nodes == len(labels) else None
    edges = int(first[1])
    if edges != len(pairs):
        return False
    if edges >= nodes or {(nodes, edges), (edges, nodes)} & set(pairs) or any(len(row) != 2 for row in others):
        return True  # read as an edge, it would be a loop, or given twice, or join two nodes that no other line names
    if len(pairs) > 1 and all(u < v for u, v in pairs) and pairs == sorted(pairs):
        return True  # in a file that is sorted, such an edge would not be the first
    return False if len(pairs) > 1 and all(u > v for u, v in pairs) else None


def second_counts(rows: Sequence[Row]) -> Row | None:
    """The row that counts a second graph, where counts of nodes, perhaps also of edges, stand above the edges of
    several graphs."""
    cells = [row.cells for row in rows]
    if len(cells[0]) > 2 or not all(_is_index(cell) for row in cells for cell in row[:2]):
        return None
    starts = [k for k, row in enumerate(cells) if len(row) == 1]
    if len(cells[0]) == 2:
        starts, k = [], 0
        while k < len(cells) and len(cells[k]) == 2:
            starts.append(k)
            k += 1 + int(cells[k][1])
        if k != len(cells):
            return None
    ends = [*starts[1:], len(cells)]
    for start, end in zip(starts, ends, strict=True):
        labels = {int(cell) for row in cells[start + 1 : end] for cell in row[:2]}
        if not labels or max(labels) - (min(labels) > 0) >= int(cells[start][0]):
            return None
    return rows[starts[1]] if starts[:1] == [0] and len(starts) > 1 else None


def _is_index(cell: str) -> bool:
    return cell.isascii() and cell.isdecimal() and len(cell) < 19
