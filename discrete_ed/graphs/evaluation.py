"""The judge: scores of generated graphs, each beside the best and the trivial one."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import networkx as nx
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from discrete_ed.errors import InputError
from discrete_ed.graphs.convert import check_graphs
from discrete_ed.graphs.descriptors import DESCRIPTORS, Description
from discrete_ed.graphs.isomorphism import isomorphism_classes
from discrete_ed.graphs.mmd import cleaned, compare, describe, get_protocol
from discrete_ed.graphs.two_sample import Draws, draw
from discrete_ed.graphs.validity import check_property, validity

AVERAGED = ("degree", "clustering", "orbit")
"""The statistics that the literature averages into one number."""
RESAMPLES = 10


def evaluate_graphs(
    reference: Sequence[nx.Graph],
    generated: Sequence[nx.Graph],
    train: Sequence[nx.Graph] | None = None,
    *,
    protocol: str = "edp",
    valid: str | None = None,
    seed: int = 0,
    progress: bool = False,
) -> dict[str, Any]:
    """Score generated graphs against reference (test) graphs.

    Args:
        reference: test graphs.
        generated: what is judged.
        train: the graphs that the generator learned from; without them there is no novelty, and the reference itself
            stands in for them in the yardsticks.
        protocol: `edp`, `gran` or `psd`, see `discrete_ed.graphs.mmd`.
        valid: the property that makes a graph valid: `connected`, `planar`, `tree` or `bipartite`; see
            `discrete_ed.graphs.validity`.
        seed: of the yardsticks' draws.
        progress: show a bar.

    Returns:
        A dictionary fit for JSON. `statistics` holds for `degree`, `clustering`, `orbit` and `spectral`, and `mean`
        holds for the mean of the first three:

        - `mmd2`: the score, MMD² of generated against reference graphs, by the protocol's own estimate;
        - `floor`: what real graphs score: the training graphs against the reference or, without them, the mean over
          random halves of the reference against each other;
        - `resampled`, `resampled_sd`: mean and standard deviation over 10 sets of as many graphs as were generated,
          drawn with replacement from the training graphs (absent without them): the floor at matched size;
        - `erdos_renyi`: the trivial generator: random graphs with the numbers of nodes and edges of training graphs;
        - `mmd2_u`: the U-statistic of the score, which expects zero where the laws are equal (None for a single graph);
        - `p_value`: of the score, by permutation (of the protocol's own estimate, 999 times; `p_value` beside
          `statistics` is that of all four together, see `Draws.any`);
        - `interval`: where the score would lie for other draws of both sets, 95% by bootstrap, `[low, high]` (None for
          a single graph).

        `novel` is the fraction of generated graphs not isomorphic to any training graph and `novel_reference` that of
        the reference, which an honest generator comes near (None without training graphs); `unique` the number of
        isomorphism classes over the number of graphs; `connected` the fraction of connected graphs. `valid` and
        `valid_reference` are the fractions with the property `valid_property` (None where none is named).

        `cleaned` counts for each set the graphs that the protocol's cleaning changes, see `discrete_ed.graphs.mmd`.

    Raises:
        InputError: an empty set, an unknown protocol or property, or a graph that is not simple and undirected.

    >>> paths = [nx.path_graph(n) for n in range(3, 9)]
    >>> result = evaluate_graphs(paths[:3], generated=paths[1:4], train=paths[3:])
    >>> result["statistics"]["degree"]["mmd2"] < result["statistics"]["degree"]["floor"]
    True
    >>> result["connected"], result["unique"]
    (1.0, 1.0)
    """
    get_protocol(protocol)
    if valid is not None:
        check_property(valid)
    given = {"reference": reference, "generated": generated, **({} if train is None else {"train": train})}
    for name, graphs in given.items():
        check_graphs(graphs, name)
    rng = np.random.default_rng(seed)
    with tqdm(total=6, desc="score", postfix="reference graphs", disable=not progress, leave=False) as bar:

        def now(stage: str) -> None:
            bar.update()
            bar.set_postfix_str(stage)

        test = describe(reference, protocol)
        least = 2 if get_protocol(protocol).unbiased else 1
        _expect_graphs("reference", test, least)
        if train is None and len(test["degree"]) < 2 * least:
            raise InputError(
                f"reference: expected at least {('two', 'four')[least - 1]} graphs to split into halves, "
                f"or training graphs, got {len(test['degree'])}"
            )
        now("generated graphs")
        made = describe(generated, protocol)
        _expect_graphs("generated", made, least)
        rows = {"mmd2": _scores(test, made, protocol)}
        now("training graphs")
        if train is None:
            rows["floor"] = _mean([_scores(*_halves(test, rng), protocol) for _ in range(RESAMPLES)])
        else:
            learned = describe(train, protocol)
            _expect_graphs("train", learned, least)
            rows["floor"] = _scores(test, learned, protocol)
            draws = [_scores(test, _resample(learned, len(generated), rng), protocol) for _ in range(RESAMPLES)]
            rows["resampled"] = _mean(draws)
            rows["resampled_sd"] = {name: float(np.std([draw[name] for draw in draws], ddof=1)) for name in draws[0]}
        now("random graphs")
        trivial = erdos_renyi_like(train or reference, len(generated), seed=seed)
        rows["erdos_renyi"] = _scores(test, describe(trivial, protocol), protocol)
        now("permutations")
        judged, p_value = _judge(test, made, protocol, seed)
        now("isomorphism")
        old = 0 if train is None else len(train)
        classes = np.array(isomorphism_classes([*(train or ()), *reference, *generated]))
        bar.update()
    held_out, new = classes[old : old + len(reference)], classes[old + len(reference) :]
    return {
        "protocol": protocol,
        "reference_graphs": len(reference),
        "generated_graphs": len(generated),
        "train_graphs": None if train is None else old,
        "statistics": {
            name: {**{row: scores[name] for row, scores in rows.items()}, **judged[name]} for name in DESCRIPTORS
        },
        "p_value": p_value,
        "mean": {**{row: scores["mean"] for row, scores in rows.items()}, **judged["mean"]},
        "novel": None if train is None else float(np.mean(new >= old)),
        "novel_reference": None if train is None else float(np.mean(held_out >= old)),
        "unique": len(set(new.tolist())) / len(new),
        "connected": validity(generated, "connected"),
        "valid_property": valid,
        "valid": None if valid is None else validity(generated, valid),
        "valid_reference": None if valid is None else validity(reference, valid),
        "cleaned": {name: cleaned(graphs, protocol) for name, graphs in given.items()},
    }


def erdos_renyi_like(graphs: Sequence[nx.Graph], count: int, *, seed: int = 0) -> list[nx.Graph]:
    """The trivial generator: `count` uniformly random graphs, each with the nodes and edges of one of `graphs`."""
    rng = random.Random(seed)
    made = []
    for _ in range(count):
        graph = rng.choice(graphs)
        made.append(nx.gnm_random_graph(len(graph), graph.number_of_edges(), seed=rng))
    return made


def _expect_graphs(name: str, description: Description, least: int) -> None:
    if len(description["degree"]) < least:
        raise InputError(f"{name}: expected at least two graphs for a U-statistic, got one")


def _judge(
    reference: Description, generated: Description, protocol: str, seed: int
) -> tuple[dict[str, dict[str, Any]], float]:
    """The U-statistic, p-value and interval of each statistic and of their mean; the p-value of all together."""
    chosen = get_protocol(protocol)
    draws = {
        name: draw(reference[name], generated[name], kernel, unbiased=chosen.unbiased, seed=seed)
        for name, kernel in chosen.kernels.items()
    }
    p_value = Draws.any(list(draws.values()))
    draws["mean"] = Draws.mean([draws[name] for name in AVERAGED])
    enough = min(len(features["degree"]) for features in (reference, generated)) > 1
    unbiased = _mean_of_three(compare(reference, generated, protocol, unbiased=True)) if enough else {}
    judged = {
        name: {
            "mmd2_u": unbiased.get(name),
            "p_value": one.p_value,
            "interval": None if one.interval is None else list(one.interval),
        }
        for name, one in draws.items()
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
