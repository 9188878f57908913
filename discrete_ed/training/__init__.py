"""Training: fitting by any loss, early stopping, contrastive divergence."""

from discrete_ed.training.batches import shuffled_batches
from discrete_ed.training.budget import TimeBudget, timed_optimizer
from discrete_ed.training.config import FitConfig
from discrete_ed.training.contrastive import ContrastiveDivergence
from discrete_ed.training.fit import fit, fit_steps
from discrete_ed.training.held_out import HeldOutLoss
from discrete_ed.training.records import Record
from discrete_ed.training.selection import Selected, fit_selected

__all__ = [
    "ContrastiveDivergence",
    "FitConfig",
    "HeldOutLoss",
    "Record",
    "Selected",
    "TimeBudget",
    "fit",
    "fit_selected",
    "fit_steps",
    "shuffled_batches",
    "timed_optimizer",
]
