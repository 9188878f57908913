"""What the jobs can be told. Imports nothing heavy, so that the command line answers at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tyro.conf import Positional

from discrete_ed.errors import InputError

ProtocolName = Literal["edp", "gran", "psd"]
KernelName = Literal[
    "auto",
    "gibbs",
    "gibbs-sweep",
    "gibbs-with-gradients",
    "path-auxiliary",
    "dmala",
    "block-gibbs",
    "swendsen-wang",
]
PropertyName = Literal["connected", "planar", "tree", "bipartite"]


def _expect(config: object, expected: str, *names: str, low: float) -> None:
    for name in names:
        value = getattr(config, name)
        if not value >= low:
            raise InputError(f"{name}: expected {expected}, got {value}")


@dataclass(frozen=True, kw_only=True)
class Resumable:
    """What every job can be told that may run for long."""

    resume: Path | None = None
    """folder of a run that was cut short, to go on with; it stands alone: every other option is read from the
    config.json in there"""
    checkpoint_seconds: float = 60.0
    """seconds between two checkpoints of the whole state; a kill loses no more than that"""

    def __post_init__(self) -> None:
        _expect(self, "at least 0", "checkpoint_seconds", low=0)


@dataclass(frozen=True)
class GenerateEgoGraphs(Resumable):
    """Learn an energy over graphs, generate new ones, and score them.

    Trains a permutation-invariant energy by energy discrepancy, samples it with Gibbs-with-gradients from noise (node
    counts and densities of training graphs), and compares degree, clustering, orbit and spectral statistics with those
    of test graphs. Everything goes into a run folder; open its report.html first.

    Examples:
      python scripts/generate_ego_graphs.py
      python scripts/generate_ego_graphs.py --data ego-small --root ~/data --seed 1
      python scripts/generate_ego_graphs.py --data my-graphs.g6 --steps 5000 --device cuda
      python scripts/generate_ego_graphs.py --resume runs/generate-ego-graphs/citation-egos-20260101-120000
    """

    data: str = "citation-egos"
    """data set: citation-egos (synthetic, needs no files), ego-small, ego-all (Citeseer), community-small,
    community-small-fresh, or the path of a graph file (.g6, .s6, .jsonl) or of a folder of them"""
    root: Path = Path("datasets")
    """folder that holds Citeseer, in the layout of PyG's Planetoid; it is downloaded to there when missing"""
    split_seed: int = 0
    """seed of the split into training and test graphs, where it isn't the official one"""
    samples: int = 1024
    """number of graphs to generate"""
    steps: int | None = None
    """training steps; default: 6 for each training graph, at most 2000 (more would learn a small set by heart)"""
    sampler_steps: int = 600
    """Gibbs-with-gradients steps of every chain, from noise"""
    start: Literal["density", "half"] = "density"
    """the noise that chains start from: density (each graph random, as dense as a training graph) or half (every
    edge by a fair coin; large graphs then take many more steps to leave the cliques that they fall into)"""
    protocol: ProtocolName = "edp"
    """how scores are computed: edp (GraphRNN, EDP-GNN, GDSS), gran (GRAN, SPECTRE) or psd
    (positive definite kernels, unbiased)"""
    batch: int = 64
    """training graphs in a step"""
    negatives: int = 16
    """M, perturbed copies of each training graph in a step"""
    perturbation: Literal["bernoulli", "informed", "block", "node-block"] = "bernoulli"
    """what makes training graphs into negatives: noise on any edges (bernoulli), the same undone with a look at the
    energy (informed), or all states of six random edges (block) or of all edges among four nodes (node-block)"""
    flips: tuple[float, float] = (1.0, 6.0)
    """range of the expected number of flipped edges, drawn log-uniformly for each graph and step; not for blocks"""
    w: float = 1.0
    """w, stabilisation of the loss"""
    learning_rate: float = 1e-3
    """peak learning rate of Adam"""
    width: int = 64
    """node features of the energy"""
    layers: int = 4
    """rounds of message passing of the energy"""
    chains: int = 1024
    """chains sampled side by side; fewer need less memory"""
    seed: int = 0
    """seed of everything random but the split"""
    device: str = "cpu"
    """cpu, cuda, or cuda:1"""
    out: Path | None = None
    """run folder, which must be new or empty; default: runs/generate-ego-graphs/DATA-TIME"""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.steps is not None:
            _expect(self, "at least 1", "steps", low=1)
        _expect(self, "at least 1", "samples", "batch", "negatives", "width", "chains", low=1)
        _expect(self, "at least 0", "sampler_steps", "layers", "w", "seed", "split_seed", low=0)
        low, high = self.flips
        if not 0 < low <= high < float("inf"):
            raise InputError(f"flips: expected 0 < low <= high, got {low} {high}")
        if not 0 < self.learning_rate < float("inf"):
            raise InputError(f"learning_rate: expected a positive number, got {self.learning_rate}")


@dataclass(frozen=True, kw_only=True)
class _Judging:
    """What both forms of the judging job can be told."""

    train: Path | None = None
    """graphs that the generator learned from, likewise: they give the floor and the novelty"""
    protocol: ProtocolName = "edp"
    """how scores are computed: edp (GraphRNN, EDP-GNN, GDSS), gran (GRAN, SPECTRE) or psd
    (positive definite kernels, unbiased)"""
    valid: PropertyName | None = None
    """the property that makes a graph valid; its share is reported"""
    json: Path | None = None
    """file to write the result to"""
    report: Path | None = None
    """HTML file to write with galleries, histograms and the scores"""
    seed: int = 0
    """seed of the yardsticks' random draws"""

    def __post_init__(self) -> None:
        _expect(self, "at least 0", "seed", low=0)


@dataclass(frozen=True)
class EvaluateGraphs(_Judging):
    """Score anybody's generated graphs against reference graphs.

    Prints MMD² of degree, clustering, orbit and spectral statistics beside what real graphs and random graphs score,
    and how many of the graphs are novel, unique, connected and, with --valid, valid.

    Example:
      python scripts/evaluate_graphs.py --reference test.g6 --generated mine.g6 --train train.g6
    """

    reference: Path
    """test graphs: a graph file (.g6, .s6, .jsonl, .edges, .graphml) or a folder of them"""
    generated: Path
    """generated graphs, likewise"""


@dataclass(frozen=True)
class Evaluate(_Judging):
    """Score the graphs of one or several generators against reference graphs.

    The short form of evaluate-graphs. Several generated files give one comparison table.

    Examples:
      discrete-ed evaluate reference.g6 mine.g6 --train train.g6
      discrete-ed evaluate reference.g6 mine.g6 theirs.g6 --protocol psd --valid planar --report scores.html
    """

    reference: Positional[Path]
    """test graphs: a graph file (.g6, .s6, .jsonl, .edges, .graphml) or a folder of them"""
    generated: Positional[tuple[Path, ...]]
    """generated graphs, likewise; a file or folder for each generator"""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.generated:
            raise InputError("generated: expected at least one file of generated graphs, got none")
        if len(set(self.generated)) < len(self.generated):
            raise InputError("generated: expected every file once, got one again")


@dataclass(frozen=True)
class Sample:
    """Draw from a saved energy, and say whether the chains have mixed.

    Runs Markov chains from random bits, keeps draws and energies, and prints R̂, effective sample sizes, acceptance and
    jumps. A run folder keeps all of it, with a figure.

    Examples:
      discrete-ed sample RUN/checkpoint
      discrete-ed sample RUN/checkpoint --kernel gibbs-with-gradients --chains 64 --steps 2000 --thin 10
    """

    energy: Positional[Path]
    """folder of a saved energy, such as the checkpoint of a run of another job"""
    kernel: KernelName = "auto"
    """how chains move; auto: block-gibbs for an RBM, gibbs-sweep for an Ising model, else gibbs-with-gradients"""
    chains: int = 16
    """chains, each from its own random bits"""
    steps: int = 1000
    """draws kept of each chain"""
    warmup: int = 500
    """draws of each chain that are dropped first"""
    thin: int = 1
    """steps of the kernel from one draw to the next"""
    nodes: int | None = None
    """nodes of the random graphs that chains start from, for a GraphEnergy; default: as many as it allows"""
    seed: int = 0
    """seed of the random bits and of the chains"""
    device: str = "cpu"
    """cpu, cuda, or cuda:1; on the cpu chains of Ising models run in compiled loops"""
    out: Path | None = None
    """run folder, which must be new or empty; default: runs/sample/ENERGY-TIME"""

    def __post_init__(self) -> None:
        _expect(self, "at least 1", "chains", "thin", low=1)
        _expect(self, "at least 4, which the diagnostics need", "steps", low=4)
        _expect(self, "at least 0", "warmup", "seed", low=0)
        if self.nodes is not None:
            _expect(self, "at least 1", "nodes", low=1)


@dataclass(frozen=True)
class Continuous:
    """Energy discrepancy on real vectors, in three experiments.

    mixture: the loss as a function of a mixture's weight, from score matching to maximum likelihood. gaussians: a
    density with 25 modes. latent: images from a decoder whose prior is a normal law, or an energy trained beside it.

    Examples:
      python scripts/continuous.py --part mixture
      python scripts/continuous.py --part latent --images train-images-idx3-ubyte.gz
    """

    part: Literal["mixture", "gaussians", "latent", "all"] = "all"
    """what to do"""
    images: Path | None = None
    """images for latent: MNIST's idx file (.gz or not), .npy or .npz; default: scikit-learn's digits"""
    most_images: int = 10_000
    """images used at most; a fifth of them is held out"""
    latent: int = 8
    """dimensions of the latent vector"""
    steps: int = 4000
    """training steps of gaussians, and of each model of latent"""
    learning_rate: float = 1e-3
    """learning rate of Adam, which falls to zero linearly"""
    sampler_steps: int = 500
    """steps of MALA for the samples shown"""
    seed: int = 0
    """seed of everything random"""
    out: Path | None = None
    """run folder, which must be new or empty; default: runs/continuous/PART-TIME"""

    def __post_init__(self) -> None:
        _expect(self, "at least 1", "steps", "latent", low=1)
        _expect(self, "at least 10", "most_images", low=10)
        _expect(self, "at least 0", "seed", "sampler_steps", low=0)
        if not 0 < self.learning_rate < float("inf"):
            raise InputError(f"learning_rate: expected a positive number, got {self.learning_rate}")


@dataclass(frozen=True)
class ComparePerturbations:
    """Compare the perturbations of energy discrepancy on an Ising lattice: bias, noise, what is learned, time.

    Samples are exact. Bias and noise are those of one coupling common to all edges, at the truth; then the coupling
    of every pair is learned.

    Example:
      python scripts/compare_perturbations.py
    """

    side: int = 10
    """side of the periodic square lattice, 3 to 12"""
    sigma: float = 0.2
    """σ, coupling in the literature's convention, log p = σ sᵀAs; at least 0, critical at .2203"""
    samples: int = 30_000
    """exact samples to learn from"""
    probe: int = 10_000
    """of these, samples from which bias and noise at the truth are measured"""
    m: int = 32
    """M, negatives of each data point"""
    epsilon: float = 0.1
    """ε, noise; a tenth of it is compared, too"""
    error: float = 0.02
    """standard deviation of the errors, in units of σ, among which a common coupling is sought once more"""
    steps: int = 3000
    """training steps"""
    batch: int = 256
    """data points in a step"""
    learning_rate: float = 1e-2
    """peak learning rate of Adam"""
    seed: int = 0
    """seed of everything random"""
    out: Path | None = None
    """run folder, which must be new or empty; default: runs/compare-perturbations/SIZE-TIME"""

    def __post_init__(self) -> None:
        if not 3 <= self.side <= 12:
            raise InputError(f"side: expected 3 to 12, got {self.side}")
        _expect(self, "at least 100", "samples", "probe", low=100)
        _expect(self, "at least 1", "m", "steps", "batch", low=1)
        _expect(self, "at least 0", "sigma", "error", "seed", low=0)
        if not 0 < self.epsilon <= 0.5:
            raise InputError(f"epsilon: expected a probability in (0, 0.5], got {self.epsilon}")
        if not 0 < self.learning_rate < float("inf"):
            raise InputError(f"learning_rate: expected a positive number, got {self.learning_rate}")


EstimatorName = Literal[
    "auto",
    "single-site",
    "block",
    "bernoulli",
    "interaction-screening",
    "ratio-matching",
    "contrastive-divergence",
    "maximum-likelihood",
]
PenaltyName = Literal["auto", "refit", "l1", "common", "none", "zero"]


@dataclass(frozen=True)
class TrainIsing(Resumable):
    """Recover the couplings of an Ising model, from a table of yours or from draws of a known model.

    Without --data: draws perfect samples of a lattice, recovers its couplings by energy discrepancy, and sets the error
    beside that of J = 0 and beside the best possible. With --data: couplings, fields, standard errors, edges and
    goodness of fit for a table of 0/1 or -1/+1. Everything goes into a run folder; open its report.html first.

    Couplings are those of E(s) = -1/2 s'Js - h's, each pair counted once ("physics"); the literature on energy
    discrepancy writes log p = s'Js, which is half of them ("published"), and so does --sigma.

    Examples:
      python scripts/train_ising.py
      python scripts/train_ising.py --sigma 0.3 --samples 8000
      python scripts/train_ising.py --data observations.csv
      python scripts/train_ising.py --table --estimator single-site
    """

    data: Path | None = None
    """your observations: CSV, NPZ, NPY or Parquet, a row for each, cells 0/1 or -1/+1"""
    side: int = 10
    """side of the lattice"""
    dimension: int = 2
    """dimension of the lattice"""
    periodic: bool = True
    """whether the lattice closes to a torus"""
    graph: Path | None = None
    """interaction graph from a file (.g6, .s6, .jsonl, .edges, .graphml) in place of the lattice"""
    random_graph: tuple[int, float] | None = None
    """nodes and mean degree of an Erdos-Renyi graph in place of the lattice"""
    sigma: float = 0.2
    """coupling of every edge in the published convention: half the physics coupling; may be negative"""
    field: float = 0.0
    """external field on every spin (physics)"""
    samples: int = 2000
    """samples to draw"""
    sampler: Literal["exact", "single-site"] = "exact"
    """how samples are drawn: exact where that is possible (transfer matrices, enumeration), else by clusters or
    tempering; or by sweeps of single spins from random states, as published data were"""
    sweeps: int = 1000
    """sweeps of --sampler single-site"""
    estimator: EstimatorName = "auto"
    """auto (maximum-likelihood up to 16 spins, else single-site); single-site energy discrepancy (exact: it is
    pseudo-likelihood); block (random blocks of spins enumerated);
    bernoulli (M copies; biased upwards on finite data unless epsilon is near .01); interaction-screening;
    ratio-matching; contrastive-divergence (chains); maximum-likelihood (by enumeration, at most 20 spins)"""
    penalty: PenaltyName = "auto"
    """what keeps noise out: auto (held-out data decide between refit, l1 and zero, never expected worse than J = 0),
    refit (select pairs, then estimate only these), l1, common (refit, then empirical Bayes, which assumes that all
    edges are alike), none, zero"""
    epsilon: float | None = None
    """noise of block (.1) and bernoulli (.01)"""
    negatives: int = 32
    """M, copies of a sample (bernoulli)"""
    w: float = 1.0
    """w, stabilisation (bernoulli)"""
    block: int = 6
    """spins in a block (block)"""
    table: bool = False
    """compare all estimators, or --estimator and --penalty alone, on the seven published columns, mean and
    sd of --seeds"""
    bias: bool = False
    """tabulate the mean learned coupling of bernoulli over epsilon and M, and of block, from 30,000 samples"""
    limits: bool = False
    """measure the error against the Cramer-Rao bound, and how often 95% intervals cover"""
    seeds: int = 5
    """seeds of --table; simulated sets of --limits are 40 times as many"""
    seed: int = 0
    """seed of everything random"""
    out: Path | None = None
    """run folder, which must be new or empty; default: runs/train-ising/LABEL-TIME"""

    def __post_init__(self) -> None:
        super().__post_init__()
        _expect(self, "at least 2", "side", low=2)
        _expect(self, "at least 1", "dimension", "sweeps", "negatives", "seeds", low=1)
        _expect(self, "at least 10", "samples", low=10)
        _expect(self, "at least 0", "w", "seed", low=0)
        if not 1 <= self.block <= 10:
            raise InputError(f"block: expected 1 to 10 spins, got {self.block}")
        if self.epsilon is not None and not 0 < self.epsilon <= 0.5:
            raise InputError(f"epsilon: expected a probability in (0, 0.5], got {self.epsilon}")
        for name in ("sigma", "field"):
            if not abs(getattr(self, name)) < 10:
                raise InputError(f"{name}: expected a number between -10 and 10, got {getattr(self, name)}")
        if sum((self.table, self.bias, self.limits, self.data is not None)) > 1:
            raise InputError("table, bias, limits, data: expected at most one of them")
        if self.graph is not None and self.random_graph is not None:
            raise InputError("graph, random_graph: expected at most one of them")
        if self.random_graph is not None:
            nodes, degree = self.random_graph
            if nodes < 2 or not 0 < degree < nodes:
                raise InputError(f"random_graph: expected 2 nodes or more and 0 < degree < nodes, got {nodes} {degree}")
        if self.side**self.dimension > 10_000:
            raise InputError(f"side, dimension: expected at most 10,000 spins, got {self.side}^{self.dimension}")


@dataclass(frozen=True)
class EstimateDensity(Resumable):
    """Learn an energy over binary states, and say how likely it finds held-out data.

    Trains on one of seven densities in the plane, on images, or on a table of your own; keeps the averaged weights that
    judge validation data best; reports the exact test log-likelihood, or its bracket, draws samples and compares them
    with test data. Everything goes into a run folder; open its report.html first.

    Examples:
      python scripts/estimate_density.py
      python scripts/estimate_density.py --data checkerboard --loss ed
      python scripts/estimate_density.py --data nltcs --root ~/data --seed 1
      python scripts/estimate_density.py --data mine.csv --test theirs.csv
    """

    data: str = "pinwheel"
    """2spirals, 8gaussians, circles, moons, pinwheel, swissroll, checkerboard (densities in the plane, 32 bits);
    digits (needs scikit-learn), mnist, omniglot (from files in --root); the name of a table in --root (NAME.train.data,
    .valid.data, .test.data); or the path of a table (.csv, .data, .npy, .npz, .parquet)"""
    root: Path = Path("datasets")
    """folder in which named data sets are looked for"""
    valid: Path | None = None
    """validation table; default: a tenth of the training rows, drawn at random"""
    test: Path | None = None
    """test table; default: a fifth of the rows, drawn at random"""
    loss: Literal["ed", "block-ed", "pl", "rm", "cd", "pcd", "ml"] | None = None
    """ed (energy discrepancy with Bernoulli noise), block-ed (the same on random blocks of bits, summed), pl
    (pseudo-likelihood), rm (ratio matching), cd or pcd (contrastive divergence, persistent), ml (maximum likelihood by
    enumeration, up to 16 bits); default: ed for densities in the plane, block-ed for others"""
    energy: Literal["mlp", "residual", "conv", "rbm", "ising"] = "mlp"
    """a network on a Bernoulli base (mlp, residual; conv for images), an rbm, or the pairwise ising model"""
    width: int | None = None
    """units of a hidden layer; channels of conv; hidden units of rbm; default: 128 for densities in the plane, else 64
    (conv: 16)"""
    layers: int | None = None
    """hidden layers, or residual blocks; default: 3 for densities in the plane, else 2 (conv: 1)"""
    members: int = 1
    """energies trained apart, from different initial weights, whose mean is the energy in the end"""
    epsilon: float | None = None
    """ε, the probability that noise flips a bit; default: .1 (ed), .5 (block-ed)"""
    negatives: int = 32
    """M, perturbed copies of each state (ed)"""
    w: float = 1.0
    """w, stabilisation (ed)"""
    block: int = 5
    """k, bits of a block (block-ed)"""
    chain_steps: int = 10
    """k, steps of each chain (cd, pcd)"""
    buffer: int = 1000
    """chains kept (pcd)"""
    steps: int | None = None
    """training steps; default: 3000 for densities in the plane, else 4000"""
    batch: int | None = None
    """training states in a step; default: 128 for densities in the plane, else 256"""
    learning_rate: float | None = None
    """peak learning rate of AdamW; default: .004 for densities in the plane, whose data has no end, else .0015"""
    weight_decay: float = 0.0
    """decoupled weight decay"""
    ema: float = 0.999
    """decay of the averaged weights"""
    patience: int | None = None
    """stop after so many validation scores (20 are taken in all) without a new best; default: never"""
    samples: int = 4000
    """states of a sample; ten are drawn"""
    sampler_steps: int = 400
    """Gibbs-with-gradients steps of chains from noise before their first state, a tenth of them between any two; where
    importance sampling from uniform states works, each state makes a tenth of them; up to 16 bits states are drawn by
    enumeration instead"""
    temperatures: int = 1000
    """inverse temperatures of annealed importance sampling, where the likelihood is bracketed, and steps of the chains
    that its reverse runs start from"""
    runs: int = 256
    """runs of annealed importance sampling, each way"""
    seed: int = 0
    """seed of everything random"""
    device: str = "cpu"
    """cpu, cuda, or cuda:1"""
    out: Path | None = None
    """run folder, which must be new or empty; default: runs/estimate-density/DATA-TIME"""

    def __post_init__(self) -> None:
        super().__post_init__()
        given = {name for name in ("width", "steps", "batch", "patience") if getattr(self, name) is not None}
        _expect(self, "at least 1", *given, "members", "negatives", "block", "chain_steps", "buffer", low=1)
        _expect(self, "at least 1", "sampler_steps", "temperatures", low=1)
        _expect(self, "at least 2", "samples", "runs", low=2)
        _expect(self, "at least 0", *(["layers"] if self.layers is not None else []), low=0)
        _expect(self, "at least 0", "w", "seed", "weight_decay", low=0)
        if self.epsilon is not None and not 0 < self.epsilon <= 0.5:
            raise InputError(f"epsilon: expected a probability in (0, 0.5], got {self.epsilon}")
        if not 0 <= self.ema < 1:
            raise InputError(f"ema: expected a decay in [0, 1), got {self.ema}")
        if self.learning_rate is not None and not 0 < self.learning_rate < float("inf"):
            raise InputError(f"learning_rate: expected a positive number, got {self.learning_rate}")
