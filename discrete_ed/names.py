"""Every name that the command line offers, and the numbers that several rooms share. Imports nothing heavy.

Each list of names is written here once; `tests/test_names.py` compares it with the registry that implements the names.
"""

from __future__ import annotations

from typing import Final, Literal, get_args

ColumnKindName = Literal["category", "ordinal", "number"]
DisorderName = Literal["none", "plus-minus", "gaussian"]
EnergyName = Literal["mlp", "residual", "conv", "rbm", "ising"]
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
GraphFormatName = Literal[
    "graph6",
    "json",
    "edge-list",
    "adjacency-list",
    "matrix",
    "graphml",
    "gexf",
    "gml",
    "pajek",
    "metis",
    "matrix-market",
    "numpy",
    "torch",
]
GraphNetworkName = Literal["messages", "pairs"]
KernelName = Literal[
    "auto",
    "gibbs",
    "gibbs-sweep",
    "gibbs-with-gradients",
    "path-auxiliary",
    "dmala",
    "block-gibbs",
    "swendsen-wang",
    "wolff",
    "metropolis",
    "kawasaki",
]
LatticeName = Literal["hypercubic", "chain", "square", "cubic", "triangular", "honeycomb", "kagome", "bcc", "fcc"]
LossName = Literal["ed", "block-ed", "erasure", "pl", "rm", "cd", "pcd", "ml"]
MeasureName = Literal["average-ratio", "classifier", "classifier-tabpfn", "gin-mmd", "gin-frechet"]
NetworkName = Literal["mlp", "residual", "conv"]
NoiseName = Literal["half", "density"]
ObservableName = Literal["sublattices", "correlations", "overlaps"]
PenaltyName = Literal["auto", "refit", "l1", "common", "none", "zero"]
PerturbationName = Literal["bernoulli", "informed", "block", "node-block"]
PropertyName = Literal["connected", "planar", "tree", "lobster", "grid", "bipartite", "sbm"]
ProposalName = Literal["noise", "gradients", "learned"]
ProtocolName = Literal["edp", "gran", "psd"]
StartName = Literal["density", "half"]
UpdateName = Literal["auto", "sweeps", "swendsen-wang", "wolff"]

PERTURBATIONS_IN_WORDS: Final[dict[PerturbationName, str]] = {
    "bernoulli": "noise on any edges",
    "informed": "the same noise, then a second noise that follows the differences of the energy",
    "block": "all states of six random edges",
    "node-block": "all states of the edges among four random nodes",
}
"""What each perturbation does to a graph; the help text of the job `generate` says it."""
SAMPLED_PERTURBATIONS: Final[tuple[PerturbationName, ...]] = ("bernoulli", "informed")
"""The perturbations whose negatives are sampled. The others enumerate theirs, without M, w and a noise level."""

GRAPH_DATA_FROM_FILES: Final = (
    "ego",
    "ego-all",
    "ego-small",
    "ego-small-polygraph",
    "enzymes",
    "planar",
    "proteins",
    "sbm",
    "tree",
)
"""The data sets of graphs that are read from files below `--root`."""

ENUMERABLE_BITS: Final = 20
"""The largest number of bits for which sums over all states (log Z, the law, its moments) are made by enumeration."""
GRAY_BITS: Final = 26
"""The largest number of spins of an Ising model whose states are summed one by one, each a flip of the one before."""
SMALL_BITS: Final = 16
"""The largest number of bits for which enumeration is the default: states are sampled from the enumerated law, fits
are judged by it, and couplings are estimated by maximum likelihood."""
TORUS_SIDE: Final = 10
"""The longest side of a square torus, or shorter side of any torus, whose states transfer matrices sample exactly."""
Z_95: Final = 1.96
"""Standard errors on either side of an estimate that make a 95% interval of a normal law."""

EPSILON: Final = {"ed": 0.1, "block-ed": 0.5}
"""Default ε of the losses of density estimation: the probability that the perturbation flips a bit."""
ISING_EPSILON: Final = {"bernoulli": 0.01, "block": 0.1}
"""Default ε of the estimators of Ising couplings that perturb their data."""
COMPONENTS: Final = 20
"""The largest number of components that the mixture at the base of a network usually has."""
ROWS_EACH: Final = 50
"""The least number of rows for each component of a mixture that is fitted to data."""


def usual_components(energy: str, bits: int, rows: int, groups: object = None) -> int:
    """The number of components that the base of an energy by name usually has, when it is fitted to rows of bits.

    Where the likelihood can't be enumerated, a network stands on a mixture, so that its law is low far from the data.
    Bits that are tied into groups have no mixture.

    >>> usual_components("mlp", 16, 10_000), usual_components("mlp", 100, 10_000), usual_components("mlp", 100, 600)
    (1, 20, 12)
    """
    if bits <= SMALL_BITS or energy not in get_args(NetworkName) or groups is not None:
        return 1
    return max(1, min(COMPONENTS, rows // ROWS_EACH))
