"""Rows that may be edges as well as a matrix or one of its triangles.

`1` and `1 0` are a node and an edge, the lower triangle of a matrix over two nodes with its diagonal, or that over
three nodes without it. These are three graphs, so such rows are refused until the user says what they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from discrete_ed.graphs.files.rows import Row
from discrete_ed.graphs.files.simple import is_number
from discrete_ed.graphs.files.source import GraphFile

ONES = {"1", "1.0", "1.", "true"}
BITS = ONES | {"0", "0.0", "0.", "false"}
"""entries of a matrix of zeros and ones, in lower case"""


def refuse_triangle(rows: Sequence[Row], source: GraphFile) -> None:
    """Refuse rows that may be a matrix or one of its triangles, of which no graph is read.

    Two rows such as `0 1` and `1` are what networkx writes of an edge. They are read as one, with a note.
    """
    cells = [row.cells for row in rows]
    counted = len(cells) > 2 and len(cells[0]) == 1 and cells[0][0] in (str(len(cells) - 1), str(len(cells)))
    if counted and _is_triangle(cells[1:]):
        cells = cells[1:]
    lines = " and ".join(repr(source.lines[row.line - 1].strip()) for row in rows[-len(cells) :][:3])
    got = f"{lines}, which may be either; --format edge-list (format='edge-list') reads edges"
    bits = len(cells) < 4 and all(len(row) == len(cells) and all(map(is_number, row)) for row in cells)
    bits = bits and _are_bits(cells)  # of truths no matrix is read
    if bits and (len(cells) == 3 or (source.options.ignore_loops and not _are_one_edge(cells))):
        raise source.error("edges or a matrix", f"{got}, --format matrix a matrix", line=rows[-len(cells)].line)
    if not _is_triangle(cells):
        return
    if len(cells) == 2 and len(cells[0]) == 2 and cells[0][0] != cells[1][0]:
        source.notes.add("is read as an edge; of a matrix, both triangles are needed", source.at(rows[0].line))
        return
    raise source.error("edges, or a matrix with both of its triangles", got, line=rows[-len(cells)].line)


def _are_bits(cells: Sequence[Sequence[str]]) -> bool:
    return all(cell.lower() in BITS for row in cells for cell in row)


def _are_one_edge(cells: Sequence[Sequence[str]]) -> bool:
    """Whether two rows of zeros and ones are an edge both as edges and as a matrix, apart from loops."""
    (a, b), (c, d) = [[cell.lower() in ONES for cell in row] for row in cells]
    return (a != b or c != d) and (b or c)


def _is_triangle(cells: Sequence[Sequence[str]]) -> bool:
    """Whether each row has one cell more than that before it, or each one less, and the shortest has a single number,
    or a name and at most one. Two rows count only if they hold zeros and ones alone."""
    steps = {len(b) - len(a) for a, b in pairwise(cells)}
    shortest = min(map(len, cells))
    if steps not in ({1}, {-1}) or shortest > 2:
        return False
    if len(cells) == 2:
        return shortest == 1 and _are_bits(cells)
    named = len({row[0] for row in cells}) == len(cells) and not any(is_number(row[0]) for row in cells)
    numbers = [row[1:] for row in cells] if named else cells
    return (named or shortest == 1) and all(is_number(cell) or cell.lower() in BITS for row in numbers for cell in row)
