"""Options of the job that generates graphs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from discrete_ed.errors import InputError, check_seed
from discrete_ed.jobs.options import HOUSEKEEPING, CheckpointedConfig, GraphFileConfig, When, expect, expect_positive
from discrete_ed.names import (
    GRAPH_DATA_FROM_FILES,
    PERTURBATIONS_IN_WORDS,
    SAMPLED_PERTURBATIONS,
    GraphNetworkName,
    NoiseName,
    PerturbationName,
    PropertyName,
    ProposalName,
    ProtocolName,
    StartName,
)

# the conditions under which some of the options have an effect
SAMPLED_NEGATIVES = When(perturbation=SAMPLED_PERTURBATIONS)
ONE_LEVEL = When("with --levels 0", noise_levels=False)
SAMPLED_AT_ONE_LEVEL = When(
    f"with --perturbation {' or '.join(SAMPLED_PERTURBATIONS)} and --levels 0",
    perturbation=SAMPLED_PERTURBATIONS,
    noise_levels=False,
)
ALL_LEVELS = When("with --levels of at least 1", noise_levels=True)
HELD_OUT_OF_TRAINING = When(
    "with --levels of at least 1 and a data set without validation graphs", noise_levels=True, validation=False
)
PERTURBATIONS_HELP = "how training graphs become negatives. " + "; ".join(
    f"{name}: {words}" for name, words in PERTURBATIONS_IN_WORDS.items()
)


@dataclass(frozen=True)
class GenerateConfig(CheckpointedConfig, GraphFileConfig):
    """Learn an energy over graphs, generate new ones, and score them.

    Trains a permutation-invariant energy of graphs at all noise levels by energy discrepancy, samples graphs from coin
    flips down the levels, with settings that held-out and training graphs choose, and compares degree, clustering,
    orbit and spectral statistics with those of test graphs. The saved energy, the graphs (samples.g6), the scores and
    the figures go into a run folder; open its report.html first.

    Examples:
      discrete-ed generate
      discrete-ed generate --data ego-small --root ~/data --seed 1
      discrete-ed generate --data my-graphs.g6 --steps 5000 --device cuda
      discrete-ed generate --data my-graphs.g6 --test my-test-graphs.g6 --valid planar --snapshots 8
      discrete-ed generate --data tree-32 --graphs 500
      discrete-ed generate --data community-small --minutes 8
      discrete-ed generate --data community-small --like runs/generate/community-small-20260101-120000
      discrete-ed generate --resume runs/generate/citation-egos-20260101-120000
      python scripts/generate_ego_graphs.py --data my-graphs.g6
    """

    data: str = "citation-egos"
    """data set: citation-egos (synthetic, needs no files); ego-small, ego-small-polygraph, ego-all, ego (Citeseer);
    community-small, community-small-fresh; planar, sbm, tree (published files); planar-64, tree-64 (or another number
    of nodes), sbm-2x20 (two communities of 20 nodes, or other numbers), sbm-fresh, lobster-fresh (any number of graphs
    by the same recipes); lobster, grid, grid-shuffled; enzymes, proteins (TU); or the path of a graph file (graph6,
    edge list, JSON, GraphML and others) or of a folder"""
    root: Annotated[Path, When(data=GRAPH_DATA_FROM_FILES)] = Path("datasets")
    """folder that holds the files of the data set: Citeseer in the layout of PyG's Planetoid (it is downloaded into the
    folder if it is missing), planar/planar.train.g6 and the like, or TU data sets in the layout of PyG's TUDataset"""
    graphs: Annotated[
        int | None, When("with --data planar-64 or another data set that a recipe makes", recipe=True)
    ] = None
    """number of graphs that the recipe makes, a fifth of them for test; by default 200"""
    test: Annotated[Path | None, When("with --data of your own graphs", own=True)] = None
    """graph file or folder of your own test graphs; all graphs of --data are then trained on. By default a random fifth
    of them is kept for test"""
    split_seed: Annotated[int, When("with data whose split is random", random_split=True)] = 0
    """seed of the random split into training and test graphs, and of graphs that a recipe makes; data sets with an
    official split ignore it"""
    samples: int = 1024
    """number of graphs to generate"""
    levels: int = 40
    """number of noise levels of an energy that knows the level: it is trained at all of them, and graphs are sampled
    from coin flips down the levels. 0: an energy of the data alone, sampled from random graphs as dense as training
    graphs by single flips, which seldom change a community"""
    noise: Annotated[NoiseName, ALL_LEVELS] = "half"
    """what noise makes of an edge that it does not keep: half (a fair coin) or density (an edge as often as in the
    training graphs, so that sparse graphs stay sparse at all levels)"""
    proposals: Annotated[ProposalName | None, ALL_LEVELS] = None
    """where the negatives of a noisier graph are drawn from: noise (the noise alone), gradients (the differences of the
    energy at that graph) or learned (the edges of the data, which --network pairs then learns to predict from noisy
    graphs; samples are proposed by it as well). By default gradients: negatives of the noise alone are recognised the
    sooner, the more nodes there are, and then little is learned from them"""
    steps: int | None = None
    """training steps. By default with noise levels 1600 (P/20)^(2/3) for graphs with P pairs of nodes on average, from
    500 to 10000; with --levels 0, 6 for each training graph, at most 2000"""
    minutes: float | None = None
    """training time in minutes, in the place of --steps: the learning rate falls to zero within it. Runs with a time
    are not the same twice, since the number of steps depends on the machine"""
    like: Path | None = None
    """run folder whose energy is trained further, on the same data and with the same options of the energy"""
    held_out: Annotated[int | None, HELD_OUT_OF_TRAINING] = None
    """number of training graphs that are not trained on. They choose among the weights in the course of training, and
    the settings of the chains. By default a tenth, from 16 to 100, of at least 80 training graphs, else none; where a
    data set has validation graphs of its own, these are used instead"""
    passed_levels: Annotated[int | None, ALL_LEVELS] = None
    """number of noise levels that chains pass, at even distances. Held-out and training graphs choose this and the next
    three if none of them is given; otherwise those that are not given are all levels, 0, 4 and 60, and with --proposals
    learned all levels, 8, 0 and 300"""
    candidates: Annotated[int | None, ALL_LEVELS] = None
    """number of proposals at each noise level, in which all edges change independently; one is chosen by importance
    weights. 0: a single one without weights, which is fastest and not exact"""
    level_steps: Annotated[int | None, ALL_LEVELS] = None
    """Gibbs-with-gradients steps of every chain at each noise level"""
    last_steps: Annotated[int | None, ALL_LEVELS] = None
    """Gibbs-with-gradients steps of every chain at the end, with the energy of the data"""
    sampler_steps: Annotated[int, ONE_LEVEL] = 600
    """Gibbs-with-gradients steps of every chain"""
    start: Annotated[StartName, ONE_LEVEL] = "density"
    """the random graphs that chains start from: density (each is as dense as a training graph) or half (each edge with
    probability 1/2; large graphs then fall into cliques and need many more steps to leave them)"""
    cold: Annotated[float, ONE_LEVEL] = 1.0
    """inverse temperature to which the chains are cooled over two thirds of their steps; the last third runs at 1.
    Values above 1 help the chains to find structure, such as communities: raise it if generated graphs have a higher
    mean energy than training graphs (result.json has both). The graphs are then not exact samples of the energy"""
    protocol: ProtocolName = "edp"
    """how scores are computed: edp (GraphRNN, EDP-GNN, GDSS), gran (GRAN, SPECTRE) or psd
    (positive definite kernels, unbiased)"""
    valid: PropertyName | None = None
    """the property that makes a graph valid, whose share is reported with the scores; by default that of the data set
    in its literature, if it has one, and otherwise that a graph is connected, provided that all real graphs are"""
    batch: int | None = None
    """training graphs in a step; by default 32, and 64 with --levels 0"""
    negatives: Annotated[int | None, SAMPLED_NEGATIVES] = None
    """M, number of perturbed copies of each training graph in a step, by default 8 with --proposals noise, 4 with
    others, and 16 with --levels 0; only for perturbations that sample their negatives (blocks enumerate all of
    theirs)"""
    perturbation: Annotated[PerturbationName, ONE_LEVEL, arg(help=PERTURBATIONS_HELP)] = "bernoulli"
    flips: Annotated[tuple[float, float], SAMPLED_AT_ONE_LEVEL] = (1.0, 6.0)
    """range of the expected number of flipped edges, which is sampled log-uniformly for each graph and step; only
    for perturbations that sample their negatives"""
    w: Annotated[float, SAMPLED_AT_ONE_LEVEL] = 1.0
    """w, stabilisation of the loss; only for perturbations that sample their negatives"""
    learning_rate: float | None = None
    """peak learning rate of Adam; by default 0.002, and 0.001 with --levels 0"""
    network: GraphNetworkName = "messages"
    """the energy's network: messages (features of nodes, which neighbours exchange; quick) or pairs (features of all
    pairs of nodes, which products combine, and of the whole graph: components, cycles, bridges; slower)"""
    width: int | None = None
    """features of each node, by default 64; with --network pairs those of each pair of nodes, by default 16"""
    layers: int | None = None
    """rounds of message passing, by default 4; with --network pairs rounds of products, by default 3"""
    chains: int = 1024
    """chains sampled side by side; fewer need less memory"""
    snapshots: int = 0
    """number of energies that are kept in the course of training, at even distances, in the folder snapshots of the
    run; evaluate RUN then plots the scores over the training steps"""
    seed: int = 0
    """seed of everything random except the split"""
    device: str = "cpu"
    """cpu, cuda, or cuda:1"""
    out: Annotated[Path | None, HOUSEKEEPING] = None
    """run folder, which must be new or empty; by default runs/generate/DATA-TIME"""

    def __post_init__(self) -> None:
        super().__post_init__()
        expect(self, "at least 1", "steps", "batch", "negatives", "passed_levels", "width", low=1)
        expect(self, "at least 0", "held_out", "candidates", "level_steps", "last_steps", "layers", low=0)
        expect(self, "at least 1", "samples", "chains", low=1)
        expect(self, "at least 0", "levels", "sampler_steps", "w", "snapshots", low=0)
        if self.minutes is not None and self.steps is not None:
            raise InputError(f"minutes: expected only without --steps, got {self.minutes} and {self.steps} steps")
        if self.minutes is not None and self.snapshots:
            raise InputError(f"snapshots: expected only without --minutes, got {self.snapshots}")
        if (self.passed_levels or 0) > self.levels > 0:
            raise InputError(f"passed_levels: expected at most --levels, {self.levels}, got {self.passed_levels}")
        if self.proposals == "learned" and self.network != "pairs":
            raise InputError(f"proposals: expected --network pairs with learned ones, got --network {self.network}")
        check_seed(self.seed)
        check_seed(self.split_seed, "split_seed")
        low, high = self.flips
        if not 0 < low <= high < float("inf"):
            raise InputError(f"flips: expected 0 < low <= high, got {low} {high}")
        expect_positive(self, "cold", "learning_rate", "minutes")
