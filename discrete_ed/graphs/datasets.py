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
| `planar-64`, `tree-64` (or another number of nodes), `sbm-fresh` | random graphs by their recipes | 64% / 16% / 20% |
| `lobster` | GRAN's lobsters | 60 / 20 / 20 |
| `lobster-fresh` | random lobsters by its recipe | 64% / 16% / 20% |
| `grid` | 100 grids, in the usual order, so that the test grids are larger than all others | first 80 / – / last 20 |
| `grid-shuffled` | the same with a random split | 80 / – / 20 |
| `enzymes` | `ENZYMES` of TU, 10 to 125 nodes | all but a fifth / – / a fifth |
| `proteins` | `DD` of TU (not TU's `PROTEINS`), 100 to 500 nodes | 587 / 147 / 184 of 918 |
"""

from __future__ import annotations

import random
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import networkx as nx
import torch

from discrete_ed.errors import InputError, check_seed
from discrete_ed.graphs.citations import citeseer, citeseer_file, ego_graphs, synthetic_citations
from discrete_ed.graphs.io import encode_graphs, graph_files, read_graphs
from discrete_ed.graphs.published import published_split, tu_graphs
from discrete_ed.graphs.recipes import (
    grid_graphs,
    lobster_graphs,
    planar_graphs,
    published_lobsters,
    sbm_graphs,
    tree_graphs,
    two_communities,
)
from discrete_ed.names import PropertyName

GRAPHS = 200
"""default number of graphs of a data set that is made by a recipe"""
SIZED: dict[str, tuple[Callable[..., list[nx.Graph]], str, PropertyName]] = {
    "planar": (planar_graphs, "Delaunay triangulations of {} points", "planar"),
    "tree": (tree_graphs, "random trees of {} nodes", "tree"),
}
"""recipe, description and valid graphs by names that a number of nodes follows, as in `planar-64`"""


@dataclass(frozen=True)
class GraphData:
    """A data set of graphs, split into training and test graphs."""

    name: str
    description: str
    train: list[nx.Graph]
    test: list[nx.Graph]
    files: tuple[Path, ...] = ()
    """the files from which the data set was read"""
    random_split: bool = True
    """whether a seed decides which graphs are test graphs"""
    validation: list[nx.Graph] = field(default_factory=list)
    """graphs that neither train nor test, for choosing settings"""
    valid: PropertyName | None = None
    """the property that makes a graph valid in the literature of the data set"""
    origin: Literal["named", "recipe", "own"] = "named"
    """a data set by name, one of which a recipe makes any number of graphs, or the user's own graphs"""


def split(graphs: list[nx.Graph], test: int, seed: int) -> tuple[list[nx.Graph], list[nx.Graph]]:
    """Training graphs, and `test` test graphs, by a seeded shuffle."""
    rng = random.Random(seed)
    order = sorted(range(len(graphs)), key=lambda _: rng.random())
    return [graphs[k] for k in order[test:]], [graphs[k] for k in order[:test]]


def _citation_egos(root: Path, seed: int) -> GraphData:
    train, test = split(ego_graphs(synthetic_citations()), 200, seed)
    return GraphData("citation-egos", "ego graphs of a synthetic citation network", train, test)


def _ego_all(root: Path, seed: int) -> GraphData:
    train, test = split(ego_graphs(citeseer(root)), 200, seed)
    description = "all ego graphs of Citeseer with 4 to 18 nodes"
    return GraphData("ego-all", description, train, test, (citeseer_file(root),))


def _ego_small(root: Path, seed: int) -> GraphData:
    egos = ego_graphs(citeseer(root))[:200]
    description = "the first 200 ego graphs of Citeseer, official split"
    return GraphData("ego-small", description, egos[40:], egos[:40], (citeseer_file(root),), random_split=False)


def _ego_small_polygraph(root: Path, seed: int) -> GraphData:
    egos = ego_graphs(citeseer(root), range(4, 21))
    random.Random(123).shuffle(egos)
    description = "200 ego graphs of Citeseer with 4 to 20 nodes, selected and split as in PolyGraph"
    return _graph_rnn_split("ego-small-polygraph", description, egos[:200], root)


def _ego(root: Path, seed: int) -> GraphData:
    egos = ego_graphs(citeseer(root), range(50, 401), radius=3)
    return _graph_rnn_split("ego", "ego graphs of radius 3 in Citeseer with 50 to 399 nodes", egos, root)


def _graph_rnn_split(name: str, description: str, graphs: list[nx.Graph], root: Path) -> GraphData:
    """Shuffled with seed 123 as in GraphRNN; the first fifth is for validation, and what follows 80% for test."""
    random.Random(123).shuffle(graphs)
    fifth, most = int(0.2 * len(graphs)), int(0.8 * len(graphs))
    train, test, validation = graphs[fifth:most], graphs[most:], graphs[:fifth]
    return GraphData(name, description, train, test, (citeseer_file(root),), False, validation)


def _community_small(root: Path, seed: int) -> GraphData:
    return _communities("community-small", "five fixed pairs of communities, random bridges, as published", seed)


def _community_small_fresh(root: Path, seed: int) -> GraphData:
    return _communities("community-small-fresh", "pairs of random communities, each with a new seed", seed)


def _communities(name: str, description: str, seed: int) -> GraphData:
    rng = random.Random(seed)
    graphs = []
    for _ in range(100):
        size = (12 + int(rng.random() * 9)) // 2  # 12 to 20 nodes, half of them in each community
        seeds = (0, 1) if name == "community-small" else (rng.getrandbits(32), rng.getrandbits(32))
        graphs.append(two_communities(size, rng, seeds))
    return GraphData(name, description, graphs[20:], graphs[:20])


def _planar(root: Path, seed: int) -> GraphData:
    return _published("planar", "SPECTRE's Delaunay triangulations of 64 points", root, "planar-64", "planar")


def _sbm(root: Path, seed: int) -> GraphData:
    return _published("sbm", "SPECTRE's stochastic block models", root, "sbm-fresh", "sbm")


def _tree(root: Path, seed: int) -> GraphData:
    return _published("tree", "HSpectre's random trees of 64 nodes", root, "tree-64", "tree")


def _published(name: str, description: str, root: Path, instead: str, valid: PropertyName | None = None) -> GraphData:
    parts, files = published_split(name, root, instead=instead)
    description = f"{description}, published split"
    return GraphData(name, description, parts["train"], parts["test"], files, False, parts["val"], valid)


def _lobster(root: Path, seed: int) -> GraphData:
    lobsters = published_lobsters()
    train, test, validation = lobsters[20:80], lobsters[80:], lobsters[:20]
    description = "GRAN's lobsters with 10 to 100 nodes, usual split"
    return GraphData("lobster", description, train, test, (), False, validation, "lobster")


def _grid(root: Path, seed: int) -> GraphData:
    grids = grid_graphs()
    warnings.warn(
        "data: the usual split of grid tests on the grids with 18 or 19 rows, while those to train on have 10 to 17, "
        "so that the laws differ; grid-shuffled is split at random",
        stacklevel=4,
    )
    description = "grids of 10 to 19 rows and columns, usual split"
    return GraphData("grid", description, grids[:80], grids[80:], (), False, valid="grid")


def _grid_shuffled(root: Path, seed: int) -> GraphData:
    train, test = split(grid_graphs(), 20, seed)
    return GraphData("grid-shuffled", "grids of 10 to 19 rows and columns", train, test, valid="grid")


def _enzymes(root: Path, seed: int) -> GraphData:
    every, files = tu_graphs("ENZYMES", root)
    graphs = [graph for graph in every if 10 <= len(graph) <= 125]
    train, test = split(graphs, len(graphs) // 5, seed)
    return GraphData("enzymes", "ENZYMES of TU with 10 to 125 nodes", train, test, files)


def _proteins(root: Path, seed: int) -> GraphData:
    every, files = tu_graphs("DD", root)
    graphs = [graph for graph in every if 100 <= len(graph) <= 500]
    test = round(0.2 * len(graphs))
    train = round(0.8 * (len(graphs) - test))
    order = torch.randperm(len(graphs), generator=torch.Generator().manual_seed(1234)).tolist()
    shuffled = [graphs[k] for k in order]
    validation = shuffled[train : len(graphs) - test]
    description = "proteins of Dobson and Doig (DD of TU) with 100 to 500 nodes, split as in SPECTRE"
    return GraphData(
        "proteins", description, shuffled[:train], shuffled[len(graphs) - test :], files, False, validation
    )


def _by_recipe(name: str, seed: int, count: int) -> GraphData | None:
    """The data set of `count` graphs by the recipe of that name, such as `planar-64`; None if there is no such recipe.

    Of 200 graphs 128 are for training, 32 for validation, and 40 for test.
    """
    if count < 5:
        raise InputError(f"graphs: expected at least 5, to split into training and test graphs, got {count}")
    sized = re.fullmatch(rf"({'|'.join(SIZED)})-([1-9]\d*)", name)
    if sized:
        recipe, description, valid = SIZED[sized[1]]
        graphs, description = recipe(count, int(sized[2]), seed=seed), description.format(sized[2])
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


DATASETS: dict[str, Callable[[Path, int], GraphData]] = {
    "citation-egos": _citation_egos,
    "ego-small": _ego_small,
    "ego-small-polygraph": _ego_small_polygraph,
    "ego-all": _ego_all,
    "ego": _ego,
    "community-small": _community_small,
    "community-small-fresh": _community_small_fresh,
    "planar": _planar,
    "sbm": _sbm,
    "tree": _tree,
    "lobster": _lobster,
    "grid": _grid,
    "grid-shuffled": _grid_shuffled,
    "enzymes": _enzymes,
    "proteins": _proteins,
}
RECIPES = ("planar-64", "tree-64", "sbm-fresh", "lobster-fresh")
"""data sets that are made by a recipe, any number of graphs; other numbers can stand in the place of 64"""


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
        reading: options of `read_graphs`, where the graphs are read from a file or folder.

    Raises:
        InputError: no such data set or file, a malformed file, fewer than two graphs, `graphs` or `test` together with
            data that they don't apply to, or a seed that is no whole number from 0 to 2³² − 1.

    >>> data = load_graph_data("planar-16", graphs=50)
    >>> len(data.train), len(data.validation), len(data.test)
    (32, 8, 10)
    """
    split_seed = check_seed(split_seed, "split_seed")
    name = str(data)
    loaded = DATASETS[name](Path(root), split_seed) if name in DATASETS else None
    loaded = loaded or _by_recipe(name, split_seed, GRAPHS if graphs is None else graphs)
    if graphs is not None and (loaded is None or loaded.origin != "recipe"):
        raise InputError(f"graphs: expected only with data made by a recipe ({', '.join(RECIPES)}), got {graphs}")
    if loaded is None:
        return _own(Path(data), None if test is None else Path(test), split_seed, reading)
    if test is not None:
        raise InputError(f"test: expected only with training graphs of your own, since {name} has test graphs")
    return loaded


def _own(path: Path, test: Path | None, seed: int, reading: dict[str, Any]) -> GraphData:
    """The user's own graphs: a random fifth of a file or folder for test, or test graphs in a file of their own."""
    if not path.exists():
        names = ", ".join([*DATASETS, *RECIPES])
        raise InputError(f"data: expected one of {names}, or a graph file or folder, got {str(path)!r}")
    graphs, files = read_graphs(path, **reading), tuple(graph_files(path))
    if test is not None:
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
