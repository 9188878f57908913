"""OGB's data sets of graphs: tables of all edges, and of the numbers of nodes and edges of every graph."""

from __future__ import annotations

from pathlib import Path

import networkx as nx

from discrete_ed.errors import InputError
from discrete_ed.graphs.files.options import Notes, ReadOptions
from discrete_ed.graphs.files.simple import RawGraph, simple_graph
from discrete_ed.graphs.files.source import open_source
from discrete_ed.graphs.files.tu import numbers_of

NAMES = ("edge", "num-node-list", "num-edge-list")


def ogb_files(folder: Path) -> list[Path]:
    """The files of an OGB data set in a folder or in its folder `raw`, the edges first; none if it isn't one."""
    for place in (folder, folder / "raw"):
        for ending in (".csv.gz", ".csv"):
            files = [place / f"{name}{ending}" for name in NAMES]
            if all(map(_is_file, files)):
                return files
    return []


def read_ogb(files: list[Path], options: ReadOptions, notes: Notes) -> list[nx.Graph]:
    """The graphs of an OGB data set, whose nodes are numbered from 0 in each; an edge may have one line or two.

    Source: Hu et al. 2020, Open Graph Benchmark, arXiv 2005.00687.
    """
    source, *counts = (open_source(file, options, notes) for file in files)
    pairs = numbers_of(source, 2)
    sizes, edges = ([count for (count,), _ in numbers_of(one, 1)] for one in counts)
    if not sizes or len(sizes) != len(edges) or sum(edges) != len(pairs):
        raise InputError(
            f"{files[0]}: expected {sum(edges)} edges of {len(edges)} graphs, as {files[2].name} says, "
            f"got {len(pairs)} edges and {len(sizes)} numbers of nodes"
        )
    notes.add("the features and labels of OGB's data sets are not read, and never compared", files[0].parent)
    graphs, start = [], 0
    for size, count in zip(sizes, edges, strict=True):
        rows = pairs[start : start + count]
        start += count
        for (u, v), line in rows:
            if max(u, v) >= size:
                raise source.error(f"two nodes from 0 to {size - 1}", (u, v), line=line)
        ends = [(u, v) for (u, v), _ in rows]
        both = {(v, u) for u, v in ends} == set(ends)
        raw = RawGraph(range(size), ends, None, [line for _, line in rows], in_both_directions=both)
        graphs.append(simple_graph(raw, source))
    return graphs


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False
