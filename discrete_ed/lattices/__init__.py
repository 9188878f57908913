"""Ising models on lattices and graphs: builders, and draws as good as can be had."""

from discrete_ed.lattices.builders import lattice
from discrete_ed.lattices.draws import sample_ising

__all__ = ["lattice", "sample_ising"]
