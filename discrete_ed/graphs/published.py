"""Published sets of graphs, read from the user's files below a folder; nothing is downloaded."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from discrete_ed.errors import InputError
from discrete_ed.graphs.citations import relabelled
from discrete_ed.graphs.files import limits
from discrete_ed.graphs.io import read_graphs

Named = tuple[Path, Path | io.BytesIO]
"""the name of a file for messages, and the file or its content"""
SPLIT_SIZES = {"train": 128, "val": 32, "test": 40}
"""numbers of graphs in SPECTRE's files of planar graphs, block models, and in HSpectre's of trees"""


def published_split(name: str, root: Path, *, instead: str) -> tuple[dict[str, list[nx.Graph]], tuple[Path, ...]]:
    """The published training, validation and test graphs `train`, `val` and `test` of a set, and their files.

    They are `NAME.train.g6`, `NAME.val.g6` and `NAME.test.g6` in `root` or in `root/NAME`.

    Args:
        name: `planar`, `sbm` or `tree`.
        root: the folder.
        instead: the data set that makes graphs by the same recipe, for the message where there are no files.

    Raises:
        InputError: a file is missing or malformed, or holds another number of graphs than the published one.
    """
    folder = next((f for f in (root, root / name) if (f / f"{name}.train.g6").is_file()), None)
    if folder is None:
        raise InputError(
            f"root: expected {name}.train.g6, {name}.val.g6 and {name}.test.g6 with the published graphs in "
            f"{root / name}, got no such files; --data {instead} makes graphs by the same recipe"
        )
    files = {part: folder / f"{name}.{part}.g6" for part in SPLIT_SIZES}
    parts = {part: read_graphs(file) for part, file in files.items()}
    for part, size in SPLIT_SIZES.items():
        if len(parts[part]) != size:
            raise InputError(f"{files[part]}: expected the {size} published graphs, got {len(parts[part])}")
    return parts, tuple(files.values())


def tu_graphs(name: str, root: Path) -> tuple[list[nx.Graph], tuple[Path, ...]]:
    """The graphs of a TU data set such as `ENZYMES` or `DD`, without labels, self-loops and isolated nodes; its files.

    The text files `NAME_A.txt` and `NAME_graph_indicator.txt` are read from `root/NAME/raw` (where PyG's `TUDataset`
    puts them), `root/TUDataset/NAME/raw`, `root/NAME`, `root/raw` or `root`, or from the archive `NAME.zip` in `root`
    or `root/NAME` as it is published. Isolated nodes are left out as in GraphRNN, whose selection the literature uses.

    Raises:
        InputError: the files are missing or malformed.
    """
    places = [root / name / "raw", root / name, root / "TUDataset" / name / "raw", root / "raw", root]
    files = (f"{name}_A.txt", f"{name}_graph_indicator.txt")
    folder = next((place for place in places if (place / files[0]).is_file()), None)
    archive = next((path for path in (root / f"{name}.zip", root / name / f"{name}.zip") if path.is_file()), None)
    if folder is not None:
        paths = tuple(folder / file for file in files)
        return _read_tu(name, *((path, path) for path in paths)), paths
    if archive is not None:
        return _read_tu(name, *((archive / file, _member(archive, file)) for file in files)), (archive,)
    raise InputError(
        f"root: expected the TU data set {name}, with {files[0]} and {files[1]} in {root / name / 'raw'}, or "
        f"{root / f'{name}.zip'}, got no such files; torch_geometric.datasets.TUDataset({str(root)!r}, {name!r}) "
        "downloads them"
    )


def _member(archive: Path, name: str) -> io.BytesIO:
    """The content of the only file of that name in an archive, in whatever folder; nothing is unpacked to disk."""
    try:
        with zipfile.ZipFile(archive) as opened:
            found = [info for info in opened.infolist() if info.filename.rpartition("/")[2] == name]
            if len(found) != 1:
                raise InputError(f"{archive}: expected one file {name}, got {len(found)}")
            if found[0].file_size > limits.MAX_BYTES:
                raise InputError(f"{archive}: expected {name} of at most {limits.MAX_BYTES} bytes, got more")
            with opened.open(found[0]) as file:
                return io.BytesIO(file.read(limits.MAX_BYTES))
    except InputError:
        raise
    except Exception as error:  # zipfile raises several kinds on malformed archives
        raise InputError(f"{archive}: expected a zip archive of a TU data set, but {error}") from None


def _read_tu(name: str, edges_of: Named, owners_of: Named) -> list[nx.Graph]:
    """The graphs of the two files that say which edges there are, and to which graph each node belongs.

    PyG's own reader of these files leaves out the last line of a file that doesn't end with a line break, and checks
    nothing; so these two are read here.
    """
    owners = _whole_numbers(owners_of, 1)[:, 0]
    edges = _whole_numbers(edges_of, 2) - 1  # files count from 1
    if (np.diff(owners) < 0).any() or owners[0] < 1 or owners[-1] > len(owners):
        raise InputError(f"{owners_of[0]}: expected the nodes of graph 1, then of graph 2, …")
    if not ((edges >= 0) & (edges < len(owners))).all() or (owners[edges[:, 0]] != owners[edges[:, 1]]).any():
        raise InputError(
            f"{edges_of[0]}: expected edges between two of the {len(owners)} nodes of {name}_graph_indicator.txt that "
            "belong to the same graph, got others"
        )
    whole = nx.Graph([(u, v) for u, v in edges.tolist() if u != v])
    members: dict[int, list[int]] = {owner: [] for owner in range(1, int(owners[-1]) + 1)}
    for node, owner in enumerate(owners.tolist()):
        members[owner] += [node] if node in whole else []
    return [relabelled(whole, nodes) for nodes in members.values()]


def _whole_numbers(named: Named, columns: int) -> NDArray[np.int64]:
    """The numbers of a text file, `(rows, columns)`, with commas between the columns."""
    path, content = named
    try:
        numbers = np.loadtxt(content, dtype=np.int64, delimiter=",", ndmin=2)
    except (OSError, ValueError, OverflowError) as error:
        raise InputError(f"{path}: expected lines of {columns} whole numbers, but {error}") from None
    if numbers.shape[1] != columns or not len(numbers):
        raise InputError(f"{path}: expected lines of {columns} whole numbers, got shape {numbers.shape}")
    return numbers
