"""What energies of graphs cost, and how that grows with the number of nodes n.

    python scripts/maintenance/growth.py [--nodes 8 16 32 64] [--levels 40] [--out growth.png]

For each network of the job `generate`, and each kind of proposals that draws informed negatives, prints the processor
time of a training step for each graph of its batch, and that of drawing one graph down all noise levels, with the
exponents of their growth: the slope of log time against log n over the upper half of the numbers of nodes. The graphs
are random trees, whose density the noise has. `--out` plots the same. With the default about a minute on one idle core.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from discrete_ed import NoiseConditionalEnergy, graphs_to_states, noise_level_loss
from discrete_ed.energies import GRAPH_NETWORKS
from discrete_ed.graphs.denoising import noise_density
from discrete_ed.graphs.recipes import tree_graphs
from discrete_ed.jobs.text import as_text
from discrete_ed.samplers.levels import chain_over_levels, start_of_levels

WAYS = (("messages", "gradients"), ("pairs", "gradients"), ("pairs", "learned"))
NEGATIVES, CANDIDATES = 4, 8
STEPS = {"gradients": 4, "learned": 0}  # Gibbs-with-gradients steps at each level
STATES = 8_192  # numbers of pairs in a batch, so that small graphs fill it as large ones do
ROUNDS = 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, nargs="+", default=[8, 16, 32, 64])
    parser.add_argument("--levels", type=int, default=40)
    parser.add_argument("--out", type=Path, help="file of the figure")
    arguments = parser.parse_args()
    if len(set(arguments.nodes)) < 2:
        parser.error(f"--nodes: expected at least two numbers, got {arguments.nodes}")
    torch.set_num_threads(1)
    nodes = sorted(set(arguments.nodes))
    measured = {way: [costs(*way, n, arguments.levels) for n in nodes] for way in WAYS}
    curves = {
        f"{network}, {proposals}: {what}": [pair[place] for pair in pairs]
        for place, what in enumerate(("training step", "drawn graph"))
        for (network, proposals), pairs in measured.items()
    }
    header = ["milliseconds for each graph", *(f"n = {n}" for n in nodes), "exponent"]
    rows = [
        [title, *(f"{1e3 * x:.3g}" for x in seconds), f"{exponent(nodes, seconds):.2f}"]
        for title, seconds in curves.items()
    ]
    print(as_text([header, *rows]))
    if arguments.out is not None:
        plot(nodes, curves, arguments.out)


def costs(network: str, proposals: str, n: int, levels: int) -> tuple[float, float]:
    """Seconds of processor time of a training step and of a draw, for each graph."""
    graphs = tree_graphs(max(4, STATES // n**2), n)
    x = graphs_to_states(graphs).float()
    torch.manual_seed(0)
    more = {"denoiser": True} if proposals == "learned" else {}
    built = GRAPH_NETWORKS[network](n, noise_levels=True, **more)
    energy = NoiseConditionalEnergy(built, levels, noise_density("density", graphs))
    loss = noise_level_loss(proposals, negatives=NEGATIVES)
    settings = {"candidates": CANDIDATES, "steps": STEPS[proposals], "last_steps": 0}

    passed = [levels // 2, levels // 2 - 1]

    def one_level() -> None:
        next(chain_over_levels(energy, start_of_levels(energy, x), passed, **settings))

    return least_seconds(lambda: loss(energy, x).backward()) / len(x), levels * least_seconds(one_level) / len(x)


def least_seconds(work: Callable[[], None]) -> float:
    """Processor time of the fastest of some rounds, after one that isn't timed."""
    work()
    seconds = []
    for _ in range(ROUNDS):
        started = time.process_time()
        work()
        seconds.append(time.process_time() - started)
    return min(seconds)


def exponent(nodes: Sequence[int], seconds: Sequence[float]) -> float:
    """The slope of log time against log n over the upper half."""
    upper = max(2, (len(nodes) + 1) // 2)
    return float(np.polyfit(np.log(nodes[-upper:]), np.log(seconds[-upper:]), 1)[0])


def plot(nodes: Sequence[int], curves: dict[str, list[float]], path: Path) -> None:
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(9, 4.5), layout="constrained")
    for number, (title, seconds) in enumerate(curves.items()):
        style = "-o" if title.endswith("step") else "--s"
        label = f"{title}, $n^{{{exponent(nodes, seconds):.1f}}}$"
        axes.loglog(nodes, [1e3 * x for x in seconds], style, color=f"C{number % len(WAYS)}", label=label)
    axes.set_xticks(nodes, [str(n) for n in nodes])
    axes.minorticks_off()
    axes.set_xlabel("nodes n")
    axes.set_ylabel("milliseconds for each graph")
    figure.legend(loc="outside right upper", frameon=False)
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
