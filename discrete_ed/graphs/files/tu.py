"""Folders in the layout of the TU data sets: `NAME_A.txt` with the edges of all graphs, `NAME_graph_indicator.txt` with
the graph of each node, and files of labels beside them."""

from __future__ import annotations

from pathlib import Path

import networkx as nx

from discrete_ed.errors import InputError
from discrete_ed.graphs.files.options import Notes, ReadOptions
from discrete_ed.graphs.files.simple import RawGraph, simple_graph
from discrete_ed.graphs.files.source import GraphFile, open_source

LABELS = ("node_labels", "edge_labels", "graph_labels", "node_attributes", "edge_attributes", "graph_attributes")


def tu_files(folder: Path) -> list[Path]:
    """The files of a TU data set in a folder or in its folder `raw`, the edges first; none if it isn't one."""
    for place in (folder, folder / "raw"):
        try:
            edges = sorted(place.glob("*_A.txt"))
        except OSError:
            continue
        nodes = [path.with_name(path.name.removesuffix("_A.txt") + "_graph_indicator.txt") for path in edges]
        if len(edges) == 1 and nodes[0].exists():
            stem = edges[0].name.removesuffix("_A.txt")
            return [*edges, *nodes, *(path for kind in LABELS if (path := place / f"{stem}_{kind}.txt").exists())]
    return []


def read_tu(files: list[Path], options: ReadOptions, notes: Notes) -> list[nx.Graph]:
    """The graphs of a TU data set.

    Source: Morris et al. 2020, TUDataset, https://chrsmrrs.github.io/datasets/docs/format/.
    """
    edges, nodes, *labels = files
    source = open_source(edges, options, notes)
    owners = numbers_of(open_source(nodes, options, notes), 1)
    start: dict[int, int] = {}
    for node, ((owner,), _) in enumerate(owners):
        if node != start.setdefault(owner, node) and owners[node - 1][0][0] != owner:
            raise InputError(f"{nodes}: expected the nodes of every graph together, got graph {owner} again")
    sizes = dict.fromkeys(start, 0)
    for (owner,), _ in owners:
        sizes[owner] += 1
    parts: dict[int, tuple[list[tuple[int, int]], list[int]]] = {owner: ([], []) for owner in start}
    for pair, line in numbers_of(source, 2):
        if not all(1 <= end <= len(owners) for end in pair):
            raise source.error(f"two nodes from 1 to {len(owners)}", f"{pair}", line=line)
        u, v = (end - 1 for end in pair)
        owner = owners[u][0][0]
        if owners[v][0][0] != owner:
            raise source.error("an edge within one graph", f"{pair}", line=line)
        parts[owner][0].append((u - start[owner], v - start[owner]))
        parts[owner][1].append(line)
    if labels:
        kinds = ", ".join(
            path.stem.rpartition("_A")[2].replace(f"{edges.name.removesuffix('_A.txt')}_", "") for path in labels
        )
        notes.add(f"the labels ({kinds}) are not read, and never compared", edges.parent)
    graphs = []
    for owner in sorted(start):
        pairs, lines = parts[owner]
        both = {(v, u) for u, v in pairs} == set(pairs)
        names = range(start[owner] + 1, start[owner] + 1 + sizes[owner])
        raw = RawGraph(names, pairs, not both, lines, in_both_directions=True)
        graphs.append(simple_graph(raw, source))
    if not graphs:
        raise InputError(f"{nodes}: expected at least one graph, got an empty file")
    return graphs


def numbers_of(source: GraphFile, width: int) -> list[tuple[tuple[int, ...], int]]:
    """The whole numbers of every line, and the line."""
    found = []
    for k, line in enumerate(source.lines, 1):
        cells = line.replace(",", " ").split()
        if not cells:
            continue
        if len(cells) != width or not all(cell.isascii() and cell.isdecimal() and len(cell) < 10 for cell in cells):
            raise source.error(f"{width} whole number{'s' * (width > 1)}", repr(line.strip()), line=k)
        found.append((tuple(map(int, cells)), k))
    return found
