"""Nodes are drawn as far apart as they are in the graph; of large graphs, too, and with thin lines."""

import networkx as nx
import numpy as np
import pytest
from matplotlib.collections import LineCollection, PathCollection

from discrete_ed.report import figures
from discrete_ed.report.layout import EXACT, layout

LARGE = {
    "ring": nx.cycle_graph(1500),
    "grid": nx.convert_node_labels_to_integers(nx.grid_2d_graph(40, 40)),
    "path": nx.path_graph(300),
    "barely large": nx.cycle_graph(EXACT + 1),
    "small": nx.cycle_graph(EXACT),
}


def agreement(graph: nx.Graph, place: np.ndarray) -> float:
    """Correlation of the distances in the plane with those in the graph, of a sample of nodes to all others."""
    number = {node: k for k, node in enumerate(graph)}
    drawn, real = [], []
    for u in list(graph)[:: max(1, len(graph) // 20)]:
        for v, steps in nx.single_source_shortest_path_length(graph, u).items():
            drawn.append(np.linalg.norm(place[number[u]] - place[number[v]]))
            real.append(steps)
    return float(np.corrcoef(drawn, real)[0, 1])


@pytest.mark.parametrize("name", LARGE)
def test_distances_in_the_plane_are_those_in_the_graph(name):
    graph = LARGE[name]
    place = layout(graph)
    assert place.shape == (len(graph), 2)
    assert agreement(graph, place) > 0.95
    assert agreement(graph, np.random.default_rng(0).permutation(place)) < 0.2
    assert (place == layout(graph)).all()
    renamed = nx.relabel_nodes(graph, {node: f"v{node}" for node in graph})
    assert np.allclose(layout(renamed), place)


def test_communities_stand_apart():
    graph = nx.planted_partition_graph(4, 250, 0.08, 0.0005, seed=0)
    place, owner = layout(graph), np.arange(1000) // 250
    centres = np.stack([place[owner == k].mean(axis=0) for k in range(4)])
    nearest = np.argmin(np.linalg.norm(place[:, None] - centres, axis=2), axis=1)
    assert np.mean(nearest == owner) > 0.9


@pytest.mark.parametrize(
    "graph",
    [
        nx.empty_graph(200),
        nx.disjoint_union(nx.cycle_graph(100), nx.empty_graph(50)),
        nx.disjoint_union_all([nx.path_graph(2)] * 60),
        nx.complete_graph(200),
        nx.star_graph(300),
    ],
)
def test_no_two_nodes_of_odd_large_graphs_lie_in_one_place(graph):
    place = layout(graph)
    assert np.isfinite(place).all()
    assert len(np.unique(place.round(6), axis=0)) == len(graph)


def drawn(graph: nx.Graph) -> tuple[list[np.ndarray], np.ndarray]:
    """The lines and the dots of the first picture of a gallery."""
    axes = next(axes for axes in figures.gallery([graph], [graph]).axes if axes.collections or axes.texts)
    lines = [one for one in axes.collections if isinstance(one, LineCollection)]
    dots = [one for one in axes.collections if isinstance(one, PathCollection)]
    return [s for one in lines for s in one.get_segments()], np.concatenate([one.get_offsets() for one in dots] or [[]])


@pytest.mark.parametrize("graph", [nx.gnp_random_graph(600, 0.1, seed=0), nx.path_graph(600), nx.empty_graph(70)])
def test_all_nodes_and_as_many_edges_as_can_be_told_apart_are_drawn(graph):
    segments, dots = drawn(graph)
    place = layout(graph)
    assert np.array_equal(dots, place)
    node = {tuple(at): k for k, at in enumerate(place.tolist())}
    edges = {frozenset(node[tuple(end)] for end in segment.tolist()) for segment in segments}
    assert edges <= {frozenset(edge) for edge in graph.edges}
    assert len(edges) == len(segments) == min(figures.MOST_LINES, graph.number_of_edges())


def test_of_huge_graphs_only_the_size_is_told():
    segments, dots = drawn(nx.empty_graph(figures.DRAWN + 1))
    assert len(segments) == dots.size == 0
