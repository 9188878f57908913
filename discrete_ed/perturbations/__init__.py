"""Perturbations `q(y|x)`: what energy discrepancy does to the data.

A perturbation samples `y ~ q(·|x)`, which forgets something about `x`. The loss then compares `x` with all states `x'`
that could have become this `y`. So an energy discrepancy learns only what its perturbation forgets. Only the free bits
of a state ever change.

| | forgets | energies of a data point | the loss determines |
|---|---|---|---|
| `Bernoulli` | a few bits anywhere | 1 + M | everything |
| `Informed(Bernoulli)` | the same | 1 + M, and all flip differences of one state | everything, with far fewer M |
| `Block`, `NodeBlock` | a few bits of a known block | 2^k | everything, without M or w |
| `Grid` | one bit at an unknown position | 1 + M | all but the ratio of odd to even states |
| `MeanPool` | where the ones of a window are | 1 + M | all but the law of the windows' counts |

To add a perturbation, touch four places: its module with a subclass of `Perturbation` that defines `negatives` (and
`matrix`, by which the tests compare it with enumeration), the list below, `discrete_ed/__init__.pyi`, and an entry in
`tests/perturbations/test_contract.py`. In your own program the class is enough.
"""

from discrete_ed.perturbations.base import Contrast, Perturbation
from discrete_ed.perturbations.bernoulli import Bernoulli, Informed
from discrete_ed.perturbations.blocks import Block, NodeBlock
from discrete_ed.perturbations.transforms import Grid, MeanPool

__all__ = ["Bernoulli", "Block", "Contrast", "Grid", "Informed", "MeanPool", "NodeBlock", "Perturbation"]
