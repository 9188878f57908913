"""Options of the job that generates graphs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from discrete_ed.errors import InputError, check_seed
from discrete_ed.jobs.options import HOUSEKEEPING, CheckpointedConfig, GraphFileConfig, When, expect, expect_positive
from discrete_ed.names import (
    PERTURBATIONS_IN_WORDS,
    SAMPLED_PERTURBATIONS,
    PerturbationName,
    ProtocolName,
    StartName,
)

# the condition under which some of the options have an effect
SAMPLED_NEGATIVES = When(perturbation=SAMPLED_PERTURBATIONS)
PERTURBATIONS_HELP = "how training graphs become negatives. " + "; ".join(
    f"{name}: {words}" for name, words in PERTURBATIONS_IN_WORDS.items()
)


@dataclass(frozen=True)
class GenerateConfig(CheckpointedConfig, GraphFileConfig):
    """Learn an energy over graphs, generate new ones, and score them.

    Trains a permutation-invariant energy by energy discrepancy, samples it with Gibbs-with-gradients from random graphs
    with the node counts and densities of training graphs, and compares degree, clustering, orbit and spectral
    statistics with those of test graphs. The saved energy, the graphs (samples.g6), the scores and the figures go into
    a run folder; open its report.html first.

    Examples:
      discrete-ed generate
      discrete-ed generate --data ego-small --root ~/data --seed 1
      discrete-ed generate --data my-graphs.g6 --steps 5000 --device cuda
      discrete-ed generate --resume runs/generate/citation-egos-20260101-120000
      python scripts/generate_ego_graphs.py --data my-graphs.g6
    """

    data: str = "citation-egos"
    """data set: citation-egos (synthetic, needs no files), ego-small, ego-all (Citeseer), community-small,
    community-small-fresh, or the path of a graph file (graph6, edge list, JSON, GraphML and others) or of a folder"""
    root: Annotated[Path, When(data=("ego-small", "ego-all"))] = Path("datasets")
    """folder that holds Citeseer in the layout of PyG's Planetoid; Citeseer is downloaded into it if it is missing"""
    split_seed: Annotated[int, When("with data whose split is random", random_split=True)] = 0
    """seed of the random split into training and test graphs; data sets with an official split ignore it"""
    samples: int = 1024
    """number of graphs to generate"""
    steps: int | None = None
    """training steps; by default 6 for each training graph, at most 2000 (with more, a small set would be memorised)"""
    sampler_steps: int = 600
    """Gibbs-with-gradients steps of every chain"""
    start: StartName = "density"
    """the random graphs that chains start from: density (each is as dense as a training graph) or half (each edge with
    probability 1/2; large graphs then fall into cliques and need many more steps to leave them)"""
    cold: float = 1.0
    """inverse temperature to which the chains are cooled over two thirds of their steps; the last third runs at 1.
    Values above 1 help the chains to find structure, such as communities: raise it if generated graphs have a higher
    mean energy than training graphs (result.json has both). The graphs are then not exact samples of the energy"""
    protocol: ProtocolName = "edp"
    """how scores are computed: edp (GraphRNN, EDP-GNN, GDSS), gran (GRAN, SPECTRE) or psd
    (positive definite kernels, unbiased)"""
    batch: int = 64
    """training graphs in a step"""
    negatives: Annotated[int, SAMPLED_NEGATIVES] = 16
    """M, number of perturbed copies of each training graph in a step; only for perturbations that sample their
    negatives (blocks enumerate all of theirs)"""
    perturbation: Annotated[PerturbationName, arg(help=PERTURBATIONS_HELP)] = "bernoulli"
    flips: Annotated[tuple[float, float], SAMPLED_NEGATIVES] = (1.0, 6.0)
    """range of the expected number of flipped edges, which is sampled log-uniformly for each graph and step; only
    for perturbations that sample their negatives"""
    w: Annotated[float, SAMPLED_NEGATIVES] = 1.0
    """w, stabilisation of the loss; only for perturbations that sample their negatives"""
    learning_rate: float = 1e-3
    """peak learning rate of Adam"""
    width: int = 64
    """node features of the energy"""
    layers: int = 4
    """rounds of message passing of the energy"""
    chains: int = 1024
    """chains sampled side by side; fewer need less memory"""
    seed: int = 0
    """seed of everything random except the split"""
    device: str = "cpu"
    """cpu, cuda, or cuda:1"""
    out: Annotated[Path | None, HOUSEKEEPING] = None
    """run folder, which must be new or empty; by default runs/generate/DATA-TIME"""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.steps is not None:
            expect(self, "at least 1", "steps", low=1)
        expect(self, "at least 1", "samples", "batch", "negatives", "width", "chains", low=1)
        expect(self, "at least 0", "sampler_steps", "layers", "w", low=0)
        check_seed(self.seed)
        check_seed(self.split_seed, "split_seed")
        low, high = self.flips
        if not 0 < low <= high < float("inf"):
            raise InputError(f"flips: expected 0 < low <= high, got {low} {high}")
        expect_positive(self, "cold", "learning_rate")
