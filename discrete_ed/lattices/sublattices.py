"""Sublattices: the sites of a lattice in two or three classes, none of which holds two neighbours."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from discrete_ed.lattices.builders import Lattice


def sublattices(graph: Lattice) -> NDArray[np.int8] | None:
    """The sublattice of each site, `(sites,)`: two on a bipartite lattice, three on triangular lattices
    whose periodic sides are multiples of three, and on kagome lattices; None elsewhere.

    On a square lattice these are the colours of a chessboard, and periodic sides must be even.

    >>> from discrete_ed import lattice
    >>> sublattices(lattice(4)).reshape(4, 4)[:2].tolist(), sublattices(lattice(5))
    ([[0, 1, 0, 1], [1, 0, 1, 0]], None)
    """
    basis = graph.sites // int(np.prod(graph.shape))
    cells = np.indices(graph.shape).reshape(len(graph.shape), -1)
    if basis > 1:
        candidate = np.tile(np.arange(basis), cells.shape[1])
    else:
        candidate = (cells[0] - cells[-1]) % 3 if graph.kind == "triangular" else cells.sum(0) % 2
    i, j = graph.edges.T
    apart = (candidate[i] != candidate[j]).all() and candidate.any()
    return candidate.astype(np.int8) if apart else None
