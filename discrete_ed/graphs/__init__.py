"""Graphs: files, conversions, data sets, statistics, generation and evaluation."""

from discrete_ed.graphs.convert import (
    from_adjacency,
    from_dense,
    from_pyg,
    graphs_to_states,
    states_to_graphs,
    to_pyg,
)
from discrete_ed.graphs.datasets import load_graph_data
from discrete_ed.graphs.denoising import denoise_graphs
from discrete_ed.graphs.descriptors import STATISTICS, Statistic
from discrete_ed.graphs.evaluation import GraphEvaluation, evaluate_graphs
from discrete_ed.graphs.generation import GeneratedGraphs, graph_loss, graph_perturbation, sample_graphs
from discrete_ed.graphs.io import read_graphs, write_graphs
from discrete_ed.graphs.kernels import FeatureKernel
from discrete_ed.graphs.measures import MEASURES, Measure
from discrete_ed.graphs.mmd import graph_mmd
from discrete_ed.graphs.protocols import PROTOCOLS
from discrete_ed.graphs.shares import graph_shares

__all__ = [
    "MEASURES",
    "PROTOCOLS",
    "STATISTICS",
    "FeatureKernel",
    "GeneratedGraphs",
    "GraphEvaluation",
    "Measure",
    "Statistic",
    "denoise_graphs",
    "evaluate_graphs",
    "from_adjacency",
    "from_dense",
    "from_pyg",
    "graph_loss",
    "graph_mmd",
    "graph_perturbation",
    "graph_shares",
    "graphs_to_states",
    "load_graph_data",
    "read_graphs",
    "sample_graphs",
    "states_to_graphs",
    "to_pyg",
    "write_graphs",
]
