"""Annealing of Ising models in compiled loops."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from discrete_ed.energies import IsingEnergy
from discrete_ed.likelihood.base import Mixture
from discrete_ed.likelihood.paths import Walk
from discrete_ed.samplers.compiled import UPDATES
from discrete_ed.samplers.interactions import Interactions
from discrete_ed.states import to_spins


@dataclass(frozen=True, eq=False)
class SpinPath:
    """The geometric path from independent bits to an `IsingEnergy`, by single-site Gibbs updates in compiled loops.

    `−E_β(x) = β (½ sᵀJs + hᵀs) + (1 − β) bᵀx`: an Ising model with the fields `β h + (1 − β) b / 2` at each β.
    """

    energy: IsingEnergy
    base: Mixture
    """of one component"""

    @property
    def offset(self) -> float:
        return 0.0

    @property
    def updates(self) -> int:
        return self.base.logits.shape[1]

    @property
    def cost(self) -> float:
        return 0.04 + 0.0005 * self.model.couplings.nnz / self.updates

    @cached_property
    def model(self) -> Interactions:
        return Interactions(self.energy.to_scipy(), self.energy.fields.detach().double().numpy())

    def walk(
        self, up: Tensor, down: Tensor, betas: Tensor, updates: int, generator: torch.Generator | None = None
    ) -> Walk:
        from discrete_ed.likelihood import loops  # numba takes a second to import

        x = torch.cat([up, down])
        s = to_spins(x.double()).numpy()
        field = self.model.local_fields(s)
        base = self.base.logits[0].double().numpy() / 2
        slope = (s * (field + self.model.fields)).sum(1) / 2 - self.base.log_p(x).double().numpy()
        log_w = np.zeros(len(x))
        schedule = betas.numpy()
        sums = np.zeros((2, 2, len(betas) - 1))
        counter = np.uint64(torch.randint(2**63 - 1, (), generator=generator).item())
        order = torch.randperm(self.updates, generator=generator).numpy()
        most = max(1, UPDATES // (len(betas) * updates))  # a call can't be interrupted
        for first in range(0, len(x), most):
            rows = slice(first, first + most)
            ups = min(max(len(up) - first, 0), most)
            counter = np.uint64(
                loops.anneal(
                    s[rows],
                    field[rows],
                    slope[rows],
                    log_w[rows],
                    sums,
                    ups,
                    base,
                    *self.model.rows,
                    order,
                    schedule,
                    updates,
                    counter,
                )
            )
        count = np.array([len(up), len(down)], float)[:, None]
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = sums[0] / count
            variance = (sums[1] - count * mean**2) / (count - 1)
        moments = torch.from_numpy(np.stack([mean, variance]))
        return Walk(torch.from_numpy((s + 1) / 2).to(x.dtype), torch.from_numpy(log_w), moments)
