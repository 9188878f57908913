"""Graph data sets by name, each split into training and test graphs as in its literature.

| name | what | train / test |
|---|---|---|
| `citation-egos` | ego graphs of a *synthetic* citation network; needs no files | all but 200 / 200 |
| `ego-small` | the first 200 ego graphs of Citeseer | last 160 / first 40 |
| `ego-all` | all 996 ego graphs of Citeseer | 796 / 200 |
| `community-small` | 100 graphs of two communities, with the published fixed seeds | last 80 / first 20 |
| `community-small-fresh` | the same, with a new random seed for every community | last 80 / first 20 |
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import networkx as nx

from discrete_ed.errors import InputError, check_seed
from discrete_ed.graphs.io import graph_files, read_graphs
from discrete_ed.graphs.planetoid import read_planetoid_graph

CITESEER_FILE = "ind.citeseer.graph"  # in the layout of Planetoid
EGO_SIZES = range(4, 19)
"""numbers of nodes of the ego graphs, as in GraphRNN"""


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


def ego_graphs(graph: nx.Graph) -> list[nx.Graph]:
    """The radius-1 ego graphs with 4 to 18 nodes, in the order of the graph's nodes, relabelled `0 … n − 1`.

    An ego graph is a node with its neighbours and all edges among them, as for GraphRNN's ego-small. The order of the
    nodes is kept.
    """
    egos = (sorted((node, *graph[node])) for node in graph)
    return [_relabelled(graph, nodes) for nodes in egos if len(nodes) in EGO_SIZES]


def _relabelled(graph: nx.Graph, nodes: list[int]) -> nx.Graph:
    """The subgraph on these nodes, which become `0 … n − 1` in the order of the list."""
    place = {node: k for k, node in enumerate(nodes)}
    relabelled = nx.empty_graph(len(nodes))
    relabelled.add_edges_from((place[u], place[v]) for u in nodes for v in graph[u] if place.get(v, -1) > place[u])
    return relabelled


def synthetic_citations(nodes: int = 2200, seed: int = 0) -> nx.Graph:
    """A synthetic citation network: preferential attachment with triadic closure, about as clustered as Citeseer.

    Each new node cites 1, 2, 3 or 4 earlier nodes with probabilities .747, .124, .045, .083. The first of them is
    chosen in proportion to its degree + 7.33. Each further one is, with probability .612, a neighbour of those already
    cited (a shared neighbour counts once for each of them), and is otherwise chosen like the first. Citing a node twice
    has no effect.
    """
    rng = random.Random(seed)  # only random() is used, since its stream does not depend on the version of Python
    graph = nx.empty_graph(1)
    ends: list[int] = []  # contains every node as often as its degree

    def by_degree() -> int:
        if rng.random() * (len(ends) + 7.33 * len(graph)) < len(ends):
            return ends[int(rng.random() * len(ends))]
        return int(rng.random() * len(graph))

    for node in range(1, nodes):
        u = rng.random()
        citations = 1 + (u >= 0.747) + (u >= 0.747 + 0.124) + (u >= 0.747 + 0.124 + 0.045)
        cited = [by_degree()]
        while len(cited) < citations:
            around = [friend for earlier in cited for friend in graph[earlier]]
            if around and rng.random() < 0.612:
                cited.append(around[int(rng.random() * len(around))])
            else:
                cited.append(by_degree())
        for earlier in sorted(set(cited)):
            graph.add_edge(node, earlier)
            ends += [node, earlier]
    return graph


def citeseer(root: Path) -> nx.Graph:
    """Citeseer's largest connected component, relabelled in sorted order as GraphRNN does.

    Only the graph file of PyG's `Planetoid` is read, see `citeseer_file`.
    """
    graph = read_planetoid_graph(citeseer_file(root))
    component = max((sorted(nodes) for nodes in nx.connected_components(graph)), key=len)
    return _relabelled(graph, component)


def citeseer_file(root: Path) -> Path:
    """The file of Citeseer's graph in one of PyG's folder layouts; if there is none, it is downloaded.

    The layouts are `root`, `root/raw`, `root/CiteSeer/raw` and `root/planetoid/CiteSeer/raw`.
    """
    folders = [root, root / "raw", root / "CiteSeer" / "raw", root / "planetoid" / "CiteSeer" / "raw"]
    path = next((folder / CITESEER_FILE for folder in folders if (folder / CITESEER_FILE).is_file()), None)
    return path or _download_citeseer(root / "CiteSeer" / "raw")


def _download_citeseer(folder: Path) -> Path:
    from torch_geometric.data import download_url
    from torch_geometric.datasets import Planetoid

    try:
        with TemporaryDirectory() as temporary:  # an interrupted download leaves no file behind
            path = Path(download_url(f"{Planetoid.url}/{CITESEER_FILE}", temporary))
            folder.mkdir(parents=True, exist_ok=True)
            return Path(shutil.copy(path, folder))
    except (OSError, HTTPException) as error:
        raise InputError(
            f"root: Citeseer's {CITESEER_FILE} is not below {folder.parent.parent} and can't be downloaded "
            f"({error}); name a folder that holds it with --root"
        ) from None


def two_communities(size: int, rng: random.Random, seeds: tuple[int, int]) -> nx.Graph:
    """Two random graphs of `size` nodes and density .7, joined by each possible edge with probability .05.

    If there is no such edge, one is added. The recipe is that of GraphRNN's community-small.

    Args:
        size: nodes of each community.
        rng: source of randomness of the edges between the communities.
        seeds: seeds of the two random graphs.
    """
    graph = nx.disjoint_union_all([nx.gnp_random_graph(size, 0.7, seed=seed) for seed in seeds])
    bridges = [(u, v) for u in range(size) for v in range(size, 2 * size) if rng.random() < 0.05]
    graph.add_edges_from(bridges or [(0, size)])
    return graph


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


DATASETS: dict[str, Callable[[Path, int], GraphData]] = {
    "citation-egos": _citation_egos,
    "ego-small": _ego_small,
    "ego-all": _ego_all,
    "community-small": _community_small,
    "community-small-fresh": _community_small_fresh,
}


def load_graph_data(
    data: str | Path, root: str | Path = "datasets", *, split_seed: int = 0, **reading: Any
) -> GraphData:
    """A data set by name, or a graph file or folder, split into training and test graphs.

    Args:
        data: one of the names in this module's table, or the path of a graph file or folder (see `graphs.io`), a
            random fifth of which becomes the test graphs.
        root: the folder in which Citeseer is searched, and into which it is downloaded if it is missing (only for
            `ego-small` and `ego-all`).
        split_seed: seed of the random splits, and of the graphs of the community data sets.
        reading: options of `read_graphs`, where the graphs are read from a file or folder.

    Raises:
        InputError: no such data set or file, a malformed file, fewer than two graphs, or a seed that is no whole number
            from 0 to 2³² − 1.

    >>> data = load_graph_data("community-small-fresh")
    >>> len(data.train), len(data.test)
    (80, 20)
    """
    split_seed = check_seed(split_seed, "split_seed")
    if str(data) in DATASETS:
        return DATASETS[str(data)](Path(root), split_seed)
    path = Path(data)
    if not path.exists():
        raise InputError(f"data: expected one of {', '.join(DATASETS)}, or a graph file or folder, got {str(data)!r}")
    graphs = read_graphs(path, **reading)
    if len(graphs) < 2:
        raise InputError(f"{path}: expected at least two graphs to split into training and test graphs, got one")
    train, test = split(graphs, max(1, len(graphs) // 5), split_seed)
    description = f"graphs of {path.name}, a random fifth of them for test"
    return GraphData(path.stem, description, train, test, tuple(graph_files(path)))
