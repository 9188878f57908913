"""What energies of graphs cost, and how that grows with the number of nodes n.

    python scripts/maintenance/growth.py [--nodes 8 16 32 64] [--levels 40] [--learn 8 12 16 24] [--out growth.png]

For each network of the job `generate`, and each kind of proposals that draws informed negatives, prints the processor
time of a training step for each graph of its batch, and that of drawing one graph down all noise levels, with the
exponents of their growth: the slope of log time against log n over the upper half of the numbers of nodes. The graphs
are random trees, whose density the noise has. With `--learn` it also trains the default network on trees of these
numbers of nodes, and prints the number of training steps after which half of the graphs that are drawn are trees, with
the exponent over all of them. `--out` plots the same. With the default about a minute on one idle core; each number of
nodes of `--learn` takes from seconds to minutes, and training ends after `--most-steps`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import networkx as nx
import numpy as np
import torch

from discrete_ed import FitConfig, NoiseConditionalEnergy, fit, graphs_to_states, noise_level_loss, shuffled_batches
from discrete_ed.energies import GRAPH_NETWORKS, Energy
from discrete_ed.graphs.denoising import denoise_graphs, noise_density
from discrete_ed.graphs.recipes import tree_graphs
from discrete_ed.jobs.text import as_text
from discrete_ed.samplers.levels import chain_over_levels, start_of_levels

WAYS = (("messages", "gradients"), ("pairs", "gradients"), ("pairs", "learned"))
NEGATIVES, CANDIDATES = 4, 8
STEPS = {"gradients": 4, "learned": 0}  # Gibbs-with-gradients steps at each level
STATES = 8_192  # numbers of pairs in a batch, so that small graphs fill it as large ones do
ROUNDS = 2
LEARNED = 200  # trees that are learned
DRAWN = 128  # graphs that are drawn at each look
FIRST_LOOK, FACTOR = 10, 2**0.5  # steps of the first look at what is learned, and from each look to the next


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, nargs="+", default=[8, 16, 32, 64])
    parser.add_argument("--levels", type=int, default=40)
    parser.add_argument("--learn", type=int, nargs="+", default=[], help="numbers of nodes of trees to learn")
    parser.add_argument("--most-steps", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0, help="seed of what is learned")
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
    needed = {n: steps_needed(n, arguments.most_steps, arguments.seed) for n in sorted(set(arguments.learn))}
    reached = {n: steps for n, steps in needed.items() if steps is not None}
    for n, steps in needed.items():
        words = f"more than {arguments.most_steps}" if steps is None else f"{steps:.0f}"
        print(f"n = {n}: {words} training steps until half of the drawn graphs are trees")
    if len(reached) > 1:
        print(f"which grows as n^{slope([*reached], [*reached.values()]):.2f}")
    if arguments.out is not None:
        plot(nodes, curves, reached, arguments.out)


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


def steps_needed(n: int, most: int, seed: int) -> float | None:
    """The training steps of the default network until half of the drawn graphs are trees; None if `most` are too few.

    The graphs are drawn with averaged weights, at a constant learning rate. Between two looks, the logarithm of the
    steps is interpolated.
    """
    graphs = tree_graphs(LEARNED, n, seed=seed)
    x = graphs_to_states(graphs).float()
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    energy = NoiseConditionalEnergy(GRAPH_NETWORKS["messages"](n, noise_levels=True), 40, noise_density("half", graphs))
    looks: list[tuple[int, float]] = []

    def look(step: int, averaged: Energy) -> None:
        if step < (FIRST_LOOK if not looks else FACTOR * looks[-1][0]):
            return
        assert isinstance(averaged, NoiseConditionalEnergy)
        drawn = denoise_graphs(averaged, x, DRAWN, levels=10, candidates=0, generator=generator)
        looks.append((step, sum(map(nx.is_tree, drawn.graphs())) / DRAWN))

    fit(
        energy,
        noise_level_loss(negatives=8, generator=generator),
        shuffled_batches(x, 32, generator=torch.Generator().manual_seed(seed)),
        FitConfig(steps=most),
        optimizer=torch.optim.AdamW(energy.parameters(), lr=2e-3, weight_decay=0.0),
        snapshot=look,
        stop=lambda: bool(looks) and looks[-1][1] >= 0.5,
    )
    if not looks or looks[-1][1] < 0.5:
        return None
    if len(looks) == 1:
        return float(looks[0][0])
    (before, low), (after, high) = looks[-2:]
    return float(before * (after / before) ** ((0.5 - low) / (high - low)))


def exponent(nodes: Sequence[int], seconds: Sequence[float]) -> float:
    """The slope of log time against log n over the upper half."""
    upper = max(2, (len(nodes) + 1) // 2)
    return slope(nodes[-upper:], seconds[-upper:])


def slope(nodes: Sequence[int], values: Sequence[float]) -> float:
    """The slope of log values against log n."""
    return float(np.polyfit(np.log(nodes), np.log(values), 1)[0])


def plot(nodes: Sequence[int], curves: dict[str, list[float]], needed: dict[int, float], path: Path) -> None:
    from matplotlib import pyplot as plt

    figure, (axes, steps) = plt.subplots(
        1, 2, figsize=(12, 4.5), layout="constrained", gridspec_kw={"width_ratios": (2, 1)}
    )
    if not needed:
        steps.remove()
    else:
        label = f"$n^{{{slope([*needed], [*needed.values()]):.1f}}}$" if len(needed) > 1 else None
        steps.loglog([*needed], [*needed.values()], "-o", color="C0", label=label)
        steps.set_xticks([*needed], [str(n) for n in needed])
        steps.minorticks_off()
        steps.set_xlabel("nodes n")
        steps.set_title("training steps until half of the drawn graphs are trees", fontsize="medium")
        steps.grid(alpha=0.3)
        if label:
            steps.legend(frameon=False)
    for number, (title, seconds) in enumerate(curves.items()):
        style = "-o" if title.endswith("step") else "--s"
        label = f"{title}, $n^{{{exponent(nodes, seconds):.1f}}}$"
        axes.loglog(nodes, [1e3 * x for x in seconds], style, color=f"C{number % len(WAYS)}", label=label)
    axes.set_xticks(nodes, [str(n) for n in nodes])
    axes.minorticks_off()
    axes.set_xlabel("nodes n")
    axes.set_ylabel("milliseconds for each graph")
    axes.legend(loc="upper left", bbox_to_anchor=(0, -0.15), ncols=2, frameon=False)
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
