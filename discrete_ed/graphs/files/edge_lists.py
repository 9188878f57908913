"""Edge lists: a line for each edge, `u v` or with further columns.

The columns of the ends are the first two, or those whose titles say so. Other columns hold weights, labels, or
identifiers. A line with one name is a node, which may be isolated.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import networkx as nx

from discrete_ed.graphs.files.columns import end_columns_of, ends_may_be_last, in_succession
from discrete_ed.graphs.files.end_columns import of_two_kinds
from discrete_ed.graphs.files.node_names import (
    check_names,
    note_only_words,
    refuse_counted_graphs,
    refuse_headings,
    refuse_single_names_between,
    spellings,
)
from discrete_ed.graphs.files.rows import Row, Rows, read_rows
from discrete_ed.graphs.files.simple import IDENTIFIERS, RawGraph, numbered, plain, simple_graph
from discrete_ed.graphs.files.source import GraphFile, shown
from discrete_ed.graphs.files.titles import has_counts, has_titles

ITEM = re.compile(r"""\s*(?P<q>['"])(?P<key>[^'"]*)(?P=q)\s*:\s*(?P<value>'[^']*'|"[^"]*"|[^'",{}\[\]()]+)\s*(,|$)""")
"""an item of a dictionary as Python prints it"""
NUMBERING = re.compile(
    "(e|u|pk|row|edge|link|line)?(id|idx|index|key)|n|no|nr|num|number|row(num)?|edge|link|line|seq|pk|level0|unnamed.*"
)
"""a title, in lower case and of letters and digits only, of a column that only numbers the rows"""


EXISTENCE = re.compile("(is)?(edge|link|linked|connected|adjacent|present|exists?|label)")
"""a title, in lower case and of letters and digits only, of a column that may say whether there is an edge"""
TRUTHS = {"true", "false", "yes", "no", "t", "f", "y", "n"}


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
    refuse_counted_graphs(table.rows, source)
    table.as_one_graph(source)
    rows, titles, count = without_head(table.rows, source)
    refuse_single_names_between(rows, source)
    columns = end_columns_of(titles, rows, source)
    ends, lines = _ends(rows, columns)
    check_names(dict.fromkeys(name for found in ends for name in found), rows, source)
    if table.comments.two_kinds or (titles and of_two_kinds(titles, columns)):
        ends = _kept_apart(ends, source)
    nodes, pairs = _numbered(rows, ends, source)
    refuse_headings(rows, source)
    if not pairs:
        _check_isolated([row.cells[0] for row in rows], rows, source)
    values = _other_columns(titles, columns, rows, source)
    if count is not None:  # nodes that no line names are isolated
        nodes += [f"isolated {k}" for k in range(count - len(nodes))]
    raw = RawGraph(nodes, pairs, table.comments.directed, lines, values, gap=table.gap)
    raw.or_adjacency_list = titles is None and source.options.format is None and _may_be_neighbours(rows)
    raw.or_last_columns = titles is None and ends_may_be_last(rows)
    raw.or_matrix = all(len(row.cells) == len(rows) and {*row.cells} <= {"0", "1"} for row in rows)
    graph = simple_graph(raw, source)
    table.comments.compare(len(graph), graph.number_of_edges(), len(pairs), source)
    return [graph]


def _kept_apart(ends: list[list[str]], source: GraphFile) -> list[list[str]]:
    """The ends of edges between nodes of two kinds, where a name in both columns is that of two nodes."""
    both = {pair[0] for pair in ends} & {pair[1] for pair in ends if len(pair) == 2}
    if not both:
        return ends
    source.notes.add(f"the two columns name nodes of two kinds, so {min(both)} stands for two nodes", source.at())
    return [[pair[0], *(f"{name}*" for name in pair[1:])] for pair in ends]


def _ends(rows: list[Row], columns: tuple[int, int]) -> tuple[list[list[str]], list[int]]:
    """The names of the ends of each edge, or of a node alone; the lines of the edges."""
    u, v = columns
    if all(len(row.cells) > max(u, v) for row in rows):
        return [[row.cells[u], row.cells[v]] for row in rows], [row.line for row in rows]
    ends, lines = [], []
    for row in rows:
        found = [row.cells[k] for k in columns if k < len(row.cells)] if len(row.cells) > 1 else row.cells
        ends.append(found)
        if len(found) == 2:
            lines.append(row.line)
    return ends, lines


def _numbered(rows: list[Row], ends: list[list[str]], source: GraphFile) -> tuple[list[str], list[tuple[int, int]]]:
    """The names of all nodes, each once and in one spelling, and the edges by their places."""
    place: dict[str, int] = {}
    for found in ends:
        for name in found:
            place.setdefault(name, len(place))
    note_only_words(rows, source)
    spelling = spellings(list(place), source)
    if not spelling:
        return list(place), [(place[found[0]], place[found[1]]) for found in ends if len(found) == 2]
    named = [[spelling.get(name, name) for name in found] for found in ends]
    return numbered((name for found in named for name in found), ((u, v) for u, v in (f for f in named if len(f) == 2)))


def without_head(rows: list[Row], source: GraphFile) -> tuple[list[Row], list[str] | None, int | None]:
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


def _may_be_neighbours(rows: list[Row]) -> bool:
    """Whether rows of three whole numbers may also be a node with two neighbours each."""
    cells = [row.cells for row in rows]
    heads = {row[0] for row in cells}
    return len(heads) == len(cells) and all(len(row) == 3 and all(cell.isdecimal() for cell in row) for row in cells)


def _check_isolated(names: list[str], rows: list[Row], source: GraphFile) -> None:
    """Refuse a file without an edge whose lines may be anything else than nodes."""
    joined = next((row for row in rows if re.search(r"\w\W+\w", row.cells[0])), None)
    if source.options.format != "edge-list" and joined is not None:
        text = repr(source.lines[joined.line - 1].strip())
        raise source.error("two names with a blank, tab, comma, semicolon, pipe or arrow", text, line=joined.line)
    if source.options.format != "edge-list" and not all(name.isdecimal() for name in names):
        raise source.error("at least one edge", f"one name in each line, such as {rows[0].cells[0]!r}", "format")
    if len(names) > 1 and {len(name) for name in names} == {len(names)} and set("".join(names)) <= {"0", "1"}:
        raise source.error("blanks between the entries of a matrix", f"{names[0]!r}", line=rows[0].line)
    if len(set(names)) < len(names):
        raise source.error("at least one edge", f"a column of numbers, such as {rows[0].cells[0]}")
    source.notes.add("no line has an edge; each is read as an isolated node", source.at())


def _other_columns(
    titles: list[str] | None, ends: tuple[int, int], rows: list[Row], source: GraphFile
) -> dict[str, list[Any]]:
    """The values of the other columns by their titles."""
    values: dict[str, list[Any]] = {}
    for k in set(range(max(len(row.cells) for row in rows))) - set(ends):
        cells = [row.cells[k] for row in rows if len(row.cells) > k]
        different = list(dict.fromkeys(cells))
        title = titles[k] if titles and k < len(titles) else ""
        if {plain(cell) for cell in different} <= {"directed", "undirected", "mixed", "mutual"}:
            values["type"] = list(different)
        elif not title and titles and k == 0 and len(different) == len(cells):  # the index of a data frame
            if not in_succession(cells):
                source.notes.add(
                    f"the first column, {shown(cells[0])!r} and so on, has no title, and is left out as names of rows",
                    source.at(),
                )
        elif EXISTENCE.fullmatch(plain(title)) and {plain(cell) for cell in different} <= TRUTHS:
            values[title] = [int(plain(cell) in ("true", "yes", "t", "y")) for cell in different]
        elif k < min(ends) and len(cells) > 1 and in_succession(cells) and NUMBERING.fullmatch(plain(title)):
            if plain(title) not in IDENTIFIERS:
                source.notes.add(f"column {title!r} only numbers the rows, and is left out", source.at())
        elif any(cell.startswith("{") for cell in different):
            for name, told in attributes(rows, k, source).items():
                values.setdefault(name, []).extend(told)
        else:
            values[title or f"column {k + 1}"] = list(different)
    return values


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
