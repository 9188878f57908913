"""Evaluation of generated graphs: every score next to the scores of real graphs and of random graphs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import networkx as nx

from discrete_ed.errors import InputError, check_seed
from discrete_ed.graphs.convert import check_graphs
from discrete_ed.graphs.descriptors import STATISTICS
from discrete_ed.graphs.measures import MeasureScores, check_measures, measure_scores, phase_count
from discrete_ed.graphs.mmd import count_cleaned, describe
from discrete_ed.graphs.phases import PhaseCache, PhaseCallback, Phases, compute_phase
from discrete_ed.graphs.protocols import get_protocol
from discrete_ed.graphs.scores import MEAN, StatisticScores, collect_scores, permutation_test, scores, unbiased_scores
from discrete_ed.graphs.shares import GraphShares, graph_shares
from discrete_ed.graphs.statistics import GraphSet
from discrete_ed.graphs.validity import Property, get_property
from discrete_ed.graphs.yardsticks import RESAMPLES, yardsticks
from discrete_ed.metrics.two_sample import TwoSampleTest, joint_p_value


@dataclass(frozen=True)
class GraphEvaluation:
    """The result of `evaluate_graphs`.

    >>> paths = [nx.path_graph(n) for n in range(3, 9)]
    >>> evaluation = evaluate_graphs(paths[:3], paths[3:])
    >>> list(evaluation.statistics), evaluation.train_graphs
    (['degree', 'clustering', 'orbit', 'spectral'], None)
    """

    protocol: str
    """name of the protocol, see `discrete_ed.graphs.protocols`"""
    reference_graphs: int
    """number of reference graphs"""
    generated_graphs: int
    """number of generated graphs"""
    train_graphs: int | None
    """number of training graphs; None without them"""
    statistics: Mapping[str, StatisticScores]
    """the scores of each statistic that the protocol compares: `degree`, `clustering`, `orbit`, `spectral`"""
    p_value: float
    """p-value of all statistics together, see `joint_p_value`"""
    mean: StatisticScores
    """the scores of the mean of degree, clustering and orbit"""
    measures: Mapping[str, MeasureScores]
    """the scores of the measures that were asked for"""
    shares: GraphShares
    """the fractions of graphs that are novel, unique, connected, valid"""
    cleaned: Mapping[str, Mapping[str, int]]
    """for each set, the number of graphs that the protocol's cleaning changes, by the kind of change"""

    def to_dict(self) -> dict[str, Any]:
        """The evaluation as values that JSON can hold; the shares are at the top level."""
        return {
            "protocol": self.protocol,
            "reference_graphs": self.reference_graphs,
            "generated_graphs": self.generated_graphs,
            "train_graphs": self.train_graphs,
            "statistics": {name: found.to_dict() for name, found in self.statistics.items()},
            "p_value": self.p_value,
            "mean": self.mean.to_dict(),
            "measures": {name: found.to_dict() for name, found in self.measures.items()},
            **self.shares.to_dict(),
            "cleaned": {name: dict(changes) for name, changes in self.cleaned.items()},
        }


def evaluate_graphs(
    reference: Iterable[nx.Graph],
    generated: Iterable[nx.Graph],
    train: Iterable[nx.Graph] | None = None,
    *,
    protocol: str = "edp",
    valid: str | Property | None = None,
    pieces: bool = False,
    measures: Iterable[str] = (),
    seed: int = 0,
    callback: PhaseCallback | None = None,
    phase_cache: PhaseCache = compute_phase,
) -> GraphEvaluation:
    """Score generated graphs against reference (test) graphs.

    Args:
        reference: test graphs: a list or any other iterable, as for the other sets.
        generated: the graphs to be scored.
        train: the graphs on which the generator was trained. Without them novelty is not computed, and the floor and
            the random graphs are computed from the reference graphs instead.
        protocol: `edp`, `gran` or `psd`, see `discrete_ed.graphs.protocols`.
        valid: what makes a graph valid: `connected`, `planar`, `tree`, `lobster`, `grid`, `bipartite` or `sbm`, as
            published code tests them, or a function of a graph that returns True or False; see
            `discrete_ed.graphs.validity`.
        pieces: whether a valid graph may be in several pieces, each of which has the property.
        measures: names of further measures to compute, among `MEASURES`; see `discrete_ed.graphs.measures`.
        seed: seed of the random graphs, the permutations and the bootstrap.
        callback: called as each phase of the computation begins and as it ends, with the name of the phase, the number
            of phases done, and their total number.
        phase_cache: called with the name of each phase of the computation and a function that computes it; returns
            the result of the phase. With a cache that keeps results, a stopped evaluation can continue, and its result
            is the same bit for bit.

    Raises:
        InputError: an empty set, an unknown protocol or property, a graph that is not simple and undirected, or a seed
            that is not a whole number from 0 to 2³² − 1.

    >>> paths = [nx.path_graph(n) for n in range(3, 9)]
    >>> evaluation = evaluate_graphs(paths[:3], generated=paths[1:4], train=paths[3:])
    >>> evaluation.statistics["degree"].mmd2 < evaluation.statistics["degree"].floor
    True
    >>> evaluation.shares.connected, evaluation.shares.unique
    (1.0, 1.0)
    """
    if valid is not None:
        get_property(valid, pieces=pieces)
    seed = check_seed(seed)
    sets = {"reference": reference, "generated": generated, **({} if train is None else {"train": train})}
    lists = check_sets(sets, protocol)
    statistics = tuple(get_protocol(protocol).kernels)
    measures = check_measures(measures, lists)
    total = phase_count(measures, lists) + len(lists) + RESAMPLES + ("train" in lists) + len(statistics) + 6
    phases = Phases(total, phase_cache, callback)
    described = {name: phases.run(name, describe, graphs, protocol) for name, graphs in lists.items()}
    pair = described["reference"], described["generated"]
    rows = {"mmd2": phases.run("mmd2", scores, *pair, protocol)}
    rows |= yardsticks(phases, lists, described, protocol, seed)
    tests = {
        name: TwoSampleTest(**phases.run(f"test-{name}", permutation_test, *pair, protocol, name, seed))
        for name in statistics
    }
    unbiased = phases.run("mmd2_u", unbiased_scores, *pair, protocol)
    shares = graph_shares(lists, valid, pieces=pieces, phases=phases)
    measured = measure_scores(phases, lists, measures, seed)
    found = collect_scores(rows, tests, unbiased)
    return GraphEvaluation(
        protocol=protocol,
        reference_graphs=len(lists["reference"]),
        generated_graphs=len(lists["generated"]),
        train_graphs=len(lists["train"]) if "train" in lists else None,
        statistics={name: found[name] for name in statistics},
        p_value=joint_p_value(list(tests.values())),
        mean=found[MEAN],
        measures=measured,
        shares=shares,
        cleaned={name: count_cleaned(graphs, protocol) for name, graphs in lists.items()},
    )


def check_sets(sets: Mapping[str, Iterable[nx.Graph]], protocol: str) -> dict[str, list[nx.Graph]]:
    """The sets as lists, after checking that the protocol can compare them.

    Args:
        sets: `reference`, `train` (if there are training graphs), and generated graphs under any other names.
        protocol: name of the protocol.

    Raises:
        InputError: a set is empty or too small for the protocol, or contains anything but simple undirected graphs;
            the message names the set. A statistic was registered under the name `mean`, which the results use.
    """
    chosen = get_protocol(protocol)
    if MEAN in STATISTICS:
        raise InputError(f"STATISTICS: expected another name than {MEAN!r}, which is that of the mean of three")
    least = 2 if chosen.unbiased else 1
    lists = {name: check_graphs(graphs, name) for name, graphs in sets.items()}
    for name, graphs in lists.items():
        count = len(chosen.clean(GraphSet.of(graphs)))
        if count == 0:
            raise InputError(f"{name}: expected at least one graph for protocol {protocol!r}, got none with a node")
        if count < least:
            raise InputError(f"{name}: expected at least two graphs for a U-statistic, got one")
        if name == "reference" and "train" not in sets and count < 2 * least:
            raise InputError(
                f"reference: expected at least {('two', 'four')[least - 1]} graphs to split into halves, "
                f"or training graphs, got {count}"
            )
    return lists
