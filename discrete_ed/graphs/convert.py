"""Conversions between networkx graphs, PyG `Data`, and the bit vectors that energies take."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import networkx as nx
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from discrete_ed.errors import InputError
from discrete_ed.states import check_states, from_matrix, to_matrix, triangle_nodes

if TYPE_CHECKING:
    from torch_geometric.data import Data


def check_graph(graph: Any, name: str = "graph") -> None:
    """Raise `InputError` unless `graph` is a simple, undirected, unweighted networkx graph."""
    if not isinstance(graph, nx.Graph):
        raise InputError(f"{name}: expected a networkx Graph, got {type(graph).__name__}")
    if graph.is_directed():
        raise InputError(f"{name}: expected an undirected graph, got a directed one (use graph.to_undirected())")
    if graph.is_multigraph():
        raise InputError(f"{name}: expected at most one edge between two nodes, got a multigraph (use nx.Graph(graph))")
    for u, neighbours in graph.adjacency():
        if u in neighbours:
            raise InputError(f"{name}: expected no self-loops, got one at node {u!r}")
        if not any(neighbours.values()):  # no edge has attributes, which is quickly seen
            continue
        for v, attributes in neighbours.items():
            if attributes.get("weight", 1) != 1:
                weight = attributes["weight"]
                raise InputError(f"{name}: expected an unweighted graph, got weight {weight!r} on edge ({u!r}, {v!r})")


def check_graphs(graphs: Iterable[nx.Graph], name: str = "graphs") -> list[nx.Graph]:
    """A list of the graphs, from any iterable.

    Raises:
        InputError: the set is empty, or an item doesn't pass `check_graph`.
    """
    if isinstance(graphs, nx.Graph) or not isinstance(graphs, Iterable):  # a graph is an iterable of its nodes
        raise InputError(f"{name}: expected a list of graphs, got {type(graphs).__name__}")
    listed = list(graphs)
    if not listed:
        raise InputError(f"{name}: expected at least one graph, got an empty set")
    for k, graph in enumerate(listed):
        check_graph(graph, f"{name}[{k}]")
    return listed


def from_adjacency(adjacency: Any, name: str = "adjacency") -> nx.Graph:
    """A square, symmetric matrix of zeros and ones with zero diagonal to a networkx graph over `0 … n − 1`.

    Args:
        adjacency: an array, nested lists, a sparse matrix of scipy, or a tensor of any dtype on any device, dense or
            sparse, with or without gradients.
        name: what errors call it.

    Raises:
        InputError: another shape, other entries, or a matrix of a graph with self-loops or directions.

    >>> from_adjacency([[0, 1], [1, 0]]).edges
    EdgeView([(0, 1)])
    """
    matrix = as_array(adjacency, name, "a square matrix")
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise InputError(f"{name}: expected a square matrix, got shape {matrix.shape}")
    other = [cell for cell in matrix.ravel().tolist() if cell not in (0, 1)]
    if other:
        raise InputError(f"{name}: expected an unweighted matrix of zeros and ones, got {other[0]!r}")
    matrix = matrix.astype(bool)
    if matrix.diagonal().any():
        raise InputError(f"{name}: expected no self-loops, got {int(matrix.diagonal().sum())} on the diagonal")
    if not (matrix == matrix.T).all():
        u, v = np.argwhere(matrix != matrix.T)[0]
        raise InputError(f"{name}: expected a symmetric matrix, got entries ({u}, {v}) and ({v}, {u}) that differ")
    graph = nx.empty_graph(len(matrix))
    graph.add_edges_from(np.argwhere(np.triu(matrix)).tolist())
    return graph


def from_dense(adjacency: Any, mask: Any = None) -> list[nx.Graph]:
    """Padded adjacency matrices `(G, N, N)` to networkx graphs over `0 … n − 1`.

    Args:
        adjacency: torch tensor or array of zeros and ones of any dtype, symmetric with zero diagonals.
        mask: `(G, N)`, one if the node exists; by default all nodes exist. The remaining nodes are renumbered.

    Raises:
        InputError: other shapes, other entries, or an edge at a node that does not exist.

    >>> pair, square = torch.zeros(4, 4), torch.tensor([[0, 1, 0, 1], [1, 0, 1, 0], [0, 1, 0, 1], [1, 0, 1, 0]])
    >>> pair[0, 1] = pair[1, 0] = 1
    >>> graphs = from_dense(torch.stack([pair, square]), mask=[[1, 1, 0, 0], [1, 1, 1, 1]])
    >>> [(len(graph), graph.number_of_edges()) for graph in graphs]
    [(2, 1), (4, 4)]
    """
    matrices = as_array(adjacency, "adjacency")
    if matrices.ndim != 3 or matrices.shape[1] != matrices.shape[2]:
        raise InputError(f"adjacency: expected a batch of square matrices, (G, N, N), got shape {matrices.shape}")
    masks = np.ones(matrices.shape[:2]) if mask is None else as_array(mask, "mask")
    if masks.shape != matrices.shape[:2]:
        raise InputError(f"mask: expected shape {matrices.shape[:2]}, as the matrices have it, got {masks.shape}")
    if not np.isin(masks, (0, 1)).all():
        raise InputError(f"mask: expected zeros and ones, got {masks[~np.isin(masks, (0, 1))][0]!r}")
    graphs = []
    for k, (matrix, exists) in enumerate(zip(matrices, masks.astype(bool), strict=True)):
        graph = from_adjacency(matrix, f"adjacency[{k}]")
        absent = next((node for node in np.flatnonzero(~exists).tolist() if graph.degree(node) > 0), None)
        if absent is not None:
            raise InputError(
                f"adjacency[{k}]: expected no edges at nodes that the mask leaves out, got one at {absent}"
            )
        graph.remove_nodes_from(np.flatnonzero(~exists).tolist())
        graphs.append(nx.convert_node_labels_to_integers(graph))
    return graphs


def as_array(values: Any, name: str, expected: str = "a tensor or array of numbers") -> NDArray[Any]:
    """An array of numpy, whatever holds the numbers.

    Raises:
        InputError: they are ragged, or can't be converted.
    """
    try:
        if isinstance(values, Tensor):
            values = values.detach().to_dense().cpu()
            try:
                array = values.numpy()
            except TypeError:  # numpy has no bfloat16, among others
                array = values.to(torch.float64).numpy()
        elif hasattr(values, "toarray"):  # scipy's sparse matrices
            array = np.asarray(values.toarray())
        elif isinstance(values, list | tuple) and any(isinstance(row, Tensor) for row in values):
            array = np.stack([as_array(row, name, expected) for row in values])
        else:
            array = np.asarray(values)
    except InputError:
        raise
    except Exception as error:  # numpy and torch raise several kinds
        rows = "rows of different lengths" if isinstance(error, ValueError) else type(values).__name__
        raise InputError(f"{name}: expected {expected}, got {rows}") from None
    return array


def graphs_to_states(graphs: Iterable[nx.Graph], max_nodes: int | None = None) -> Tensor:
    """Graphs to bit vectors, `uint8` of shape `(G, D)`: the upper triangle of the adjacency with the diagonal.

    Args:
        graphs: networkx graphs; their nodes are numbered in the order of the graph.
        max_nodes: `N`, with `D = N (N + 1) / 2`; by default the number of nodes of the largest graph.

    Raises:
        InputError: an empty set, a graph that is not simple and undirected, or one with more than `max_nodes` nodes.

    >>> graphs_to_states([nx.path_graph(2)], max_nodes=3).tolist()  # bits 00 01 02 11 12 22
    [[1, 1, 0, 1, 0, 0]]
    """
    graphs = check_graphs(graphs)
    largest = max(range(len(graphs)), key=lambda k: len(graphs[k]))
    if max_nodes is None:
        max_nodes = max(1, len(graphs[largest]))
    if len(graphs[largest]) > max_nodes:
        raise InputError(
            f"graphs[{largest}]: expected at most {max_nodes} nodes, as the model has, got {len(graphs[largest])}"
        )
    matrices = torch.zeros(len(graphs), max_nodes, max_nodes, dtype=torch.uint8)
    for matrix, graph in zip(matrices, graphs, strict=True):
        if len(graph):
            matrix[: len(graph), : len(graph)] = torch.from_numpy(nx.to_numpy_array(graph, dtype=np.uint8, weight=None))
        matrix.diagonal()[: len(graph)] = 1
    return from_matrix(matrices)


def states_to_graphs(x: Tensor) -> list[nx.Graph]:
    """The inverse of `graphs_to_states`: `(G, D)` bits of any dtype to networkx graphs over `0 … n − 1`.

    >>> graph = nx.cycle_graph(5)
    >>> nx.utils.graphs_equal(states_to_graphs(graphs_to_states([graph]))[0], graph)
    True
    """
    check_states(x.float() if isinstance(x, Tensor) else x)
    if x.ndim != 2:
        raise InputError(f"x: expected a batch of shape (G, D), got {tuple(x.shape)}")
    triangle_nodes(x.shape[-1])
    graphs = []
    for matrix in to_matrix(x.cpu()).bool().numpy():
        nodes = np.flatnonzero(matrix.diagonal())
        graph = nx.empty_graph(len(nodes))
        graph.add_edges_from(np.argwhere(np.triu(matrix[np.ix_(nodes, nodes)], 1)).tolist())
        graphs.append(graph)
    return graphs


def from_pyg(data: Iterable[Data]) -> list[nx.Graph]:
    """PyG graphs, such as a data set or a list of `Data`, to networkx graphs; features are dropped.

    Raises:
        InputError: a graph has self-loops, an edge in only one direction or twice, an edge to a node that doesn't
            exist, or weights other than 1.

    >>> from torch_geometric.data import Data
    >>> triangle = Data(edge_index=torch.tensor([[0, 1, 1, 2, 2, 0], [1, 0, 2, 1, 0, 2]]), num_nodes=3)
    >>> from_pyg([triangle])[0].number_of_edges()
    3
    """
    graphs = []
    for k, one in enumerate(data):
        nodes, edges = getattr(one, "num_nodes", None), getattr(one, "edge_index", None)
        if nodes is None or edges is None:
            raise InputError(f"data[{k}]: expected a PyG graph with num_nodes and edge_index, got {one!r:.80}")
        pairs = {(int(u), int(v)) for u, v in edges.T.tolist()}
        if len(pairs) < edges.shape[1]:
            raise InputError(f"data[{k}]: expected simple edges, got one of them twice")
        for name in ("edge_weight", "weight"):
            weights = getattr(one, name, None)
            if weights is not None and not bool((torch.as_tensor(weights) == 1).all()):
                raise InputError(f"data[{k}]: expected an unweighted graph, got {name} other than 1")
        beyond = next((pair for pair in pairs if not all(0 <= node < nodes for node in pair)), None)
        if beyond is not None:
            raise InputError(f"data[{k}]: expected edges between {nodes} nodes, numbered from 0, got {beyond}")
        single = next(((u, v) for u, v in pairs if (v, u) not in pairs), None)
        if single is not None:
            raise InputError(f"data[{k}]: expected an undirected graph, got edge {single} in one direction only")
        graph = nx.empty_graph(nodes)
        graph.add_edges_from(pairs)
        check_graph(graph, f"data[{k}]")
        graphs.append(graph)
    return graphs


def to_pyg(graphs: Iterable[nx.Graph]) -> list[Data]:
    """networkx graphs to PyG `Data` with `num_nodes` and `edge_index` in both directions.

    >>> to_pyg([nx.path_graph(3)])
    [Data(edge_index=[2, 4], num_nodes=3)]
    >>> from_pyg(to_pyg([nx.path_graph(3)]))[0].edges
    EdgeView([(0, 1), (1, 2)])
    """
    from torch_geometric.data import Data

    graphs = check_graphs(graphs)
    data = []
    for graph in graphs:
        place = {node: k for k, node in enumerate(graph)}
        pairs = [(place[u], place[v]) for u, v in graph.edges]
        edges = torch.tensor(pairs + [(v, u) for u, v in pairs], dtype=torch.long).reshape(-1, 2)
        data.append(Data(edge_index=edges.T.contiguous(), num_nodes=len(graph)))
    return data
