"""Perturbations `q(y|x)`: what energy discrepancy does to the data.

A perturbation makes `y ~ q(·|x)`, which forgets something of `x`. The loss then asks how likely `x` is among all states
`x'` that might have become this `y`. What no perturbation forgets, no energy discrepancy learns. Only the free bits of
a state ever change.

| | forgets | energies of a data point | the loss determines |
|---|---|---|---|
| `Bernoulli` | a few bits anywhere | 1 + M | everything |
| `Informed(Bernoulli)` | the same | 1 + M, and all flip differences of one state | everything, with far fewer M |
| `Block`, `NodeBlock` | a few bits of a known block | 2^k | everything, without M or w |
| `Grid` | one bit, not telling which | 1 + M | all but the ratio of odd to even states |
| `MeanPool` | where the ones of a window are | 1 + M | all but the law of the windows' counts |

A new perturbation is a subclass with `negatives` (and `matrix`, for its entry in the contract tests).
"""

from discrete_ed.perturbations.base import Contrast, Perturbation
from discrete_ed.perturbations.bernoulli import Bernoulli, Informed
from discrete_ed.perturbations.blocks import Block, NodeBlock
from discrete_ed.perturbations.transforms import Grid, MeanPool

__all__ = ["Bernoulli", "Block", "Contrast", "Grid", "Informed", "MeanPool", "NodeBlock", "Perturbation"]
