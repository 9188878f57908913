"""Ising models on lattices and graphs: builders, known models, and samples that are exact where possible."""

from discrete_ed.lattices.builders import Lattice, lattice
from discrete_ed.lattices.disorder import diluted, gaussian_couplings, plus_minus_couplings, random_fields
from discrete_ed.lattices.known_models import KnownModel, known_graph, known_lattice, known_random_graph
from discrete_ed.lattices.sampling import SampledStates, sample_ising

__all__ = [
    "KnownModel",
    "Lattice",
    "SampledStates",
    "diluted",
    "gaussian_couplings",
    "known_graph",
    "known_lattice",
    "known_random_graph",
    "lattice",
    "plus_minus_couplings",
    "random_fields",
    "sample_ising",
]
