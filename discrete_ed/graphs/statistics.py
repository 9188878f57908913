"""Counts and spectra of graphs, for all graphs of a set at once.

A set of graphs is one block-diagonal sparse adjacency matrix. Every count then needs a few sparse products, whatever
the number of graphs. Large and dense graphs (`DENSE_NODES`, `DENSITY`) are counted one by one with dense products,
which are faster for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise

import networkx as nx
import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]

ORBITS = 15  # of connected subgraphs of up to four nodes
CHUNK = 2**16  # number of edges, or triangles, that are extended to larger cliques at once, which bounds the memory
CELLS = 2**23  # number of cells of dense matrices at once, unless a single graph has more
DENSE_NODES, DENSITY = 64, 0.1  # above both, dense products are faster


@dataclass(frozen=True, eq=False)
class GraphSet:
    """Simple undirected graphs as one block-diagonal adjacency matrix."""

    adjacency: sparse.csr_array
    """zeros and ones, `(V, V)` over the `V` nodes of all graphs"""
    sizes: Counts
    """the number of nodes of each graph, `(G,)`; zero is allowed"""

    @staticmethod
    def of(graphs: Sequence[nx.Graph]) -> GraphSet:
        """Lay out networkx graphs, which must be simple and undirected (see `graphs.convert.check_graph`)."""
        sizes = np.array([len(graph) for graph in graphs], dtype=np.int64)
        degree: list[int] = []
        columns: list[Iterable[int]] = []
        for graph in graphs:
            rows = dict(graph.adjacency())
            degree += map(len, rows.values())
            ends: Iterable[int] = chain.from_iterable(rows.values())
            if list(rows) != list(range(len(rows))):
                ends = map({node: k for k, node in enumerate(rows)}.__getitem__, ends)
            columns.append(ends)
        pointers = np.cumsum([0, *degree])
        starts = np.repeat(np.repeat(_starts(sizes), sizes), np.diff(pointers))
        places = starts + np.fromiter(chain.from_iterable(columns), np.int64, count=len(starts))
        total = int(sizes.sum())
        adjacency = sparse.csr_array((np.ones(len(places), dtype=np.int64), places, pointers), shape=(total, total))
        adjacency.sort_indices()
        return GraphSet(adjacency, sizes)

    @staticmethod
    def _from_edges(rows: Counts, columns: Counts, sizes: Counts) -> GraphSet:
        total = int(sizes.sum())
        ones = np.ones(len(rows), dtype=np.int64)
        return GraphSet(sparse.csr_array((ones, (rows, columns)), shape=(total, total)), sizes)

    def __len__(self) -> int:
        return len(self.sizes)

    @property
    def owner(self) -> Counts:
        """The graph that each node belongs to, `(V,)`."""
        return np.repeat(np.arange(len(self)), self.sizes)

    def without_isolated_nodes(self) -> GraphSet:
        """Every graph without its nodes of degree zero; a graph without edges becomes a single node."""
        keep = degrees(self) > 0
        kept = np.bincount(self.owner[keep], minlength=len(self))
        sizes = np.maximum(kept, 1)
        place = np.zeros(len(keep), dtype=np.int64)
        place[keep] = np.arange(keep.sum()) + (_starts(sizes) - _starts(kept))[self.owner[keep]]
        rows, columns = self.adjacency.nonzero()
        return GraphSet._from_edges(place[rows], place[columns], sizes)

    def without_null_graphs(self) -> GraphSet:
        """The graphs that have nodes."""
        return GraphSet(self.adjacency, self.sizes[self.sizes > 0])


def _starts(sizes: Counts) -> Counts:
    return np.cumsum(sizes) - sizes


def degrees(graphs: GraphSet) -> Counts:
    """The degree `d` of every node, `(V,)`."""
    return np.diff(graphs.adjacency.indptr).astype(np.int64)


def are_connected(graphs: GraphSet) -> NDArray[np.bool_]:
    """Whether each graph has nodes and a path between any two, `(G,)`."""
    components = connected_components(graphs.adjacency, connection="strong")[1]  # symmetric: strong ones are all
    first = np.unique(components, return_index=True)[1]
    return np.bincount(graphs.owner[first], minlength=len(graphs)) == 1


def clustering(graphs: GraphSet) -> Floats:
    """The local clustering coefficient `2 t / (d (d − 1))` of every node in `t` triangles, zero for `d < 2`; `(V,)`."""
    d = degrees(graphs)
    return 2 * triangles(graphs) / np.maximum(d * (d - 1), 1)


def triangles(graphs: GraphSet) -> Counts:
    """The number of triangles through every node, `(V,)`."""

    def sparsely(graphs: GraphSet) -> Counts:
        a = graphs.adjacency
        twice: Counts = np.concatenate([a[rows].multiply(a[rows] @ a).sum(axis=1) for rows in _row_slices(graphs)])
        return twice[None] // 2

    def densely(a: Floats) -> Floats:
        twice = np.concatenate([(some @ a * some).sum(axis=1, dtype=float) for some in _row_blocks(a)])
        return twice[None] / 2

    return _by_density(graphs, 1, sparsely, densely)[0]


def _by_density(
    graphs: GraphSet, rows: int, sparsely: Callable[[GraphSet], Counts], densely: Callable[[Floats], Floats]
) -> Counts:
    """Integers for every node, `(rows, V)`, computed for all sparse graphs together and for each dense one
    separately."""
    ends = np.bincount(graphs.owner, weights=degrees(graphs), minlength=len(graphs))
    density = ends / np.maximum(graphs.sizes * (graphs.sizes - 1), 1)
    dense = (graphs.sizes >= DENSE_NODES) & (density >= DENSITY)
    if not dense.any():
        return sparsely(graphs)
    values = np.zeros((rows, int(graphs.sizes.sum())), dtype=np.int64)
    loose = ~dense[graphs.owner]
    if loose.any():
        values[:, loose] = sparsely(GraphSet(graphs.adjacency[loose][:, loose], graphs.sizes[~dense]))
    for start, size in zip(_starts(graphs.sizes)[dense].tolist(), graphs.sizes[dense].tolist(), strict=True):
        block = graphs.adjacency[start : start + size, start : start + size].toarray().astype(np.float32)
        values[:, start : start + size] = np.rint(densely(block))
    return values


def _row_blocks(a: Floats) -> Iterator[Floats]:
    step = max(1, CELLS // len(a))
    return (a[start : start + step] for start in range(0, len(a), step))


def spectra(graphs: GraphSet) -> Floats:
    """The eigenvalues of every graph's normalised Laplacian, `I − D^(−½) A D^(−½)`, one for each node; `(V,)`.

    The row of an isolated node is zero, as in networkx. The eigenvalues are clipped to [0, 2], which removes rounding
    errors.
    """
    eigenvalues = np.zeros(len(graphs.owner))
    for nodes, laplacians in _laplacians(graphs):
        eigenvalues[nodes] = np.linalg.eigvalsh(laplacians)
    return eigenvalues.clip(0, 2)


def eigensystems(graphs: GraphSet) -> Iterator[tuple[int, Floats, Floats]]:
    """The index of each graph that has nodes, with the eigenvalues `(n,)` of `spectra` and their eigenvectors, one in
    each column `(n, n)`; in any order."""
    for nodes, laplacians in _laplacians(graphs):
        for graph, values, vectors in zip(graphs.owner[nodes[:, 0]], *np.linalg.eigh(laplacians), strict=True):
            yield int(graph), values.clip(0, 2), vectors


def _laplacians(graphs: GraphSet) -> Iterator[tuple[Counts, Floats]]:
    """The nodes of some graphs of one size, `(g, n)`, and their normalised Laplacians, `(g, n, n)`, for all graphs."""
    d = degrees(graphs)
    scale = sparse.diags_array(1 / np.sqrt(np.maximum(d, 1)))
    laplacian = (sparse.diags_array((d > 0).astype(float)) - scale @ graphs.adjacency @ scale).tocsr()
    starts = _starts(graphs.sizes)
    for size in np.unique(graphs.sizes[graphs.sizes > 0]):
        alike, step = starts[graphs.sizes == size], max(1, CELLS // size**2)
        for k in range(0, len(alike), step):
            nodes = alike[k : k + step, None] + np.arange(size)
            blocks = laplacian[nodes.ravel()].tocoo()
            dense = np.zeros((nodes.size, size))
            dense[blocks.row, blocks.col - np.repeat(nodes[:, 0], size)[blocks.row]] = blocks.data
            yield nodes, dense.reshape(-1, size, size)


def four_cliques(graphs: GraphSet) -> Counts:
    """The number of complete subgraphs on four nodes through every node, `(V,)`."""
    later = sparse.csr_array(sparse.triu(graphs.adjacency, 1))  # every clique once, its nodes in ascending order
    total = later.shape[0]
    counts = np.zeros(total, dtype=np.int64)
    first, second = later.nonzero()
    for i in range(0, len(first), CHUNK):
        u, v = first[i : i + CHUNK], second[i : i + CHUNK]
        edge, third = later[u].multiply(later[v]).nonzero()
        for j in range(0, len(edge), CHUNK):
            triangle = u[edge[j : j + CHUNK]], v[edge[j : j + CHUNK]], third[j : j + CHUNK]
            shared = later[triangle[0]].multiply(later[triangle[1]]).multiply(later[triangle[2]])
            which, fourth = shared.nonzero()
            for corner in (*(nodes[which] for nodes in triangle), fourth):
                counts += np.bincount(corner, minlength=total)
    return counts


def _sparse_counts(graphs: GraphSet) -> Counts:
    """The six counts from which orbit counts follow, `(6, V)`, from the adjacency `A`, the degrees `d`, `A²` and `C = A
    ∘ A²`.

    `C` has the number of triangles on every edge. The counts are row sums of: `C / 2`; pairs of triangles on an edge,
    `C (C − 1) / 2`; triangles on the opposite edges, `A ∘ (A C) / 2`; `C (d − 2)`; pairs of two-step walks, `A² (A² −
    1) / 2`; and the four-cliques.
    """
    a = graphs.adjacency
    d = degrees(graphs)

    def pairs(matrix: sparse.csr_array) -> Counts:
        halved = matrix.copy()
        halved.data = halved.data * (halved.data - 1) // 2
        return halved.sum(axis=1)

    slices = _row_slices(graphs)
    on_edges, walk_pairs = [], []
    for rows in slices:
        a2 = a[rows] @ a
        on_edges.append(sparse.csr_array(a[rows].multiply(a2)))
        walk_pairs.append(pairs(a2))
    c = sparse.csr_array(sparse.vstack(on_edges))
    opposite = np.concatenate([a[rows].multiply(a[rows] @ c).sum(axis=1) for rows in slices]) // 2
    walks = np.concatenate(walk_pairs)
    return np.stack([c.sum(axis=1) // 2, pairs(c), opposite, c @ (d - 2), walks, four_cliques(graphs)])


def _row_slices(graphs: GraphSet) -> list[slice]:
    """Slices of consecutive rows, each with about `CELLS` two-step walks, which bounds the memory of their products."""
    walks = np.cumsum(graphs.adjacency @ degrees(graphs))
    ends = np.searchsorted(walks, np.arange(CELLS, int(walks[-1]) if len(walks) else 0, CELLS), side="right")
    edges = np.unique([0, *ends, len(walks)]).tolist()
    return [slice(start, stop) for start, stop in pairwise(edges)] or [slice(0, 0)]


def _dense_counts(a: Floats) -> Floats:
    """The same as `_sparse_counts` for the dense adjacency matrix of one graph, `(6, n)`; four-cliques from triangles.

    A four-clique is a triangle among the later neighbours of its first node. All products have whole numbers, which
    single precision holds up to 2²⁴.
    """
    d = a.sum(axis=1, dtype=float)
    c = np.empty_like(a)
    counts = np.zeros((6, len(a)))
    start = 0
    for some in _row_blocks(a):
        rows = slice(start, start := start + len(some))
        a2 = (some @ a).astype(float)
        c[rows] = on_edges = some * a2
        counts[0, rows] = on_edges.sum(axis=1) / 2
        counts[1, rows] = (on_edges * (on_edges - 1)).sum(axis=1) / 2
        counts[3, rows] = on_edges @ (d - 2)
        counts[4, rows] = (a2 * (a2 - 1)).sum(axis=1) / 2
    if d.max(initial=0) * c.max(initial=0) >= 2**24:
        c = c.astype(float)
    start = 0
    for some in _row_blocks(a):
        rows = slice(start, start := start + len(some))
        counts[2, rows] = (some * (some @ c)).sum(axis=1, dtype=float) / 2
    for node, row in enumerate(a):
        later = node + 1 + np.flatnonzero(row[node + 1 :])
        among = a[later][:, later]
        through = (among @ among * among).sum(axis=1, dtype=float) / 2
        counts[5, later] += through
        counts[5, node] += through.sum() / 3
    return counts


def orbits(graphs: GraphSet) -> Counts:
    """How often every node is in each of the 15 orbits of connected induced subgraphs of 2 to 4 nodes, `(V, 15)`.

    Numbered as in Pržulj (2007, Bioinformatics 23(2)): 0 an edge; 1, 2 end and middle of a path of three; 3 triangle;
    4, 5 end and middle of a path of four; 6, 7 leaf and centre of a star; 8 four-cycle; 9, 10, 11 the nodes of degree
    one, two and three of a triangle with a tail; 12, 13 the nodes of degree two and three of a diamond; 14 four-clique.

    All copies, induced or not, are counted first, by products of matrices; then, from the densest subgraph down, the
    copies inside denser subgraphs are subtracted.
    """
    a = graphs.adjacency
    d = degrees(graphs)
    two_paths = a @ (d - 1)
    t, edge_pairs, chorded, tails, walk_pairs, cliques = _by_density(graphs, 6, _sparse_counts, _dense_counts)
    o = np.zeros((ORBITS, len(d)), dtype=np.int64)
    o[14] = cliques
    o[13] = edge_pairs - 3 * o[14]
    o[12] = chorded - t - 3 * o[14]
    o[11] = t * (d - 2) - 2 * o[13] - 3 * o[14]
    o[10] = tails - 2 * (o[12] + o[13]) - 6 * o[14]
    o[9] = a @ t - 2 * t - 2 * o[12] - 3 * o[14]
    o[8] = walk_pairs - d * (d - 1) // 2 - o[12] - o[13] - 3 * o[14]
    o[7] = d * (d - 1) * (d - 2) // 6 - o[11] - o[13] - o[14]
    o[6] = a @ ((d - 1) * (d - 2) // 2) - o[9] - o[10] - 2 * o[12] - o[13] - 3 * o[14]
    o[5] = (d - 1) * two_paths - 2 * t - 2 * (o[8] + o[11] + o[12]) - o[10] - 4 * o[13] - 6 * o[14]
    o[4] = a @ two_paths - d * (d - 1) - 2 * t - 2 * (o[8] + o[9] + o[13]) - o[10] - 4 * o[12] - 6 * o[14]
    o[3] = t
    o[2] = d * (d - 1) // 2 - t
    o[1] = two_paths - 2 * t
    o[0] = d
    return o.T
