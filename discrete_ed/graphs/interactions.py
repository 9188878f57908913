"""Interaction graphs of Ising models from files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import networkx as nx

from discrete_ed.errors import InputError
from discrete_ed.graphs.files.options import Notes, ReadOptions
from discrete_ed.graphs.files.source import open_source
from discrete_ed.graphs.files.xml_graphs import graphml_with_attributes
from discrete_ed.graphs.io import read_graphs

LARGEST = 20
"""largest coupling or field that a file may give; with far larger ones no spin would ever flip"""


def interaction_graph(path: Path, **reading: Any) -> nx.Graph:
    """Read a file with one graph, in any format that graphs are read from.

    In GraphML (`.graphml`) edges keep their attribute `coupling` or `weight`, and nodes their attribute `field`, as
    `IsingEnergy.to_networkx` writes them and `IsingEnergy.from_graph` reads them.

    Args:
        path: the file.
        reading: options of `read_graphs`.

    Raises:
        InputError: the file can't be read, or holds several graphs or fewer than 2 nodes; only some edges have a
            coupling, or only some nodes a field; one of them isn't a number between −20 and 20.
    """
    single = path.suffix.lower() == ".graphml" and not path.is_dir()
    graphs = (
        [graphml_with_attributes(open_source(path, ReadOptions(**reading), Notes()))]
        if single
        else read_graphs(path, **reading)
    )
    if len(graphs) != 1 or graphs[0].number_of_nodes() < 2:
        raise InputError(
            f"graph: expected a file with one graph of at least 2 nodes, got {len(graphs)} graphs in {path}"
        )
    graph = nx.convert_node_labels_to_integers(graphs[0], ordering="sorted")
    _check_attribute(graph.edges(data="coupling"), f"{path}: expected a number 'coupling' on every edge or on none")
    _check_attribute(graph.edges(data="weight"), f"{path}: expected a number 'weight' on every edge or on none")
    _check_attribute(graph.nodes(data="field"), f"{path}: expected a number 'field' on every node or on none")
    return graph


def _check_attribute(items: Iterable[tuple[Any, ...]], expected: str) -> None:
    values = [item[-1] for item in items]
    if all(value is None for value in values):
        return
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < LARGEST:
            raise InputError(f"{expected} between -{LARGEST} and {LARGEST}, got {str(value)[:60]}")
