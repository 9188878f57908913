"""Which columns of an edge list hold the ends of edges, after checking that its rows are those of one edge list."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from discrete_ed.graphs.files.end_columns import end_pairs
from discrete_ed.graphs.files.python_lists import SEPARATE
from discrete_ed.graphs.files.rows import Row
from discrete_ed.graphs.files.simple import INFINITE, MISSING, is_number, plain
from discrete_ed.graphs.files.source import GraphFile

GRAPH_TITLES = {"g", "gid", "graph", "network", "networkid"} | {
    f"graph{word}" for word in ("id", "idx", "index", "indicator", "key", "label", "name", "no", "nr", "num", "number")
}
"""titles of a column that says to which graph an edge belongs, in lower case and of letters only"""
NODE_TITLES = {"id", "label", "name", "node", "nodeid", "vertex", "vertexid", "index"}
PROPERTIES = {
    "age", "category", "centrality", "class", "cluster", "color", "community", "degree", "group", "module",
    "partition", "rank", "score", "size", "type", "value", "weight",
}  # fmt: skip
"""titles of tables of nodes: their names, and what may be said of them"""


def end_columns_of(titles: list[str] | None, rows: list[Row], source: GraphFile) -> tuple[int, int]:
    """The columns of the ends of edges, after checking that all rows have the same columns."""
    width = len(titles) if titles else max(len(row.cells) for row in rows)
    for row in rows:
        if (
            len(row.cells) not in (1, width)
            and not (titles and len(row.cells) < width)
            and not _has_optional_value(row, width)
        ):
            raise source.error(
                f"{width} columns as in other lines", repr(source.lines[row.line - 1].strip()), "format", line=row.line
            )
    if not titles:
        if (width > 3 and not (source.options.ignore_weights and _extra_are_numbers(rows))) or (
            width == 3 and not _extra_are_values(rows)
        ):
            row = next(row for row in rows if len(row.cells) == width)
            raise source.error(
                "an edge 'u v', perhaps with a weight",
                f"{source.lines[row.line - 1].strip()!r}; a first line of titles names columns",
                "format",
                line=row.line,
            )
        if width == 3:
            _refuse_leading_column(rows, source)
        return 0, 1
    likely = end_pairs(titles)
    columns = next(iter(likely), None)
    _refuse_several_graphs(titles, columns or (), rows, source)
    if columns is not None:
        _refuse_incidences(rows, columns, source)
        if len(likely) > 1:
            names, others = (" and ".join(titles[k] for k in pair) for pair in likely[:2])
            source.notes.add(f"of the columns {names}, and {others}, the former are read as the ends", source.at())
        return columns
    kinds = [{is_number(row.cells[k]) for row in rows if len(row.cells) > k} for k in (0, 1)]
    of_nodes = plain(titles[0]) in NODE_TITLES and plain(titles[1]) in NODE_TITLES | PROPERTIES
    if width > 3 or (width == 3 and not plain(titles[2]).startswith("weight")) or of_nodes or kinds[0] != kinds[1]:
        raise source.error("titles such as source and target", f"{', '.join(titles)}; rename the columns", "no_header")
    shared = {row.cells[0] for row in rows} & {row.cells[1] for row in rows if len(row.cells) > 1}
    if shared and all(map(is_number, shared)):
        source.notes.add(
            f"{titles[0]} and {titles[1]} are read as the ends of edges, so {min(shared)} is one node in both columns",
            source.at(),
        )
    return 0, 1


def in_succession(cells: Sequence[str]) -> bool:
    """Whether cells are the whole numbers from 0 or 1 on, one after the other."""
    return cells[0] in ("0", "1") and all(cell == str(k) for k, cell in enumerate(cells, int(cells[0])))


def ends_may_be_last(rows: Sequence[Row]) -> bool:
    """Whether the first of three columns without titles may be none of the ends: its cells name no end elsewhere, or
    only number the rows, while the last two have names in common."""
    cells = [row.cells for row in rows if len(row.cells) == 3]
    first, second, third = ({row[k] for row in cells} for k in range(3))
    if not second & third or not all(name.isdecimal() for name in third) or third == {"1"}:
        return False
    return not first & (second | third) or (len(cells) > 1 and in_succession([row[0] for row in cells]))


def _refuse_leading_column(rows: list[Row], source: GraphFile) -> None:
    """Refuse three columns of which the last two name nodes, as in `e 1 2`; note them if the first holds numbers."""
    _refuse_graph_numbers(rows, source)
    _refuse_words_beside_numbers(rows, source)
    if not ends_may_be_last(rows):
        return
    if any(is_number(row.cells[0]) for row in rows):
        source.notes.add(
            "the first two of three columns are read as the ends of edges; if they are the last two, "
            "write a first line of titles",
            source.at(),
        )
    else:
        raise source.error(
            "an edge 'u v', perhaps with a weight",
            f"{source.lines[rows[0].line - 1].strip()!r}, whose ends may be in columns 2 and 3; "
            "a first line of titles such as kind, source, target names columns",
            line=rows[0].line,
        )


def _refuse_words_beside_numbers(rows: list[Row], source: GraphFile) -> None:
    """Refuse columns of numbers beside one of words, where the numbers may name both ends: `1 to 2`, `e 1 2`."""
    cells = [row.cells for row in rows]
    if not all(len(row) == 3 and row[2].isdecimal() for row in cells):
        return
    for word, other in ((1, 0), (0, 1)):
        words, numbers = [row[word] for row in cells], [row[other] for row in cells]
        alike = len({*words}) == 1 and _are_simple([(row[other], row[2]) for row in cells])
        shared = word == 1 and {*numbers} & {row[2] for row in cells}
        if (alike or shared) and not any(map(is_number, words)) and all(map(str.isdecimal, numbers)):
            raise source.error(
                "an edge 'u v', perhaps with a weight",
                f"{source.lines[rows[0].line - 1].strip()!r}, whose ends may be in columns {other + 1} and 3; "
                "a first line of titles such as kind, source, target names columns",
                line=rows[0].line,
            )


def _refuse_graph_numbers(rows: list[Row], source: GraphFile) -> None:
    """Refuse a first column that numbers graphs, if the first two columns are no simple edges, but the last two are."""
    cells = [row.cells for row in rows if len(row.cells) == 3]
    runs = [[tuple(row[1:]) for row in run] for _, run in itertools.groupby(cells, lambda row: row[0])]
    heads = [number for number, _ in itertools.groupby(row[0] for row in cells)]
    if not 1 < len(runs) < len(cells) or not in_succession(heads) or len({*heads}) < len(heads):
        return
    last = {end for run in runs for _, end in run}
    if last <= {"1"} or not last & {end for run in runs for end, _ in run}:
        return
    if not _are_simple([tuple(row[:2]) for row in cells]) and all(map(_are_simple, runs)):
        raise source.error(
            f"the edges of one graph (of several graphs: {SEPARATE})",
            f"{source.lines[rows[0].line - 1].strip()!r}, whose first column may number graphs; "
            "a first line of titles such as source, target, weight says that it doesn't",
            line=rows[0].line,
        )


def _are_simple(pairs: Sequence[tuple[str, ...]]) -> bool:
    """Whether no edge is a loop or given twice."""
    return len({*pairs}) == len(pairs) and all(u != v for u, v in pairs)


def _refuse_incidences(rows: list[Row], ends: tuple[int, int], source: GraphFile) -> None:
    """Refuse the matrix of which nodes are in which groups, whose first column names the nodes."""
    cells = [cell for row in rows for cell in row.cells[1:]]
    if 0 not in ends and len(rows) > 1 and len(rows[0].cells) > 2 and {*cells} == {"0", "1"}:
        raise source.error(
            "a list of edges, or a square matrix whose rows and columns have the same names",
            "a matrix between nodes of two kinds; write a line 'u v' for each of its ones",
            "no_header",
            line=rows[0].line,
        )


def _refuse_several_graphs(titles: list[str], ends: Sequence[int], rows: list[Row], source: GraphFile) -> None:
    """Refuse a table with a column that says to which of several graphs an edge belongs."""
    for k, title in enumerate(titles):
        cells = [row.cells[k] for row in rows if len(row.cells) > k]
        repeated = plain(title) == "id" and ends and len(set(cells)) < len(cells)
        if k not in ends and (plain(title) in GRAPH_TITLES or repeated or _is_of_graphs(k, ends, rows)):
            raise source.error(
                f"the edges of one graph (of several graphs: {SEPARATE})",
                f"a column {title!r}, which may number several graphs; leave it out if there is one",
            )


def _is_of_graphs(column: int, ends: Sequence[int], rows: list[Row]) -> bool:
    """Whether each value of a column stands in rows in succession, which share no node with others.

    Values behind the ends that stand in one row only may rather be labels.
    """
    runs = [list(run) for _, run in itertools.groupby(rows, lambda row: row.cells[column : column + 1])]
    distinct = {tuple(run[0].cells[column : column + 1]) for run in runs}
    shortest = 1 if column < min(ends, default=0) else 2
    if len(runs) < 2 or len(distinct) < len(runs) or min(map(len, runs)) < shortest or len(runs) == len(rows):
        return False
    names = [{row.cells[k] for row in run for k in ends if len(row.cells) > k} for run in runs]
    return sum(map(len, names)) == len(set().union(*names))


def _has_optional_value(row: Row, width: int) -> bool:
    """Whether a row has no third cell, as networkx writes an edge without the attribute that other edges have."""
    return width == 3 and len(row.cells) == 2


def _extra_are_numbers(rows: list[Row]) -> bool:
    return all(is_number(cell) for row in rows for cell in row.cells[2:])


def _extra_are_values(rows: list[Row]) -> bool:
    values = {cell for row in rows for cell in row.cells[2:]}
    return all(is_number(cell) or cell.startswith("{") or cell.lower() in (*MISSING, *INFINITE) for cell in values)
