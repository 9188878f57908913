"""Ising models on lattices and graphs: builders, and draws as good as can be had."""

from discrete_ed.lattices.builders import lattice
from discrete_ed.lattices.draws import draw_states

__all__ = ["draw_states", "lattice"]
