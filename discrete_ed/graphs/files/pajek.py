"""Pajek's networks: sections that begin with a star, for vertices, edges, arcs, lists of neighbours, and matrices."""

from __future__ import annotations

import re

import networkx as nx

from discrete_ed.graphs.files.limits import check_size
from discrete_ed.graphs.files.simple import RawGraph, collected, is_number, number_of, simple_graph
from discrete_ed.graphs.files.source import GraphFile

SECTION = re.compile(r"\s*\*\s*([a-zA-Z]+)\s*:?\s*(\d*)")
SHAPES = {"w", "c", "p", "s", "a", "l", "ap", "lp", "lr", "lc", "la", "h1", "h2", "k1", "k2", "a1", "a2", "fos"}
"""parameters of lines that say how these are drawn: width, colour, pattern, arrows, labels, and curves"""
CELL = re.compile(r'"[^"]*"|\S+')


def read_pajek(source: GraphFile) -> list[nx.Graph]:
    """The graph of a Pajek file; that of arcs is directed.

    Source: Batagelj and Mrvar, Pajek reference manual.
    """
    nodes, section, row = 0, "", 0
    pairs: list[tuple[int, int]] = []
    lines: list[int] = []
    records: list[dict[str, str]] = []
    relations: set[str] = set()
    vertices: set[int] = set()
    arcs = coordinates = False
    for number, line in enumerate(source.lines, 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("%"):
            continue
        start = SECTION.match(line)
        if start:
            section, row = start[1].lower(), 0
            if section in ("edges", "arcs"):
                relations.add(line.partition(":")[2].strip())
            if section == "vertices":
                if nodes or not start[2]:
                    raise source.error("one line '*Vertices n'", stripped, line=number)
                nodes = int(start[2][:18])
                check_size(source.at(number), nodes)
            elif section not in ("network", "edges", "arcs", "edgeslist", "arcslist", "matrix"):
                raise source.error("*Vertices, *Edges, *Arcs, *Edgeslist, *Arcslist or *Matrix", stripped, line=number)
            continue
        cells = CELL.findall(line)
        arcs = arcs or section in ("arcs", "arcslist")  # a section without lines is often written, too
        if section == "vertices":
            vertex = _number(cells[0], nodes, source, number)
            if vertex in vertices:
                raise source.error(
                    "every vertex once (of a partition or a vector of Pajek's, its network)", stripped, line=number
                )
            vertices.add(vertex)
            coordinates = coordinates or len(cells) > 2
        elif section in ("edges", "arcs"):
            if len(cells) < 2:
                raise source.error("the numbers of two vertices", stripped, line=number)
            pairs.append((_number(cells[0], nodes, source, number), _number(cells[1], nodes, source, number)))
            weighted = len(cells) > 2 and is_number(cells[2])
            records.append({"weight": cells[2]} if weighted else {})
            others = cells[2 + weighted :]
            records[-1].update(zip(others[::2], others[1::2], strict=False))
            if len(others) % 2:
                records[-1]["times"] = others[-1]
            lines.append(number)
        elif section in ("edgeslist", "arcslist"):
            first, *others = (_number(cell, nodes, source, number) for cell in cells)
            pairs += [(first, other) for other in others]
            lines += [number] * len(others)
        elif section == "matrix":
            if len(cells) != nodes or row >= nodes or not all(map(is_number, cells)):
                raise source.error(f"a matrix of {nodes} × {nodes} numbers", stripped, line=number)
            entries = [(k, cell) for k, cell in enumerate(cells) if number_of(cell) != 0]
            pairs += [(row, k) for k, _ in entries]
            records += [{"weight": cell} for _, cell in entries]
            lines += [number] * len(entries)
            row += 1
        else:
            raise source.error("a line '*Vertices n' first", stripped, line=number)
    if not nodes:
        raise source.error("a line '*Vertices n'", "none")
    if section == "matrix" and row < nodes:
        raise source.error(f"a matrix of {nodes} × {nodes} numbers", f"{row} rows")
    matrix = section == "matrix"
    directed = arcs or (matrix and {(v, u) for u, v in pairs} != set(pairs))
    node_values = {"coordinates and shapes": ["1"]} if coordinates else {}
    edge_values = collected({k: v for k, v in one.items() if k not in SHAPES} for one in records)
    edge_values["relations"] = sorted(relations) if len(relations) > 1 else []
    raw = RawGraph(range(1, nodes + 1), pairs, directed, lines, edge_values, node_values, in_both_directions=matrix)
    return [simple_graph(raw, source)]


def _number(cell: str, nodes: int, source: GraphFile, line: int) -> int:
    """The place of a vertex."""
    if not (cell.isascii() and cell.isdecimal() and len(cell) < 19 and 1 <= int(cell) <= nodes):
        raise source.error(f"the number of a vertex from 1 to {nodes}", cell, line=line)
    return int(cell) - 1
