"""Graph data sets with names of their own, each split into training and test graphs as in its literature."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import networkx as nx
import torch

from discrete_ed.graphs.citations import citeseer, citeseer_file, ego_graphs, synthetic_citations
from discrete_ed.graphs.published import published_split, tu_graphs
from discrete_ed.graphs.recipes import grid_graphs, published_lobsters, two_communities
from discrete_ed.names import PropertyName


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
