"""Ising models from observations: couplings, how sure they are, and how well the model tells the data."""

from discrete_ed.ising.goodness_of_fit import GoodnessOfFit, goodness_of_fit
from discrete_ed.ising.recipe import Settings
from discrete_ed.ising.recovery import Recovery, recover_couplings
from discrete_ed.ising.uncertainty import cramer_rao, cramer_rao_all_pairs

__all__ = [
    "GoodnessOfFit",
    "Recovery",
    "Settings",
    "cramer_rao",
    "cramer_rao_all_pairs",
    "goodness_of_fit",
    "recover_couplings",
]
