"""Citation networks and the ego graphs that data sets are made of: Citeseer, and a synthetic network like it."""

from __future__ import annotations

import random
import shutil
from collections.abc import Container
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory

import networkx as nx

from discrete_ed.errors import InputError
from discrete_ed.graphs.planetoid import read_planetoid_graph

CITESEER_FILE = "ind.citeseer.graph"  # in the layout of Planetoid
EGO_SIZES = range(4, 19)
"""numbers of nodes of the ego graphs of GraphRNN's ego-small"""


def ego_graphs(graph: nx.Graph, sizes: Container[int] = EGO_SIZES, *, radius: int = 1) -> list[nx.Graph]:
    """The ego graphs with as many nodes as `sizes` allow, in the order of the graph's nodes, relabelled `0 … n − 1`.

    An ego graph is a node with all nodes at most `radius` edges away and all edges among them. With the defaults, 4 to
    18 nodes and radius 1, they are those of GraphRNN's ego-small. The order of the nodes is kept.
    """
    egos = (sorted(nx.single_source_shortest_path_length(graph, node, cutoff=radius)) for node in graph)
    return [relabelled(graph, nodes) for nodes in egos if len(nodes) in sizes]


def relabelled(graph: nx.Graph, nodes: list[int]) -> nx.Graph:
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
    return relabelled(graph, component)


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
