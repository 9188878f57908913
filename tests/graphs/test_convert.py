import networkx as nx
import numpy as np
import pytest
import scipy.sparse
import torch
from brute_force import random_graphs
from torch_geometric.data import Data

from discrete_ed.errors import InputError
from discrete_ed.graphs import from_adjacency, from_dense, from_pyg, graphs_to_states, states_to_graphs, to_pyg
from discrete_ed.graphs.convert import check_graph
from discrete_ed.states import triangle_size

GRAPHS = random_graphs(60, largest=9)
PAIR = torch.tensor([[0, 1], [1, 0]])


def same(a: nx.Graph, b: nx.Graph) -> bool:
    """Equal graphs, with the nodes of both numbered in their order."""
    return nx.utils.graphs_equal(*(nx.convert_node_labels_to_integers(graph) for graph in (a, b)))


@pytest.mark.parametrize("max_nodes", [None, 9, 13])
def test_states_turn_back_into_the_graphs(max_nodes):
    x = graphs_to_states(GRAPHS, max_nodes)
    assert x.dtype == torch.uint8
    assert x.shape == (60, triangle_size(max_nodes or 9))
    assert all(map(same, states_to_graphs(x), GRAPHS))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.bool, torch.int64, torch.float32, torch.float64])
def test_states_of_any_type_are_read(dtype):
    assert all(map(same, states_to_graphs(graphs_to_states(GRAPHS).to(dtype)), GRAPHS))


@pytest.mark.parametrize(
    ("graph", "bits"),  # 00 01 02 11 12 22
    [
        (nx.null_graph(), [0, 0, 0, 0, 0, 0]),
        (nx.empty_graph(1), [1, 0, 0, 0, 0, 0]),
        (nx.empty_graph(3), [1, 0, 0, 1, 0, 1]),
        (nx.path_graph(2), [1, 1, 0, 1, 0, 0]),
        (nx.path_graph(3), [1, 1, 0, 1, 1, 1]),
        (nx.star_graph(2), [1, 1, 1, 1, 0, 1]),
        (nx.complete_graph(3), [1, 1, 1, 1, 1, 1]),
    ],
    ids=["null", "one node", "no edges", "two nodes", "path", "star", "triangle"],
)
def test_bits_are_the_upper_triangle_with_node_bits_on_the_diagonal(graph, bits):
    assert graphs_to_states([graph], max_nodes=3).tolist() == [bits]
    assert same(states_to_graphs(torch.tensor([bits]))[0], graph)


def test_nodes_take_places_in_the_order_of_the_graph():
    graph = nx.Graph()
    graph.add_nodes_from(["b", "c", "a"])
    graph.add_edge("a", "b")
    assert graphs_to_states([graph]).tolist() == [[1, 0, 1, 1, 0, 1]]


def test_gaps_between_nodes_are_closed_and_edges_of_absent_nodes_dropped():
    gap, dangling = [1, 0, 1, 0, 0, 1], [1, 1, 1, 0, 1, 1]
    for graph in states_to_graphs(torch.tensor([gap, dangling])):
        assert list(graph) == [0, 1]
        assert list(graph.edges) == [(0, 1)]


def test_null_graphs_alone_have_a_state():
    (graph,) = states_to_graphs(graphs_to_states([nx.null_graph()]))
    assert len(graph) == 0


def test_too_many_nodes_name_the_graph():
    with pytest.raises(InputError, match=r"graphs\[1\]: expected at most 3 nodes.*got 4"):
        graphs_to_states([nx.path_graph(3), nx.path_graph(4)], max_nodes=3)


@pytest.mark.parametrize(
    ("graphs", "message"),
    [
        ([], "at least one graph"),
        ([nx.path_graph(2), nx.path_graph(2, create_using=nx.DiGraph)], r"graphs\[1\]: expected an undirected"),
        ([nx.MultiGraph([(0, 1)])], r"graphs\[0\]: .*multigraph"),
        ([nx.Graph([(0, 1), (1, 1)])], r"graphs\[0\]: .*self-loops, got one at node 1"),
        ([nx.Graph([(0, 1, {"weight": 2})])], r"graphs\[0\]: .*weight 2 on edge \(0, 1\)"),
        ([np.eye(2)], r"graphs\[0\]: expected a networkx Graph, got ndarray"),
    ],
    ids=["empty", "directed", "multigraph", "self-loop", "weighted", "no graph"],
)
@pytest.mark.parametrize("convert", [graphs_to_states, to_pyg])
def test_other_things_than_simple_graphs_are_refused(convert, graphs, message):
    with pytest.raises(InputError, match=message):
        convert(graphs)


def test_weights_of_one_are_no_weights():
    check_graph(nx.Graph([(0, 1, {"weight": 1.0})]))
    assert from_pyg([Data(edge_index=PAIR, edge_weight=torch.ones(2), num_nodes=2)])[0].number_of_edges() == 1


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.zeros(1, 4), "bits of a graph state, got 4"),
        (torch.full((1, 3), 2.0), "zeros and ones, got 2"),
        (torch.full((1, 3), torch.nan), "zeros and ones, got nan"),
        (torch.tensor([1, 1, 1]), r"shape"),
        (np.zeros((1, 3)), "torch tensor, got ndarray"),
    ],
    ids=["no triangle", "not binary", "nan", "one state without its batch", "numpy"],
)
def test_other_things_than_states_are_refused(x, message):
    with pytest.raises(InputError, match=message):
        states_to_graphs(x)


@pytest.mark.parametrize("of", [np.asarray, torch.as_tensor, np.ndarray.tolist, lambda matrix: matrix.astype(bool)])
def test_adjacency_matrices_turn_into_graphs(of):
    for graph in filter(len, GRAPHS):
        assert same(from_adjacency(of(nx.to_numpy_array(graph))), graph)


TENSORS = {
    "gradients": lambda matrix: torch.tensor(matrix, requires_grad=True),
    "a result with gradients": lambda matrix: torch.tensor(matrix, requires_grad=True) * 1,
    "bfloat16": lambda matrix: torch.tensor(matrix).bfloat16(),
    "float16": lambda matrix: torch.tensor(matrix).half(),
    "float8": lambda matrix: torch.tensor(matrix).to(torch.float8_e4m3fn),
    "sparse": lambda matrix: torch.tensor(matrix).to_sparse(),
    "sparse rows": lambda matrix: torch.tensor(matrix).to_sparse_csr(),
    "conjugate view": lambda matrix: torch.tensor(matrix).T,
    "a list of rows": lambda matrix: list(torch.tensor(matrix, requires_grad=True)),
    "sparse in scipy": scipy.sparse.coo_array,
}


@pytest.mark.parametrize("kind", TENSORS)
@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support")
def test_matrices_are_read_from_tensors_of_any_kind(kind):
    matrix = nx.to_numpy_array(nx.petersen_graph())
    made = from_adjacency(TENSORS[kind](matrix))
    assert np.array_equal(nx.to_numpy_array(made), matrix)
    matrix[0, 1] = 2
    with pytest.raises(InputError, match="unweighted matrix of zeros and ones, got 2"):
        from_adjacency(TENSORS[kind](matrix))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_matrices_are_read_from_a_gpu():
    matrix = torch.tensor(nx.to_numpy_array(nx.petersen_graph()), device="cuda", requires_grad=True)
    for graph in (from_adjacency(matrix), *from_dense(matrix.bfloat16()[None])):
        assert np.array_equal(nx.to_numpy_array(graph), matrix.detach().cpu().numpy())


def test_empty_matrix_is_the_null_graph():
    assert len(from_adjacency(np.zeros((0, 0)))) == 0


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        ([[0, 1, 0], [1, 0, 0]], r"square matrix, got shape \(2, 3\)"),
        ([0, 1], r"square matrix, got shape \(2,\)"),
        (np.zeros((2, 2, 2)), r"square matrix, got shape \(2, 2, 2\)"),
        ([[0, 1], [1]], "square matrix"),
        ([[0, 1], [0, 0]], r"symmetric matrix, got entries \(0, 1\) and \(1, 0\)"),
        ([[0, 1], [1, 1]], "no self-loops, got 1 on the diagonal"),
        ([[0, 2], [2, 0]], "unweighted matrix.*got 2"),
        ([[0, 0.5, 1], [0.5, 0, 1], [1, 1, 0]], r"unweighted matrix.*got 0\.5"),
        ([[0, -1], [-1, 0]], "unweighted matrix.*got -1"),
        ([[0, np.nan], [np.nan, 0]], "unweighted matrix.*got nan"),
        ([["a", "b"], ["b", "a"]], "unweighted matrix"),
    ],
    ids=["oblong", "row", "cube", "ragged", "asymmetric", "loop", "weight", "fraction", "negative", "nan", "text"],
)
def test_other_matrices_are_refused_with_the_entry_at_fault(matrix, message):
    with pytest.raises(InputError, match=f"^mine: .*{message}"):
        from_adjacency(matrix, "mine")


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int64, torch.float32, torch.bfloat16])
def test_dense_batches_with_masks_turn_into_graphs(dtype):
    batch, mask = torch.zeros(len(GRAPHS), 9, 9), torch.zeros(len(GRAPHS), 9)
    for k, graph in enumerate(GRAPHS):
        nodes = torch.randperm(9, generator=torch.Generator().manual_seed(k))[: len(graph)].sort().values
        mask[k, nodes] = 1
        if len(graph):
            batch[k, nodes[:, None], nodes] = torch.from_numpy(nx.to_numpy_array(graph)).float()
    made = from_dense(batch.to(dtype), mask.to(dtype))
    assert all(map(same, made, GRAPHS))
    assert all(map(same, from_dense(batch.numpy(), mask.bool()), GRAPHS))
    assert all(len(graph) == 9 for graph in from_dense(batch))


@pytest.mark.parametrize(
    ("adjacency", "mask", "message"),
    [
        (np.zeros((2, 2)), None, r"adjacency: .*\(G, N, N\), got shape \(2, 2\)"),
        (np.zeros((1, 2, 3)), None, r"adjacency: .*got shape \(1, 2, 3\)"),
        (np.zeros((1, 2, 2)), np.ones((1, 3)), r"mask: expected shape \(1, 2\).*got \(1, 3\)"),
        (np.zeros((1, 2, 2)), np.full((1, 2), 0.5), r"mask: expected zeros and ones, got .*0\.5"),
        (np.zeros((1, 2, 2)), [[1], [1, 0]], "mask: expected a tensor or array"),
        ([np.zeros((2, 2)), np.ones((2, 2))], None, r"adjacency\[1\]: expected no self-loops"),
        ([np.zeros((2, 2)), np.eye(2)[::-1]], [[1, 1], [1, 0]], r"adjacency\[1\]: .*mask leaves out, got one at 1"),
        ([[[0, 1], [0, 0]]], None, r"adjacency\[0\]: expected a symmetric matrix"),
        ([[[0, 2], [2, 0]]], None, r"adjacency\[0\]: expected an unweighted matrix"),
    ],
)
def test_other_dense_batches_are_refused(adjacency, mask, message):
    with pytest.raises(InputError, match=message):
        from_dense(adjacency, mask)


def test_pyg_and_back():
    data = to_pyg(GRAPHS)
    assert all(map(same, from_pyg(data), GRAPHS))
    for one, graph in zip(data, GRAPHS, strict=True):
        assert one.validate()
        assert one.num_nodes == len(graph)
        assert one.edge_index.dtype == torch.long
        assert one.edge_index.shape == (2, 2 * graph.number_of_edges())
        assert one.is_undirected()


def test_pyg_features_are_left_behind():
    one = Data(edge_index=torch.tensor([[2, 0], [0, 2]]), x=torch.ones(4, 3))
    (graph,) = from_pyg([one])
    assert list(graph.nodes(data=True)) == [(0, {}), (1, {}), (2, {}), (3, {})]
    assert list(graph.edges(data=True)) == [(0, 2, {})]


@pytest.mark.parametrize(
    ("one", "message"),
    [
        (Data(edge_index=torch.tensor([[0, 1, 1], [1, 0, 2]]), num_nodes=3), r"edge \(1, 2\) in one direction only"),
        (Data(edge_index=torch.tensor([[0, 1, 1], [1, 0, 1]]), num_nodes=2), "self-loops, got one at node 1"),
        (Data(edge_index=torch.tensor([[0, 1, 0], [1, 0, 1]]), num_nodes=2), "simple edges, got one of them twice"),
        (Data(edge_index=PAIR, edge_weight=torch.tensor([1.0, 2.0]), num_nodes=2), "edge_weight other than 1"),
        (Data(edge_index=PAIR, weight=[0.5, 0.5], num_nodes=2), "weight other than 1"),
        (Data(edge_index=PAIR, edge_weight=torch.tensor([1.0, torch.nan]), num_nodes=2), "edge_weight other than 1"),
        (Data(edge_index=torch.tensor([[0, 5], [5, 0]]), num_nodes=3), "5"),
        (Data(edge_index=torch.tensor([[0, -1], [-1, 0]]), num_nodes=3), "-1"),
        (Data(num_nodes=3), "num_nodes and edge_index"),
        ("graph", "num_nodes and edge_index, got 'graph'"),
    ],
    ids=[
        "one direction",
        "self-loop",
        "doubled",
        "edge weights",
        "weights in a list",
        "weight of nan",
        "node out of range",
        "negative node",
        "no edge_index",
        "no Data",
    ],
)
def test_other_pyg_graphs_are_refused(one, message):
    with pytest.raises(InputError, match=rf"data\[1\]: .*{message}"):
        from_pyg([*to_pyg([nx.path_graph(2)]), one])


def test_single_pyg_graph_instead_of_a_list_is_refused():
    with pytest.raises(InputError, match="data"):
        from_pyg(to_pyg([nx.path_graph(2)])[0])
