"""Annealing of any energy by single-site Gibbs updates, with the first layer of a network kept up to date."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from discrete_ed.energies import (
    BernoulliEnergy,
    BernoulliMixtureEnergy,
    Energy,
    MLPEnergy,
    RBMEnergy,
    ResidualMLPEnergy,
    SumEnergy,
)
from discrete_ed.energies.base import evaluation_size, of_kind
from discrete_ed.energies.trees import TreeLaws
from discrete_ed.likelihood.base import Mixture
from discrete_ed.likelihood.paths import FUNCTION, PRODUCT, Slopes, Walk, direction_betas
from discrete_ed.runtime.threads import suitable_threads

REFRESHED = 4
"""sweeps after which sums that are kept up to date are computed anew, so that rounding errors don't add up"""
SUMMED = 4
"""passes over the terms of the base in an update, for which memory and exponentials are needed"""
FIXED = 0.3
"""microseconds of an update besides the network"""


@dataclass(frozen=True, eq=False)
class Layered:
    """An energy as `E(x) = −s log p_0(x) − bᵀx + f(c + x W) + Σ_k s_k E_k(x)`, of which all but the last terms follow
    flips cheaply; `p_0` is the base of the annealing. A mixture of trees that isn't the base adds products of bits."""

    logits: Tensor
    """`b`, `(D,)`"""
    weight: Tensor
    """`W`, `(D, H)`: the first layers of all networks side by side"""
    bias: Tensor
    """`c`, `(H,)`"""
    rests: tuple[tuple[int, Callable[[Tensor], Tensor]], ...]
    """for each network the number of its columns of `W`, and the rest of it, `(B, H_k)` to `(B,)`"""
    others: tuple[tuple[float, Energy], ...]
    """`s_k` and `E_k`, which are evaluated in full after each flip"""
    share: float = 0.0
    """`s`"""
    tree: TreeLaws | None = None
    """the tree of another mixture: `c + x W` has a further term, `x_i x_pa(i)` times its couplings `(H, D)`"""

    @classmethod
    def of(cls, energy: Energy, base: Mixture) -> Layered:
        """The parts of an energy, in the precision of the base, and on its device."""
        like, share = base.logits, 0.0
        bits = like.shape[-1]
        logits = like.new_zeros(bits)
        layers: list[tuple[Tensor, Tensor]] = []
        rests: list[tuple[int, Callable[[Tensor], Tensor]]] = []
        others: list[tuple[float, Energy]] = []
        trees: dict[int, TreeLaws] = {}  # by the first of their columns
        for scale, term in _terms(energy, 1.0):
            if (linear := of_kind(term, BernoulliEnergy)) is not None:
                logits = logits + scale * linear.logits
                continue
            if (mixture := of_kind(term, BernoulliMixtureEnergy)) is not None and Mixture.of(mixture) == base:
                share += scale
                continue
            first = _first_layer(term)
            laws = None if mixture is None else mixture.laws
            if (
                mixture is not None
                and laws is not None
                and all(other.parents == laws.parents for other in trees.values())
            ):
                trees[sum(len(bias) for _, bias in layers)] = laws
                constants = mixture.log_weights - softplus(laws.logits).sum(1)
                first = laws.linear.T, constants, lambda h: -h.logsumexp(-1), 0.0
            if first is None:
                others.append((scale, term))
                continue
            weight, bias, rest, more = first
            layers.append((weight, bias))
            rests.append((len(bias), _scaled(rest, scale)))
            logits = logits + scale * more
        weight = torch.cat([like.new_zeros(bits, 0), *(w for w, _ in layers)], 1)
        bias = torch.cat([like.new_zeros(0), *(c for _, c in layers)])
        tree = None
        for place, laws in trees.items():
            couplings = weight.new_zeros(weight.T.shape) if tree is None else tree.couplings
            couplings[place : place + len(laws.logits)] = laws.couplings
            tree = TreeLaws(torch.zeros_like(couplings), couplings, laws.parents)
        return cls(logits, weight, bias, tuple(rests), tuple(others), share, tree)

    def learned(self, inputs: Tensor, x: Tensor) -> Tensor:
        """`E(x) + s log p_0(x) + bᵀx`, given `c + x W`."""
        value = inputs.new_zeros(len(inputs))
        place = 0
        for width, rest in self.rests:
            value = value + rest(inputs[:, place : place + width])
            place += width
        for scale, term in self.others:
            value = value + scale * term(x)
        return value


def _terms(energy: Energy, scale: float) -> list[tuple[float, Energy]]:
    """The terms of nested sums, with their factors."""
    total = of_kind(energy, SumEnergy)
    if total is None or energy is not total:
        return [(scale, energy)]
    return [pair for term in total.terms for pair in _terms(term, scale * total.scale)]  # type: ignore[arg-type]


def _first_layer(energy: Energy) -> tuple[Tensor, Tensor, Callable[[Tensor], Tensor], Tensor | float] | None:
    """`W`, `c` and the rest of an energy that is a function of `c + x W` plus a linear term, and that term's logits."""
    if energy is not energy.unclamped:
        return None
    if (mlp := of_kind(energy, MLPEnergy)) is not None:
        return *_of_spins(mlp.net[0]), lambda h: mlp.net[1:](h).squeeze(-1), 0.0
    if (residual := of_kind(energy, ResidualMLPEnergy)) is not None:

        def after(h: Tensor) -> Tensor:
            for block in residual.blocks:
                h = h + block(h)
            return residual.leave(h).squeeze(-1)

        return *_of_spins(residual.enter), after, 0.0
    if (machine := of_kind(energy, RBMEnergy)) is not None:
        return machine.weight, machine.hidden_bias, lambda h: -softplus(h).sum(-1), machine.visible_bias
    mixture = of_kind(energy, BernoulliMixtureEnergy)
    if mixture is not None and mixture.laws is None:
        return mixture.logits.T, Mixture.of(mixture).constants, lambda h: -h.logsumexp(-1), 0.0
    return None


def _of_spins(layer: nn.Module) -> tuple[Tensor, Tensor]:
    """`W` and `c` with `c + x W` the output of a linear layer at `2x − 1`."""
    assert isinstance(layer, nn.Linear)
    return 2 * layer.weight.T, layer.bias - layer.weight.sum(1)


def _scaled(function: Callable[[Tensor], Tensor], scale: float) -> Callable[[Tensor], Tensor]:
    return function if scale == 1 else lambda h: scale * function(h)


@dataclass(frozen=True, eq=False)
class SingleSite:
    """The geometric path `p_β(x) ∝ p_0(x)^{1 − β} exp(−β E(x))` from a mixture `p_0`, by single-site Gibbs updates.

    All runs resample the same bit at once, so that an update costs no more than the network after its first layer; the
    order of the bits is a new random one in each sweep. If the mixture is a part of the energy, it is evaluated once.
    """

    energy: Energy
    base: Mixture
    jumps: bool = True
    """whether a fresh sample of the base is proposed at every inverse temperature"""

    @property
    def offset(self) -> float:
        return 0.0

    @property
    def updates(self) -> int:
        return self.base.logits.shape[1]

    @cached_property
    def layered(self) -> Layered:
        with torch.no_grad():
            return Layered.of(self.energy, self.base)

    @property
    def cost(self) -> float:
        parts = self.layered
        parameters = sum(p.numel() for p in self.energy.parameters())
        after = parameters if parts.others else max(0, parameters - parts.weight.numel())
        return FIXED + PRODUCT * after + FUNCTION * (2 * len(parts.bias) + SUMMED * len(self.base.log_weights))

    def walk(
        self, up: Tensor, down: Tensor, betas: Tensor, updates: int, generator: torch.Generator | None = None
    ) -> Walk:
        x = torch.cat([up, down])
        with torch.no_grad(), suitable_threads(evaluation_size(self.energy, x.numel())):
            return self._walk(x, len(up), betas, updates, generator)

    def _walk(self, x: Tensor, ups: int, betas: Tensor, updates: int, generator: torch.Generator | None) -> Walk:
        parts, base, runs = self.layered, self.base, len(x)
        linear_of, own = parts.logits.tolist(), 1 - parts.share
        x = x.T.contiguous()  # a bit of all runs is then one piece of memory
        inputs, linear, terms = self._sums(x)
        value, log_p = parts.learned(inputs, x.T), terms.logsumexp(0)
        columns, edges = self.columns, () if parts.tree is None else parts.tree.edges
        log_w = x.new_zeros(runs, dtype=torch.float64)
        slopes = Slopes(betas, ups)
        schedule = direction_betas(betas, ups, runs - ups, x)
        order: list[int] = []
        sweeps = 0
        for t, (now, then) in enumerate(pairwise(schedule)):
            gains = (then - now).double() * (linear - value - own * log_p).double()
            log_w += gains
            slopes.add(gains)
            if t == len(betas) - 2:
                break
            rest = 1 - then * own
            for u in torch.rand(updates, runs, generator=generator, device=x.device):
                if not order:
                    order = self._order(generator)
                    sweeps += 1
                    if sweeps % REFRESHED == 0:
                        inputs, linear, terms = self._sums(x)
                i = order.pop()
                sign = 1 - 2 * x[i]
                change = sign.unsqueeze(1) * parts.weight[i]
                if edges:
                    change.addmm_((sign * x[edges[i][0]]).T, edges[i][1])
                moved = inputs + change
                if parts.others:
                    x[i] += sign
                new = parts.learned(moved, x.T)
                if parts.others:
                    x[i] -= sign
                near, factors = columns[i]
                new_terms = torch.addr(terms, factors[:, 0], sign)
                if len(near):
                    new_terms.addmm_(factors[:, 1:], sign * x[near])
                new_log_p = new_terms.logsumexp(0)
                gain = then * (value - new + linear_of[i] * sign) + rest * (new_log_p - log_p)
                flips = u < gain.sigmoid()
                value = torch.where(flips, new, value)
                log_p = torch.where(flips, new_log_p, log_p)
                step = sign * flips
                x[i] += step
                linear.add_(step, alpha=linear_of[i])
                inputs.addcmul_(change, flips.unsqueeze(1))
                terms.addr_(factors[:, 0], step)
                if len(near):
                    terms.addmm_(factors[:, 1:], step * x[near])
            if not self.jumps:
                continue
            fresh = base.sample(runs, generator).T
            sums = self._sums(fresh)
            new, new_log_p = parts.learned(sums[0], fresh.T), sums[2].logsumexp(0)
            gain = then * ((sums[1] - new - own * new_log_p) - (linear - value - own * log_p))
            taken = torch.rand(runs, generator=generator, device=x.device).log() < gain
            x = torch.where(taken, fresh, x)
            inputs = torch.where(taken.unsqueeze(1), sums[0], inputs)
            linear, terms = torch.where(taken, sums[1], linear), torch.where(taken, sums[2], terms)
            value, log_p = torch.where(taken, new, value), torch.where(taken, new_log_p, log_p)
        return Walk(x.T.contiguous(), log_w, slopes.finish())

    def _sums(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What follows flips cheaply, of states `(D, B)`: `c + x W`, `(B, H)`; `bᵀx`, `(B,)`; the terms of the base,
        `(K, B)`."""
        parts, base = self.layered, self.base
        terms = base.constants.unsqueeze(1) + base.logits @ x if base.laws is None else base.terms(x.T).T.contiguous()
        inputs = parts.bias + x.T @ parts.weight
        if parts.tree is not None:
            inputs += (x * x[parts.tree.above]).T @ parts.tree.couplings.T
        return inputs, parts.logits @ x, terms

    @cached_property
    def columns(self) -> list[tuple[Tensor, Tensor]]:
        """For each bit its neighbours in the tree of the base, `(n,)`, and the factors `(K, 1 + n)` in the terms of the
        base: of the change of the bit, and of that times each of these."""
        base, laws = self.base, self.base.laws
        if laws is None:
            return [(base.logits.new_empty(0), column.unsqueeze(1)) for column in base.logits.T.contiguous()]
        linear = laws.linear.T.unsqueeze(2)
        return [(near, torch.cat([linear[i], factors.T], 1)) for i, (near, factors) in enumerate(laws.edges)]

    def _order(self, generator: torch.Generator | None) -> list[int]:
        """The bits of a sweep in random order, more often those that change often in the base.

        Which bits are resampled doesn't depend on their values, so that every law on the path is kept.
        """
        u = torch.rand(len(self.visits), generator=generator, device=self.visits.device)
        bits = torch.arange(len(u), device=u.device).repeat_interleave((self.visits + u).long())
        return bits[torch.randperm(len(bits), generator=generator, device=u.device)].tolist() or self._order(generator)

    @cached_property
    def visits(self) -> Tensor:
        """The expected number of visits of every bit in a sweep, `(D,)`, by the standard deviation in the base."""
        mean = self.base.means()
        spread = (mean * (1 - mean)).sqrt()
        return spread * (len(mean) / spread.sum())
