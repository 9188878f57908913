"""Perturbations `q(y|x)`: what energy discrepancy does to the data.

A perturbation samples `y ~ q(·|x)`, which forgets something about `x`. The loss then compares `x` with all states `x'`
that could have become this `y`. So an energy discrepancy learns only what its perturbation forgets. Only the free bits
of a state ever change.

| | forgets | energies of a data point | the loss determines |
|---|---|---|---|
| `Bernoulli` | a few bits anywhere | 1 + M | everything |
| `Informed(Bernoulli)` | the same | 1 + M, and all flip differences of one state | everything, with far fewer M |
| `Block`, `NodeBlock` | a few bits of a known block | 2^k | everything, without M or w |
| `Erasure` | any number of known bits | 1 + M | everything, also the weights of separated modes |
| `HeatKernel` | a little of every variable, along the order of its values | 1 + M | everything |
| `Grid` | one bit at an unknown position | 1 + M | all but the ratio of odd to even states |
| `MeanPool` | where the ones of a window are | 1 + M | all but the law of the windows' counts |

In your own program a subclass of `Perturbation` that defines `negatives` is enough. To add one to the package, touch
four places: its module with the class (and with `matrix`, by which the tests compare it with enumeration), the list
below, `discrete_ed/__init__.pyi`, and an entry in `tests/perturbations/test_contract.py`. If the job `generate` should
offer it, it also gets an entry in `PERTURBATIONS` below, and `discrete_ed/names.py`, with its name and a line of help,
is the fifth place.
"""

from collections.abc import Callable

from discrete_ed.energies import Taylor
from discrete_ed.names import PerturbationName
from discrete_ed.perturbations.base import Contrast, Perturbation
from discrete_ed.perturbations.bernoulli import Bernoulli, Informed
from discrete_ed.perturbations.blocks import Block, NodeBlock
from discrete_ed.perturbations.erasure import Erasure
from discrete_ed.perturbations.independent import IndependentBits
from discrete_ed.perturbations.moves import HeatKernel
from discrete_ed.perturbations.transforms import Grid, MeanPool

__all__ = [
    "PERTURBATIONS",
    "Bernoulli",
    "Block",
    "Contrast",
    "Erasure",
    "Grid",
    "HeatKernel",
    "IndependentBits",
    "Informed",
    "MeanPool",
    "NodeBlock",
    "Perturbation",
]

PERTURBATIONS: dict[PerturbationName, Callable[[tuple[float, float]], Perturbation]] = {
    "bernoulli": lambda flips: Bernoulli(flips=flips),
    "informed": lambda flips: Informed(Bernoulli(flips=flips), local=Taylor),
    "block": lambda _: Block(6, epsilon=0.5),
    "node-block": lambda _: NodeBlock(4, epsilon=0.5),
}
"""For each name that the job `generate` offers, a function that makes the perturbation, with settings that suit graphs,
from the range of the expected number of flipped edges."""
