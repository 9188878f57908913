"""Ising models on lattices and graphs: builders, known models, and samples that are exact where possible."""

from discrete_ed.lattices.builders import lattice
from discrete_ed.lattices.known_models import KnownModel, known_graph, known_lattice, known_random_graph
from discrete_ed.lattices.sampling import SampledStates, sample_ising

__all__ = [
    "KnownModel",
    "SampledStates",
    "known_graph",
    "known_lattice",
    "known_random_graph",
    "lattice",
    "sample_ising",
]
