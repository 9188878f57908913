"""How to add a statistic: write its descriptor, register it with a kernel for each protocol, and test it.

Nothing else has to be touched. The new statistic appears in scores, tables, comparisons, pages and results.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args

import networkx as nx
import numpy as np
import pytest

from discrete_ed.errors import InputError
from discrete_ed.graphs import STATISTICS, FeatureKernel, Statistic, evaluate_graphs, graph_mmd, write_graphs
from discrete_ed.graphs.protocols import PROTOCOLS
from discrete_ed.graphs.statistics import Floats, GraphSet
from discrete_ed.graphs.validity import PROPERTIES
from discrete_ed.jobs import graph_tables as tables
from discrete_ed.jobs.cli import run_job
from discrete_ed.names import PropertyName, ProtocolName

PATHS, STARS = [nx.path_graph(n) for n in range(3, 9)], [nx.star_graph(n) for n in range(2, 8)]
BUILT_IN = ["degree", "clustering", "orbit", "spectral"]


def sizes(graphs: GraphSet) -> Floats:
    """The number of nodes of each graph, `(G, 1)`."""
    return graphs.sizes[:, None].astype(float)


def diameters(graphs: GraphSet) -> Floats:
    """The diameter of the largest component of each graph, `(G, 1)`; zero without nodes."""
    found = []
    for start, size in zip(np.cumsum(graphs.sizes) - graphs.sizes, graphs.sizes, strict=True):
        graph = nx.from_scipy_sparse_array(graphs.adjacency[start : start + size, start : start + size])
        largest = max(nx.connected_components(graph), key=len, default=set())
        found.append(nx.diameter(graph.subgraph(largest)) if largest else 0)
    return np.array(found, dtype=float)[:, None]


@pytest.fixture
def diameter(monkeypatch):
    """The statistic `diameter` in all protocols, and `size` in one of them."""
    kernel = FeatureKernel("l2", sigma=2.0)
    monkeypatch.setitem(STATISTICS, "diameter", Statistic(diameters, kernels=dict.fromkeys(PROTOCOLS, kernel)))
    monkeypatch.setitem(STATISTICS, "size", Statistic(sizes, kernels={"gran": FeatureKernel("tv", sigma=1.0)}))
    return kernel


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_it_is_scored_beside_the_others(diameter, protocol):
    evaluation = evaluate_graphs(PATHS, STARS, PATHS[1:5], protocol=protocol)
    names = [*BUILT_IN, "diameter", *(["size"] if protocol == "gran" else [])]
    assert list(evaluation.statistics) == list(evaluation.to_dict()["statistics"]) == names
    x, y = np.arange(2.0, 8)[:, None], np.full((6, 1), 2.0)  # a path has diameter n − 1, a star 2
    count = 6 if PROTOCOLS[protocol].unbiased else 0
    within = [(diameter(a, a).sum() - count) / (36 - count) for a in (x, y)]
    found = evaluation.statistics["diameter"]
    assert found.mmd2 == pytest.approx(sum(within) - 2 * diameter(x, y).mean())
    assert found.mmd2 == graph_mmd(PATHS, STARS, protocol)["diameter"]
    assert 0.001 <= found.p_value < 0.1


@pytest.mark.usefixtures("diameter")
def test_the_mean_of_3_stays_that_of_three():
    with_it = evaluate_graphs(PATHS, STARS, protocol="psd")
    del STATISTICS["diameter"]
    without = evaluate_graphs(PATHS, STARS, protocol="psd")
    assert with_it.mean == without.mean
    assert with_it.statistics["degree"] == without.statistics["degree"]
    assert list(without.statistics) == BUILT_IN


@pytest.mark.usefixtures("diameter")
def test_it_stands_in_every_table_and_note():
    evaluation = evaluate_graphs(PATHS, STARS, PATHS, protocol="gran")
    columns = ["degree", "clustering", "orbit", "mean of 3", "spectral", "diameter", "size"]
    header, generated, *_ = tables.score_table(evaluation)
    assert header[1:] == columns
    assert generated[1 + columns.index("diameter")] == f"{evaluation.statistics['diameter'].mmd2:.4f}"
    header, mine, _ = tables.comparison({"mine": evaluation})
    assert header[1:8] == columns
    assert mine[6] == generated[6]
    bias, indefinite, *_ = tables.notes(evaluation)
    assert f"diameter {evaluation.statistics['diameter'].bias:.4f}" in bias
    assert "for degree, clustering, orbit, spectral and size are not positive definite" in indefinite


@pytest.mark.usefixtures("diameter")
def test_the_command_line_prints_and_keeps_it(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_graphs("paths.g6", PATHS)
    write_graphs("stars.g6", STARS)
    run_job("evaluate", ["paths.g6", "stars.g6", "--out", "RUN"])
    header, _, generated, *_ = capsys.readouterr().out.splitlines()
    assert header.split()[-2:] == ["spectral", "diameter"]
    scores = json.loads(Path("RUN/result.json").read_text())["statistics"]["diameter"]
    assert generated.split()[-1] == f"{scores['mmd2']:.4f}"
    columns = re.findall(r'<th scope="col">(.*?)</th>', Path("RUN/report.html").read_text())
    assert "diameter" in columns


@pytest.mark.parametrize(
    ("name", "describe", "message"),
    [
        ("mean", sizes, "STATISTICS: expected another name than 'mean'"),
        ("flat", lambda graphs: graphs.sizes.astype(float), "statistic flat: expected a row of features for each of 6"),
        ("nodes", lambda graphs: np.ones((len(graphs.owner), 2)), "statistic nodes: expected a row of features"),
    ],
)
def test_one_that_cannot_be_scored_is_refused(monkeypatch, name, describe, message):
    monkeypatch.setitem(STATISTICS, name, Statistic(describe, kernels={"edp": FeatureKernel("l2", 1.0)}))
    with pytest.raises(InputError, match=message):
        evaluate_graphs(PATHS, STARS)


def test_the_command_line_offers_every_protocol_and_property():
    assert get_args(ProtocolName) == tuple(PROTOCOLS)
    assert get_args(PropertyName) == tuple(PROPERTIES)
