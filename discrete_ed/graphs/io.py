"""Graph files: the door to all formats in `discrete_ed.graphs.files`, folders, and the formats that are written.

A file is data: nothing in it is executed. Its lines are checked one by one, and an error names the line.
"""

from __future__ import annotations

import json
import re
import sys
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path

import networkx as nx
import numpy as np

from discrete_ed.errors import InputError
from discrete_ed.graphs.convert import check_graphs
from discrete_ed.graphs.files.formats import KNOWN, SURE, TEXT_ENDINGS, read_source
from discrete_ed.graphs.files.ogb import ogb_files, read_ogb
from discrete_ed.graphs.files.options import Notes, ReadOptions
from discrete_ed.graphs.files.source import ending_of, open_source
from discrete_ed.graphs.files.tu import read_tu, tu_files
from discrete_ed.names import GraphFormatName

PART = re.compile(r"(?<![a-z])(train|test|val|valid)", re.IGNORECASE)
"""the part of a data set that a file's name says"""


def read_graphs(
    path: str | Path,
    *,
    format: GraphFormatName | None = None,
    header: bool | None = None,
    undirected: bool = False,
    ignore_weights: bool = False,
    ignore_loops: bool = False,
) -> list[nx.Graph]:
    """All graphs of a file, of the graph files directly in a folder, or of a folder in the layout of the TU data sets.

    The page of this room lists the formats. Graphs are simple, undirected and unlabelled, over `0 … n − 1`; what else
    a file says is refused, or warned of if it is a label. The files of a folder are read in the order of their names.
    Other files in it are skipped with a warning that names them; hidden files are skipped without a warning.

    Args:
        path: the file, which may be compressed (`.gz`), or the folder.
        format: the format; by default recognised by the ending of the name and by the content.
        header: whether the first line of an edge list holds titles or counts; by default recognised by the content.
        undirected: read directed edges without their direction.
        ignore_weights: drop weights, and merge parallel edges.
        ignore_loops: drop self-loops.

    Raises:
        InputError: the file is missing, unreadable, empty or of an unknown format, or it can't be interpreted with
            certainty; the message names the line, what was expected, what came, and the option that leads on.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "mine.jsonl").write_text('{"nodes": 3, "edges": [[0, 1], [1, 2]]}')
    ...     [graph.edges for graph in read_graphs(folder)]
    [EdgeView([(0, 1), (1, 2)])]
    """
    notes = Notes()
    graphs = _read(Path(path), ReadOptions(format, header, undirected, ignore_weights, ignore_loops), notes)
    for message in notes.messages():
        warnings.warn(message, stacklevel=_callers_level())
    return graphs


def _callers_level() -> int:
    """The `stacklevel` by which a warning names the line that called the package, through whatever parts of it."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and str(frame.f_globals.get("__name__")).partition(".")[0] == "discrete_ed":
        level, frame = level + 1, frame.f_back
    return level


def _read(path: Path, options: ReadOptions, notes: Notes) -> list[nx.Graph]:
    if not path.is_dir():
        if options.format is None and path.is_file() and path in (*tu_files(path.parent), *ogb_files(path.parent)):
            raise InputError(f"{path}: expected the folder of a data set of several graphs, got one of its files")
        return read_source(open_source(path, options, notes))
    if files := tu_files(path):
        return read_tu(files, options, notes)
    if files := ogb_files(path):
        return read_ogb(files, options, notes)
    files, others = _split_folder(path)
    if others:
        notes.add(f"skipped files without a graph file's ending: {_first_of(others)}", path)
    parts = [file.name for file in files if PART.search(file.name)]
    if len({match[1].lower() for name in parts if (match := PART.search(name))}) > 1:
        notes.add(f"all files are read as one set ({_first_of(parts)}); name one of them to read it alone", path)
    return [graph for file in files for graph in _read_within(file, options, notes)]


def _read_within(file: Path, options: ReadOptions, notes: Notes) -> list[nx.Graph]:
    """The graphs of a file of a folder, in which a text may also hold no graph."""
    try:
        return _read(file, options, notes)
    except InputError as error:
        if ending_of(file) not in TEXT_ENDINGS:
            raise
        raise InputError(f"{error}; if it holds no graph, move it out of the folder") from None


def graph_files(path: Path) -> list[Path]:
    """The files that `read_graphs` reads, in the same order: the file itself, or the graph files of a folder."""
    if not path.is_dir():
        return [path]
    return (
        tu_files(path) or ogb_files(path) or [inner for file in _split_folder(path)[0] for inner in graph_files(file)]
    )


def _split_folder(folder: Path) -> tuple[list[Path], list[str]]:
    """The graph files of a folder, and the names of its other files except hidden ones; no graph file is an error.

    Tables and arrays are graph files only where the folder has no file whose ending always means graphs.
    """
    try:
        seen = sorted(file for file in folder.iterdir() if not file.name.startswith("."))
    except OSError as error:
        raise InputError(f"{folder}: expected a readable folder, but {error.strerror}") from None
    endings = SURE if any(ending_of(file) in SURE for file in seen) else KNOWN
    files = [file for file in seen if ending_of(file) in endings]
    others = [file.name for file in seen if ending_of(file) not in endings]
    if not files:
        found = f"only {_first_of(others)}" if others else "none"
        raise InputError(f"{folder}: expected a folder with graph files ({', '.join(KNOWN)}), got {found}")
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


WRITERS: dict[str, Callable[[nx.Graph], bytes]] = {
    ".g6": _write_graph6,
    ".s6": lambda graph: nx.to_sparse6_bytes(graph, header=False),
    ".jsonl": _write_json,
}
