import hashlib
import os
import pickle
from collections import Counter, defaultdict
from pathlib import Path

import networkx as nx
import pytest

from discrete_ed.errors import InputError
from discrete_ed.graphs import graph_mmd, load_graph_data, write_graphs
from discrete_ed.graphs.citations import CITESEER_FILE, citeseer, ego_graphs, synthetic_citations
from discrete_ed.graphs.datasets import RECIPES
from discrete_ed.graphs.io import encode_graphs
from discrete_ed.graphs.named_data import DATASETS
from discrete_ed.graphs.planetoid import read_planetoid_graph
from discrete_ed.graphs.recipes import published_lobsters

SYNTHETIC = {
    "citation-egos": (705, 0, 200),
    "community-small": (80, 0, 20),
    "community-small-fresh": (80, 0, 20),
    "grid-shuffled": (80, 0, 20),
    "planar-64": (128, 32, 40),
    "tree-64": (128, 32, 40),
    "sbm-2x20": (128, 32, 40),
    "sbm-fresh": (128, 32, 40),
    "lobster-fresh": (128, 32, 40),
}
SLOW = ("grid-shuffled", "planar-64", "sbm-2x20", "sbm-fresh")  # to make
CITESEER = {
    "ego-small": (160, 0, 40),
    "ego-small-polygraph": (120, 40, 40),
    "ego-all": (796, 0, 200),
    "ego": (454, 151, 152),
}
FIXED = {"lobster": (60, 20, 20), "grid": (80, 0, 20)}
ELSEWHERE = {"planar", "sbm", "tree", "enzymes", "proteins"}  # tests/graphs/test_published.py
CITATION_EGOS_SHA256 = "330d9a30b76defae1fedc9cb52042c6e2a03f49981c5b1cfb59f1270adb93c5d"


def encoded(graphs: list[nx.Graph]) -> list[bytes]:
    return [encode_graphs(".g6", [graph]) for graph in graphs]


def put(folder, content: bytes):
    """The bytes in the place of Citeseer's graph file."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CITESEER_FILE).write_bytes(content)
    return folder / CITESEER_FILE


def test_every_data_set_is_tested():
    assert {*DATASETS, *RECIPES} == {*SYNTHETIC, *CITESEER, *FIXED, *ELSEWHERE}


def sizes_of(data):
    return len(data.train), len(data.validation), len(data.test)


@pytest.mark.parametrize(
    ("name", "sizes"),
    [pytest.param(*item, marks=[pytest.mark.thorough] * (item[0] in SLOW)) for item in SYNTHETIC.items()],
)
def test_synthetic_data_load_without_files_and_are_seeded(tmp_path, name, sizes):
    whole = load_graph_data(name, tmp_path)
    assert sizes_of(whole) == sizes
    few = {"graphs": 20} if name in RECIPES else {}
    again, other = (load_graph_data(name, tmp_path, split_seed=seed, **few) for seed in (0, 1))
    data = load_graph_data(name, tmp_path, **few) if few else whole
    assert data.name == name
    assert sizes_of(data) == sizes_of(other)
    assert encoded(data.train + data.test + data.validation) == encoded(again.train + again.test + again.validation)
    assert encoded(data.train) != encoded(other.train)
    assert encoded(data.test) != encoded(other.test)
    assert data.random_split
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "sizes"),
    [pytest.param(*item, marks=[pytest.mark.thorough] * (item[0] == "ego")) for item in CITESEER.items()],
)
def test_citeseer_data_load(data_root, name, sizes):
    data = load_graph_data(name, data_root)
    assert sizes_of(data) == sizes
    allowed = {"ego": range(50, 400), "ego-small-polygraph": range(4, 21)}.get(name, range(4, 19))
    graphs = data.train + data.validation + data.test
    assert all(len(graph) in allowed and list(graph) == list(range(len(graph))) for graph in graphs)
    assert all(map(nx.is_connected, graphs))


@pytest.mark.thorough
def test_the_two_small_ego_sets_are_different_sets_of_the_same_egos(data_root):
    egos = Counter(encoded(ego_graphs(citeseer(data_root), range(4, 21))))
    ours, theirs = (load_graph_data(name, data_root) for name in ("ego-small", "ego-small-polygraph"))
    both = [Counter(encoded(data.train + data.validation + data.test)) for data in (ours, theirs)]
    assert all(chosen.total() == 200 and not chosen - egos for chosen in both)
    assert both[0] != both[1]
    assert egos.total() == 1000


@pytest.mark.thorough
def test_egos_of_radius_3_are_split_without_loss(data_root):
    data = load_graph_data("ego", data_root)
    egos = data.train + data.validation + data.test
    assert len(egos) == 757  # as published
    assert all(50 <= len(ego) <= 400 for ego in egos)
    assert all(nx.diameter(ego) <= 6 for ego in egos[:5])
    small = Counter(encoded(ego_graphs(citeseer(data_root), range(50, 60), radius=3)))
    assert small == Counter(encoded([ego for ego in egos if len(ego) < 60]))


def test_lobster_is_split_as_usual():
    data = load_graph_data("lobster")
    assert sizes_of(data) == FIXED["lobster"]
    assert not data.random_split
    assert encoded(data.validation + data.train + data.test) == encoded(published_lobsters())


@pytest.mark.thorough
def test_the_usual_split_of_grids_brings_a_warning_and_another_split_is_offered():
    with pytest.warns(UserWarning, match="the laws differ; grid-shuffled is split at random"):
        usual = load_graph_data("grid")
    assert sizes_of(usual) == FIXED["grid"]
    assert min(map(len, usual.test)) == 180
    assert sorted(map(len, usual.test))[-1] == 361 > max(map(len, usual.train)) == 323
    shuffled = load_graph_data("grid-shuffled")
    assert Counter(encoded(shuffled.train + shuffled.test)) == Counter(encoded(usual.train + usual.test))


@pytest.mark.parametrize(("name", "nodes"), [("planar-12", 12), ("tree-7", 7), ("tree-1", 1)])
def test_recipes_make_graphs_of_any_size_and_number(name, nodes):
    data = load_graph_data(name, graphs=23)
    assert sizes_of(data) == (16, 3, 4)
    assert {len(graph) for graph in data.train + data.validation + data.test} == {nodes}
    assert (data.origin, data.valid, data.name) == ("recipe", name.split("-")[0], name)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("planar-64", {"graphs": 4}, "graphs: expected at least 5"),
        ("planar-2", {}, "nodes: expected at least 3, got 2"),
        ("planar-064", {}, "data: expected one of"),
        ("lobster", {"graphs": 50}, "graphs: expected only with data made by a recipe .*, got 50"),
        ("mine.g6", {"graphs": 50}, "graphs: expected only with data made by a recipe"),
        ("tree-64", {"test": "mine.g6"}, "test: expected only with training graphs of your own, since tree-64"),
    ],
)
def test_options_that_do_not_apply_are_refused(name, options, message):
    with pytest.raises(InputError, match=message):
        load_graph_data(name, **options)


def test_citation_egos_never_change():
    egos = ego_graphs(synthetic_citations())
    assert len(egos) == 905
    assert hashlib.sha256(b"".join(encoded(egos))).hexdigest() == CITATION_EGOS_SHA256


@pytest.mark.thorough
def test_citation_egos_split_all_egos_whatever_the_seed():
    egos = Counter(encoded(ego_graphs(synthetic_citations())))
    for seed in (0, 1):
        data = load_graph_data("citation-egos", split_seed=seed)
        assert Counter(encoded(data.train + data.test)) == egos


def test_citation_egos_lie_near_those_of_citeseer(data_root):
    scores = graph_mmd(ego_graphs(citeseer(data_root)), ego_graphs(synthetic_citations()), "edp")
    printed = {name: f"{score:.4f}" for name, score in scores.items()}
    assert printed == {"degree": "0.0123", "clustering": "0.0211", "orbit": "0.0012", "spectral": "0.0083"}


def test_synthetic_citations_are_one_connected_network_that_grows():
    graph = synthetic_citations(300, seed=1)
    assert list(graph) == list(range(300))
    assert nx.is_connected(graph)
    cited = Counter(max(edge) for edge in graph.edges)
    assert set(cited) == set(range(1, 300))
    assert set(cited.values()) == {1, 2, 3, 4}
    assert nx.utils.edges_equal(synthetic_citations(200, seed=1).edges, graph.subgraph(range(200)).edges)
    assert not nx.utils.graphs_equal(graph, synthetic_citations(300, seed=2))


def test_ego_graphs_are_neighbourhoods_of_4_to_18_nodes():
    graph = nx.disjoint_union_all([nx.star_graph(n) for n in (2, 3, 17, 18)] + [nx.complete_graph(5)])
    egos = ego_graphs(nx.relabel_nodes(graph, {node: f"v{node}" for node in graph}))
    assert [(len(ego), ego.number_of_edges()) for ego in egos] == [(4, 3), (18, 17)] + [(5, 10)] * 5
    assert all(sorted(ego) == list(range(len(ego))) for ego in egos)


def test_ego_small_is_the_published_recipe(data_root):
    graph = citeseer(data_root)
    assert list(graph) == list(range(2120))
    assert nx.is_connected(graph)
    assert nx.number_of_selfloops(graph) == 0
    egos = ego_graphs(graph)
    assert len(egos) == 996
    data = load_graph_data("ego-small", data_root)
    assert encoded(data.test + data.train) == encoded(egos[:200])


@pytest.mark.thorough
def test_ego_all_is_split_by_seed(data_root):
    data, again, other = (load_graph_data("ego-all", data_root, split_seed=seed) for seed in (0, 0, 1))
    assert encoded(data.test) == encoded(again.test)
    assert encoded(data.test) != encoded(other.test)
    assert Counter(encoded(data.train + data.test)) == Counter(encoded(ego_graphs(citeseer(data_root))))


@pytest.mark.parametrize("folder", ["", "raw", "CiteSeer/raw", "planetoid/CiteSeer/raw"])
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_citeseer_is_found_in_every_layout_and_cleaned(tmp_path, folder, protocol):
    neighbours = defaultdict(list, {5: [5, 7, 7], 9: [7], 7: [5, 9], 2: [1], 1: [2]})
    put(tmp_path / folder, pickle.dumps(neighbours, protocol))
    graph = citeseer(tmp_path)
    assert list(graph) == [0, 1, 2]
    assert sorted(graph.edges) == [(0, 1), (1, 2)]


class Call:
    """Pickled, it asks the reader to call a function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("function", [os.system, eval, exec, getattr, __import__], ids=lambda f: f.__name__)
@pytest.mark.parametrize("place", ["file", "value"])
def test_malicious_pickle_is_refused_and_executes_nothing(tmp_path, monkeypatch, function, place):
    marker = tmp_path / "executed"
    monkeypatch.chdir(tmp_path)
    arguments = {"system": ("touch executed",), "getattr": ([], "append"), "__import__": ("json",)}
    call = Call(function, *arguments.get(function.__name__, ("open('executed', 'w')",)))
    path = put(tmp_path, pickle.dumps(call if place == "file" else {0: [1], 1: call}))
    with pytest.raises(InputError, match="it asks for ") as caught:
        load_graph_data("ego-small", tmp_path)
    assert str(path) in str(caught.value)
    assert not marker.exists()


WHOLE = pickle.dumps(defaultdict(list, {k: [(k + 1) % 50, (k + 49) % 50] for k in range(50)}))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        WHOLE[:-1],
        WHOLE[: len(WHOLE) // 2],
        b"<html>404</html>",
        pickle.dumps([1, 2]),
        pickle.dumps({0: 1}),
        pickle.dumps({"a": ["b"]}),
        pickle.dumps({}),
    ],
    ids=["empty", "last byte lost", "half", "web page", "list", "no lists", "names", "no nodes"],
)
def test_broken_citeseer_file_is_refused_by_name(tmp_path, content):
    path = put(tmp_path, content)
    with pytest.raises(InputError) as caught:
        load_graph_data("ego-small", tmp_path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("node", [-5, 10**6])
def test_citeseer_file_with_impossible_nodes_is_refused(tmp_path, node):
    with pytest.raises(InputError, match="edges between nodes numbered from 0"):
        read_planetoid_graph(put(tmp_path, pickle.dumps({0: [node]})))


def test_citeseer_that_can_not_be_downloaded_says_where_to_point(tmp_path, monkeypatch):
    def fail(url: str, folder: str) -> str:
        put(Path(folder), WHOLE[:9])
        raise OSError(f"no route to {url} for {folder}")

    monkeypatch.setattr("torch_geometric.data.download_url", fail)
    with pytest.raises(InputError, match=r"(?s)root: .*no route to .*--root"):
        load_graph_data("ego-small", tmp_path)
    assert not (tmp_path / "CiteSeer" / "raw" / CITESEER_FILE).exists()


def test_root_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="root"):
        load_graph_data("ego-small", tmp_path / "file")


@pytest.mark.parametrize(("count", "test"), [(2, 1), (4, 1), (9, 1), (10, 2), (25, 5)])
@pytest.mark.parametrize("as_folder", [False, True])
def test_own_graphs_are_split_by_a_fifth(tmp_path, count, test, as_folder):
    graphs = [nx.path_graph(n) for n in range(1, count + 1)]
    write_graphs(tmp_path / "a.g6", graphs[:1])
    write_graphs(tmp_path / "mine.jsonl", graphs[1:] if as_folder else graphs)
    data, again = (load_graph_data(tmp_path if as_folder else tmp_path / "mine.jsonl") for _ in range(2))
    assert data.name == (tmp_path.name if as_folder else "mine")
    assert len(data.test) == test
    assert sorted(map(len, data.train + data.test)) == list(range(1, count + 1))
    assert encoded(data.train + data.test) == encoded(again.train + again.test)


def test_own_graphs_are_split_at_random(tmp_path):
    write_graphs(tmp_path / "mine.s6", [nx.path_graph(n) for n in range(1, 31)])
    tests = {tuple(map(len, load_graph_data(str(tmp_path / "mine.s6"), split_seed=seed).test)) for seed in range(5)}
    assert len(tests) == 5


def test_own_test_graphs_leave_all_others_for_training(tmp_path):
    mine, tested = [nx.path_graph(n) for n in range(1, 4)], [nx.cycle_graph(4)]
    write_graphs(tmp_path / "mine.g6", mine)
    write_graphs(tmp_path / "test.g6", tested)
    data = load_graph_data(tmp_path / "mine.g6", test=tmp_path / "test.g6")
    assert (encoded(data.train), encoded(data.test)) == (encoded(mine), encoded(tested))
    assert [file.name for file in data.files] == ["mine.g6", "test.g6"]
    assert not data.random_split
    with pytest.warns(UserWarning, match="the test graphs are the training graphs"):
        load_graph_data(tmp_path / "mine.g6", test=tmp_path / "mine.g6")


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("ego-small", {"undirected": True}),
        ("lobster", {"header": False}),
        ("tree-8", {"format": "gml"}),
        ("sbm", {"graphs": 10}),
        ("planar-16", {"test": "mine.g6"}),
        ("lobster", {"split_seed": 3}),
        ("ego", {"undirectd": True}),
    ],
)
def test_options_that_do_not_apply_to_a_named_set_are_refused(tmp_path, name, options):
    with pytest.raises(InputError, match=rf"^{next(iter(options))}: expected only "):
        load_graph_data(name, tmp_path, **options)
    assert load_graph_data("tree-8", undirected=False, header=None, graphs=5).name == "tree-8"


def test_one_graph_can_not_be_split(tmp_path):
    write_graphs(tmp_path / "one.g6", [nx.path_graph(3)])
    with pytest.raises(InputError, match=r"one\.g6: expected at least two graphs"):
        load_graph_data(tmp_path / "one.g6")


def test_unknown_name_lists_those_there_are():
    with pytest.raises(InputError) as caught:
        load_graph_data("ego-large")
    assert all(name in str(caught.value) for name in [*DATASETS, *RECIPES, "'ego-large'"])


def halves(graph: nx.Graph) -> tuple[int, tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]]:
    size = len(graph) // 2
    return size, *(tuple(sorted(graph.subgraph(nodes).edges)) for nodes in (range(size), range(size, 2 * size)))


@pytest.mark.parametrize("name", ["community-small", "community-small-fresh"])
def test_communities_have_6_to_10_nodes_each_and_a_bridge(name):
    data = load_graph_data(name)
    for graph in data.train + data.test:
        size, first, second = halves(graph)
        assert 6 <= size <= 10
        assert len(graph) == 2 * size
        assert graph.number_of_edges() > len(first) + len(second)
    assert {len(graph) for graph in data.train + data.test} == {12, 14, 16, 18, 20}


@pytest.mark.parametrize("seed", [0, 1])
def test_published_communities_are_five_pairs_and_fresh_ones_all_differ(seed):
    published, fresh = (load_graph_data(name, split_seed=seed) for name in ("community-small", "community-small-fresh"))
    assert len({halves(graph) for graph in published.train + published.test}) == 5
    assert len({halves(graph) for graph in fresh.train + fresh.test}) == 100
