import networkx as nx
import numpy as np
import pytest
from brute_force import orbit_counts, random_graphs

from discrete_ed.graphs import statistics
from discrete_ed.graphs.statistics import GraphSet, are_connected, clustering, degrees, four_cliques, orbits, spectra

SMALL = [graph for graph in nx.graph_atlas_g() if len(graph) <= 6]
RANDOM = random_graphs(200, largest=12)
ODD = [
    nx.null_graph(),
    nx.empty_graph(1),
    nx.empty_graph(5),
    nx.disjoint_union(nx.complete_graph(5), nx.empty_graph(3)),
    nx.disjoint_union_all([nx.cycle_graph(4), nx.star_graph(4), nx.path_graph(5)]),
    nx.null_graph(),
]


def edge_lists(graphs: GraphSet) -> list[tuple[int, list[tuple[int, int]]]]:
    """The size and the edges of every graph, its nodes numbered from zero."""
    starts = np.cumsum(graphs.sizes) - graphs.sizes
    dense = graphs.adjacency.toarray()
    blocks = [dense[s : s + n, s : s + n] for s, n in zip(starts, graphs.sizes, strict=True)]
    assert sum(block.sum() for block in blocks) == dense.sum(), "edges between graphs"
    return [(len(block), [tuple(edge) for edge in np.argwhere(np.triu(block)).tolist()]) for block in blocks]


def test_random_graphs_are_of_every_kind():
    assert any(len(graph) == 0 for graph in RANDOM)
    assert any(len(graph) > 1 and graph.number_of_edges() == 0 for graph in RANDOM)
    assert any(graph.number_of_edges() > 0 and list(nx.isolates(graph)) for graph in RANDOM)
    assert any(min(map(len, nx.connected_components(graph)), default=0) > 1 for graph in RANDOM)
    assert any(len(graph) == 12 for graph in RANDOM)


@pytest.mark.parametrize("graphs", [SMALL, RANDOM, ODD], ids=["atlas", "random", "odd"])
def test_orbits_equal_enumeration(graphs):
    expected = np.concatenate([orbit_counts(graph) for graph in graphs])
    np.testing.assert_array_equal(orbits(GraphSet.of(graphs)), expected)


@pytest.mark.parametrize("chunk", [1, 3, 7])
def test_orbits_do_not_depend_on_the_chunk(monkeypatch, chunk):
    graphs = GraphSet.of([*ODD, nx.complete_graph(7), nx.gnp_random_graph(12, 0.6, seed=0)])
    expected = orbits(graphs)
    monkeypatch.setattr(statistics, "CHUNK", chunk)
    np.testing.assert_array_equal(orbits(graphs), expected)


MIXED = [*ODD, nx.gnp_random_graph(90, 0.4, seed=0), nx.path_graph(70), nx.gnp_random_graph(64, 0.9, seed=1)]


def test_large_dense_graphs_are_counted_as_sparse_ones_are(monkeypatch):
    graphs = GraphSet.of(MIXED)
    densely = orbits(graphs), clustering(graphs)
    monkeypatch.setattr(statistics, "DENSITY", 2.0)
    np.testing.assert_array_equal(densely[0], orbits(graphs))
    np.testing.assert_array_equal(densely[1], clustering(graphs))


@pytest.mark.parametrize("cells", [1, 50, 2**23])
@pytest.mark.parametrize("graphs", [SMALL, RANDOM, ODD], ids=["atlas", "random", "odd"])
def test_dense_products_equal_enumeration(monkeypatch, graphs, cells):
    monkeypatch.setattr(statistics, "DENSITY", 0.0)
    monkeypatch.setattr(statistics, "DENSE_NODES", 1)
    monkeypatch.setattr(statistics, "CELLS", cells)
    np.testing.assert_array_equal(
        orbits(GraphSet.of(graphs)), np.concatenate([orbit_counts(graph) for graph in graphs])
    )
    expected = [c for graph in graphs for c in nx.clustering(graph).values()]
    np.testing.assert_array_equal(clustering(GraphSet.of(graphs)), expected)


def test_counts_beyond_single_precision_are_exact():
    n = 300  # every edge of a complete graph lies in n − 2 triangles, every node in (n − 1 choose 3) four-cliques
    (row,) = np.unique(orbits(GraphSet.of([nx.complete_graph(n)])), axis=0)
    assert row.tolist() == [n - 1, 0, 0, (n - 1) * (n - 2) // 2, *[0] * 10, (n - 1) * (n - 2) * (n - 3) // 6]


@pytest.mark.parametrize("cells", [1, 17, 1000])
def test_sparse_products_do_not_depend_on_how_many_rows_are_taken_at_once(monkeypatch, cells):
    graphs = GraphSet.of([*RANDOM, nx.star_graph(30)])
    expected = orbits(graphs), clustering(graphs)
    monkeypatch.setattr(statistics, "CELLS", cells)
    np.testing.assert_array_equal(orbits(graphs), expected[0])
    np.testing.assert_array_equal(clustering(graphs), expected[1])


@pytest.mark.parametrize("cells", [1, 100])
def test_spectra_do_not_depend_on_how_many_are_taken_at_once(monkeypatch, cells):
    expected = spectra(GraphSet.of(RANDOM))
    monkeypatch.setattr(statistics, "CELLS", cells)
    np.testing.assert_allclose(spectra(GraphSet.of(RANDOM)), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("chunk", [2, 2**16])
def test_four_cliques_of_a_complete_graph_are_triples_of_the_others(monkeypatch, chunk):
    monkeypatch.setattr(statistics, "CHUNK", chunk)
    graphs = GraphSet.of([nx.complete_graph(3), nx.complete_graph(8), nx.complete_bipartite_graph(4, 4)])
    assert four_cliques(graphs).tolist() == [0] * 3 + [35] * 8 + [0] * 8


def test_orbits_of_a_set_without_nodes_or_graphs_are_empty():
    assert orbits(GraphSet.of([])).shape == (0, 15)
    assert orbits(GraphSet.of([nx.null_graph()])).shape == (0, 15)


@pytest.mark.parametrize("graphs", [SMALL, RANDOM, ODD, []], ids=["atlas", "random", "odd", "none"])
def test_connected_graphs_are_those_of_networkx(graphs):
    connected = [len(graph) > 0 and nx.is_connected(graph) for graph in graphs]
    assert are_connected(GraphSet.of(graphs)).tolist() == connected
    renamed = [nx.relabel_nodes(graph, {node: f"n{node}" for node in graph}) for graph in graphs]
    assert (GraphSet.of(renamed).adjacency != GraphSet.of(graphs).adjacency).nnz == 0


@pytest.mark.parametrize("graphs", [SMALL, RANDOM, ODD], ids=["atlas", "random", "odd"])
def test_degrees_and_clustering_equal_networkx(graphs):
    laid_out = GraphSet.of(graphs)
    np.testing.assert_array_equal(degrees(laid_out), [d for graph in graphs for _, d in graph.degree])
    np.testing.assert_array_equal(clustering(laid_out), [c for graph in graphs for c in nx.clustering(graph).values()])


@pytest.mark.parametrize("graphs", [SMALL, RANDOM, ODD], ids=["atlas", "random", "odd"])
def test_spectra_equal_eigenvalues_of_networkx_laplacians(graphs):
    laplacians = [nx.normalized_laplacian_matrix(graph).toarray() for graph in graphs if len(graph)]
    expected = np.concatenate([np.linalg.eigvalsh(laplacian) for laplacian in laplacians])
    np.testing.assert_allclose(spectra(GraphSet.of(graphs)), expected, rtol=0, atol=1e-12)


def test_spectra_lie_within_their_bounds():
    bipartite = [nx.complete_bipartite_graph(m, n) for m in range(1, 6) for n in range(1, 9)]
    raw = [np.linalg.eigvalsh(nx.normalized_laplacian_matrix(graph).toarray()) for graph in bipartite]
    assert max(values.max() for values in raw) > 2, "no case in which rounding leaves the interval"
    values = spectra(GraphSet.of(bipartite))
    assert values.min() >= 0
    assert values.max() == 2


def test_owner_names_the_graph_of_every_node():
    graphs = GraphSet.of([nx.path_graph(2), nx.null_graph(), nx.path_graph(3)])
    assert graphs.owner.tolist() == [0, 0, 2, 2, 2]
    assert len(graphs) == 3


def test_isolated_nodes_are_dropped_and_an_empty_graph_becomes_one_node():
    path_with_gap = nx.Graph()
    path_with_gap.add_nodes_from("abcd")
    path_with_gap.add_edges_from([("a", "c"), ("c", "d")])
    graphs = [nx.null_graph(), path_with_gap, nx.empty_graph(3), nx.cycle_graph(3), nx.empty_graph(1)]
    cleaned = GraphSet.of(graphs).without_isolated_nodes()
    assert edge_lists(cleaned) == [(1, []), (3, [(0, 1), (1, 2)]), (1, []), (3, [(0, 1), (0, 2), (1, 2)]), (1, [])]


def test_isolated_nodes_are_dropped_as_networkx_drops_them():
    expected = []
    for graph in RANDOM:
        kept = [node for node in graph if graph.degree(node) > 0]
        place = {node: k for k, node in enumerate(kept)}
        edges = sorted(tuple(sorted((place[u], place[v]))) for u, v in graph.edges)
        expected.append((max(1, len(kept)), edges))
    assert edge_lists(GraphSet.of(RANDOM).without_isolated_nodes()) == expected


def test_null_graphs_are_dropped_and_isolated_nodes_are_kept():
    graphs = [nx.null_graph(), nx.empty_graph(2), nx.path_graph(2), nx.null_graph()]
    assert edge_lists(GraphSet.of(graphs).without_null_graphs()) == [(2, []), (2, [(0, 1)])]
