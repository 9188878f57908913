"""How often each protocol of `discrete-ed evaluate` tells ego graphs from the same with flipped pairs of nodes.

    python scripts/maintenance/power.py [--root FOLDER] [--measures NAME ...]

Two disjoint random sets of ego graphs are compared; in the second every pair of nodes was flipped, edge to none and
back, with a small probability. Printed is the share of comparisons with a permutation p-value of at most .05: for each
statistic, the mean of degree, clustering and orbit, and all statistics together. With --share 0 nothing is flipped, and
each should be .05, with p-values spread evenly. With --measures, the further measures are compared instead, and their
mean values are printed, too.
"""

from __future__ import annotations

import argparse
from itertools import product
from pathlib import Path
from typing import get_args

import networkx as nx
import numpy as np
from scipy.stats import kstest
from tqdm import tqdm

from discrete_ed.graphs.citations import citeseer, ego_graphs, synthetic_citations
from discrete_ed.graphs.descriptors import STATISTICS
from discrete_ed.graphs.power import flip_pairs, measured_changes, p_values
from discrete_ed.graphs.protocols import PROTOCOLS
from discrete_ed.jobs.text import as_text
from discrete_ed.names import MeasureName

LEVEL = 0.05


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, help="folder with CiteSeer/raw, for its ego graphs beside synthetic ones")
    parser.add_argument("--share", type=float, nargs="+", default=[0.02, 0.05], help="probability that a pair flips")
    parser.add_argument("--graphs", type=int, nargs="+", default=[200, 400], help="graphs in each set")
    parser.add_argument("--repeats", type=int, default=200, help="comparisons")
    parser.add_argument("--seed", type=int, default=0, help="seed of sets, flips and permutations")
    parser.add_argument("--permutations", type=int, default=199, help="permutations of each")
    parser.add_argument("--measures", nargs="+", choices=get_args(MeasureName), help="these instead of the protocols")
    arguments = parser.parse_args()
    sources = {"synthetic": ego_graphs(synthetic_citations())}
    if arguments.root is not None:
        sources["Citeseer"] = ego_graphs(citeseer(arguments.root))
    if arguments.measures:
        print_measures(sources, arguments)
        return
    rows = [["", "protocol", *STATISTICS, "mean of 3", "all"]]
    for name, graphs in sources.items():
        for share, count in product(arguments.share, arguments.graphs):
            rng = np.random.default_rng(arguments.seed)
            changed = [flip_pairs(graph, share, rng) for graph in graphs]
            for protocol in PROTOCOLS:
                with tqdm(total=arguments.repeats, desc=protocol, leave=False) as bar:
                    p = p_values(
                        graphs,
                        changed,
                        protocol,
                        (count, count),
                        arguments.repeats,
                        arguments.permutations,
                        arguments.seed,
                        callback=lambda done, _, bar=bar: bar.update(done - bar.n),
                    )
                found = [f"{np.mean(values <= LEVEL):.2f}" for values in p.values()]
                rows.append([f"{name}, {share:.0%} flipped, {count} v {count}", protocol, *found])
                if share == 0:
                    uniform = [f"{kstest(values, 'uniform').pvalue:.2f}" for values in p.values()]
                    rows.append(["  Kolmogorov–Smirnov p of uniform p-values", protocol, *uniform])
    print(as_text(rows))
    print(f"\nShare of {arguments.repeats} comparisons with p ≤ {LEVEL}; {arguments.permutations} permutations each.")


def print_measures(sources: dict[str, list[nx.Graph]], arguments: argparse.Namespace) -> None:
    """For each measure its mean value, its spread, and how often its p-value is small."""
    rows = [["", "measure", "value", "p ≤ .05", "Kolmogorov–Smirnov p"]]
    for (name, graphs), share, count in product(sources.items(), arguments.share, arguments.graphs):
        rng = np.random.default_rng(arguments.seed)
        changed = [flip_pairs(graph, share, rng) for graph in graphs]
        for measure in arguments.measures:
            with tqdm(total=arguments.repeats, desc=measure, leave=False) as bar:
                values, p = measured_changes(
                    graphs,
                    changed,
                    measure,
                    (count, count),
                    arguments.repeats,
                    arguments.permutations,
                    arguments.seed,
                    callback=lambda done, _, bar=bar: bar.update(done - bar.n),
                )
            even = f"{kstest(p, 'uniform').pvalue:.2f}" if share == 0 else ""
            value = f"{values.mean():.4g} ± {values.std(ddof=1):.2g}"
            label = f"{name}, {share:.0%} flipped, {count} v {count}"
            rows.append([label, measure, value, f"{np.mean(p <= LEVEL):.2f}", even])
    print(as_text(rows))
    print(f"\nMean ± standard deviation of {arguments.repeats} comparisons, and the share of them with p ≤ {LEVEL}.")


if __name__ == "__main__":
    main()
