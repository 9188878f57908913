"""Edge lists: a line for each edge, `u v` or with further columns.

The columns of the ends are the first two, or those whose titles say so. Other columns hold weights, labels, or
identifiers. A line with one name is a node, which may be isolated.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import networkx as nx

from discrete_ed.graphs.files.python_lists import SEPARATE
from discrete_ed.graphs.files.rows import Row, Rows, read_rows
from discrete_ed.graphs.files.simple import RawGraph, is_number, numbered, plain, simple_graph
from discrete_ed.graphs.files.source import ZERO_WIDTH, GraphFile, shown
from discrete_ed.graphs.files.titles import end_columns, has_counts, has_titles

GRAPH_TITLES = {"g", "gid", "graph", "network", "networkid"} | {
    f"graph{word}" for word in ("id", "idx", "index", "indicator", "key", "label", "name", "no", "nr", "num", "number")
}
"""titles of a column that says to which graph an edge belongs, in lower case and of letters only"""
ITEM = re.compile(r"""\s*(?P<q>['"])(?P<key>[^'"]*)(?P=q)\s*:\s*(?P<value>'[^']*'|"[^"]*"|[^'",{}\[\]()]+)\s*(,|$)""")
"""an item of a dictionary as Python prints it"""


def read_edge_list(source: GraphFile, table: Rows | None = None) -> list[nx.Graph]:
    """The graph of an edge list.

    Raises:
        InputError: it can't be read with certainty; the message names the line.
    """
    table = table or read_rows(source)
    if table.listed:
        line = table.rows[0].line
        raise source.error(
            "an edge list", f"{source.lines[line - 1].strip()!r}, an adjacency list", "format", line=line
        )
    rows, titles, count = _without_head(table.rows, source)
    columns = _end_columns(titles, rows, source)
    names, edges, lines = [], [], []
    for row in rows:
        ends = [row.cells[k] for k in columns if k < len(row.cells)] if len(row.cells) > 1 else row.cells
        if not all(ends) or any(mark in name for name in ends for mark in ZERO_WIDTH):
            raise source.error("the names of two nodes", repr(source.lines[row.line - 1].strip()), line=row.line)
        names += ends
        if len(ends) == 2:
            edges.append((ends[0], ends[1]))
            lines.append(row.line)
    _check_names(names, rows, source)
    spelling = _spellings(names, source)
    nodes, pairs = numbered(
        (spelling.get(name, name) for name in names), ((spelling.get(u, u), spelling.get(v, v)) for u, v in edges)
    )
    if not pairs:
        _check_isolated(names, rows, source)
    directed, values = _other_columns(titles, columns, rows, source)
    if count is not None:  # nodes that no line names are isolated
        nodes += [f"isolated {k}" for k in range(count - len(nodes))]
    raw = RawGraph(nodes, pairs, table.directed if directed is None else directed, lines, values, gap=table.gap)
    raw.or_adjacency_list = titles is None and source.options.format is None and _may_be_neighbours(rows)
    return [simple_graph(raw, source)]


def _without_head(rows: list[Row], source: GraphFile) -> tuple[list[Row], list[str] | None, int | None]:
    """The rows of edges, the titles of their columns, and the number of nodes, as far as the first line gives them."""
    first, header = rows[0], source.options.header
    if header is False:
        return rows, None, None
    line = shown(source.lines[first.line - 1].strip())
    counts = has_counts(rows)
    if counts is None and header is None:
        raise source.error(
            "a first line that is an edge or counts",
            f"{line!r}, which can be both",
            "header",
            "no_header",
            line=first.line,
        )
    if counts or (counts is None and header):
        source.notes.add(f"the first line, {line!r}, is read as counts of nodes and edges, not as an edge", source.at())
        return rows[1:], None, int(first.cells[0])
    titles = header or has_titles(rows)
    if titles is None:
        source.notes.add(
            f"the first line, {line!r}, is read as an edge, though it may hold titles: --header True skips it",
            source.at(),
        )
    if not titles:
        return rows, None, None
    source.notes.add(f"the first line, {line!r}, is left out as names of columns", source.at())
    if len(rows) == 1:
        raise source.error("an edge below the titles", "none", "no_header", line=first.line)
    unnamed = all(len(row.cells) == len(first.cells) + 1 for row in rows[1:])  # R gives row names no title
    return rows[1:], [""] * unnamed + first.cells, None


def _end_columns(titles: list[str] | None, rows: list[Row], source: GraphFile) -> tuple[int, int]:
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
        return 0, 1
    columns = end_columns(titles)
    _refuse_several_graphs(titles, columns or (), rows, source)
    if columns is not None:
        return columns
    kinds = [{is_number(row.cells[k]) for row in rows if len(row.cells) > k} for k in (0, 1)]
    of_nodes = {plain(title) for title in titles[:2]} <= {"id", "label", "name", "nodeid"}
    if width > 3 or (width == 3 and not plain(titles[2]).startswith("weight")) or of_nodes or kinds[0] != kinds[1]:
        raise source.error("titles such as source and target", f"{', '.join(titles)}; rename the columns", "no_header")
    return 0, 1


def _refuse_several_graphs(titles: list[str], ends: Sequence[int], rows: list[Row], source: GraphFile) -> None:
    """Refuse a table with a column that says to which of several graphs an edge belongs."""
    for k, title in enumerate(titles):
        cells = [row.cells[k] for row in rows if len(row.cells) > k]
        repeated = plain(title) == "id" and ends and len(set(cells)) < len(cells)
        if k not in ends and (plain(title) in GRAPH_TITLES or repeated):
            raise source.error(
                f"the edges of one graph (of several graphs: {SEPARATE})",
                f"a column {title!r}, which may number several graphs; leave it out if there is one",
            )


def _has_optional_value(row: Row, width: int) -> bool:
    """Whether a row has no third cell, as networkx writes an edge without the attribute that other edges have."""
    return width == 3 and len(row.cells) == 2


def _extra_are_numbers(rows: list[Row]) -> bool:
    return all(is_number(cell) for row in rows for cell in row.cells[2:])


def _may_be_neighbours(rows: list[Row]) -> bool:
    """Whether rows of three whole numbers may also be a node with two neighbours each."""
    cells = [row.cells for row in rows]
    heads = {row[0] for row in cells}
    return len(heads) == len(cells) and all(len(row) == 3 and all(cell.isdecimal() for cell in row) for row in cells)


def _extra_are_values(rows: list[Row]) -> bool:
    return all(is_number(cell) or cell.startswith("{") or not cell for row in rows for cell in row.cells[2:])


def _check_names(names: Sequence[str], rows: Sequence[Row], source: GraphFile) -> None:
    """Refuse names in brackets beside others, and note a single line whose names are no numbers."""
    bracketed = [name for name in names if name[:1] in ("(", "[") and "," in name]
    if bracketed and len(bracketed) < len(names):
        line = next(row.line for row in rows if bracketed[0] in row.cells)
        raise source.error("names of nodes, all in brackets or none", repr(bracketed[0]), line=line)
    odd = [row for row in rows if not all(map(is_number, row.cells[:2]))]
    if len(odd) == 1 and len(rows) > 2 and len(odd[0].cells) > 1 and not any(map(is_number, odd[0].cells[:2])):
        source.notes.add("is read as an edge, though only its names are no numbers", source.at(odd[0].line))


def _spellings(names: Sequence[str], source: GraphFile) -> dict[str, str]:
    """What names are replaced by: numbers such as 1.0 by 1.

    Raises:
        InputError: names are numbers that aren't whole, or numbers are spelled in several ways.
    """
    different = dict.fromkeys(names)  # in the order of the file
    if not all(map(is_number, different)):
        return {}
    whole: dict[str, str] = {}
    for name in different:
        if name.isascii() and name.isdecimal() and (name == "0" or not name.startswith("0")):
            continue
        try:
            number = Decimal(name.replace(",", "."))
            is_whole = abs(number) < 10**18 and number == int(number)
        except ArithmeticError:  # the exponent is out of bounds
            is_whole = False
        if not is_whole:
            line = next(k for k, text in enumerate(source.lines, 1) if name in text)
            raise source.error("names of nodes, or whole numbers", name, line=line)
        whole[name] = str(int(number))
        if whole[name] in different and name.lstrip("+").isdecimal():
            raise source.error("one spelling of every node", f"both {name} and {whole[name]}")
    if any(name != number for name, number in whole.items()):
        example = min(name for name, number in whole.items() if name != number)
        source.notes.add(
            f"names that are numbers are read by their value, such as {example} as {whole[example]}", source.at()
        )
    return whole


def _check_isolated(names: list[str], rows: list[Row], source: GraphFile) -> None:
    """Refuse a file without an edge whose lines may be anything else than nodes."""
    if source.options.format != "edge-list" and not all(name.isdecimal() for name in names):
        raise source.error("at least one edge", f"one name in each line, such as {rows[0].cells[0]!r}", "format")
    if len(set(names)) < len(names):
        raise source.error("at least one edge", f"a column of numbers, such as {rows[0].cells[0]}")
    source.notes.add("no line has an edge; each is read as an isolated node", source.at())


def _other_columns(
    titles: list[str] | None, ends: tuple[int, int], rows: list[Row], source: GraphFile
) -> tuple[bool | None, dict[str, list[Any]]]:
    """What the other columns say: whether edges are directed, and the values of their attributes."""
    width = max(len(row.cells) for row in rows)
    values: dict[str, list[Any]] = {}
    directed: bool | None = None
    for k in range(width):
        cells = [row.cells[k] for row in rows if len(row.cells) > k]
        title = titles[k] if titles and k < len(titles) else ""
        if k in ends:
            continue
        kinds = {plain(cell) for cell in cells}
        if kinds <= {"directed", "undirected"} and kinds:
            directed = "directed" in kinds
        elif not title and titles and k == 0 and len(set(cells)) == len(cells):
            continue  # the index of a data frame
        elif any(cell.startswith("{") for cell in cells):
            for name, told in attributes(rows, k, source).items():
                values.setdefault(name, []).extend(told)
        else:
            values[title or f"column {k + 1}"] = list(cells)
    return directed, values


def attributes(rows: Sequence[Row], column: int, source: GraphFile) -> dict[str, list[Any]]:
    """The values of every attribute in a column of dictionaries; other cells are left out."""
    values: dict[str, list[Any]] = {}
    for row in rows:
        text = row.cells[column] if len(row.cells) > column else ""
        for name, value in _items(text, row, source) if text.startswith("{") else ():
            values.setdefault(name, []).append(value)
    return values


def _items(text: str, row: Row, source: GraphFile) -> list[tuple[str, str]]:
    """The items of a dictionary as networkx writes it behind an edge."""
    inner = text.strip()[1:-1].strip()
    found, place = [], 0
    while place < len(inner):
        item = ITEM.match(inner, place)
        if item is None:
            raise source.error("attributes such as {'weight': 1}", text, "ignore_weights", line=row.line)
        found.append((item["key"], item["value"].strip().strip("'\"")))
        place = item.end()
    return found
