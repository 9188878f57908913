"""Lattices as graphs."""

from __future__ import annotations

import networkx as nx

from discrete_ed.errors import InputError


def lattice(side: int, dimension: int = 2, *, periodic: bool = True) -> nx.Graph:
    """The hypercubic lattice of `side^dimension` sites, numbered row by row.

    >>> lattice(4).number_of_edges(), lattice(4, periodic=False).number_of_edges()
    (32, 24)
    """
    if side < 2 or dimension < 1:
        raise InputError(f"side, dimension: expected a side of at least 2 and a dimension of at least 1, got {side}, "
                         f"{dimension}")  # fmt: skip
    grid = nx.grid_graph([side] * dimension, periodic=periodic)
    return nx.convert_node_labels_to_integers(grid, ordering="sorted")
