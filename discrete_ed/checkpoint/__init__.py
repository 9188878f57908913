"""What survives a crash: energies and whole states of a run, written whole and verified when read."""

from discrete_ed.checkpoint.energy import WEIGHTS, Arguments, load_energy, save_energy
from discrete_ed.checkpoint.files import MANIFEST, write_atomically
from discrete_ed.checkpoint.steps import Checkpoints, Saved

__all__ = ["MANIFEST", "WEIGHTS", "Arguments", "Checkpoints", "Saved", "load_energy", "save_energy", "write_atomically"]
