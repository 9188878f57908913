"""Maximum likelihood with chains: contrastive divergence, and its persistent form with a replay buffer."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from discrete_ed.energies.base import Energy
from discrete_ed.energies.evaluated import check_free
from discrete_ed.energies.local import LocalEvaluation
from discrete_ed.energies.probe import evaluating
from discrete_ed.errors import InputError
from discrete_ed.losses import contrastive_divergence
from discrete_ed.samplers import GibbsWithGradients, Kernel, local_for, sample

STILL = 10
"""number of calls in a row without a chain that moves, after which a warning is given"""


class ContrastiveDivergence:
    """A loss for `fit` that samples its own negatives: CD-k, or persistent CD if it keeps a buffer.

    The loss is `mean_i E(x_i) − mean_j E(x⁻_j)`, where the negatives `x⁻` are the last states of chains that make `k`
    steps under the current energy. In CD-k the chains start at the batch. With a buffer they start at rows of the
    buffer, chosen without replacement, and their last states replace these rows; a buffer as large as the batch gives
    classic persistent CD. At first the buffer holds uniform random states, or data if a uniform random state has
    probability zero. Only free bits change. During the chains the energy is in evaluation mode. For energies with
    frozen bits use CD-k, because its negatives have the frozen bits of the data.

    Args:
        kernel: any kernel; by default Gibbs-with-gradients.
        steps: k, steps of each chain.
        local: makes the local evaluation of an energy; by default the one that suits the energy and the kernel.
        buffer: number of states kept, 0 for CD-k.
        restart: probability that a chain starts at a uniform random state instead of its row of the buffer.
        generator: source of randomness of the chains, on the device of the data.

    Raises:
        InputError: an argument out of its range; when called with a buffer, an energy that freezes bits, or states of
            another length than those in the buffer.

    Warns:
        RuntimeWarning: no chain moved in ten calls in a row.

    Source: Hinton 2002, Neural Computation 14, 1771–1800; Tieleman 2008, ICML; the replay buffer from Du and Mordatch
    2019, arXiv 1903.08689.

    >>> from discrete_ed import BlockGibbs, FitConfig, RBMEnergy, fit, shuffled_batches
    >>> g = torch.Generator().manual_seed(0)
    >>> data = (torch.rand(500, 6, generator=g) < 0.9).float()
    >>> loss = ContrastiveDivergence(BlockGibbs(), steps=1, buffer=100, generator=g)
    >>> records = fit(RBMEnergy(6, 4), loss, shuffled_batches(data, 50, generator=g), FitConfig(steps=20))
    >>> loss.state_dict()["buffer"].shape, loss.state_dict()["buffer"].dtype
    (torch.Size([100, 6]), torch.uint8)
    """

    def __init__(
        self,
        kernel: Kernel | None = None,
        steps: int = 10,
        *,
        local: Callable[[Energy], LocalEvaluation] | None = None,
        buffer: int = 0,
        restart: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> None:
        if steps < 1:
            raise InputError(f"steps: expected at least 1, got {steps}")
        if buffer < 0:
            raise InputError(f"buffer: expected a number of states, 0 for none, got {buffer}")
        if not 0 <= restart <= 1:
            raise InputError(f"restart: expected a probability, got {restart}")
        self.kernel, self.steps, self.local = kernel or GibbsWithGradients(), steps, local
        self.size, self.restart, self.generator = buffer, restart, generator
        self.buffer: Tensor | None = None
        self.still = 0

    def __call__(self, energy: Energy, x: Tensor) -> Tensor:
        """The loss of a batch `(B, D)`, a scalar."""
        local = self.local(energy) if self.local else local_for(self.kernel, energy)
        if not self.size:
            return contrastive_divergence(energy, x, self._walk(local, x))
        check_free(energy, x)
        if self.buffer is not None and self.buffer.shape[1] != x.shape[1]:
            raise InputError(f"x: expected {self.buffer.shape[1]} bits as in the buffer, got {x.shape[1]}")
        if self.buffer is None:
            first = self._uniform_states(energy, x.new_empty(self.size, x.shape[1]))
            self.buffer = _possible(energy, first, x).to(torch.uint8)
        self.buffer = self.buffer.to(x.device)  # a restored buffer is on the CPU
        rows = torch.randperm(self.size, generator=self.generator, device=x.device)[: len(x)]
        start = self.buffer[rows].to(x.dtype)
        anew = torch.rand(len(start), 1, generator=self.generator, device=x.device) < self.restart
        coins = self._uniform_states(energy, start)
        if self.restart:
            coins = _possible(energy, coins, x)
        negatives = self._walk(local, torch.where(anew, coins, start))
        self.buffer[rows] = negatives.to(torch.uint8)
        return contrastive_divergence(energy, x, negatives)

    def _walk(self, local: LocalEvaluation, x: Tensor) -> Tensor:
        with evaluating(local.energy, x.device):
            negatives = sample(self.kernel, local, x, self.steps, generator=self.generator)
        self.still = 0 if (negatives != x).any() else self.still + 1
        if self.still == STILL:
            warnings.warn(
                f"loss: no chain moved in {STILL} calls of contrastive divergence, so its gradient says nothing: is "
                "any flip of one bit possible? One-hot data allow none: declare them by energy.groups; otherwise take "
                "more steps or another kernel",
                RuntimeWarning,
                stacklevel=3,
            )
        return negatives

    def _uniform_states(self, energy: Energy, x: Tensor) -> Tensor:
        if energy.groups is not None:
            return energy.groups.uniform(len(x), x, generator=self.generator)
        return (torch.rand(x.shape, generator=self.generator, device=x.device) < 0.5).to(x.dtype)

    def state_dict(self) -> dict[str, Any]:
        """The buffer, uint8 `(size, D)` or None, and the generator's state: what a resumed training needs."""
        state = None if self.generator is None else self.generator.get_state()
        return {"buffer": None if self.buffer is None else self.buffer.clone(), "generator": state}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned.

        Raises:
            InputError: a buffer of another size.
        """
        buffer = state["buffer"]
        if buffer is not None and len(buffer) != self.size:
            raise InputError(f"buffer: expected {self.size} states, got {len(buffer)}")
        self.buffer = None if buffer is None else buffer.clone()
        if self.generator is not None and state["generator"] is not None:
            self.generator.set_state(state["generator"])


def _possible(energy: Energy, states: Tensor, x: Tensor) -> Tensor:
    """The states `(K, D)`, with rows of the data `(B, D)` for those of probability zero."""
    with torch.no_grad():
        impossible = energy(states).isposinf()
    rows = torch.arange(len(states), device=x.device) % len(x)
    return torch.where(impossible.unsqueeze(-1), x[rows], states)
