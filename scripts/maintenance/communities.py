"""How near generated graphs come to the five fixed pairs of communities of `community-small`, and where they miss them.

    python scripts/maintenance/communities.py [--runs RUN ...]

First come scores of graphs of the exact law, fresh bridges between the fixed communities, of which a share of all pairs
of nodes was flipped, so that one sees how much the test notices. For each run of `generate` on this data set there
follow the scores of its graphs, and the loss of its energy at single noise levels beside that of two laws which know
what has to be learned: for one the edges within communities are as frequent as in the graph at hand, the other knows
each of them. Both know which nodes form the communities, so that at high levels no energy of graphs can reach them.
Without runs about 20 s on one core, with 10 s more for each.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import torch
from torch import Tensor

from discrete_ed import NoiseConditionalEnergy, graphs_to_states, load_energy, read_graphs
from discrete_ed.energies.noise import DenoisingEnergy
from discrete_ed.graphs.datasets import load_graph_data
from discrete_ed.graphs.evaluation import evaluate_graphs
from discrete_ed.graphs.power import flip_pairs
from discrete_ed.graphs.recipes import two_communities
from discrete_ed.jobs.text import as_text
from discrete_ed.losses import level_ranking
from discrete_ed.perturbations import IndependentBits
from discrete_ed.states import from_matrix, to_matrix

SHARES = (0.0, 0.005, 0.01, 0.02, 0.03, 0.05)
BRIDGES = 0.05
SEEDS = (0, 1)  # of the published communities
LEVELS = range(0, 40, 3)
JUMP, FLIPS, NEGATIVES, REPEATS = 4, 2.5, 8, 4
SPLITS, SPLIT_GRAPHS = 4, 256  # starts of the search for the two communities of a graph, and graphs of a set


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, nargs="*", default=[], help="run folders of generate")
    parser.add_argument("--graphs", type=int, default=1024)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.set_num_threads(1)
    data = load_graph_data("community-small", Path("datasets"))
    rng = random.Random(given.seed)
    sizes = [len(data.train[k % len(data.train)]) for k in range(given.graphs)]
    exact = [two_communities(size // 2, rng, SEEDS) for size in sizes]
    header = ["graphs", "mean", "p", "spectral", "spectral p", "both communities exact", "one", "edges between"]
    rows = []
    for share in SHARES:
        flipped = [flip_pairs(graph, share, np.random.default_rng(k)) for k, graph in enumerate(exact)]
        rows.append([f"exact law, {share:.1%} of pairs flipped", *scores(data, flipped, given.seed)])
    rows += [[str(run), *scores(data, read_graphs(run / "samples.g6"), given.seed)] for run in given.runs]
    print(as_text([header, *rows]), flush=True)
    if not given.runs:
        return
    x = graphs_to_states(data.train).float()
    losses = []
    for run in given.runs:
        energy = load_energy(run / "checkpoint")
        if not isinstance(energy, NoiseConditionalEnergy):
            parser.error(f"--runs: expected energies of noise levels, got {type(energy).__name__} in {run}")
        if not losses:
            losses.append(["communities known", *by_level(Planted(energy, planted(x, data.train, known=True)), x)])
            losses.append(["densities known", *by_level(Planted(energy, planted(x, data.train, known=False)), x)])
        losses.append([str(run), *by_level(energy, x)])
    print(as_text([["loss at level k of 40, k =", *map(str, LEVELS)], *losses]))


def scores(data: Any, graphs: list[nx.Graph], seed: int) -> list[str]:
    """Scores against the test graphs, and the shares of graphs with both or one of the published communities."""
    found = evaluate_graphs(data.test, graphs, data.train, seed=seed)
    assert found.mean is not None
    spectral = found.statistics["spectral"]
    exact, between = zip(*map(communities, graphs[:SPLIT_GRAPHS]), strict=True)
    both, one = (np.mean([number >= least for number in exact]) for least in (2, 1))
    shares = [f"{both:.1%}", f"{one:.1%}", f"{np.mean(between):.1f}"]
    return [
        f"{found.mean.mmd2:.4f}",
        f"{found.p_value:.3f}",
        f"{spectral.mmd2:.4f}",
        f"{spectral.p_value:.3f}",
        *shares,
    ]


def communities(graph: nx.Graph) -> tuple[int, int]:
    """How many of the two halves of a graph are published communities, and the number of edges between the halves.

    The halves are those with the fewest edges between them that the search of Kernighan and Lin finds.
    """
    splits = [nx.algorithms.community.kernighan_lin_bisection(graph, seed=seed) for seed in range(SPLITS)]
    halves = min(splits, key=lambda split: nx.cut_size(graph, *split))
    missing = [nx.gnp_random_graph(len(graph) // 2, 0.7, seed=seed) for seed in SEEDS]
    for half in halves:
        equal = (other for other in missing if nx.is_isomorphic(graph.subgraph(half), other))
        found = next(equal, None)
        missing = [other for other in missing if other is not found]
    return len(SEEDS) - len(missing), int(nx.cut_size(graph, *halves))


def planted(x: Tensor, graphs: list[nx.Graph], *, known: bool) -> Tensor:
    """The probability of every edge of the data, `(G, D)`, of one that knows which nodes form the communities, and
    either each edge within them or the density."""
    matrix = to_matrix(x)
    probability = torch.full_like(matrix, BRIDGES)
    for number, graph in enumerate(graphs):
        half = len(graph) // 2
        for part in (slice(0, half), slice(half, 2 * half)):
            inside = matrix[number, part, part]
            density = (inside.sum() - half) / (half * (half - 1))
            probability[number, part, part] = inside if known else density
    return from_matrix(probability)


class Planted(NoiseConditionalEnergy):
    """The energy at every noise level of data whose edges are independent with given probabilities, `(G, D)`."""

    def __init__(self, like: NoiseConditionalEnergy, probability: Tensor) -> None:
        super().__init__(like.network, like.noise.count, like.noise.density)
        self.probability = probability

    def forward(self, x: Tensor, t: Tensor | float = 0.0) -> Tensor:
        keep = self.noise.keep(torch.as_tensor(t, dtype=x.dtype).expand(x.shape[:-1])).unsqueeze(-1)
        one = (keep * self.probability + (1 - keep) * self.noise.density).clamp(1e-4, 1 - 1e-4)
        return -torch.where(self.free(x), torch.where(x > 0.5, one, 1 - one).log(), 0.0).sum(-1)


@torch.no_grad()
def by_level(energy: NoiseConditionalEnergy, x: Tensor) -> list[str]:
    """The loss of `noise_level_discrepancy` at single levels, with the same noise for every energy."""
    noise, free, losses = energy.noise, energy.free(x), []
    for level in LEVELS:
        generator, total = torch.Generator().manual_seed(0), 0.0
        t = torch.full((len(x),), level / 40)
        later = torch.maximum((t + JUMP / 40).clamp(max=1), noise.later(t, FLIPS / free.sum(-1)))
        for _ in range(REPEATS):
            blurred = noise.blur(x, free, noise.keep(t), generator=generator)
            y = noise.blur(blurred, free, noise.keep(later) / noise.keep(t), generator=generator)
            posterior = DenoisingEnergy(energy, t, later, y)
            proposal = IndependentBits.frozen(posterior.evidence, free, y)
            states = torch.cat([blurred.unsqueeze(1), proposal.sample(NEGATIVES, generator=generator)], 1)
            total += level_ranking(posterior, x, states, proposal).mean().item() / REPEATS
        losses.append(f"{total:.2f}")
    return losses


if __name__ == "__main__":
    main()
