"""Every writer of networkx, with the name of a file that it writes; `read_graphs` must read all of them.

The tests and `scripts/maintenance/fuzz.py` use it. It has a folder of its own because tests and scripts import nothing
from each other.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import networkx as nx

Writer = Callable[[nx.Graph, Path], Any]


def _json(convert: Callable[[nx.Graph], Any]) -> Writer:
    return lambda graph, path: path.write_text(json.dumps(convert(graph)))


def _tree(graph: nx.Graph) -> Any:
    root = next(iter(graph))
    return nx.tree_data(nx.bfs_tree(graph, root), root)


WRITERS: dict[str, Writer] = {
    "plain.edges": partial(nx.write_edgelist, data=False),
    "attributes.edgelist": nx.write_edgelist,
    "attributes.txt": nx.write_edgelist,
    "commas.csv": partial(nx.write_edgelist, data=False, delimiter=","),
    "tabs.tsv": partial(nx.write_edgelist, data=False, delimiter="\t"),
    "compressed.edges.gz": nx.write_edgelist,
    "weighted.edges": nx.write_weighted_edgelist,
    "a.adjlist": nx.write_adjlist,
    "adjlist.txt": nx.write_adjlist,
    "adjlist.edges": nx.write_adjlist,
    "multiline.adjlist": nx.write_multiline_adjlist,
    "multiline.edgelist": nx.write_multiline_adjlist,
    "a.graphml": nx.write_graphml,
    "a.gexf": nx.write_gexf,
    "a.gml": nx.write_gml,
    "a.net": nx.write_pajek,
    "pajek.txt": nx.write_pajek,
    "a.g6": nx.write_graph6,
    "a.s6": nx.write_sparse6,
    "edges.json": _json(partial(nx.node_link_data, edges="edges")),
    "links.json": _json(partial(nx.node_link_data, edges="links")),
    "adjacency.json": _json(nx.adjacency_data),
    "a.cyjs": _json(nx.cytoscape_data),
    "tree.json": _json(_tree),
}
"""writers by the name of their file"""
NAMES = [f"{first}{last}" for first in ("ada", "ben", "cleo", "dan", "eva") for last in ("lee", "may", "roe", "kim")]
STYLES: dict[str, Callable[[int], Any]] = {
    "numbers": lambda k: k,
    "from one": lambda k: k + 1,
    "letters": lambda k: "abcdefghijklmnopqrst"[k],
    "words": NAMES.__getitem__,
    "numbered": "node{}".format,
    "pairs": lambda k: (k // 4, k % 4),
}
"""names of nodes that users have"""


def random_tree(seed: int, style: str, *, weight: float | None = None) -> nx.Graph:
    """A random tree of 2 to 20 nodes with names of a style; those that aren't numbers stand in a random order."""
    rng = random.Random(f"{style} {seed}")
    nodes = rng.randrange(2, 21)
    tree = nx.random_labeled_tree(nodes, seed=seed)
    order = list(range(nodes))
    if style not in ("numbers", "from one"):
        rng.shuffle(order)
    name = STYLES[style]
    named = nx.Graph()
    named.add_nodes_from(name(k) for k in order)
    named.add_edges_from(((name(u), name(v)) for u, v in tree.edges), **({} if weight is None else {"weight": weight}))
    return named
