import random
import time
from itertools import combinations, pairwise

import networkx as nx
import numpy as np
import pytest

from discrete_ed.errors import InputError
from discrete_ed.graphs import isomorphism, load_graph_data
from discrete_ed.graphs.isomorphism import IsomorphismClasses, find_classes, isomorphism_classes
from discrete_ed.graphs.refinement import match
from discrete_ed.graphs.statistics import GraphSet, orbits

ATLAS = nx.graph_atlas_g()


def renamed(graph: nx.Graph, rng: random.Random) -> nx.Graph:
    """The same graph with other node names, its nodes and edges in another order."""
    names = [f"v{k}" for k in range(len(graph))]
    rng.shuffle(names)
    name = dict(zip(graph, names, strict=True))
    edges = [(name[u], name[v]) if rng.random() < 0.5 else (name[v], name[u]) for u, v in graph.edges]
    copy = nx.Graph()
    copy.add_nodes_from(sorted(names))
    copy.add_edges_from(rng.sample(edges, len(edges)))
    return copy


def shrikhande() -> nx.Graph:
    """Strongly regular with the parameters (16, 6, 2, 2), as the 4 × 4 rook's graph is."""
    graph = nx.Graph()
    for i in range(4):
        for j in range(4):
            graph.add_edges_from(((i, j), ((i + a) % 4, (j + b) % 4)) for a, b in ((1, 0), (0, 1), (1, 1)))
    return graph


def rook() -> nx.Graph:
    return nx.line_graph(nx.complete_bipartite_graph(4, 4))


def orbit_multiset(graph: nx.Graph) -> list[list[int]]:
    return sorted(orbits(GraphSet.of([graph])).tolist())


def test_atlas_graphs_are_all_distinct():
    assert len(ATLAS) == 1253
    assert isomorphism_classes(ATLAS) == list(range(1253))


def test_renamed_copies_fall_in_the_class_of_their_original():
    rng = random.Random(0)
    order = rng.sample(range(len(ATLAS)), len(ATLAS))
    copies = [renamed(ATLAS[k], rng) for k in order]
    assert isomorphism_classes([*ATLAS, *copies])[len(ATLAS) :] == order


def test_classes_are_named_by_their_first_graph():
    path, triangle = nx.path_graph(3), nx.complete_graph(3)
    assert isomorphism_classes([triangle, path, path, triangle, nx.null_graph(), nx.star_graph(2)]) == [
        0,
        1,
        1,
        0,
        4,
        1,
    ]


def test_graphs_without_edges_are_told_apart_by_size_alone():
    sizes = [0, 1, 2, 0, 5, 1, 2]
    assert isomorphism_classes([nx.empty_graph(n) for n in sizes]) == [0, 1, 2, 0, 4, 1, 2]


def test_strongly_regular_graphs_with_equal_spectra_are_told_apart():
    spectra = [np.linalg.eigvalsh(nx.to_numpy_array(graph)) for graph in (rook(), shrikhande())]
    np.testing.assert_allclose(*spectra, atol=1e-9)
    rng = random.Random(0)
    graphs = [rook(), shrikhande(), renamed(shrikhande(), rng), renamed(rook(), rng)]
    assert isomorphism_classes(graphs) == [0, 1, 1, 0]


def test_cubic_graphs_with_equal_orbits_are_told_apart():
    ladders = [nx.circular_ladder_graph(6), nx.circulant_graph(12, [1, 6])]  # a prism and a Möbius ladder
    assert orbit_multiset(ladders[0]) == orbit_multiset(ladders[1])
    assert isomorphism_classes(ladders) == [0, 1]


def test_disconnected_graphs_with_equal_orbits_are_told_apart():
    cycles = [nx.disjoint_union(nx.cycle_graph(a), nx.cycle_graph(12 - a)) for a in (5, 6)] + [nx.cycle_graph(12)]
    assert all(orbit_multiset(a) == orbit_multiset(b) for a, b in pairwise(cycles))
    assert isomorphism_classes([*cycles, nx.cycle_graph(12)]) == [0, 1, 2, 2]


def test_no_graphs_are_refused():
    with pytest.raises(InputError, match="at least one graph"):
        isomorphism_classes([])


@pytest.mark.parametrize("bad", [nx.path_graph(2, create_using=nx.DiGraph), nx.Graph([(0, 0)]), "a graph"])
def test_other_things_than_simple_graphs_are_refused(bad):
    with pytest.raises(InputError, match=r"graphs\[1\]"):
        isomorphism_classes([nx.path_graph(2), bad])


def test_ego_small_has_82_classes_and_28_test_graphs_seen_in_training(data_root):
    data = load_graph_data("ego-small", data_root)
    classes = np.array(isomorphism_classes([*data.train, *data.test]))
    assert len(np.unique(classes)) == 82
    assert np.sum(classes[160:] < 160) == 28


def cfi(base: nx.Graph, *, twisted: bool) -> nx.Graph:
    """The graphs of Cai, Fürer and Immerman (1992): that with a twisted edge looks like the other to every method that
    only refines colours."""
    made = nx.Graph()
    crossed = next(iter(base.edges)) if twisted else None
    for node in base:
        edges = [tuple(sorted(edge)) for edge in base.edges(node)]
        for size in range(0, len(edges) + 1, 2):
            for chosen in combinations(edges, size):
                made.add_edges_from(((node, chosen), (node, edge, edge in chosen)) for edge in edges)
    for u, v in base.edges:
        edge = tuple(sorted((u, v)))
        for side in (False, True):
            made.add_edge((u, edge, side), (v, edge, side != (crossed in ((u, v), (v, u)))))
    return made


def latin_square_graph(table: list[list[int]]) -> nx.Graph:
    """Cells of a Latin square are joined in rows, in columns, and where they hold the same symbol."""
    cells = [(i, j, symbol) for i, row in enumerate(table) for j, symbol in enumerate(row)]
    made = nx.Graph()
    made.add_edges_from((a, b) for a, b in combinations(cells, 2) if any(x == y for x, y in zip(a, b, strict=True)))
    return made


def test_strongly_regular_graphs_are_decided_soon():
    cyclic = latin_square_graph([[(i + j) % 8 for j in range(8)] for i in range(8)])
    other = latin_square_graph([[i ^ j for j in range(8)] for i in range(8)])  # the same parameters (64, 21, 8, 6)
    assert orbit_multiset(cyclic)[0][:3] == orbit_multiset(other)[0][:3]
    paley = nx.paley_graph(61).to_undirected()
    started = time.process_time()
    graphs = [cyclic, other, paley, *(renamed(graph, random.Random(0)) for graph in (other, paley, cyclic))]
    assert find_classes(graphs) == IsomorphismClasses([0, 1, 2, 1, 2, 0], 0)
    assert time.process_time() - started < 20


def test_a_search_that_would_not_end_stops_at_its_limit_and_says_so():
    base = nx.complete_graph(5)
    plain, twisted = cfi(base, twisted=False), cfi(base, twisted=True)
    copy = renamed(plain, random.Random(0))
    assert orbit_multiset(plain) == orbit_multiset(twisted)
    started = time.process_time()
    found = find_classes([plain, twisted, copy], effort=10**6)
    assert found == IsomorphismClasses([0, 1, 0], 1)
    assert time.process_time() - started < 20
    assert find_classes([plain, twisted, copy], effort=10**6) == found
    small = nx.complete_graph(4)  # small enough to be decided
    pair = [cfi(small, twisted=twist) for twist in (False, True)]
    assert find_classes([*pair, renamed(pair[1], random.Random(1))]) == IsomorphismClasses([0, 1, 1], 0)


def test_undecided_graphs_bring_a_warning(monkeypatch):
    monkeypatch.setattr(isomorphism, "match", lambda *_: (None, 1))
    monkeypatch.setattr(isomorphism, "certificates", lambda graphs: [(0, bytes([k])) for k in range(len(graphs))])
    with pytest.warns(UserWarning, match="1 of 2 may be isomorphic to earlier ones"):
        assert isomorphism_classes([nx.path_graph(4), renamed(nx.path_graph(4), random.Random(2))]) == [0, 1]


@pytest.mark.parametrize("seed", range(20))
def test_searches_agree_with_networkx_where_nothing_but_the_search_decides(seed):
    """Regular graphs without labels, and pairs that differ in two edges."""
    rng = random.Random(seed)
    nodes = rng.choice((6, 8, 10, 12))
    a = nx.random_regular_graph(rng.choice((2, 3)), nodes, seed=seed)
    other = nx.random_regular_graph(a.degree(0), nodes, seed=seed + 1)
    changed = nx.double_edge_swap(a.copy(), seed=seed) if seed % 2 else other
    for b in (renamed(a, rng), renamed(changed, rng)):
        ends = [isomorphism._ends(graph) for graph in (a, b)]
        found, operations = match(*ends, [b""] * nodes, [b""] * nodes, 10**7)
        assert found == nx.faster_could_be_isomorphic(a, b) * nx.is_isomorphic(a, b)
        assert operations > 0


def subdivided(graph: nx.Graph) -> nx.Graph:
    made = nx.Graph()
    for k, (u, v) in enumerate(graph.edges):
        made.add_edges_from([(u, ("middle", k)), (("middle", k), v)])
    return made


def test_rings_and_lattices_end_although_their_nodes_look_alike():
    """VF2++ alone would search these for hours: nodes have equal orbit counts wherever there are no short cycles."""
    rings = [nx.random_regular_graph(2, 60, seed=k) for k in range(20)]
    lengths = [tuple(sorted(map(len, nx.connected_components(graph)))) for graph in rings]
    assert isomorphism_classes(rings) == [lengths.index(one) for one in lengths]
    cubic = [subdivided(nx.random_regular_graph(3, 20, seed=k)) for k in range(8)]
    shuffled = [renamed(graph, random.Random(1)) for graph in cubic]
    assert isomorphism_classes(cubic + shuffled) == 2 * list(range(8))
    fives, sixes = nx.cycle_graph(5), nx.cycle_graph(6)
    one = nx.disjoint_union_all([fives] * 12 + [sixes] * 5)
    other = nx.disjoint_union_all([fives] * 6 + [sixes] * 10)
    assert isomorphism_classes([one, other, nx.disjoint_union_all([sixes] * 5 + [fives] * 12)]) == [0, 1, 0]


def test_graphs_are_refined_once_and_only_where_orbits_are_equal(monkeypatch):
    refined, refine = [], isomorphism._refined

    def counted(graph, labels):
        refined.append(graph)
        return refine(graph, labels)

    monkeypatch.setattr(isomorphism, "_refined", counted)
    unlike = [nx.gnp_random_graph(30, 0.2, seed=k) for k in range(20)]
    assert isomorphism_classes(unlike) == list(range(20))
    assert refined == []
    cubic = [subdivided(nx.random_regular_graph(3, 20, seed=k)) for k in (0, 3, 6)]
    assert orbit_multiset(cubic[0]) == orbit_multiset(cubic[1]) == orbit_multiset(cubic[2])
    cubic += [renamed(graph, random.Random(1)) for graph in cubic]
    assert isomorphism_classes([*unlike, *cubic]) == [*range(20), 20, 21, 22, 20, 21, 22]
    assert sorted(map(id, refined)) == sorted(map(id, cubic))


def test_only_copies_are_searched_and_their_nodes_told_apart(monkeypatch):
    """Of graphs whose nodes look alike, a search for what isn't there would not end."""
    searches = []

    def found(first, second, labels, other_labels, limit):
        searches.append((first, second))
        assert sorted(labels) == sorted(other_labels)
        assert len(set(labels)) > len(labels) / 2
        assert limit > 0
        return True, 0

    monkeypatch.setattr(isomorphism, "match", found)
    cubic = [subdivided(nx.random_regular_graph(3, 20, seed=k)) for k in range(8)]
    assert isomorphism_classes([*cubic, *(renamed(graph, random.Random(1)) for graph in cubic)]) == 2 * list(range(8))
    assert len(searches) == 8
