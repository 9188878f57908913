"""Adjacency lists: a line for each node, with the names of its neighbours behind it.

networkx writes them in two forms: all neighbours in the node's line, or each in a line of its own behind a line with
the node and the number of neighbours. METIS numbers the nodes from 1 by their lines and names only the neighbours.
"""

from __future__ import annotations

import re

import networkx as nx

from discrete_ed.graphs.files.delimiters import PUNCTUATION
from discrete_ed.graphs.files.edge_lists import attributes
from discrete_ed.graphs.files.limits import check_size
from discrete_ed.graphs.files.node_names import check_names
from discrete_ed.graphs.files.python_lists import SEPARATE
from discrete_ed.graphs.files.rows import Row, Rows, read_rows
from discrete_ed.graphs.files.simple import RawGraph, numbered, simple_graph
from discrete_ed.graphs.files.source import GraphFile, shown, stripped
from discrete_ed.graphs.files.titles import has_titles

SETS = {"v", "e", "vertices", "nodes", "edges", "links", "arcs"}
"""words before a list of all nodes or edges, in lower case"""


def is_adjacency_list(rows: list[Row]) -> bool | None:
    """Whether every name begins exactly one row, and rows have more cells than those of an edge list; None where each
    row has three, of which the third may be a weight."""
    heads = [row.cells[0] for row in rows]
    widths = {len(row.cells) for row in rows}
    if len(set(heads)) < len(heads) or widths <= {1, 2}:
        return False
    names = {cell for row in rows for cell in row.cells}
    listed = names == set(heads) and all(len(set(row.cells)) == len(row.cells) for row in rows)
    return None if listed and widths == {3} else listed


def is_multiline(rows: list[Row]) -> bool:
    """Whether each node's line gives the number of lines with neighbours that follow it."""
    return any(row.cells[1:] and row.cells[1].startswith("{") for row in rows) and _multiline_edges(rows) is not None


def read_adjacency_list(source: GraphFile, table: Rows | None = None) -> list[nx.Graph]:
    """The graph of an adjacency list in one of networkx's forms."""
    if table is None:
        table = read_rows(source)
        table = table if table.listed else with_neighbours_apart(table, source) or table
    table.as_one_graph(source)
    rows = table.rows
    if is_multiline(rows):
        edges = _multiline_edges(rows) or []
        nodes = [row.cells[0] for row in rows]
        names, pairs = numbered(nodes, edges)
        raw = RawGraph(
            names,
            pairs,
            table.comments.directed,
            None,
            attributes([row for row in rows if len(row.cells) > 1], 1, source),
        )
        return [simple_graph(raw, source)]
    check_names(dict.fromkeys(cell for row in rows for cell in row.cells), rows, source)
    if table.listed:
        _refuse_other_lists(rows, source)
    listed = [(row.cells[0], cell, row.line) for row in rows for cell in row.cells[1:]]
    names, pairs = numbered((cell for row in rows for cell in row.cells), ((u, v) for u, v, _ in listed))
    raw = RawGraph(names, pairs, table.comments.directed, [line for *_, line in listed], gap=table.gap)
    return [simple_graph(raw, source)]


def _refuse_other_lists(rows: list[Row], source: GraphFile) -> None:
    """Refuse lines with colons that are the list of all nodes or edges, or the lists of several nodes."""
    heads = {row.cells[0] for row in rows}
    of_sets = {head.lower() for head in heads} <= SETS and not heads & {cell for row in rows for cell in row.cells[1:]}
    for row in rows:
        if of_sets or any(": " in cell for cell in row.cells[1:]):
            text = source.lines[row.line - 1].strip()
            raise source.error(
                "a node and its neighbours in each line", f"{text!r}; write an edge in each line", line=row.line
            )


def with_neighbours_apart(table: Rows, source: GraphFile) -> Rows | None:
    """The rows with a cell for each neighbour, where second cells hold several, as in `0;1,2` or `0 [1, 2]`.

    None if none does, or if the cells are rather names; a first row of titles is left out with a note.

    Raises:
        InputError: they may be either.
    """
    rows = table.rows
    if any(len(row.cells) > 2 for row in rows):
        return None
    titled = source.options.header is not False and has_titles(rows)
    apart = _apart(rows[1:] if titled else rows, source)
    if titled and apart is not None:
        line = shown(source.lines[rows[0].line - 1].strip())
        source.notes.add(f"the first line, {line!r}, is left out as names of columns", source.at())
    return None if apart is None else Rows(apart, table.comments, True, table.gaps)


def _apart(rows: list[Row], source: GraphFile) -> list[Row] | None:
    heads = [row.cells[0] for row in rows]
    behind = [row.cells[1] if len(row.cells) > 1 else "" for row in rows]
    bracketed = any(behind) and all(cell[:1] == "[" and cell[-1] == "]" for cell in behind if cell)
    if bracketed and any(set(cell[1:-1]) & set("([{") for cell in behind):
        raise source.error(
            f"a node and its neighbours in each line (of several graphs: {SEPARATE})",
            repr(source.lines[rows[0].line - 1].strip()),
            line=rows[0].line,
        )
    if bracketed and all(re.fullmatch(r"[^\W\[].*(?<!:)|\w", head) for head in heads):
        cells = [[stripped(one) for one in re.split(r",|\s", cell[1:-1])] for cell in behind]
        return _with_neighbours(rows, cells)
    text = "\n".join(behind)
    mark = next((mark for mark in (*PUNCTUATION, " ") if mark in text), None)
    if mark is None or any(mark in head for head in heads):
        return None
    cells = [[one for one in map(stripped, cell.split(mark)) if one] for cell in behind]
    several = {one for row in cells if len(row) > 1 for one in row}
    names, unique = set(heads), len(set(heads)) == len(heads)
    numbers = all(one.isdecimal() for one in (*several, *heads))
    quoted = any(f'"{cell}"' in source.text or f"'{cell}'" in source.text for cell in behind if mark in cell)
    if not several or (quoted and not numbers):
        return None
    if unique and (numbers or all(one in names for row in cells for one in row)):
        return _with_neighbours(rows, cells)
    if several <= names | {row[0] for row in cells if len(row) == 1}:
        k = next(k for k, row in enumerate(cells) if len(row) > 1)
        raise source.error(
            "two names, or a node and its neighbours",
            f"{source.lines[rows[k].line - 1].strip()!r}, which can be both; put quotes around names",
            "format",
            line=rows[k].line,
        )
    return None


def _with_neighbours(rows: list[Row], neighbours: list[list[str]]) -> list[Row]:
    return [Row(row.line, [row.cells[0], *filter(None, one)]) for row, one in zip(rows, neighbours, strict=True)]


def _multiline_edges(rows: list[Row]) -> list[tuple[str, str]] | None:
    """The edges, if the rows have the form with a line for each neighbour."""
    edges, k = [], 0
    while k < len(rows):
        cells = rows[k].cells
        if len(cells) != 2 or not cells[1].isdecimal() or len(cells[1]) > 9:
            return None
        behind = rows[k + 1 : k + 1 + int(cells[1])]
        if len(behind) < int(cells[1]) or not all(
            len(row.cells) == 1 or (len(row.cells) == 2 and row.cells[1].startswith("{")) for row in behind
        ):
            return None
        edges += [(cells[0], row.cells[0]) for row in behind]
        k += 1 + len(behind)
    return edges


def is_metis(source: GraphFile) -> bool:
    """Whether a file has as many lines behind its first as that says, which name each other and as many neighbours."""
    lines = _metis_lines(source)
    head = lines[0][1].split() if lines else []
    if len(head) != 2 or not all(cell.isascii() and cell.isdecimal() and len(cell) < 10 for cell in head):
        return False
    nodes, edges = map(int, head)
    rows = [line.split() for _, line in lines[1:]]
    while len(rows) > nodes and not rows[-1]:
        rows.pop()
    if len(rows) != nodes or not all(cell.isdecimal() and len(cell) < 10 for row in rows for cell in row):
        return False
    pairs = {(u, int(cell)) for u, row in enumerate(rows, 1) for cell in row}
    return edges > 0 and len(pairs) == 2 * edges == sum(map(len, rows)) and all((v, u) in pairs for u, v in pairs)


def read_metis(source: GraphFile) -> list[nx.Graph]:
    """The graph of a METIS file.

    Source: Karypis 2013, METIS 5.1.0 manual, section 4.1.
    """
    lines = _metis_lines(source)
    if not lines:
        raise source.error("a METIS file", "an empty file")
    head = _numbers(lines[0], source)
    if not 2 <= len(head) <= 4:
        raise source.error("numbers of nodes and edges, and perhaps a format", lines[0][1], line=lines[0][0])
    nodes, edges, kind, conditions = [*head, 0, 0][:4]
    check_size(source.at(lines[0][0]), nodes, edges)
    digits = f"{kind:03d}"
    if len(digits) > 3 or set(digits) - set("01"):
        raise source.error("a format of three digits 0 or 1", digits, line=lines[0][0])
    skip = int(digits[0]) + (max(1, conditions) if digits[1] == "1" else 0)
    weighted = digits[2] == "1"
    rows = lines[1:]
    while len(rows) > nodes and not rows[-1][1].strip():
        rows.pop()
    if len(rows) != nodes:
        raise source.error(f"{nodes} lines behind the first, one for each node", len(rows))
    pairs, places, weights = [], [], []
    for node, row in enumerate(rows):
        cells = _numbers(row, source)[skip:]
        others = cells[::2] if weighted else cells
        if not all(1 <= other <= nodes for other in others) or (weighted and len(cells) % 2):
            raise source.error(f"neighbours from 1 to {nodes}", row[1].strip(), line=row[0])
        pairs += [(node, other - 1) for other in others]
        places += [row[0]] * len(others)
        weights += cells[1::2] if weighted else []
    if len(pairs) != 2 * edges:
        raise source.error(f"every one of {edges} edges at both its ends", f"{len(pairs)} neighbours")
    node_values = {"weight": ["1"]} if skip else {}
    raw = RawGraph(range(1, nodes + 1), pairs, None, places, {"weight": weights}, node_values, in_both_directions=True)
    return [simple_graph(raw, source)]


def _metis_lines(source: GraphFile) -> list[tuple[int, str]]:
    """The lines that aren't comments; a blank line is a node without neighbours, but not before the first."""
    lines = [(k, line) for k, line in enumerate(source.lines, 1) if not line.lstrip().startswith("%")]
    start = next((k for k, (_, line) in enumerate(lines) if line.strip()), len(lines))
    return lines[start:]


def _numbers(line: tuple[int, str], source: GraphFile) -> list[int]:
    cells = line[1].split()
    if not all(cell.isascii() and cell.isdecimal() and len(cell) < 19 for cell in cells):
        raise source.error("whole numbers", repr(line[1].strip()), line=line[0])
    return [int(cell) for cell in cells]
