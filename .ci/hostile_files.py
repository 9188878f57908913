"""Files that a stranger may send: malicious ones, and the parsers with files to be mutated.

The tests, `scripts/maintenance/trust.py` (malicious files) and `scripts/maintenance/fuzz.py` (parsers) use it. It has a
folder of its own because tests and scripts import nothing from each other.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import random
import struct
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import networkx as nx
import numpy as np
import torch

from discrete_ed import (
    Checkpoints,
    IsingEnergy,
    NetworkEnergy,
    SumEnergy,
    load_energy,
    read_graphs,
    read_table,
    save_energy,
)
from discrete_ed.data import read_grey, read_images
from discrete_ed.graphs.io import encode_graphs
from discrete_ed.graphs.planetoid import read_planetoid_graph
from discrete_ed.graphs.published import tu_graphs
from discrete_ed.jobs.generate.config import GenerateConfig
from discrete_ed.jobs.resume import resumed
from discrete_ed.jobs.run_folder import RunFolder


class Parser(NamedTuple):
    """A reader, the name of the file that it reads, and files that it accepts."""

    name: str
    read: Callable[[Path], Any]
    seeds: list[bytes]


class Runs:
    """Unpickled, it creates the file that `marker` names."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.marker}",)


def npy(shape: object, descr: str = "'|u1'", content: bytes = b"") -> bytes:
    """An `.npy` file that claims a shape."""
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (63 - (10 + len(header)) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + content


@cache
def zipped(name: str, content: bytes, times: int = 1) -> bytes:
    """An archive with one file, its content repeated."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open(name, "w", force_zip64=True) as file,
    ):
        file.write(content)
        for _ in range(times - 1):
            file.write(bytes(10**7))
    return buffer.getvalue()


@cache
def mat(times: int) -> bytes:
    """A MATLAB file with one compressed element that unpacks to so many megabytes."""
    pack = zlib.compressobj(1)
    packed = b"".join(pack.compress(bytes(10**6)) for _ in range(times)) + pack.flush()
    return b"MATLAB 5.0".ljust(124) + struct.pack("<H", 0x0100) + b"IM" + struct.pack("<II", 15, len(packed)) + packed


@cache
def gzipped(size: int) -> bytes:
    """A gzip file of zeros, with more bytes behind it."""
    return gzip.compress(bytes(size), 1) + bytes(10)


def malicious(marker: Path) -> dict[str, bytes]:
    """Files by name, none of which may be read; should one be executed, `marker` is there."""
    evil = pickle.dumps(Runs(marker))
    objects = io.BytesIO()
    np.save(objects, np.array([[Runs(marker)]], dtype=object), allow_pickle=True)
    laughs = b'<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><graphml>&c;</graphml>'
    call = f'\'__import__("os").system("touch {marker}")\''
    return {
        "graphs.pkl": evil,
        "graphs.pt": evil,
        "graphs.g6": evil,
        "laughs.graphml": laughs,
        "outside.graphml": b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><graphml>&b;</graphml>',
        "deep.jsonl": b'{"nodes": 1, "edges": ' + b"[" * 100_000,
        "many.jsonl": b'{"nodes": 1000000000000, "edges": []}',
        "many.g6": b"~~~~~~~~\n",
        "ind.citeseer.graph": evil,
        "table.pkl": evil,
        "table.pt": evil,
        "table.npy": evil,
        "objects.npy": objects.getvalue(),
        "objects.npz": zipped("data.npy", objects.getvalue()),
        "huge.npy": npy((10**12, 1000)),
        "negative.npy": npy((-1, 5)),
        "calls.npy": npy((2, 2), call, b"\0\1\1\0"),
        "nested.npy": b"\x93NUMPY\x01\x00" + struct.pack("<H", 60_000) + b"(" * 60_000,
        "bomb.npz": zipped("data.npy", npy((2 * 10**9, 1)), times=10),
        "outside.npz": zipped("../../outside.npy", npy((2, 2), content=b"\0\1\1\0")),
        "pickle.mat": evil,
        "bomb.mat": mat(100),
        "bomb.gz": gzipped(10**8),
        "huge.idx": b"\0\0\x08\3" + struct.pack(">III", 2**31, 2**31, 2**31),
        "binary.csv": bytes(range(256)),
        "wide.csv": b'0,1\n"' + b"1" * 200_000,
    }


def parsers(folder: Path) -> dict[str, Parser]:
    """Every parser of files that a stranger may send; `folder` is for the seeds of those that read folders."""
    graphs = [nx.path_graph(4), nx.cycle_graph(5), nx.gnp_random_graph(12, 0.4, seed=0), nx.empty_graph(1)]
    edges = [b"0 1\n1 2\n", b"# c\na b\nb c {}\nd\n"]
    lists = [pickle.dumps(defaultdict(list, {0: [1, 2], 1: [0], 2: [0]}), protocol) for protocol in range(6)]
    tables = [b"a,b\n1,0\n0,1\n", b"-1 1\n1 1\n", b"true\tfalse\nfalse\ttrue\n", b'"x";"y"\n1;0\n0;0\n']
    tables += [b",a,b\n0,1,0\n1,0,1\n2,1,1\n", b"u,1.0e+00,\n\nv,-1.0,\n", "a;b\n1;0\n0;1\n".encode("utf-16")]
    arrays = [npy((3, 2), content=b"\0\1\1\0\1\1"), npy((2, 2), "'<f8'", np.eye(2).tobytes())]
    arrays += [npy((2, 2), "'<U5'", np.array([["true", "false"]] * 2).tobytes())]
    idx = b"\0\0\x08\3" + struct.pack(">III", 2, 3, 4) + bytes(range(24))
    energy = IsingEnergy(torch.eye(3).roll(1, 0) + torch.eye(3).roll(-1, 0))
    mean = SumEnergy(energy, NetworkEnergy(3, width=2, layers=1), scale=0.5)
    save_energy(folder / "energy", mean)
    Checkpoints(folder / "steps").save(1, {"energy": energy, "deep": {"a": [1, 0.5, None, "x"]}})
    RunFolder(folder / "run", "generate", "x", GenerateConfig())
    step = folder / "steps" / "step-000001"

    def inside(home: Path, read: Callable[[], Any]) -> Callable[[Path], Any]:
        """Put the file in the place of that of its name in a folder, and read the folder."""

        def reader(path: Path) -> Any:
            (home / path.name).write_bytes(path.read_bytes())
            return read()

        return reader

    def checkpoint(path: Path) -> Any:
        """The state or tensors of a checkpoint whose hashes a stranger has made anew."""
        files = {file.name: file.read_bytes() for file in step.iterdir() if file.name != "manifest.json"}
        files[path.name] = path.read_bytes()
        from discrete_ed.runtime.files import manifest_of

        (step / path.name).write_bytes(files[path.name])
        (step / "manifest.json").write_bytes(manifest_of(files, step=1, ranks=1))
        try:
            return Checkpoints(folder / "steps").restore({"energy": IsingEnergy(3)})
        finally:
            (step / path.name).write_bytes(whole[path.name])

    def tu_folder(path: Path) -> Any:
        """The TU data set of which a stranger has sent one file."""
        home = folder / "tu"
        home.mkdir(exist_ok=True)
        (home / "X_A.txt").write_bytes(b"1, 2\n2, 1\n3, 4\n4, 3\n")
        (home / "X_graph_indicator.txt").write_bytes(b"1\n1\n2\n2\n2\n")
        (home / path.name).write_bytes(path.read_bytes())
        return read_graphs(home)

    def ogb_folder(path: Path) -> Any:
        """The OGB data set of which a stranger has sent one file."""
        home = folder / "ogb"
        home.mkdir(exist_ok=True)
        tables = {"edge": b"0,1\n1,2\n0,1\n", "num-node-list": b"3\n2\n", "num-edge-list": b"2\n1\n"}
        for name, table in tables.items():
            (home / f"{name}.csv").write_bytes(table)
        (home / path.name).write_bytes(path.read_bytes())
        return read_graphs(home)

    whole = {file.name: file.read_bytes() for file in step.iterdir()}
    config = (folder / "run" / "config.json").read_bytes()
    found = [
        Parser("a.g6", read_graphs, [encode_graphs(".g6", graphs), b">>graph6<<DQc\n"]),
        Parser("a.s6", read_graphs, [encode_graphs(".s6", graphs), b">>sparse6<<:Dap\n"]),
        Parser("a.jsonl", read_graphs, [encode_graphs(".jsonl", graphs)]),
        Parser("a.edges", read_graphs, edges),
        *graph_parsers(graphs),
        Parser("X_A.txt", tu_folder, [b"1, 2\n2, 1\n3, 4\n4, 3\n"]),
        Parser("X_graph_indicator.txt", tu_folder, [b"1\n1\n2\n2\n2\n"]),
        Parser(
            "DD.zip", lambda path: tu_graphs("DD", path.parent), [_tu_archive(0), _tu_archive(zipfile.ZIP_DEFLATED)]
        ),
        Parser("edge.csv", ogb_folder, [b"0,1\n1,2\n0,1\n"]),
        Parser("num-node-list.csv", ogb_folder, [b"3\n2\n"]),
        Parser("num-edge-list.csv", ogb_folder, [b"2\n1\n"]),
        Parser("ind.x.graph", read_planetoid_graph, lists),
        Parser("a.csv", read_table, tables),
        Parser("a.npy", read_table, arrays),
        Parser("a.npz", read_table, [zipped("data.npy", array) for array in arrays]),
        Parser("a.mat", read_images, [mat(0), _mat_file(), _mat_file(compressed=True)]),
        Parser("a.idx", read_grey, [idx, gzip.compress(idx)]),
        Parser("grey.npy", read_grey, [npy((2, 3, 4), content=bytes(24)), npy((1, 2, 2), "'<f4'", bytes(16))]),
        Parser("state.json", checkpoint, [whole["state.json"]]),
        Parser("tensors.safetensors", checkpoint, [whole["tensors.safetensors"]]),
        Parser(
            "manifest.json",
            inside(folder / "energy", lambda: load_energy(folder / "energy")),
            [(folder / "energy" / "manifest.json").read_bytes()],
        ),
        Parser(
            "config.json",
            inside(folder / "run", lambda: resumed(GenerateConfig(resume=folder / "run"), "generate")),
            [config, json.dumps(json.loads(config)).encode()],
        ),
    ]
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        return {parser.name: parser for parser in found}
    buffer = io.BytesIO()
    parquet.write_table(pyarrow.table({"a": [True, False], "b": [False, False]}), buffer)
    found.append(Parser("a.parquet", read_table, [buffer.getvalue()]))
    return {parser.name: parser for parser in found}


def graph_parsers(graphs: list[nx.Graph]) -> list[Parser]:
    """The readers of graph files in all formats that other programs write."""

    def written(writer: Callable[[nx.Graph, Any], None], **options: Any) -> list[bytes]:
        buffers = [io.BytesIO() for _ in graphs]
        for graph, buffer in zip(graphs, buffers, strict=True):
            writer(graph, buffer, **options)
        return [buffer.getvalue() for buffer in buffers]

    def tensors(content: object) -> bytes:
        buffer = io.BytesIO()
        torch.save(content, buffer)
        return buffer.getvalue()

    edges = [b"4 3\n0 1\n1 2\n2 3\n", b"Source;Target;Weight\na;b;1\n'b c';d;1\n", b"(0, 1)\n(1, 2)\n"]
    edges += [b"a -> b\nb -> c\n", b"0 1 {'weight': 1.0, 'kind': 'x'}\n1 2 {}\n", b"0.0|1.0\n1|2\n", b"0,1\n1,0\n"]
    edges += ["#a b\nb #c # d\n\n".encode("utf-16"), b",a,b,c\na,0,1,0\nb,1,0,1\nc,0,1,0\n", b"3 2\n2\n1 3\n2\n"]
    edges += [b"0: 1, 2\n1: 0\n2: 0\n", b"a b: c d, e f\nc d: a b\ne f: a b\n", b"0 -> 1 2\n1 -> 0\n2 -> 0\n"]
    edges += [b"node;neighbours\n0;1,2\n1;0\n2;0\n", b"0 [1, 2]\n1 []\n2 []\n", b"sep=;\nu;v\n0;1\n", b"0,1 # x\n1,2\n"]
    edges += [
        b"3\n0 1 0\n1 0 1\n0 1 0\n1\n0\n",
        b"0 1 1\n1 0 1\n1 1 0\n\n0 1\n1 0\n",
        b"[[0 1 0]\n [1 0 1]\n [0 1 0]]\n",
    ]
    edges += [
        b"% bip unweighted\n1 2\n1 3\n2 3\n",
        b"user_id,item_id,x1,y1\n1,2,0,1\n2,3,1,0\n",
        b"t 0\n0 1\nt 1\n2 3\n",
    ]
    edges += [
        b"# Nodes: 5 Edges: 2\n0 1\n1 2\n",
        b"# a\nb 1\nc .4\n# b\nc\n",
        b",e1,e2\na,1,0\nb,1,1\n",
        b"e 1 2\ne 2 3\n",
    ]
    edges += [b"1\n1 0\n", b"0 1\n1\n", b"3\na\nb 1\nc 1 1\n", b"4\n0 1\n1 2\n5\n0 2\n2 3\n", b"2 1\n0 1\n4 1\n2 3\n"]
    edges += [
        b"1 to 2\n2 to 3\n",
        b"0,1#a\n1,2#b\n",
        "1 2\n\uff12 3\n".encode(),
        b"# n=5, m = 2\n0 1\n1 2\n",
        b"010\n101\n010\n",
    ]
    edges += [b'x,y,"a, b"\ny,z,"$1,234.5"\n', b"graph,edges\n0,[(0,1),(1,2)]\n1,[(0,1)]\n"]
    edges += [b"# c\nu,v\n" + b"".join(b"%d,%d\n" % (k, k + 1) for k in range(2000))]  # read as one array
    nested = {
        "nodes": [{"id": 0}, {"id": 1}],
        "edges": [{"source": 0, "target": 1, "data": {"w": 1}, "directed": False}],
    }
    converted = (nx.node_link_data, nx.adjacency_data, nx.cytoscape_data)
    records = [json.dumps(convert(graph)).encode() for graph in graphs for convert in converted]
    records.append(json.dumps({"options": {"type": "undirected"}, "graph": nested}).encode())
    records.append(json.dumps(nx.tree_data(nx.bfs_tree(graphs[0], 0), 0)).encode())
    square = nx.to_numpy_array(graphs[1])
    market = b"%%MatrixMarket matrix coordinate pattern symmetric\n3 3 2\n2 1\n3 2\n"
    array = b"%%MatrixMarket matrix array real general\n2 2\n0\n1\n1\n0\n"
    stack = npy((2, 5, 5), "'<f8'", np.stack([square, square]).tobytes())
    pajek = [b'*Vertices 3\n1 "a b" 0.5 0.5\n*Edges\n1 2 1\n*Edgeslist\n3 1\n', b"*Vertices 2\n*Matrix\n0 1\n1 0\n"]
    gml = b"Graph [ Directed 0 Node [ Id 1 ] node [ id 2 ] edge [ source 1 Target 2 data [ w 1 ] directed 0 ] ]"
    pajek.append(b'*Vertices 3\n*Edges :1 "a"\n1 2 1 w 3 l "x" [1-2]\n*Edges :2 "b"\n2 3 k 1\n')
    several = [zipped("arr_0.npy", npy((5, 5), "'<f8'", square.tobytes()))]
    return [
        Parser("b.txt", read_graphs, edges),
        Parser("b.edges.gz", read_graphs, [gzip.compress(text) for text in edges]),
        Parser("b.adjlist", read_graphs, [*written(nx.write_adjlist), *written(nx.write_multiline_adjlist)[:-1]]),
        Parser("b.graph", read_graphs, [b"3 2\n2\n1 3\n2\n", b"% c\n2 1 011 1\n5 2 1\n5 1 1\n"]),
        Parser("b.json", read_graphs, records),
        Parser("a.graphml", read_graphs, written(nx.write_graphml)),
        Parser("b.gexf", read_graphs, written(nx.write_gexf)),
        Parser("b.gml", read_graphs, [*written(nx.write_gml), gml]),
        Parser("b.net", read_graphs, [*written(nx.write_pajek), *pajek]),
        Parser("b.mtx", read_graphs, [market, array]),
        Parser("b.npy", read_graphs, [npy((5, 5), "'<f8'", square.tobytes()), stack]),
        Parser("b.npz", read_graphs, [zipped("adjs.npy", stack), *several]),
        Parser("b.pt", read_graphs, [tensors([[torch.tensor(square)], [1.0], 5]), tensors(torch.tensor(square))]),
    ]


def _tu_archive(compression: int) -> bytes:
    """The two files of a TU data set in an archive, as they stand or compressed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        archive.writestr("DD/DD_A.txt", "1, 2\n2, 1\n3, 4\n4, 3\n")
        archive.writestr("DD/DD_graph_indicator.txt", "1\n1\n2\n2\n2\n")
    return buffer.getvalue()


def _mat_file(*, compressed: bool = False) -> bytes:
    from scipy.io import savemat

    buffer = io.BytesIO()
    savemat(buffer, {"data": np.eye(4, 3)}, do_compression=compressed)
    return buffer.getvalue()


def mutated(seeds: list[bytes], rng: random.Random) -> bytes:
    """One of the seeds after a few changes: bits, bytes, numbers, pieces moved, doubled, or cut."""
    content = bytearray(rng.choice(seeds))
    for _ in range(rng.choice((1, 1, 2, 4, 8))):
        place = rng.randrange(len(content) + 1)
        end = min(len(content), place + rng.choice((1, 1, 2, 4, 8, 64)))
        change = rng.randrange(7)
        if change == 0 and place < len(content):
            content[place] ^= 1 << rng.randrange(8)
        elif change == 1:
            content[place:end] = rng.randbytes(end - place)
        elif change == 2:
            content[place:place] = rng.choice(PIECES)
        elif change == 3:
            content[place:place] = content[place:end] * rng.choice((1, 2, 50))
        elif change == 4:
            del content[place:end]
        elif change == 5:
            content[place:end] = rng.choice(PIECES)
        elif change == 6 and rng.random() < 0.3:
            del content[place:]
    return bytes(content)


PIECES = [
    b"-1",
    b"0",
    b"99999999999999999999",
    b"1e999",
    b"NaN",
    b"null",
    b"[",
    b"{}",
    b'"',
    b"\xff\xff\xff\xff",
    b"\x00",
    b"\x7f\xff\xff\xff",
    b"\xe2\x80\x8b",
    b"~~",
    b"\n",
    b",",
    b"<",
    b"&lt;",
    b"../",
]
