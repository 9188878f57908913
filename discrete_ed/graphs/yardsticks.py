"""Values to judge a score by: the scores of real graphs and of random graphs, and the bias of the estimate."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from discrete_ed.errors import check_seed
from discrete_ed.graphs.convert import check_graphs
from discrete_ed.graphs.descriptors import Description
from discrete_ed.graphs.mmd import compare, describe
from discrete_ed.graphs.phases import Phases
from discrete_ed.graphs.protocols import get_protocol
from discrete_ed.graphs.scores import Row, graph_count, scores, with_mean

RESAMPLES = 10  # number of resampled sets of training graphs


def erdos_renyi_like(graphs: Iterable[nx.Graph], count: int, *, seed: int = 0) -> list[nx.Graph]:
    """The trivial generator: `count` uniformly random graphs, each with the numbers of nodes and edges of one of
    `graphs`.

    >>> [(len(graph), graph.number_of_edges()) for graph in erdos_renyi_like([nx.path_graph(4)], 2)]
    [(4, 3), (4, 3)]
    """
    graphs = check_graphs(graphs)
    rng = random.Random(check_seed(seed))
    sampled = []
    for _ in range(count):
        graph = rng.choice(graphs)
        sampled.append(nx.gnm_random_graph(len(graph), graph.number_of_edges(), seed=rng))
    return sampled


def yardsticks(
    phases: Phases,
    sets: Mapping[str, Sequence[nx.Graph]],
    described: Mapping[str, Description],
    protocol: str,
    seed: int,
) -> dict[str, Row]:
    """The rows `floor`, `resampled`, `resampled_sd`, `bias`, `floor_bias` and `erdos_renyi`, as far as they exist.

    Args:
        phases: runs the computations.
        sets: the graphs `reference`, `generated` and, if there are any, `train`.
        described: the features of these sets.
        protocol: name of the protocol.
        seed: seed of halves, resamples and random graphs.
    """
    rng = np.random.default_rng(seed)  # used in the same way whether or not a phase is cached
    reference, generated, count = described["reference"], described["generated"], len(sets["generated"])
    sizes = (graph_count(reference), graph_count(generated))
    if "train" in sets:
        rows = _training_floor(phases, reference, described["train"], count, protocol, rng)
        floor_sizes = (sizes[0], graph_count(described["train"]))
    else:
        rows = {"floor": _floor_of_halves(phases, reference, protocol, rng)}
        floor_sizes = (sizes[0] // 2, -(-sizes[0] // 2))
    rows |= phases.run("bias", bias, reference, protocol, {"bias": sizes, "floor_bias": floor_sizes})
    real = sets.get("train", sets["reference"])
    rows["erdos_renyi"] = phases.run("erdos_renyi", _trivial_scores, reference, real, count, protocol, seed)
    return rows


def _training_floor(
    phases: Phases, reference: Description, train: Description, count: int, protocol: str, rng: np.random.Generator
) -> dict[str, Row]:
    """The scores of all training graphs, and mean and standard deviation over resamples of `count` of them."""
    floor = phases.run("floor", scores, reference, train, protocol)
    resamples = (resample(train, count, rng) for _ in range(RESAMPLES))
    rows: list[Row] = [
        phases.run(f"resampled-{k}", scores, reference, resample, protocol) for k, resample in enumerate(resamples)
    ]
    spread = {name: float(np.std([row[name] for row in rows], ddof=1)) for name in rows[0]}
    return {"floor": floor, "resampled": _mean(rows), "resampled_sd": spread}


def _floor_of_halves(phases: Phases, reference: Description, protocol: str, rng: np.random.Generator) -> Row:
    """The mean score of random halves of the reference against each other."""
    pairs = (random_halves(reference, rng) for _ in range(RESAMPLES))
    return _mean([phases.run(f"floor-{k}", scores, *pair, protocol) for k, pair in enumerate(pairs)])


def bias(reference: Description, protocol: str, sizes: Mapping[str, tuple[int, int]]) -> dict[str, Row]:
    """The expected score `(1/m + 1/n) (1 − mean k)` of two sets of `m` and `n` graphs from one law.

    Args:
        reference: features of the graphs over whose pairs the kernel is averaged.
        protocol: name of the protocol.
        sizes: `m` and `n` for each row of the result.

    Returns:
        A row for each entry of `sizes`; none if the estimate is unbiased or there is a single reference graph.
    """
    count = graph_count(reference)
    if get_protocol(protocol).unbiased or count < 2:
        return {}
    # For a set against itself the U-statistic is −(2 / count) (1 − mean k): the cross term holds each pair of a graph
    # with itself, which the other two terms exclude.
    against_itself = compare(reference, reference, protocol, unbiased=True)
    spread = {name: max(0.0, -count / 2 * value) for name, value in against_itself.items()}
    return {
        row: with_mean({name: (1 / m + 1 / n) * value for name, value in spread.items()})
        for row, (m, n) in sizes.items()
    }


def _trivial_scores(reference: Description, graphs: Sequence[nx.Graph], count: int, protocol: str, seed: int) -> Row:
    return scores(reference, describe(erdos_renyi_like(graphs, count, seed=seed), protocol), protocol)


def select_rows(description: Description, rows: NDArray[np.int64]) -> Description:
    """The features of some of the graphs, in the order of `rows`."""
    return {name: features[rows] for name, features in description.items()}


def resample(description: Description, count: int, rng: np.random.Generator) -> Description:
    """The features of `count` of the graphs, sampled with replacement."""
    return select_rows(description, rng.integers(graph_count(description), size=count))


def random_halves(description: Description, rng: np.random.Generator) -> tuple[Description, Description]:
    """The features of a random half of the graphs, and those of the rest."""
    order = rng.permutation(graph_count(description))
    middle = len(order) // 2
    return select_rows(description, order[:middle]), select_rows(description, order[middle:])


def _mean(rows: Sequence[Row]) -> Row:
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
