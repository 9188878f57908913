"""Annealing of any energy over variables of several values, by Gibbs updates of one variable at a time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import torch
from torch import Tensor

from discrete_ed.groups import Groups
from discrete_ed.groups.product import product_means
from discrete_ed.likelihood.paths import FUNCTION, PRODUCT, Slopes, Walk, direction_betas
from discrete_ed.likelihood.single_site import FIXED, REFRESHED, SingleSite


@dataclass(frozen=True, eq=False)
class SingleVariable(SingleSite):
    """The path of `SingleSite` for bits that are tied into groups: an update resamples a free bit or a whole group.

    All values of the variable are evaluated, from the first layer of a network on.
    """

    @property
    def groups(self) -> Groups:
        groups = self.energy.groups
        assert groups is not None
        return groups

    @property
    def updates(self) -> int:
        return len(self.groups.variables)

    @property
    def cost(self) -> float:
        parts = self.layered
        parameters = sum(p.numel() for p in self.energy.parameters())
        after = parameters if parts.others else parameters - parts.weight.numel()
        one = PRODUCT * after + FUNCTION * (2 * len(parts.bias) + len(self.base.log_weights))
        return 2 * FIXED + one * sum(self.groups.sizes) / len(self.groups.sizes)

    @cached_property
    def visits(self) -> Tensor:
        """The expected number of visits of every variable in a sweep, by how often two samples of the base differ."""
        means = self.base.log_weights.exp() @ product_means(self.groups, self.base.logits)
        tied = self.groups.layout(means.device).tied
        square = self.groups.totals(torch.where(tied, means.square(), means.square() + (1 - means).square()))
        spread = (1 - square).clamp(min=0).sqrt()
        return spread * (len(spread) / spread.sum())

    def _walk(self, x: Tensor, ups: int, betas: Tensor, updates: int, generator: torch.Generator | None) -> Walk:
        parts, base, runs = self.layered, self.base, len(x)
        variables = self.groups.indices(x.device)
        value_bits = [torch.eye(len(bits), dtype=x.dtype, device=x.device) for bits in variables]
        value_bits = [each if len(each) > 1 else each.new_tensor([[0.0], [1.0]]) for each in value_bits]
        inputs, linear, terms = self._sums(x.T)
        value, log_p = parts.learned(inputs, x), terms.logsumexp(0)
        log_w = x.new_zeros(runs, dtype=torch.float64)
        slopes = Slopes(betas, ups)
        schedule = direction_betas(betas, ups, runs - ups, x)
        rows = torch.arange(runs, device=x.device)
        order: list[int] = []
        sweeps = 0
        for t, (now, then) in enumerate(pairwise(schedule)):
            gains = (then - now).double() * (linear - value - log_p).double()
            log_w += gains
            slopes.add(gains)
            if t == len(betas) - 2:
                break
            for u in torch.rand(updates, runs, generator=generator, device=x.device):
                if not order:
                    order = self._order(generator)
                    sweeps += 1
                    if sweeps % REFRESHED == 0:
                        inputs, linear, terms = self._sums(x.T)
                v = order.pop()
                bits, codes = variables[v], value_bits[v]
                step = codes - x[:, bits].unsqueeze(1)  # (runs, values, bits)
                changed = inputs.unsqueeze(1) + step @ parts.weight[bits]
                states = x
                if parts.others:
                    states = x.unsqueeze(1).repeat(1, len(codes), 1)
                    states[..., bits] = codes
                energies = parts.learned(changed.flatten(0, 1), states.flatten(0, -2)).view(runs, -1)
                linears = linear.unsqueeze(1) + step @ parts.logits[bits]
                all_terms = terms.T.unsqueeze(1) + step @ base.logits[:, bits].T
                log_ps = all_terms.logsumexp(-1)
                log_law = then.unsqueeze(1) * (linears - energies) + (1 - then).unsqueeze(1) * log_ps
                shares = log_law.softmax(1).cumsum(1)
                which = torch.searchsorted(shares, u.unsqueeze(1) * shares[:, -1:], right=True).squeeze(1)
                which = which.clamp(max=len(codes) - 1)
                x[:, bits] = codes[which]
                inputs, terms = changed[rows, which], all_terms[rows, which].T
                linear, value, log_p = linears[rows, which], energies[rows, which], log_ps[rows, which]
            fresh = base.sample(runs, generator)
            sums = self._sums(fresh.T)
            new, new_log_p = parts.learned(sums[0], fresh), sums[2].logsumexp(0)
            gain = then * ((sums[1] - new - new_log_p) - (linear - value - log_p))
            taken = torch.rand(runs, generator=generator, device=x.device).log() < gain
            x = torch.where(taken.unsqueeze(1), fresh, x)
            inputs = torch.where(taken.unsqueeze(1), sums[0], inputs)
            linear, terms = torch.where(taken, sums[1], linear), torch.where(taken, sums[2], terms)
            value, log_p = torch.where(taken, new, value), torch.where(taken, new_log_p, log_p)
        return Walk(x, log_w, slopes.finish())
