"""Annealing of restricted Boltzmann machines by block Gibbs steps at every inverse temperature."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import log

import torch
from torch import Tensor
from torch.nn.functional import softplus

from discrete_ed.energies import RBMEnergy
from discrete_ed.energies.base import evaluation_size
from discrete_ed.groups.product import product_sample
from discrete_ed.likelihood.base import Mixture
from discrete_ed.likelihood.paths import FUNCTION, PRODUCT, Slopes, Walk, direction_betas
from discrete_ed.runtime.threads import suitable_threads


@dataclass(frozen=True, eq=False)
class BlockPath:
    """Restricted Boltzmann machines between a mixture of independent bits and an `RBMEnergy`, by block Gibbs steps.

    `p_β(x) ∝ Σ_k (π_k p_k(x))^{1 − β} · exp(β bᵀx) Π_j (1 + exp(β (c_j + (Wᵀx)_j)))`: all weights of the machine are
    scaled by β, so that given the component `k` and the hidden bits, all bits are independent on the whole way. The sum
    over the hidden bits is `2^H` at `β = 0`, and that over the components is `K` at `β = 1`.

    Source: Salakhutdinov and Murray 2008, "On the quantitative analysis of deep belief networks", ICML, for one
    component.
    """

    energy: RBMEnergy
    base: Mixture

    @property
    def offset(self) -> float:
        return len(self.energy.hidden_bias) * log(2) - log(len(self.base.log_weights))

    @property
    def updates(self) -> int:
        return 1

    @property
    def cost(self) -> float:
        return 2 * self.energy.weight.numel() * PRODUCT + sum(self.energy.weight.shape) * 10 * FUNCTION

    def walk(
        self, up: Tensor, down: Tensor, betas: Tensor, updates: int, generator: torch.Generator | None = None
    ) -> Walk:
        x = torch.cat([up, down])
        with torch.no_grad(), suitable_threads(evaluation_size(self.energy, x.numel())):
            return self._walk(x, len(up), betas, updates, generator)

    def _walk(self, x: Tensor, ups: int, betas: Tensor, updates: int, generator: torch.Generator | None) -> Walk:
        machine, base = self.energy, self.base
        weight, visible, hidden = (p.to(x.dtype) for p in (machine.weight, machine.visible_bias, machine.hidden_bias))
        back, single = weight.T.contiguous(), len(base.log_weights) == 1
        log_w = x.new_zeros(len(x), dtype=torch.float64)
        slopes = Slopes(betas, ups)
        schedule = direction_betas(betas, ups, len(x) - ups, x).unsqueeze(-1)
        inputs, terms = torch.addmm(hidden, x, weight), base.terms(x)
        for t, (now, then) in enumerate(pairwise(schedule)):
            gains = ((then - now).squeeze(-1) * (x @ visible)).double()
            gains += (softplus(then * inputs) - softplus(now * inputs)).sum(-1).double()
            gains += (((1 - then) * terms).logsumexp(-1) - ((1 - now) * terms).logsumexp(-1)).double()
            log_w += gains
            slopes.add(gains)
            if t == len(betas) - 2:
                break
            for _ in range(updates):
                k = 0 if single else ((1 - then) * terms).softmax(-1).multinomial(1, generator=generator).squeeze(-1)
                h = torch.rand(inputs.shape, generator=generator, device=x.device) < (then * inputs).sigmoid()
                log_odds = torch.lerp(base.logits[k], torch.addmm(visible, h.to(x.dtype), back), then)
                x = product_sample(base.groups, log_odds, generator=generator)
                inputs, terms = torch.addmm(hidden, x, weight), base.terms(x)
        return Walk(x, log_w, slopes.finish())
