"""Which format a file has: as the user says, by the ending of its name, and by its content where that is surer."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from io import BytesIO

import networkx as nx

from discrete_ed.graphs.files.adjacency_lists import (
    is_adjacency_list,
    is_metis,
    is_multiline,
    read_adjacency_list,
    read_metis,
    with_neighbours_apart,
)
from discrete_ed.graphs.files.edge_lists import read_edge_list
from discrete_ed.graphs.files.foreign import (
    WAY_ON,
    refuse_foreign,
    refuse_large_graph_layout,
    refuse_pickle,
    refuse_trivial_graph_format,
)
from discrete_ed.graphs.files.gml import read_gml
from discrete_ed.graphs.files.graph6 import read_graph6
from discrete_ed.graphs.files.json_graphs import read_json
from discrete_ed.graphs.files.matrices import is_matrix, matrix_blocks, read_matrix, read_numpy
from discrete_ed.graphs.files.matrix_market import read_matrix_market
from discrete_ed.graphs.files.pajek import read_pajek
from discrete_ed.graphs.files.plain import read_plain
from discrete_ed.graphs.files.rows import read_rows
from discrete_ed.graphs.files.source import MARKS, GraphFile
from discrete_ed.graphs.files.triangles import refuse_triangle
from discrete_ed.graphs.files.xml_graphs import read_gexf, read_graphml
from discrete_ed.names import GraphFormatName

Reader = Callable[[GraphFile], list[nx.Graph]]


def _read_torch(source: GraphFile) -> list[nx.Graph]:
    from discrete_ed.graphs.files.torch_files import read_torch

    return read_torch(source)


FORMATS: dict[GraphFormatName, Reader] = {
    "graph6": read_graph6,
    "json": read_json,
    "edge-list": read_edge_list,
    "adjacency-list": read_adjacency_list,
    "matrix": read_matrix,
    "graphml": read_graphml,
    "gexf": read_gexf,
    "gml": read_gml,
    "pajek": read_pajek,
    "metis": read_metis,
    "matrix-market": read_matrix_market,
    "numpy": read_numpy,
    "torch": _read_torch,
}
"""the reader of every format"""
ENDINGS: dict[str, GraphFormatName] = {
    ".g6": "graph6",
    ".s6": "graph6",
    ".d6": "graph6",
    ".jsonl": "json",
    ".ndjson": "json",
    ".json": "json",
    ".cyjs": "json",
    ".graphml": "graphml",
    ".gexf": "gexf",
    ".gml": "gml",
    ".net": "pajek",
    ".paj": "pajek",
    ".graph": "metis",
    ".metis": "metis",
    ".mtx": "matrix-market",
    ".adjlist": "adjacency-list",
}
"""the format that an ending means"""
EDGE_ENDINGS = (".edges", ".edgelist")
TEXT_ENDINGS = (".csv", ".tsv", ".txt", ".dat")
ARRAY_ENDINGS = (".npy", ".npz", ".pt")
SURE = (*ENDINGS, *EDGE_ENDINGS)
"""endings that only graph files have; in a folder with such files all others are skipped"""
KNOWN = (*SURE, *TEXT_ENDINGS, *ARRAY_ENDINGS)
CONTENTS: tuple[tuple[str, GraphFormatName], ...] = (
    (r"%%MatrixMarket", "matrix-market"),
    (r"(%[^\n]*\n|\s)*\*\s*(vertices|network)\b", "pajek"),
    (r"(<\?xml|<!--|[^<])*(<!--.*?-->|<\?[^>]*>|\s)*<(\w+:)?graphml\b", "graphml"),
    (r"(<\?xml|<!--|[^<])*(<!--.*?-->|<\?[^>]*>|\s)*<(\w+:)?gexf\b", "gexf"),
    (r"(\s|#[^\n]*\n|creator[^\n]*\n|version[^\n]*\n|comment[^\n]*\n)*graph\s*\[", "gml"),
    (r'\s*(\{\s*"|\[\s*\{\s*")', "json"),
    (r">>(graph6|sparse6|digraph6)<<", "graph6"),
)
"""how the text of a format begins"""


KONECT = re.compile(rb"%\s*(sym|asym|bip)\s+\w+")
"""how KONECT's edge lists begin, whose names are `out.NAME`"""


def read_source(source: GraphFile) -> list[nx.Graph]:
    """The graphs of a file.

    Raises:
        InputError: no format fits the file, or it can't be read.
    """
    refuse_pickle(source)
    known = source.options.format or _format(source)
    return _read_rows(source) if known is None else FORMATS[known](source)


def _format(source: GraphFile) -> GraphFormatName | None:
    """The format by the file's content and ending; None for a text of rows."""
    by_content = _by_content(source)
    by_ending = ENDINGS.get(source.ending)
    if by_content is not None and by_content != by_ending:
        if source.ending not in TEXT_ENDINGS + ARRAY_ENDINGS:
            source.notes.add(f"by its content, read as {by_content}", source.at())
        return by_content
    if by_ending is not None:
        return by_ending
    if source.ending in EDGE_ENDINGS or source.ending in TEXT_ENDINGS or KONECT.match(source.content):
        return None
    raise source.error(f"a graph file ({', '.join(KNOWN)})", f"ending {source.ending!r}{WAY_ON}", "format")


def _by_content(source: GraphFile) -> GraphFormatName | None:
    """The format that the content can't but have; None if there is no such format."""
    content = source.content
    if content.startswith(b"\x93NUMPY"):
        return "numpy"
    if content.startswith(b"PK\x03\x04"):
        return _by_members(source)
    if source.ending in ARRAY_ENDINGS:
        return "torch" if source.ending == ".pt" else "numpy"
    head = content[:4096]
    encoding = next((name for mark, name in MARKS.items() if head.startswith(mark)), "utf-8")
    text = head.decode(encoding, "replace").removeprefix("\ufeff")
    found = next((name for start, name in CONTENTS if re.match(start, text, re.IGNORECASE | re.DOTALL)), None)
    if found is None and ENDINGS.get(source.ending) is None:
        refuse_foreign(text, source)
    return found


def _by_members(source: GraphFile) -> GraphFormatName:
    """The format of a zip archive by the files in it."""
    try:
        with zipfile.ZipFile(BytesIO(source.content)) as archive:
            names = archive.namelist()
    except Exception as error:  # zipfile raises several kinds on malformed archives
        raise source.error("a graph file", f"a zip archive that can't be opened: {error}") from None
    if any(name.rpartition("/")[2] == "data.pkl" for name in names):
        return "torch"
    if names and all(name.endswith(".npy") for name in names):
        return "numpy"
    raise source.error("a graph file", f"a zip archive of {', '.join(names[:3])}; unpack it")


def _read_rows(source: GraphFile) -> list[nx.Graph]:
    """The graphs of a text of rows: METIS, matrices, an adjacency list, or an edge list."""

    def note(name: str) -> None:
        source.notes.add(f"by its content, read as {name}", source.at())

    plain = read_plain(source)
    if plain is not None:
        return plain
    if is_metis(source):
        note("metis")
        return read_metis(source)
    table = read_rows(source)
    listed = table if table.listed else with_neighbours_apart(table, source)
    if listed is not None:
        note("an adjacency list")
        return read_adjacency_list(source, listed)
    matrices = matrix_blocks(table, source)
    if matrices or is_matrix(table.rows):
        note("an adjacency matrix" if len(matrices) < 2 else f"{len(matrices)} adjacency matrices")
        return read_matrix(source, table)
    refuse_trivial_graph_format(table.rows, source)
    refuse_large_graph_layout(table.rows, source)
    by_node = is_adjacency_list(table.rows)
    if by_node is None:
        raise source.error("an edge list or an adjacency list", "rows of three names, which can be both", "format")
    if by_node or is_multiline(table.rows):
        note("an adjacency list")
        return read_adjacency_list(source, table)
    refuse_triangle(table.rows, source)
    return read_edge_list(source, table)
