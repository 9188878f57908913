"""The judge: scores of generated graphs, each beside the best and the trivial one."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import networkx as nx
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from discrete_ed.errors import InputError, check_seed
from discrete_ed.graphs.convert import check_graphs
from discrete_ed.graphs.descriptors import DESCRIPTORS, Description
from discrete_ed.graphs.isomorphism import isomorphism_classes
from discrete_ed.graphs.mmd import cleaned, compare, describe, get_protocol
from discrete_ed.graphs.statistics import GraphSet
from discrete_ed.graphs.validity import check_property, shares, which_are
from discrete_ed.metrics.two_sample import TwoSampleTest, two_sample_test

AVERAGED = ("degree", "clustering", "orbit")
"""The statistics that the literature averages into one number."""
RESAMPLES = 10

Phase = Callable[[], dict[str, Any]]
"""A part of the work. Its result holds arrays and numbers, and is the same whenever it is done."""


def do(name: str, phase: Phase) -> dict[str, Any]:  # noqa: ARG001
    """Do a phase of the work, whatever its name."""
    return phase()


def evaluate_graphs(
    reference: Iterable[nx.Graph],
    generated: Iterable[nx.Graph],
    train: Iterable[nx.Graph] | None = None,
    *,
    protocol: str = "edp",
    valid: str | None = None,
    seed: int = 0,
    progress: bool = False,
    once: Callable[[str, Phase], dict[str, Any]] = do,
) -> dict[str, Any]:
    """Score generated graphs against reference (test) graphs.

    Args:
        reference: test graphs; a list, or whatever can be gone through once, as the other sets.
        generated: what is judged.
        train: the graphs that the generator learned from; without them there is no novelty, and the reference itself
            stands in for them in the yardsticks.
        protocol: `edp`, `gran` or `psd`, see `discrete_ed.graphs.mmd`.
        valid: the property that makes a graph valid: `connected`, `planar`, `tree` or `bipartite`; see
            `discrete_ed.graphs.validity`.
        seed: of the yardsticks' draws.
        progress: show a bar.
        once: does a phase of the work, of which it is told the name. One that keeps results and hands out those that
            it has makes the judge go on where it was stopped, to the same bits.

    Returns:
        A dictionary fit for JSON. `statistics` holds for `degree`, `clustering`, `orbit` and `spectral`, and `mean`
        holds for the mean of the first three:

        - `mmd2`: the score, MMD² of generated against reference graphs, by the protocol's own estimate;
        - `floor`: what real graphs score: the training graphs against the reference or, without them, the mean over
          random halves of the reference against each other;
        - `resampled`, `resampled_sd`: mean and standard deviation over 10 sets of as many graphs as were generated,
          drawn with replacement from the training graphs (absent without them): the floor at matched size;
        - `bias`, `floor_bias`: what of the score of a perfect generator, and of the floor, is owed to the numbers of
          graphs, `(1/m + 1/n) (1 − mean k)` over pairs of reference graphs (absent where the estimate is unbiased, or
          for a single reference graph). A score stands fairly beside its floor where these are alike;
        - `erdos_renyi`: the trivial generator: random graphs with the numbers of nodes and edges of training graphs;
        - `mmd2_u`: the U-statistic of the score, which expects zero where the laws are equal (None for a single graph);
        - `p_value`: of the score, by permutation (of the protocol's own estimate, 999 times; `p_value` beside
          `statistics` is that of all four together, see `TwoSampleTest.any`);
        - `interval`: how far the score would scatter about its mean over other draws of both sets, laid about the score
          that came, 95% by bootstrap, `[low, high]` (None for a single graph); see `two_sample.two_sample_test`.

        `novel` is the fraction of generated graphs not isomorphic to any training graph and `novel_reference` that of
        the reference, which an honest generator comes near (None without training graphs); `unique` the number of
        isomorphism classes over the number of graphs; `connected` the fraction of connected graphs. `valid` and
        `valid_reference` are the fractions with the property `valid_property` (None where none is named).

        `vun` is the fraction that is valid, unique and novel at once (V.U.N.): each graph counts that has the property
        `vun_property`, is the first of its class among the generated graphs, and is isomorphic to no training graph.
        The property is that of `valid`; where none is named, `connected` if all training and reference graphs are,
        else None, and then only the other two are asked for. `vun_reference` is the same of the reference graphs. Both
        fall the more graphs there are, for then more are repeated; without training graphs they are None.

        `cleaned` counts for each set the graphs that the protocol's cleaning changes, see `discrete_ed.graphs.mmd`.

    Raises:
        InputError: an empty set, an unknown protocol or property, a graph that is not simple and undirected, or a seed
            that is no whole number from 0 to 2³² − 1.

    >>> paths = [nx.path_graph(n) for n in range(3, 9)]
    >>> result = evaluate_graphs(paths[:3], generated=paths[1:4], train=paths[3:])
    >>> result["statistics"]["degree"]["mmd2"] < result["statistics"]["degree"]["floor"]
    True
    >>> result["connected"], result["unique"]
    (1.0, 1.0)
    """
    if valid is not None:
        check_property(valid)
    seed = check_seed(seed)
    given = {"reference": reference, "generated": generated, **({} if train is None else {"train": train})}
    sets = check_sets(given, protocol)
    reference, generated, train = sets["reference"], sets["generated"], sets.get("train")
    rng = np.random.default_rng(seed)  # what it deals doesn't depend on which phases are done anew
    phases = RESAMPLES + len(DESCRIPTORS) + (8 if train is None else 10)
    hidden = {} if progress else {"disable": True}  # `disable=False` would overrule TQDM_DISABLE
    with tqdm(total=phases, desc="score", leave=False, **hidden) as bar:

        def part(name: str, phase: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
            bar.set_postfix_str(name)
            result = once(name, partial(phase, *arguments))
            bar.update()
            return result

        described = {name: part(name, describe, graphs, protocol) for name, graphs in sets.items()}
        test, made = described["reference"], described["generated"]
        rows = {"mmd2": part("mmd2", _scores, test, made, protocol)}
        if train is None:
            halves = (_halves(test, rng) for _ in range(RESAMPLES))
            rows["floor"] = _mean([part(f"floor-{k}", _scores, *pair, protocol) for k, pair in enumerate(halves)])
        else:
            learned = described["train"]
            rows["floor"] = part("floor", _scores, test, learned, protocol)
            again = (_resample(learned, len(generated), rng) for _ in range(RESAMPLES))
            draws = [part(f"resampled-{k}", _scores, test, drawn, protocol) for k, drawn in enumerate(again)]
            rows["resampled"] = _mean(draws)
            rows["resampled_sd"] = {name: float(np.std([draw[name] for draw in draws], ddof=1)) for name in draws[0]}
        sizes = (len(test["degree"]), len(made["degree"]))
        real = (sizes[0] // 2, -(-sizes[0] // 2)) if train is None else (sizes[0], len(learned["degree"]))
        rows |= part("bias", _bias, test, protocol, {"bias": sizes, "floor_bias": real})
        rows["erdos_renyi"] = part(
            "erdos_renyi", _trivial, test, reference if train is None else train, len(generated), protocol, seed
        )
        drawn = {name: part(f"draws-{name}", _draws, test, made, protocol, name, seed) for name in DESCRIPTORS}
        unbiased = part("mmd2_u", _unbiased, test, made, protocol)
        judged, p_value = _judged({name: TwoSampleTest(**one) for name, one in drawn.items()}, unbiased)
        everything = [*(train or ()), *reference, *generated]
        classes = part("isomorphism", _classes, everything)["classes"]
        properties = part("properties", _properties, everything, valid)
    return {
        "protocol": protocol,
        "reference_graphs": len(reference),
        "generated_graphs": len(generated),
        "train_graphs": None if train is None else len(train),
        "statistics": {
            name: {**{row: scores[name] for row, scores in rows.items()}, **judged[name]} for name in DESCRIPTORS
        },
        "p_value": p_value,
        "mean": {**{row: scores["mean"] for row, scores in rows.items()}, **judged["mean"]},
        **shares(classes, properties, None if train is None else len(train), len(reference), valid),
        "cleaned": {name: cleaned(graphs, protocol) for name, graphs in sets.items()},
    }


def check_sets(sets: Mapping[str, Iterable[nx.Graph]], protocol: str) -> dict[str, list[nx.Graph]]:
    """The sets as lists; raise `InputError`, which names the set, unless the protocol can judge.

    Args:
        sets: `reference`, `train` unless there is none, and generated graphs by any other name.
    """
    chosen = get_protocol(protocol)
    least = 2 if chosen.unbiased else 1
    listed = {name: check_graphs(graphs, name) for name, graphs in sets.items()}
    for name, graphs in listed.items():
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
    return listed


def erdos_renyi_like(graphs: Iterable[nx.Graph], count: int, *, seed: int = 0) -> list[nx.Graph]:
    """The trivial generator: `count` uniformly random graphs, each with the nodes and edges of one of `graphs`."""
    graphs = check_graphs(graphs)
    rng = random.Random(check_seed(seed))
    made = []
    for _ in range(count):
        graph = rng.choice(graphs)
        made.append(nx.gnm_random_graph(len(graph), graph.number_of_edges(), seed=rng))
    return made


def _trivial(
    reference: Description, graphs: Sequence[nx.Graph], count: int, protocol: str, seed: int
) -> dict[str, float]:
    return _scores(reference, describe(erdos_renyi_like(graphs, count, seed=seed), protocol), protocol)


def _draws(reference: Description, generated: Description, protocol: str, name: str, seed: int) -> dict[str, Any]:
    chosen = get_protocol(protocol)
    kernel = chosen.kernels[name]
    return asdict(two_sample_test(reference[name], generated[name], kernel, unbiased=chosen.unbiased, seed=seed))


def _bias(reference: Description, protocol: str, sizes: Mapping[str, tuple[int, int]]) -> dict[str, dict[str, float]]:
    count = len(reference["degree"])
    if get_protocol(protocol).unbiased or count < 2:
        return {}
    # a set against itself: the U-statistic counts each graph's nearness to itself once, between the copies
    alike = compare(reference, reference, protocol, unbiased=True)
    apart = {name: max(0.0, -count / 2 * value) for name, value in alike.items()}
    return {
        row: _mean_of_three({name: (1 / m + 1 / n) * value for name, value in apart.items()})
        for row, (m, n) in sizes.items()
    }


def _unbiased(reference: Description, generated: Description, protocol: str) -> dict[str, float]:
    if min(len(features["degree"]) for features in (reference, generated)) < 2:
        return {}
    return _mean_of_three(compare(reference, generated, protocol, unbiased=True))


def _classes(graphs: Sequence[nx.Graph]) -> dict[str, Any]:
    return {"classes": np.array(isomorphism_classes(graphs))}


def _properties(graphs: Sequence[nx.Graph], valid: str | None) -> dict[str, Any]:
    return {name: which_are(graphs, name) for name in dict.fromkeys(("connected", valid or "connected"))}


def _judged(
    draws: Mapping[str, TwoSampleTest], unbiased: Mapping[str, float]
) -> tuple[dict[str, dict[str, Any]], float]:
    """The U-statistic, p-value and interval of each statistic and of their mean; the p-value of all together."""
    p_value = TwoSampleTest.any(list(draws.values()))
    mean = TwoSampleTest.mean([draws[name] for name in AVERAGED])
    judged = {
        name: {
            "mmd2_u": unbiased.get(name),
            "p_value": one.p_value,
            "interval": None if one.interval is None else list(one.interval),
        }
        for name, one in {**draws, "mean": mean}.items()
    }
    return judged, p_value


def _scores(reference: Description, generated: Description, protocol: str) -> dict[str, float]:
    return _mean_of_three(compare(reference, generated, protocol))


def _mean_of_three(scores: dict[str, float]) -> dict[str, float]:
    return {**scores, "mean": float(np.mean([scores[name] for name in AVERAGED]))}


def _rows(description: Description, rows: NDArray[np.int64]) -> Description:
    return {name: features[rows] for name, features in description.items()}


def _resample(description: Description, count: int, rng: np.random.Generator) -> Description:
    return _rows(description, rng.integers(len(description["degree"]), size=count))


def _halves(description: Description, rng: np.random.Generator) -> tuple[Description, Description]:
    order = rng.permutation(len(description["degree"]))
    middle = len(order) // 2
    return _rows(description, order[:middle]), _rows(description, order[middle:])


def _mean(draws: list[dict[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([draw[name] for draw in draws])) for name in draws[0]}
