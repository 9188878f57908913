"""Galleries: all nodes are plotted, and of very many edges some; of the largest graphs only the size is shown."""

import networkx as nx
import numpy as np
import pytest
from matplotlib.collections import LineCollection, PathCollection

from discrete_ed.jobs import graph_figures as figures
from discrete_ed.jobs.graph_figures import layout


@pytest.mark.parametrize("nodes", [1, 5, figures.KAMADA_KAWAI_NODES, figures.KAMADA_KAWAI_NODES + 1])
def test_a_layout_has_the_order_of_the_nodes_and_stays_the_same(nodes):
    graph = nx.path_graph(nodes)
    place = layout(graph)
    assert place.shape == (nodes, 2)
    renamed = nx.relabel_nodes(graph, {node: f"v{node}" for node in graph})
    assert np.allclose(layout(renamed), place)
    if 2 < nodes <= figures.KAMADA_KAWAI_NODES:  # a path is drawn as one: neighbours lie nearest
        gaps = np.linalg.norm(place[:, None] - place, axis=2)
        assert gaps[0].argmax() == nodes - 1
        assert np.diagonal(gaps, 1).max() < np.diagonal(gaps, 2).min()


def test_twins_are_plotted_apart():
    graph = nx.Graph(
        [(0, hub) for hub in range(1, 7)] + [(hub, (hub, leaf)) for hub in range(1, 7) for leaf in range(15)]
    )
    assert len(graph) > figures.KAMADA_KAWAI_NODES
    assert len(np.unique(layout(graph).round(3), axis=0)) == len(graph)


@pytest.mark.parametrize("graph", [nx.cycle_graph(200), nx.convert_node_labels_to_integers(nx.grid_2d_graph(15, 15))])
def test_rings_and_grids_are_recognised(graph):
    place = layout(graph)
    steps = dict(nx.all_pairs_shortest_path_length(graph))
    real = np.array([[steps[u][v] for v in graph] for u in graph])
    gaps = np.linalg.norm(place[:, None] - place, axis=2)
    assert np.corrcoef(gaps.ravel(), real.ravel())[0, 1] > 0.9


def plotted(graph: nx.Graph) -> tuple[list[np.ndarray], np.ndarray]:
    """The lines and the dots of the first picture of a gallery."""
    axes = next(axes for axes in figures.gallery([graph], [graph]).axes if axes.collections or axes.texts)
    lines = [one for one in axes.collections if isinstance(one, LineCollection)]
    dots = [one for one in axes.collections if isinstance(one, PathCollection)]
    return [s for one in lines for s in one.get_segments()], np.concatenate([one.get_offsets() for one in dots] or [[]])


@pytest.mark.thorough
@pytest.mark.parametrize("graph", [nx.gnp_random_graph(300, 0.1, seed=0), nx.path_graph(300), nx.empty_graph(70)])
def test_all_nodes_and_as_many_edges_as_can_be_told_apart_are_plotted(graph):
    segments, dots = plotted(graph)
    place = layout(graph)
    assert np.array_equal(dots, place)
    node = {tuple(at): k for k, at in enumerate(place.tolist())}
    edges = {frozenset(node[tuple(end)] for end in segment.tolist()) for segment in segments}
    assert edges <= {frozenset(edge) for edge in graph.edges}
    assert len(edges) == len(segments) == min(figures.MOST_EDGES, graph.number_of_edges())


def test_of_huge_graphs_only_the_size_is_shown():
    segments, dots = plotted(nx.empty_graph(figures.LARGEST + 1))
    assert len(segments) == dots.size == 0


@pytest.mark.parametrize("graph", [nx.path_graph(1), nx.path_graph(2), nx.path_graph(7), nx.star_graph(5)])
def test_a_graph_has_a_square_to_itself_however_flat_it_is(graph):
    axes = figures.gallery([graph], [graph]).axes[0]
    limits = np.array([axes.get_xlim(), axes.get_ylim()])
    inside = layout(graph) - limits.mean(1)
    assert np.ptp(limits, axis=1) == pytest.approx(np.ptp(limits[0]))
    assert np.abs(inside).max() < 0.45 * np.ptp(limits[0])
    assert np.ptp(limits[0]) < 1.3 * (np.ptp(layout(graph), axis=0).max() or 1)


@pytest.mark.thorough
@pytest.mark.parametrize(("count", "cells"), [(0, 1), (1, 1), (3, 4), (5, 6), (12, 12), (36, 36), (50, 36)])
def test_a_set_of_few_graphs_fills_its_half(count, cells):
    more = 40 if count == 50 else 1  # each graph takes a while
    few, many = figures.gallery([nx.path_graph(3)] * count, [nx.path_graph(3)] * more).subfigs
    assert len(few.axes) == cells
    assert sum(bool(axes.collections) for axes in few.axes) == min(count, 36)
    assert len(many.axes) == min(more, 36)


@pytest.mark.drawn
def test_no_panel_is_covered_by_the_legend():
    figure = figures.statistics({"reference": [nx.path_graph(2)], "mine": [nx.path_graph(2)]})
    figure.draw_without_rendering()
    (legend,) = figure.legends
    assert all(axes.get_legend() is None for axes in figure.axes)
    assert legend.get_window_extent().y1 < min(axes.get_tightbbox().y0 for axes in figure.axes)
