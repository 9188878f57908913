"""MatrixMarket: the entries of a sparse or dense matrix, with a header that says of which kind."""

from __future__ import annotations

import networkx as nx

from discrete_ed.graphs.files.limits import check_size
from discrete_ed.graphs.files.matrices import note_zeros
from discrete_ed.graphs.files.simple import RawGraph, is_number, simple_graph
from discrete_ed.graphs.files.source import GraphFile

KINDS = (("matrix",), ("coordinate", "array"), ("pattern", "real", "integer"), ("general", "symmetric"))


def read_matrix_market(source: GraphFile) -> list[nx.Graph]:
    """The graph of a square matrix; entries that are not zero are edges.

    Source: Boisvert, Pozo and Remington 1996, The Matrix Market exchange formats, NISTIR 5935.
    """
    kinds = source.lines[0].lower().split()[1:]
    if len(kinds) != 4 or any(kind not in known for kind, known in zip(kinds, KINDS, strict=True)):
        expected = " ".join("|".join(known) for known in KINDS)
        raise source.error(f"%%MatrixMarket {expected}", source.lines[0], line=1)
    _, layout, values, symmetry = kinds
    rows = [(k, line.split()) for k, line in enumerate(source.lines, 1) if line.strip() and not line.startswith("%")]
    if not rows or not all(is_number(cell) for _, cells in rows for cell in cells):
        line, cells = next(((k, cells) for k, cells in rows if not all(map(is_number, cells))), (None, ["no size"]))
        raise source.error("numbers", " ".join(cells), line=line)
    (first, size), *rows = rows
    if (
        len(size) != (3 if layout == "coordinate" else 2)
        or not all(cell.isdecimal() and len(cell) < 19 for cell in size)
        or size[0] != size[1]
    ):
        raise source.error("the size of a square matrix", " ".join(size), line=first)
    nodes = int(size[0])
    check_size(source.at(first), nodes, len(rows))
    symmetric = symmetry == "symmetric"
    if layout == "array":
        places = (
            [(i, j) for j in range(nodes) for i in range(j if symmetric else 0, nodes)]
            if nodes**2 <= 4 * len(rows) + 4
            else []
        )
        entries = [(i, j, cells[0], k) for (i, j), (k, cells) in zip(places, rows, strict=False) if len(cells) == 1]
        complete = len(entries) == len(places) == len(rows)
    else:
        width = 2 if values == "pattern" else 3
        fitting = [
            (k, cells)
            for k, cells in rows
            if len(cells) == width and all(cell.isdecimal() and 1 <= int(cell[:18]) <= nodes for cell in cells[:2])
        ]
        entries = [(int(u) - 1, int(v) - 1, value[0] if value else "1", k) for k, (u, v, *value) in fitting]
        complete = len(fitting) == len(rows) == int(size[2])
    if not complete:
        raise source.error(
            f"as many entries within {nodes} × {nodes} as the size says",
            f"{len(rows)} lines, of which {len(entries)} fit",
        )
    kept = [(u, v, value, k) for u, v, value, k in entries if float(value.replace(",", ".")) != 0]
    note_zeros((len(entries) - len(kept)) * (layout == "coordinate"), source)
    pairs = [(u, v) for u, v, *_ in kept]
    directed = not symmetric and {(v, u) for u, v in pairs} != set(pairs)
    raw = RawGraph(
        range(1, nodes + 1),
        pairs,
        directed,
        [k for *_, k in kept],
        {"entries": [value for _, _, value, _ in kept]},
        in_both_directions=not symmetric,
    )
    return [simple_graph(raw, source)]
