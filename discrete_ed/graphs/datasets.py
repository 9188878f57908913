"""Graph data sets by name, each split into training and test graphs as in its literature.

| name | what | train / validation / test |
|---|---|---|
| `citation-egos` | ego graphs of a *synthetic* citation network; needs no files | all but 200 / – / 200 |
| `ego-small` | the first 200 ego graphs of Citeseer with 4 to 18 nodes, as in GDSS | last 160 / – / first 40 |
| `ego-small-polygraph` | 200 others with 4 to 20 nodes, as in PolyGraph, whose "small ego" they are | 120 / 40 / 40 |
| `ego-all` | all 996 ego graphs of Citeseer with 4 to 18 nodes | 796 / – / 200 |
| `ego` | the 757 ego graphs of radius 3 in Citeseer with 50 to 399 nodes | 454 / 151 / 152 |
| `community-small` | 100 graphs of two communities, with the published fixed seeds | last 80 / – / first 20 |
| `community-small-fresh` | the same, with a new random seed for every community | last 80 / – / first 20 |
| `planar`, `sbm`, `tree` | the published files of SPECTRE and HSpectre | 128 / 32 / 40 |
| `planar-64`, `tree-64`, `sbm-2x20` (or other numbers), `sbm-fresh` | by their recipes | 64% / 16% / 20% |
| `lobster` | GRAN's lobsters | 60 / 20 / 20 |
| `lobster-fresh` | random lobsters by its recipe | 64% / 16% / 20% |
| `grid` | 100 grids, in the usual order, so that the test grids are larger than all others | first 80 / – / last 20 |
| `grid-shuffled` | the same with a random split | 80 / – / 20 |
| `enzymes` | `ENZYMES` of TU, 10 to 125 nodes | all but a fifth / – / a fifth |
| `proteins` | `DD` of TU (not TU's `PROTEINS`), 100 to 500 nodes | 587 / 147 / 184 of 918 |
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import networkx as nx

from discrete_ed.errors import InputError, check_seed
from discrete_ed.graphs.files.options import ReadOptions
from discrete_ed.graphs.io import encode_graphs, graph_files, read_graphs
from discrete_ed.graphs.named_data import DATASETS, GraphData, split
from discrete_ed.graphs.recipes import lobster_graphs, planar_graphs, sbm_graphs, tree_graphs
from discrete_ed.names import PropertyName

GRAPHS = 200
"""default number of graphs of a data set that is made by a recipe"""
SIZED: dict[str, tuple[Callable[..., list[nx.Graph]], str, PropertyName]] = {
    "planar": (planar_graphs, "Delaunay triangulations of {} points", "planar"),
    "tree": (tree_graphs, "random trees of {} nodes", "tree"),
}
"""recipe, description and valid graphs by names that a number of nodes follows, as in `planar-64`"""
SIZED_NAME = re.compile(rf"({'|'.join(SIZED)})-([1-9]\d*)")
BLOCKS_NAME = re.compile(r"sbm-([1-9]\d*)x([1-9]\d*)")
RECIPES = ("planar-64", "tree-64", "sbm-2x20", "sbm-fresh", "lobster-fresh")
"""data sets that are made by a recipe, any number of graphs; other numbers can stand in the place of 64, 2 and 20"""


def load_graph_data(
    data: str | Path,
    root: str | Path = "datasets",
    *,
    split_seed: int = 0,
    graphs: int | None = None,
    test: str | Path | None = None,
    **reading: Any,
) -> GraphData:
    """A data set by name, or a graph file or folder, split into training and test graphs.

    Args:
        data: one of the names in this module's table, or the path of a graph file or folder (see `graphs.io`), a
            random fifth of which becomes the test graphs.
        root: the folder in which the files of a data set are searched: Citeseer, which is downloaded into it if it is
            missing (only for `ego`, `ego-all` and the two of `ego-small`), the published files of `planar`, `sbm` and
            `tree`, and the TU data sets of `enzymes` and `proteins`.
        split_seed: seed of the random splits, of the graphs of the community data sets and of those made by a recipe.
        graphs: number of graphs of a data set that is made by a recipe, such as `planar-64`; 200 by default.
        test: a graph file or folder with the test graphs, if `data` is one with the training graphs.
        reading: options of `read_graphs`, where the graphs are read from a file or folder of the user's.

    Raises:
        InputError: no such data set or file, a malformed file, fewer than two graphs, an option together with data
            that it doesn't apply to, or a seed that is no whole number from 0 to 2³² − 1.

    >>> data = load_graph_data("planar-16", graphs=50)
    >>> len(data.train), len(data.validation), len(data.test)
    (32, 8, 10)
    """
    split_seed = check_seed(split_seed, "split_seed")
    name = str(data)
    recipe = name in RECIPES or any(pattern.fullmatch(name) for pattern in (SIZED_NAME, BLOCKS_NAME))
    if graphs is not None and not recipe:
        raise InputError(f"graphs: expected only with data made by a recipe ({', '.join(RECIPES)}), got {graphs}")
    if recipe or name in DATASETS:
        _refuse_options_of_files(name, test, reading)
    loaded = DATASETS[name](Path(root), split_seed) if name in DATASETS else None
    loaded = loaded or _by_recipe(name, split_seed, GRAPHS if graphs is None else graphs)
    if loaded is None:
        return _own(Path(data), None if test is None else Path(test), split_seed, reading)
    if split_seed and not loaded.random_split:
        raise InputError(
            f"split_seed: expected only with data whose split is random, but that of {name} is fixed, got {split_seed}"
        )
    return loaded


def _refuse_options_of_files(name: str, test: str | Path | None, reading: dict[str, Any]) -> None:
    """Refuse test graphs and options of reading files with a data set by name, to which they don't apply."""
    if test is not None:
        raise InputError(f"test: expected only with training graphs of your own, since {name} has test graphs")
    for option, value in reading.items():
        default = getattr(ReadOptions, option, None)
        if value != default or not hasattr(ReadOptions, option):
            raise InputError(
                f"{option}: expected only where graphs are read from a file or folder of yours, but {name} is a data "
                f"set by name, got {value!r}"
            )


def _own(path: Path, test: Path | None, seed: int, reading: dict[str, Any]) -> GraphData:
    """The user's own graphs: a random fifth of a file or folder for test, or test graphs in a file of their own."""
    if not path.exists():
        names = ", ".join([*DATASETS, *RECIPES])
        raise InputError(f"data: expected one of {names}, or a graph file or folder, got {str(path)!r}")
    graphs, files = read_graphs(path, **reading), tuple(graph_files(path))
    if test is not None:
        if seed:
            raise InputError(f"split_seed: expected only with data whose split is random, got {seed} and test graphs")
        tested = read_graphs(test, **reading)
        if encode_graphs(".g6", tested) == encode_graphs(".g6", graphs):
            warnings.warn("test: the test graphs are the training graphs, so no score means anything", stacklevel=4)
        description = f"graphs of {path.name}, with the test graphs of {test.name}"
        return GraphData(path.stem, description, graphs, tested, (*files, *graph_files(test)), False, origin="own")
    if len(graphs) < 2:
        raise InputError(f"{path}: expected at least two graphs to split into training and test graphs, got one")
    train, tested = split(graphs, max(1, len(graphs) // 5), seed)
    return GraphData(
        path.stem, f"graphs of {path.name}, a random fifth of them for test", train, tested, files, origin="own"
    )


def _by_recipe(name: str, seed: int, count: int) -> GraphData | None:
    """The data set of `count` graphs by the recipe of that name, such as `planar-64`; None if there is no such recipe.

    Of 200 graphs 128 are for training, 32 for validation, and 40 for test.
    """
    if count < 5:
        raise InputError(f"graphs: expected at least 5, to split into training and test graphs, got {count}")
    sized, blocks = SIZED_NAME.fullmatch(name), BLOCKS_NAME.fullmatch(name)
    if sized:
        recipe, description, valid = SIZED[sized[1]]
        graphs, description = recipe(count, int(sized[2]), seed=seed), description.format(sized[2])
    elif blocks:
        communities, nodes = int(blocks[1]), int(blocks[2])
        graphs = sbm_graphs(count, [nodes] * communities, seed=seed)
        description, valid = f"stochastic block models of {communities} communities of {nodes} nodes", "sbm"
    elif name == "sbm-fresh":
        graphs, description, valid = sbm_graphs(count, seed=seed), "stochastic block models", "sbm"
    elif name == "lobster-fresh":
        graphs, description, valid = lobster_graphs(count, seed=seed), "random lobsters with 10 to 100 nodes", "lobster"
    else:
        return None
    test, validation = count // 5, 4 * count // 25
    return GraphData(
        name,
        f"{description}, made by recipe",
        graphs[test + validation :],
        graphs[:test],
        validation=graphs[test : test + validation],
        valid=valid,
        origin="recipe",
    )
