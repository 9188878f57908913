"""Groups of bits: the space of states in which categorical variables are bits of which exactly one is on."""

from discrete_ed.groups.moves import moved
from discrete_ed.groups.space import Groups
from discrete_ed.groups.values import listed

__all__ = ["Groups", "listed", "moved"]
