"""Measures: scores of two whole sets of graphs beside the MMD² of a protocol, each with its floor and a p-value.

A measure is a function of the features of reference, generated and training graphs, by descriptor; the smaller its
value, the better. An entry of `MEASURES` appears in results, tables and on the command line's pages:

    MEASURES["edges"] = Measure(lambda reference, generated, train: abs(...), descriptors=("degree",))
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

import networkx as nx
import numpy as np

from discrete_ed.errors import InputError
from discrete_ed.graphs.classifier import (
    LEAST_GRAPHS,
    Classifier,
    classifier_score,
    logistic_regression,
    same_width,
    tabpfn,
)
from discrete_ed.graphs.descriptors import STATISTICS, Description
from discrete_ed.graphs.embedding_distances import frechet_distance, permutations, permuted_rbf_mmd2, rbf_mmd2
from discrete_ed.graphs.embeddings import INITIALISATIONS, gin_features, wavelet_histograms
from discrete_ed.graphs.phases import Phases
from discrete_ed.graphs.ratio import RATIO_KERNELS, average_ratio, ratio_test
from discrete_ed.graphs.statistics import Floats, GraphSet
from discrete_ed.graphs.yardsticks import RESAMPLES, erdos_renyi_like, random_halves, resample, select_rows
from discrete_ed.metrics.two_sample import TIES

PERMUTED = 99  # permutations of a measure that has no faster test of its own

EMBEDDINGS: Mapping[str, Callable[[GraphSet], Floats]] = {"gin": gin_features, "wavelet": wavelet_histograms}
"""descriptors that only measures use; they may also use every entry of `STATISTICS`"""


@dataclass(frozen=True)
class Score:
    """A value with its parts and, if the measure has one, its own p-value."""

    value: float
    parts: Mapping[str, float] = field(default_factory=dict)
    """the values from which it comes, by name"""
    p_value: float | None = None


@dataclass(frozen=True)
class Measure:
    """A measure of how far generated graphs are from reference graphs.

    >>> def mean_degree(reference, generated, train):
    ...     means = [(x["degree"] @ np.arange(x["degree"].shape[1])).mean() for x in (reference, generated)]
    ...     return abs(means[0] - means[1])
    >>> Measure(mean_degree, descriptors=("degree",)).descriptors
    ('degree',)
    """

    score: Callable[[Description, Description, Description | None], float | Score]
    """a function of the features of reference, generated and training graphs (None without these), by descriptor"""
    descriptors: tuple[str, ...] | None = None
    """the descriptors that it uses, among `STATISTICS` and `EMBEDDINGS`; None: every statistic and `gin`"""
    test: Callable[[Description, Description, Description | None, int], float] | None = None
    """a function of the same and a seed to a p-value; by default reference and generated graphs are permuted 99
    times"""
    least: int = 1
    """the least number of graphs in each set"""
    needs_train: bool = False
    """whether it needs training graphs"""


@dataclass(frozen=True)
class MeasureScores:
    """What a measure gives, next to values to judge it by."""

    value: float
    """the value for the generated graphs; lower is better"""
    floor: float | None
    """the value for the training graphs or, without these, the mean over random halves of the reference against each
    other (None if these are too small)"""
    resampled: float | None
    """the floor for sets of the same size: mean over 10 sets of as many graphs as were generated, sampled with
    replacement from the training graphs (None without these)"""
    resampled_sd: float | None
    """standard deviation over these 10 sets"""
    erdos_renyi: float
    """the value for random graphs with the numbers of nodes and edges of training graphs"""
    p_value: float
    """p-value of the value, by permutation"""
    parts: Mapping[str, float]
    """the values from which it comes, by name; of a classifier's descriptors the first is the one that counts"""

    def to_dict(self) -> dict[str, Any]:
        """The scores as values that JSON can hold."""
        return {**asdict(self), "parts": dict(self.parts)}


def _ratio(reference: Description, generated: Description, train: Description | None) -> Score:
    parts = average_ratio(reference, generated, train)
    return Score(float(np.mean(list(parts.values()))), parts)


def _classified(
    classifier: Callable[[], Classifier],
    reference: Description,
    generated: Description,
    train: Description | None,  # noqa: ARG001 every measure takes the same
) -> Score:
    reference, generated = ({**x, "gin": _networks(x)[:, 0]} for x in (reference, generated))
    found = classifier_score(reference, generated, classifier)
    return Score(found.value, {found.descriptor: found.value, **found.by_descriptor}, found.p_value)


def _gin_mean(distance: Callable[[Floats, Floats], float]) -> Callable[..., float]:
    """The mean of a distance over the random networks."""

    def mean(reference: Description, generated: Description, train: Description | None) -> float:  # noqa: ARG001
        x, y = _networks(reference), _networks(generated)
        return float(np.mean([distance(x[:, k], y[:, k]) for k in range(x.shape[1])]))

    return mean


def _gin_mmd_test(
    reference: Description,
    generated: Description,
    train: Description | None,  # noqa: ARG001
    seed: int,
) -> float:
    x, y = _networks(reference), _networks(generated)
    firsts = permutations(len(x), len(y), seed)
    values = np.mean([permuted_rbf_mmd2(x[:, k], y[:, k], firsts) for k in range(x.shape[1])], axis=0)
    return float(np.mean(values >= values[0] - TIES))


def _networks(features: Description) -> Floats:
    return features["gin"].reshape(len(features["gin"]), INITIALISATIONS, -1)


MEASURES: dict[str, Measure] = {
    "average-ratio": Measure(_ratio, tuple(RATIO_KERNELS), ratio_test, needs_train=True),
    "classifier": Measure(partial(_classified, logistic_regression), least=LEAST_GRAPHS),
    "classifier-tabpfn": Measure(partial(_classified, tabpfn), least=LEAST_GRAPHS),
    "gin-mmd": Measure(_gin_mean(rbf_mmd2), ("gin",), _gin_mmd_test),
    "gin-frechet": Measure(_gin_mean(frechet_distance), ("gin",), least=2),
}
"""every measure by name; one that is added here appears in results, tables and pages"""


def check_measures(names: Iterable[str], sets: Mapping[str, Sequence[nx.Graph]]) -> tuple[str, ...]:
    """The names, after checking that the measures can compare the sets.

    Raises:
        InputError: an unknown measure, too few graphs, or no training graphs for a measure that needs them.
    """
    names = tuple(dict.fromkeys(names))
    for name in names:
        if name not in MEASURES:
            raise InputError(f"measures: expected names among {', '.join(MEASURES)}, got {name!r}")
        if MEASURES[name].needs_train and "train" not in sets:
            raise InputError(f"train: expected training graphs for the measure {name}, got none")
        for which, graphs in sets.items():
            if len(graphs) < MEASURES[name].least:
                raise InputError(
                    f"{which}: expected at least {MEASURES[name].least} graphs for the measure {name}, "
                    f"got {len(graphs)}"
                )
    return names


def phase_count(names: Sequence[str], sets: Mapping[str, Sequence[nx.Graph]]) -> int:
    """The number of phases that `measure_scores` runs."""
    return len(names) + (len(sets) + 1 if names else 0)


def measure_scores(
    phases: Phases, sets: Mapping[str, Sequence[nx.Graph]], names: Sequence[str], seed: int
) -> dict[str, MeasureScores]:
    """The scores of measures, by name.

    Args:
        phases: runs the computations.
        sets: the graphs `reference`, `generated` and, if there are any, `train`.
        names: measures that `check_measures` has passed.
        seed: seed of halves, resamples, random graphs and permutations.
    """
    if not names:
        return {}
    descriptors = tuple(dict.fromkeys(name for measure in names for name in descriptors_of(measure)))
    features = {
        name: phases.run(f"features-{name}", describe_sets, graphs, descriptors) for name, graphs in sets.items()
    }
    real = sets.get("train", sets["reference"])
    trivial = phases.run("features-random", _trivial, real, len(sets["generated"]), descriptors, seed)
    found = {name: phases.run(f"measure-{name}", _measured, name, features, trivial, seed) for name in names}
    return {
        name: MeasureScores(
            value=row["value"],
            floor=row.get("floor"),
            resampled=row.get("resampled"),
            resampled_sd=row.get("resampled_sd"),
            erdos_renyi=row["erdos_renyi"],
            p_value=row["p_value"],
            parts={key.removeprefix("part "): value for key, value in row.items() if key.startswith("part ")},
        )
        for name, row in found.items()
    }


def descriptors_of(measure: str) -> tuple[str, ...]:
    """The descriptors that a measure uses."""
    chosen = MEASURES[measure].descriptors
    return (*STATISTICS, "gin") if chosen is None else chosen


def describe_sets(graphs: Sequence[nx.Graph], descriptors: Iterable[str]) -> Description:
    """The features of graphs by descriptor, `(G, K)` each; no graph is left out."""
    laid_out = GraphSet.of(graphs)
    return {
        name: STATISTICS[name].describe(laid_out) if name in STATISTICS else EMBEDDINGS[name](laid_out)
        for name in descriptors
    }


def _trivial(graphs: Sequence[nx.Graph], count: int, descriptors: Iterable[str], seed: int) -> Description:
    return describe_sets(erdos_renyi_like(graphs, count, seed=seed), descriptors)


def _measured(name: str, features: Mapping[str, Description], trivial: Description, seed: int) -> dict[str, Any]:
    measure, rng = MEASURES[name], np.random.default_rng(seed)
    own = descriptors_of(name)
    sets = {which: {key: some[key] for key in own} for which, some in features.items()}
    reference, generated, train = sets["reference"], sets["generated"], sets.get("train")

    def score(first: Description, second: Description) -> Score:
        return as_score(measure.score(first, second, train))

    result = score(reference, generated)
    row: dict[str, Any] = {"value": result.value, **{f"part {part}": value for part, value in result.parts.items()}}
    count = len(generated[own[0]])
    if train is not None:
        row["floor"] = score(reference, train).value
        again = [score(reference, resample(train, count, rng)).value for _ in range(RESAMPLES)]
        row |= {"resampled": float(np.mean(again)), "resampled_sd": float(np.std(again, ddof=1))}
    elif len(reference[own[0]]) >= 2 * measure.least:
        row["floor"] = float(np.mean([score(*random_halves(reference, rng)).value for _ in range(RESAMPLES)]))
    row["erdos_renyi"] = score(reference, {key: trivial[key] for key in own}).value
    row["p_value"] = p_value(measure, result, reference, generated, train, seed)
    return row


def as_score(result: float | Score) -> Score:
    """What a measure returned, as a `Score`."""
    return result if isinstance(result, Score) else Score(float(result))


def p_value(
    measure: Measure,
    result: Score,
    reference: Description,
    generated: Description,
    train: Description | None,
    seed: int,
    permuted: int = PERMUTED,
) -> float:
    """The p-value of a result: its own, that of the measure's test, or one by `permuted` permutations."""
    if result.p_value is not None:
        return result.p_value
    if measure.test is not None:
        return measure.test(reference, generated, train, seed)
    return permutation_p_value(measure, reference, generated, train, seed, permuted)


def permutation_p_value(
    measure: Measure,
    reference: Description,
    generated: Description,
    train: Description | None,
    seed: int,
    permuted: int = PERMUTED,
) -> float:
    """The p-value of a measure, by permutations of reference and generated graphs."""
    both = {name: np.concatenate(same_width(reference[name], generated[name])) for name in reference}
    m = len(next(iter(reference.values())))
    orders = [np.arange(len(next(iter(both.values()))))]
    rng = np.random.default_rng(seed)
    orders += [rng.permutation(orders[0]) for _ in range(permuted)]
    values = []
    for order in orders:
        found = measure.score(select_rows(both, order[:m]), select_rows(both, order[m:]), train)
        values.append(as_score(found).value)
    return float(np.mean(np.array(values) >= values[0] - TIES))
