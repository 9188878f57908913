"""Ising models from observations: couplings, how sure they are, and how well the model tells the data."""

from discrete_ed.ising.draws import draw_states, interaction_graph, lattice
from discrete_ed.ising.goodness import Goodness, goodness
from discrete_ed.ising.recipe import Settings
from discrete_ed.ising.recovery import Recovery, recover_couplings
from discrete_ed.ising.uncertainty import cramer_rao, cramer_rao_all_pairs

__all__ = [
    "Goodness",
    "Recovery",
    "Settings",
    "cramer_rao",
    "cramer_rao_all_pairs",
    "draw_states",
    "goodness",
    "interaction_graph",
    "lattice",
    "recover_couplings",
]
