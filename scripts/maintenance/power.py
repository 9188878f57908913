"""How often each protocol of `discrete-ed evaluate` tells ego graphs from the same with flipped pairs of nodes.

    python scripts/maintenance/power.py [--root FOLDER]

Two disjoint random sets of ego graphs are compared; in the second every pair of nodes was flipped, edge to none and
back, with a small probability. Printed is the share of comparisons with a permutation p-value of at most .05: for each
statistic, the mean of degree, clustering and orbit, and all statistics together. With --share 0 nothing is flipped, and
each should be .05, with p-values spread evenly.
"""

from __future__ import annotations

import argparse
from itertools import product
from pathlib import Path

import numpy as np
from scipy.stats import kstest
from tqdm import tqdm

from discrete_ed.graphs.citations import citeseer, ego_graphs, synthetic_citations
from discrete_ed.graphs.descriptors import STATISTICS
from discrete_ed.graphs.power import flip_pairs, p_values
from discrete_ed.graphs.protocols import PROTOCOLS
from discrete_ed.jobs.text import as_text

LEVEL = 0.05


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, help="folder with CiteSeer/raw, for its ego graphs beside synthetic ones")
    parser.add_argument("--share", type=float, nargs="+", default=[0.02, 0.05], help="probability that a pair flips")
    parser.add_argument("--graphs", type=int, nargs="+", default=[200, 400], help="graphs in each set")
    parser.add_argument("--repeats", type=int, default=200, help="comparisons")
    parser.add_argument("--seed", type=int, default=0, help="seed of sets, flips and permutations")
    parser.add_argument("--permutations", type=int, default=199, help="permutations of each")
    arguments = parser.parse_args()
    sources = {"synthetic": ego_graphs(synthetic_citations())}
    if arguments.root is not None:
        sources["Citeseer"] = ego_graphs(citeseer(arguments.root))
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


if __name__ == "__main__":
    main()
