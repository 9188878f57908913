"""Adjacency matrices: as text, as arrays of numpy, and as the tensors in a file of torch."""

from __future__ import annotations

import io
import re
import zipfile
from typing import Any

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from discrete_ed.data.arrays import read_npy
from discrete_ed.errors import InputError
from discrete_ed.graphs.files import limits
from discrete_ed.graphs.files.columns import in_succession
from discrete_ed.graphs.files.rows import Row, Rows, read_rows
from discrete_ed.graphs.files.simple import INFINITE, MISSING, RawGraph, is_number, numbered, plain, simple_graph
from discrete_ed.graphs.files.source import GraphFile

Array = NDArray[Any]
STACKS = ("adjacency", "adjacencies", "adjs", "adj", "a", "graphs", "arr_0", "data", "x")
"""names under which an archive may hold its matrices"""

EDGES = ("edgeindex", "edges", "edgelist")
"""names of an array of edges, in lower case and of letters only"""


def is_matrix(rows: list[Row]) -> bool:
    """Whether rows are a square matrix of numbers that no edge list looks like."""
    values = _cells(rows)
    if values is None:
        return False
    if len(values) > 3:
        return True
    symmetric = all(values[i][j] == values[j][i] for i in range(len(values)) for j in range(i))
    return symmetric and all(float(values[i][i].replace(",", ".")) == 0 for i in range(len(values)))


def matrix_blocks(table: Rows, source: GraphFile) -> list[list[Row]]:
    """The rows of each matrix, where each stands below a line with its size or apart from others; else none."""
    rows = table.rows
    if rows[0].cells[0].isdecimal() and source.options.header is not False:
        blocks, k = [], 0
        while k < len(rows):
            sizes = set(rows[k].cells) if len(rows[k].cells) < 3 else {""}
            size = int(next(iter(sizes))) if len(sizes) == 1 and max(sizes).isdecimal() and len(max(sizes)) < 7 else 0
            blocks.append(rows[k + 1 : k + 1 + size])
            if not len(blocks[-1]) == size > 0 or any(len(row.cells) != size for row in blocks[-1]):
                break
            k += 1 + size
        if k == len(rows) and max(map(len, blocks)) > 2 and all(_is_block(block) for block in blocks):
            return blocks
    ends = [k for k in range(1, len(rows)) if rows[k].line - rows[k - 1].line > 1] if table.gaps else []
    blocks = [rows[start:end] for start, end in zip([0, *ends], [*ends, len(rows)], strict=True)] if ends else []
    return blocks if blocks and max(map(len, blocks)) > 2 and all(map(is_matrix, blocks)) else []


def _is_block(rows: list[Row]) -> bool:
    return is_matrix(rows) if len(rows) > 1 else is_number(rows[0].cells[0])


def read_matrix(source: GraphFile, table: Rows | None = None) -> list[nx.Graph]:
    """The graphs of matrices as text, whose rows and columns may have names."""
    table = table or read_rows(source)
    blocks = ([] if table.listed else matrix_blocks(table, source)) or [table.rows]
    graphs = []
    for block in blocks:
        where = source.at(block[0].line if len(blocks) > 1 else None)
        values = None if table.listed else _cells(block) or [row.cells for row in block if len(blocks) > 1]
        if values is None or len(values) != len(values[0]):
            got = f"{len(block)} rows, the first with {len(block[0].cells)} cells"
            raise source.error("a square matrix of numbers", got, line=block[0].line)
        limits.check_size(where, len(values))
        matrix = np.array([[float(cell.replace(",", ".")) for cell in row] for row in values])
        graphs.append(graph_of_matrix(matrix, source, where))
    return graphs


def _cells(rows: list[Row]) -> list[list[str]] | None:
    """The cells of a square matrix without the names of its rows and columns; None if the rows are none."""
    cells = [row.cells for row in rows]
    titles = cells[0]
    if len(cells) > 2 and len({len(row) for row in cells[1:]}) == 1 and _may_be_titles(cells):
        names = [row[0] for row in cells[1:]]
        if titles[-len(names) :] == names and len(titles) - len(names) in (0, 1) and len(cells[1]) == len(names) + 1:
            cells = [row[1:] for row in cells[1:]]
        elif len(titles) == len(cells) - 1 == len(cells[1]):
            cells = cells[1:]
    square = len(cells) > 1 and all(len(row) == len(cells) for row in cells)
    return cells if square and all(is_number(cell) for row in cells for cell in row) else None


def _may_be_titles(cells: list[list[str]]) -> bool:
    """Whether the first row may name columns: it has words, or numbers that also name the rows, or numbers from 0 or 1
    on above the matrix of a simple graph, of three nodes at least."""
    titles, *rows = cells
    if not all(map(_is_entry, titles)) or titles == [row[0] for row in rows if len(row) == len(titles) + 1]:
        return True
    size = len(titles)
    if size < 3 or not in_succession(titles) or any(len(row) != size for row in rows) or len(rows) != size:
        return False
    return all(rows[i][j] == rows[j][i] in ("0", "1")[: 1 + (i != j)] for i in range(size) for j in range(i + 1))


def _is_entry(cell: str) -> bool:
    """Whether a cell may be an entry of a matrix, as `inf` is one of distances, so that a row of them has no titles."""
    return is_number(cell) or (cell != "" and cell.lower() in (*MISSING, *INFINITE))


def graph_of_matrix(matrix: Array, source: GraphFile, where: str | None = None) -> nx.Graph:
    """The simple graph of one square matrix; entries that are not zero are edges.

    Raises:
        InputError: the matrix isn't square, isn't of numbers, or isn't that of a simple graph.
    """
    where = where or source.at()
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or matrix.dtype.kind not in "biuf":
        raise InputError(
            f"{where}: expected square matrices of numbers, (N, N) or (G, N, N), got {matrix.dtype} {matrix.shape}"
        )
    limits.check_size(where, len(matrix), 0)
    if matrix.dtype.kind == "f" and not np.isfinite(matrix).all():
        raise InputError(f"{where}: expected finite entries, got {matrix[~np.isfinite(matrix)][0]}")
    places = np.argwhere(matrix)
    weights = matrix[tuple(places.T)].astype(float)
    other = weights[weights != 1][:1].tolist()
    raw = RawGraph(
        range(len(matrix)),
        [(u, v) for u, v in places.tolist()],
        directed=not (matrix == matrix.T).all() if not source.options.ignore_weights else None,
        edge_values={"entries": other},
        in_both_directions=True,
    )
    return simple_graph(raw, source, where)


def note_zeros(count: int, source: GraphFile) -> None:
    """Note that a sparse matrix stores zeros, which may have been meant as edges."""
    if count:
        source.notes.add("{n} entries that are zero are read as no edges", source.at(), count)


def read_numpy(source: GraphFile) -> list[nx.Graph]:
    """The graphs of an `.npy` or `.npz` file: a matrix `(N, N)`, a stack `(G, N, N)`, or a sparse matrix of scipy."""
    try:
        arrays = _arrays(source)
    except InputError:
        raise
    except Exception as error:  # the parsers of numpy and zipfile raise several kinds on malformed files
        raise source.error("arrays of numbers", f"something else: {error}") from None
    if {"indices", "indptr", "shape", "data"} <= arrays.keys() or {"row", "col", "shape", "data"} <= arrays.keys():
        return [_sparse(arrays, source)]
    if any(plain(name) in EDGES for name in arrays):
        return [_listed_edges(arrays, source)]
    others = {name: array for name, array in arrays.items() if name.lower() not in STACKS}
    chosen = [array for name, array in arrays.items() if name not in others] or list(others.values())
    stems = {re.sub(r"\d+$", "", name) for name in arrays}
    if len(arrays) > 1 and len(stems) == 1 and all(array.ndim == 2 for array in arrays.values()):
        names = sorted(arrays, key=lambda name: int(re.findall(r"\d+$", name)[0]))  # as np.savez names several matrices
        return [graph_of_matrix(arrays[name], source, f"{source.path}[{name}]") for name in names]
    if len(chosen) != 1 or (others and len(arrays) > 1):
        raise source.error(
            "one array of adjacency matrices", f"{', '.join(arrays) or 'none'}; keep only the matrices, without padding"
        )
    return stacked_graphs(chosen[0], source)


def _listed_edges(arrays: dict[str, Array], source: GraphFile) -> nx.Graph:
    """The graph of one array of edges, `(2, M)` or `(M, 2)`, perhaps beside the number of nodes."""
    count = next((array for name, array in arrays.items() if plain(name) == "numnodes"), None)
    if len(arrays) != 1 + (count is not None):
        raise source.error("one array of edges, perhaps with num_nodes", ", ".join(arrays))
    name, edges = next((name, array) for name, array in arrays.items() if plain(name) in EDGES)
    if edges.ndim != 2 or sum(size == 2 for size in edges.shape) != 1 or edges.dtype.kind not in "iu":
        both = ", which may hold edges in rows or in columns; write an edge list as text" * (edges.shape == (2, 2))
        raise source.error(f"{name} of whole numbers and shape (2, M) or (M, 2)", f"{edges.dtype} {edges.shape}{both}")
    limits.check_size(source.at(), 0, edges.size // 2)
    pairs = [(u, v) for u, v in (edges.T if len(edges) == 2 else edges).tolist()]
    if (edges < 0).any():
        raise source.error("nodes from 0", edges.min())
    if count is None:
        labels, places = numbered([], pairs)
    else:
        nodes = int(count) if count.size == 1 and count.dtype.kind in "iu" else -1
        if not all(0 <= end < nodes for pair in pairs for end in pair):
            raise source.error("nodes from 0 to num_nodes - 1", f"num_nodes {count} and nodes to {edges.max()}")
        limits.check_size(source.at(), nodes)
        labels, places = list(range(nodes)), pairs
    return simple_graph(RawGraph(labels, places), source)


def stacked_graphs(array: Array, source: GraphFile) -> list[nx.Graph]:
    """The graphs of a matrix or a stack of matrices, with a note if nodes may be padding."""
    if array.ndim == 2:
        return [graph_of_matrix(array, source)]
    if array.ndim != 3 or not len(array):
        raise source.error("matrices of shape (N, N) or (G, N, N)", f"shape {array.shape}")
    graphs = [graph_of_matrix(matrix, source, f"{source.path}[{k}]") for k, matrix in enumerate(array)]
    padded = sum(len(graph) > 0 and graph.degree(len(graph) - 1) == 0 for graph in graphs)
    if padded:
        source.notes.add(
            "in {n} matrices the last nodes have no edge and are read as isolated nodes; if they are padding, use "
            "discrete_ed.from_dense(adjacency, mask)",
            source.at(),
            padded,
        )
    return graphs


def _arrays(source: GraphFile) -> dict[str, Array]:
    """The arrays of the file by their names; nothing is unpickled."""
    content = source.content
    if not content.startswith(b"PK"):
        return {"data": read_npy(io.BytesIO(content), len(content))}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if sum(info.file_size for info in archive.infolist()) > limits.MAX_BYTES:
            raise source.error(f"at most {limits.MAX_BYTES} bytes when unpacked", "more")
        found = {}
        for info in archive.infolist():
            with archive.open(info) as file:
                found[info.filename.removesuffix(".npy")] = read_npy(file, info.file_size)
        return found


def _sparse(arrays: dict[str, Array], source: GraphFile) -> nx.Graph:
    """The graph of a matrix that `scipy.sparse.save_npz` wrote."""
    try:
        rows, columns = [int(size) for size in arrays["shape"].tolist()]
        if rows != columns:
            raise ValueError(f"shape {(rows, columns)}")
        limits.check_size(source.at(), rows, len(arrays["data"]))
        data = arrays["data"]
        if "row" in arrays:
            u, v = arrays["row"].tolist(), arrays["col"].tolist()
        else:
            counts = np.diff(arrays["indptr"])
            u, v = np.repeat(np.arange(rows), counts).tolist(), arrays["indices"].tolist()
            if str(arrays.get("format", np.array(b"csr")).tolist()) not in ("b'csr'", "b'csc'", "csr", "csc"):
                raise ValueError("another format than csr, csc or coo")
        if not len(u) == len(v) == len(data) or not all(0 <= end < rows for end in (*u, *v)):
            raise ValueError("indices that don't fit")
        kept = data != 0
        pairs = [pair for pair, keep in zip(zip(u, v, strict=True), kept.tolist(), strict=True) if keep]
        weights = data[kept].astype(float).tolist()
        note_zeros(len(data) - len(pairs), source)
    except InputError:
        raise
    except Exception as error:  # arrays of other kinds or shapes fail in several ways
        raise source.error("a square sparse matrix", f"something else: {error}") from None
    symmetric = {(v, u) for u, v in pairs} == set(pairs)
    raw = RawGraph(range(rows), pairs, not symmetric, None, {"entries": weights}, in_both_directions=True)
    return simple_graph(raw, source)
