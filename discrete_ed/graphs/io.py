"""Graph files: graph6, sparse6 and JSON lines hold one graph on each line; edge lists and GraphML one in each file.

A line of a JSON lines file (`.jsonl`, `.json`, `.ndjson`) is `{"nodes": 3, "edges": [[0, 1], [1, 2]]}`. Edge lists
(`.edges`, `.edgelist`) and GraphML (`.graphml`) are described in `discrete_ed.graphs.single`.

A file is data: nothing in it is executed. Its lines are checked one by one, and an error names the line.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np

from discrete_ed.errors import InputError
from discrete_ed.graphs.convert import check_graph, check_graphs
from discrete_ed.graphs.single import MAX_NODES, read_edge_list, read_graphml


def read_graphs(path: str | Path) -> list[nx.Graph]:
    """All graphs of a file (`.g6`, `.s6`, `.jsonl`, `.edges`, `.graphml`), or of the graph files directly in a folder.

    The files of a folder are read in the order of their names. Other files in it are skipped with a warning that names
    them; hidden files are skipped without a warning.

    Raises:
        InputError: the file is missing, unreadable, empty or of an unknown ending, or a graph in it is malformed,
            directed or weighted, or has self-loops or parallel edges; the message names the line.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "mine.jsonl").write_text('{"nodes": 3, "edges": [[0, 1], [1, 2]]}')
    ...     [graph.edges for graph in read_graphs(folder)]
    [EdgeView([(0, 1), (1, 2)])]
    """
    path = Path(path)
    if path.is_dir():
        files, others = _split_folder(path)
        if others:
            warnings.warn(f"{path}: skipped files without a graph file's ending: {_first_of(others)}", stacklevel=2)
        return [graph for file in files for graph in read_graphs(file)]
    if path.suffix.lower() in SINGLE_READERS:
        return [SINGLE_READERS[path.suffix.lower()](path)]
    if path.suffix.lower() not in READERS:
        hint = ""
        if path.suffix.lower() in (".pkl", ".pickle", ".pt", ".p"):
            hint = "; a pickle can run code, so convert it yourself: discrete_ed.write_graphs('graphs.g6', graphs)"
        raise InputError(f"{path}: expected a graph file ({', '.join(ENDINGS)}), got ending {path.suffix!r}{hint}")
    if path.exists() and not path.is_file():  # reading a device may never end
        raise InputError(f"{path}: expected a readable graph file, but it is not a regular file")
    try:
        lines = path.read_bytes().splitlines()
    except (OSError, ValueError) as error:  # ValueError: a name with a null character
        raise InputError(f"{path}: expected a readable graph file, but {getattr(error, 'strerror', error)}") from None
    graphs = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            where = f"{path}, line {number}"
            graph = READERS[path.suffix.lower()](line.strip(), where)
            check_graph(graph, where)
            graphs.append(graph)
    if not graphs:
        raise InputError(f"{path}: expected at least one graph, got an empty file")
    return graphs


def graph_files(path: Path) -> list[Path]:
    """The files that `read_graphs` reads, in the same order: the file itself, or the graph files of a folder."""
    if not path.is_dir():
        return [path]
    return [inner for file in _split_folder(path)[0] for inner in graph_files(file)]


def _split_folder(folder: Path) -> tuple[list[Path], list[str]]:
    """The graph files of a folder, and the names of its other files except hidden ones; no graph file is an error."""
    try:
        seen = sorted(file for file in folder.iterdir() if not file.name.startswith("."))
    except OSError as error:
        raise InputError(f"{folder}: expected a readable folder, but {error.strerror}") from None
    files = [file for file in seen if file.suffix.lower() in ENDINGS]
    others = [file.name for file in seen if file.suffix.lower() not in ENDINGS]
    if not files:
        found = f"only {_first_of(others)}" if others else "none"
        raise InputError(f"{folder}: expected a folder with graph files ({', '.join(ENDINGS)}), got {found}")
    return files, others


def _first_of(names: list[str]) -> str:
    """The number of names, and the first three of them.

    >>> _first_of(["a.txt", "b.txt", "c.txt", "d.txt"])
    '4 (a.txt, b.txt, c.txt, …)'
    """
    shown = [*names[:3], *(["…"] if len(names) > 3 else [])]
    return f"{len(names)} ({', '.join(shown)})"


def write_graphs(path: str | Path, graphs: Iterable[nx.Graph]) -> None:
    """Write graphs to a `.g6`, `.s6` or `.jsonl` file; nodes become `0 … n − 1` in the order of each graph.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_graphs(f"{folder}/two.g6", [nx.path_graph(3), nx.cycle_graph(4)])
    ...     [graph.number_of_edges() for graph in read_graphs(f"{folder}/two.g6")]
    [2, 4]
    """
    path = Path(path)
    if path.suffix.lower() not in WRITERS:
        raise InputError(f"{path}: expected one of the endings {', '.join(WRITERS)}, got {path.suffix!r}")
    content = encode_graphs(path.suffix.lower(), graphs)
    try:
        path.write_bytes(content)
    except OSError as error:
        raise InputError(f"{path}: expected a file to write to, but {error.strerror or error}") from None


def encode_graphs(ending: str, graphs: Iterable[nx.Graph]) -> bytes:
    """The content of a file with that ending (`.g6`, `.s6`, `.jsonl`)."""
    encode = WRITERS[ending]
    return b"".join(encode(nx.convert_node_labels_to_integers(graph)) for graph in check_graphs(graphs))


def _read_encoded(parse: Callable[[bytes], nx.Graph], header: bytes) -> Callable[[bytes, str], nx.Graph]:
    def read(line: bytes, where: str) -> nx.Graph:
        encoded = line.removeprefix(header)
        expected = f"{where}: expected a graph in {header.decode().strip('><')} format, but"
        data = [byte - 63 for byte in encoded.removeprefix(b":")]
        if not all(0 <= value < 64 for value in data):
            raise InputError(f"{expected} it holds other characters than '?' to '~'")
        try:
            nodes, _ = nx.readwrite.graph6.data_to_n(data)
            graph = parse(encoded) if nodes <= MAX_NODES else None
        except Exception as error:  # the parsers of networkx raise several kinds on malformed lines
            raise InputError(
                f"{expected} {error if isinstance(error, nx.NetworkXError) else 'it is cut short'}"
            ) from None
        if graph is None:
            raise InputError(f"{where}: expected at most {MAX_NODES} nodes, got {nodes}")
        return graph

    return read


def _read_json(line: bytes, where: str) -> nx.Graph:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: expected a line of JSON, but {error}") from None
    if not isinstance(record, dict) or not {"nodes", "edges"} <= record.keys():
        raise InputError(f'{where}: expected {{"nodes": n, "edges": [[u, v], …]}}, got {line[:60]!r}')
    nodes, edges = record["nodes"], record["edges"]
    if not _is_index(nodes, MAX_NODES + 1):
        raise InputError(f"{where}: expected nodes to be a number from 0 to {MAX_NODES}, got {str(nodes)[:60]}")
    if record.get("directed", False):
        raise InputError(f"{where}: expected an undirected graph, got a directed one")
    if not isinstance(edges, list):
        raise InputError(f"{where}: expected a list of edges, got {str(edges)[:60]}")
    graph = nx.empty_graph(nodes)
    for edge in edges:
        if not (isinstance(edge, list) and len(edge) == 2 and all(_is_index(end, nodes) for end in edge)):
            raise InputError(
                f"{where}: expected edges [u, v] between two of {nodes} nodes, numbered from 0, got {str(edge)[:60]}"
            )
        if graph.has_edge(*edge):
            raise InputError(f"{where}: expected every edge once, got {edge} again")
        graph.add_edge(*edge)
    return graph


def _is_index(value: Any, stop: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < stop


def _write_json(graph: nx.Graph) -> bytes:
    return json.dumps({"nodes": len(graph), "edges": [list(edge) for edge in graph.edges]}).encode() + b"\n"


def _write_graph6(graph: nx.Graph) -> bytes:
    """The graph's line of graph6: its number of nodes, then the upper triangle column by column, six bits in a
    character. networkx writes the same bytes, but takes a tenth of a second for 500 nodes."""
    nodes = len(graph)
    adjacency = np.zeros((nodes, nodes), dtype=np.uint8)
    if graph.number_of_edges():
        ends = np.array(list(graph.edges))
        adjacency[ends.max(1), ends.min(1)] = 1
    bits = adjacency[np.tril_indices(nodes, -1)]
    sixes = np.pad(bits, (0, -len(bits) % 6)).reshape(-1, 6) @ np.array([32, 16, 8, 4, 2, 1], dtype=np.uint8)
    size = nx.readwrite.graph6.n_to_data(nodes)
    return bytes([*(63 + number for number in size), *(63 + sixes).tolist(), ord("\n")])


_read_graph6 = _read_encoded(nx.from_graph6_bytes, b">>graph6<<")
_read_sparse6 = _read_encoded(nx.from_sparse6_bytes, b">>sparse6<<")

READERS: dict[str, Callable[[bytes, str], nx.Graph]] = {
    ".g6": _read_graph6,
    ".s6": _read_sparse6,
    ".jsonl": _read_json,
    ".ndjson": _read_json,
    ".json": _read_json,
}
SINGLE_READERS: dict[str, Callable[[Path], nx.Graph]] = {
    ".edges": read_edge_list,
    ".edgelist": read_edge_list,
    ".graphml": read_graphml,
}
ENDINGS = (*READERS, *SINGLE_READERS)
WRITERS: dict[str, Callable[[nx.Graph], bytes]] = {
    ".g6": _write_graph6,
    ".s6": lambda graph: nx.to_sparse6_bytes(graph, header=False),
    ".jsonl": _write_json,
}
