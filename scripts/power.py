"""How often each protocol of `discrete-ed evaluate` tells ego graphs from the same with flipped pairs of nodes.

    python scripts/power.py [--root FOLDER]

Two disjoint random sets of ego graphs are compared; in the second every pair of nodes was flipped, edge to none and
back, with a small probability. Printed is the share of comparisons with a permutation p-value of at most .05: for each
statistic, the mean of degree, clustering and orbit, and all four together. With --share 0 nothing is flipped, and each
should be .05, with p-values spread evenly.
"""

from __future__ import annotations

import argparse
from itertools import product
from pathlib import Path

import networkx as nx
import numpy as np
from scipy.stats import kstest
from tqdm import tqdm

from discrete_ed.graphs.datasets import citeseer, ego_graphs, synthetic_citations
from discrete_ed.graphs.mmd import PROTOCOLS, describe
from discrete_ed.report.tables import as_text
from discrete_ed.two_sample import Draws, draw

STATISTICS = ("degree", "clustering", "orbit", "spectral")
LEVEL = 0.05


def flipped(graph: nx.Graph, share: float, rng: np.random.Generator) -> nx.Graph:
    """The graph with each pair of nodes flipped with this probability."""
    adjacency = nx.to_numpy_array(graph, dtype=bool)
    flips = np.triu(rng.random(adjacency.shape) < share, 1)
    return nx.from_numpy_array(adjacency ^ flips ^ flips.T)


def p_values(
    graphs: list[nx.Graph],
    changed: list[nx.Graph],
    protocol: str,
    sizes: tuple[int, int],
    repeats: int,
    draws: int,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """P-values `(repeats,)` of random disjoint sets, the first of `graphs`, the second of `changed` ones."""
    first, second = describe(graphs, protocol), describe(changed, protocol)
    rng, chosen = np.random.default_rng(seed), PROTOCOLS[protocol]
    values: dict[str, list[float]] = {name: [] for name in (*STATISTICS, "mean of 3", "all 4")}
    for _ in tqdm(range(repeats), desc=protocol, leave=False):
        order, deal = rng.permutation(len(graphs)), int(rng.integers(2**32))
        x, y = order[: sizes[0]], order[sizes[0] : sum(sizes)]
        drawn = {
            name: draw(first[name][x], second[name][y], kernel, unbiased=chosen.unbiased, draws=draws, seed=deal)
            for name, kernel in chosen.kernels.items()
        }
        for name, one in drawn.items():
            values[name].append(one.p_value)
        values["mean of 3"].append(Draws.mean([drawn[name] for name in STATISTICS[:3]]).p_value)
        values["all 4"].append(Draws.any(list(drawn.values())))
    return {name: np.array(p) for name, p in values.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, help="folder with CiteSeer/raw, for its ego graphs beside synthetic ones")
    parser.add_argument("--share", type=float, nargs="+", default=[0.02, 0.05], help="probability that a pair flips")
    parser.add_argument("--graphs", type=int, nargs="+", default=[200, 400], help="graphs in each set")
    parser.add_argument("--repeats", type=int, default=200, help="comparisons")
    parser.add_argument("--seed", type=int, default=0, help="seed of sets, flips and permutations")
    parser.add_argument("--draws", type=int, default=199, help="permutations of each")
    arguments = parser.parse_args()
    sources = {"synthetic": ego_graphs(synthetic_citations())}
    if arguments.root is not None:
        sources["Citeseer"] = ego_graphs(citeseer(arguments.root))
    rows = [["", "protocol", *STATISTICS, "mean of 3", "all 4"]]
    for name, graphs in sources.items():
        for share, count in product(arguments.share, arguments.graphs):
            rng = np.random.default_rng(arguments.seed)
            changed = [flipped(graph, share, rng) for graph in graphs]
            for protocol in PROTOCOLS:
                p = p_values(
                    graphs, changed, protocol, (count, count), arguments.repeats, arguments.draws, arguments.seed
                )
                found = [f"{np.mean(values <= LEVEL):.2f}" for values in p.values()]
                rows.append([f"{name}, {share:.0%} flipped, {count} v {count}", protocol, *found])
                if share == 0:
                    uniform = [f"{kstest(values, 'uniform').pvalue:.2f}" for values in p.values()]
                    rows.append(["  Kolmogorov–Smirnov p of uniform p-values", protocol, *uniform])
    print(as_text(rows))
    print(f"\nShare of {arguments.repeats} comparisons with p ≤ {LEVEL}; {arguments.draws} permutations each.")


if __name__ == "__main__":
    main()
