"""Every name that the command line offers, and the numbers that several rooms share. Imports nothing heavy."""

from __future__ import annotations

from typing import Literal

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
NetworkName = Literal["mlp", "residual", "conv"]
EnergyName = Literal["mlp", "residual", "conv", "rbm", "ising"]
LossName = Literal["ed", "block-ed", "pl", "rm", "cd", "pcd", "ml"]
PerturbationName = Literal["bernoulli", "informed", "block", "node-block"]
ProtocolName = Literal["edp", "gran", "psd"]
PropertyName = Literal["connected", "planar", "tree", "bipartite"]

NORMAL_95 = 1.96
"""Half the width of a 95% interval of a normal law, in standard deviations."""
ENUMERATED_SPINS = 16
"""Spins up to which all states of an Ising model are enumerated without being asked for."""
