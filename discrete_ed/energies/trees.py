"""Laws whose bits depend on one another along a tree: terms, sums over erased bits by messages, exact samples."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, softplus

from discrete_ed.errors import InputError

ROOT = -1
"""the parent of a bit that has none"""


@lru_cache(maxsize=64)
def tree_levels(parents: tuple[int, ...]) -> tuple[tuple[Tensor, Tensor], ...]:
    """The bits of every depth, roots first, and their parents (of a root: the root itself).

    Raises:
        InputError: a parent that is no other bit, or bits that are their own ancestors.

    >>> [bits.tolist() for bits, _ in tree_levels((1, -1, 1, 0))]
    [[1], [0, 2], [3]]
    """
    if any(not ROOT <= parent < len(parents) or parent == bit for bit, parent in enumerate(parents)):
        raise InputError(f"parents: expected the number of another bit for each of {len(parents)}, or -1, got others")
    levels = []
    found = [bit for bit, parent in enumerate(parents) if parent == ROOT]
    children: dict[int, list[int]] = {}
    for bit, parent in enumerate(parents):
        children.setdefault(parent, []).append(bit)
    while found:
        above = [bit if parents[bit] == ROOT else parents[bit] for bit in found]
        levels.append((torch.tensor(found), torch.tensor(above)))
        found = sorted(child for bit in found for child in children.get(bit, ()))
    if sum(len(bits) for bits, _ in levels) < len(parents):
        raise InputError("parents: expected a tree, got bits that are their own ancestors")
    return tuple(levels)


@dataclass(frozen=True, eq=False)
class TreeLaws:
    """K laws along one tree, `p_k(x) = Π_i σ(o_ki)^{x_i} (1 − σ(o_ki))^{1 − x_i}` with `o_ki = l_ki + J_ki x_pa(i)`.

    A root has no parent `pa(i)`, and `J_ki = 0`.

    >>> pair = TreeLaws(torch.zeros(1, 2), torch.tensor([[0.0, 2.0]]), (-1, 0))
    >>> pair.terms(torch.ones(1, 2)).exp()  # ½ · σ(2)
    tensor([[0.4404]])
    """

    logits: Tensor
    """`l`, `(K, D)`: log odds of each bit where its parent is 0"""
    couplings: Tensor
    """`J`, `(K, D)`: what is added where its parent is 1"""
    parents: Sequence[int]
    """the parent of each bit; −1 for a root"""

    @property
    def levels(self) -> tuple[tuple[Tensor, Tensor], ...]:
        device = self.logits.device
        return tuple((bits.to(device), above.to(device)) for bits, above in tree_levels(tuple(self.parents)))

    @property
    def above(self) -> Tensor:
        """The parent of each bit, `(D,)`; of a root: the root itself, with a coupling of zero."""
        found = torch.empty(len(self.parents), dtype=torch.long, device=self.logits.device)
        for bits, above in self.levels:
            found[bits] = above
        return found

    @property
    def linear(self) -> Tensor:
        """The factors of `x_i` in `log p_k(x)`, `(K, D)`; those of `x_i x_pa(i)` are the couplings."""
        return self.logits.index_add(1, self.above, softplus(self.logits) - softplus(self.logits + self.couplings))

    @property
    def edges(self) -> list[tuple[Tensor, Tensor]]:
        """For each bit its neighbours in the tree, `(n,)`, and the couplings to them, `(n, K)`."""
        near: list[list[int]] = [[] for _ in self.parents]
        through: list[list[int]] = [[] for _ in self.parents]
        for bit, parent in enumerate(self.parents):
            if parent != ROOT:
                for one, other in ((bit, parent), (parent, bit)):
                    near[one].append(other)
                    through[one].append(bit)
        device = self.logits.device
        return [
            (torch.tensor(bits, dtype=torch.long, device=device), self.couplings.T[children])
            for bits, children in zip(near, through, strict=True)
        ]

    def terms(self, x: Tensor) -> Tensor:
        """`log p_k(x)` of states `(..., D)`, `(..., K)`."""
        return x @ self.linear.T + (x * x[..., self.above]) @ self.couplings.T - softplus(self.logits).sum(1)

    def log_odds(self, x: Tensor) -> Tensor:
        """`log p_k(x_i = 1 | all others) − log p_k(x_i = 0 | all others)`, `(..., K, D)`."""
        x = x.unsqueeze(-2)
        found = self.linear + self.couplings * x[..., self.above]
        return found.index_add(-1, self.above, self.couplings * x)

    def means(self) -> Tensor:
        """`p_k(x_i = 1)`, `(K, D)`."""
        found = self.logits.sigmoid()
        for bits, above in self.levels[1:]:
            low, high = self.logits[:, bits].sigmoid(), (self.logits + self.couplings)[:, bits].sigmoid()
            found[:, bits] = torch.lerp(low, high, found[:, above])
        return found

    def messages(self, x: Tensor, erased: Tensor) -> tuple[Tensor, Tensor]:
        """`log p_k` of the bits that are kept, `(N, K)`, and what the bits below each bit add to its log odds,
        `(D, N, K)`.

        Args:
            x: states `(N, D)`.
            erased: which bits are summed over, `(N, D)`.
        """
        bits_first, erased = x.T.unsqueeze(2), erased.T.unsqueeze(2)
        low, step = self.logits.T.unsqueeze(1), self.couplings.T.unsqueeze(1)
        total = x.new_zeros(len(x), len(self.logits))
        below = x.new_zeros(x.shape[1], len(x), len(self.logits))
        levels = self.levels
        for depth in reversed(range(len(levels))):
            bits, above = levels[depth]
            states, summed = bits_first[bits], erased[bits]
            odds = low[bits] + below[bits]
            first = torch.where(summed, softplus(odds), states * odds) - softplus(low[bits])
            total += first.sum(0)
            if depth:
                odds = odds + step[bits]
                second = torch.where(summed, softplus(odds), states * odds) - softplus(low[bits] + step[bits])
                below.index_add_(0, above, second - first)
        return total, below

    def filled(
        self, x: Tensor, erased: Tensor, log_weights: Tensor, m: int, generator: torch.Generator | None
    ) -> tuple[Tensor, Tensor]:
        """`m` states for each row `(N, D)`, whose erased bits are sampled given the others by the mixture of the laws,
        `(N, m, D)`, and the mixture's `log p` of the others, `(N,)`.

        On the CPU in a compiled loop, which works at erased bits only; the random numbers differ from those of other
        devices.
        """
        loops = _loops() if x.device.type == "cpu" else None
        if loops is None:
            terms, below = self.messages(x, erased)
            terms = terms + log_weights
            k = terms.softmax(1).multinomial(m, replacement=True, generator=generator)
            return self.sample(k, (x, erased, below), generator), terms.logsumexp(1)
        odds = torch.stack([self.logits, self.logits + self.couplings])
        table = torch.stack([logsigmoid(-odds), logsigmoid(odds)], 1).permute(3, 0, 1, 2).contiguous()  # (D, a, v, K)
        found, kept = x.new_empty(len(x), m, x.shape[1]), x.new_empty(len(x))
        parts = (log_weights, self.logits.T.contiguous(), self.couplings.T.contiguous(), table)
        picks = torch.rand(len(x), m, generator=generator, dtype=x.dtype)
        coins = torch.rand(m * int(erased.sum()), generator=generator, dtype=x.dtype)
        order = torch.cat([bits for bits, _ in self.levels])
        tensors = (x.to(torch.uint8), erased, order, self.above, *parts, picks, coins, found, kept)
        loops.fill(*(part.detach().numpy() for part in tensors))
        return found, kept

    def sample(
        self, k: Tensor, known: tuple[Tensor, Tensor, Tensor] | None, generator: torch.Generator | None
    ) -> Tensor:
        """States of the laws of number `k`, `(N, M)`; `(N, M, D)`.

        Args:
            k: numbers of laws.
            known: states `(N, D)`, which of their bits are erased, and what the bits below each bit add to its log
                odds (`messages`); None if no bit is known.
            generator: the source of randomness.
        """
        bits = self.logits.shape[1]
        found = self.logits.new_zeros(bits, *k.shape)  # a root reads its own place before it is written
        coins = torch.rand(found.shape, generator=generator, device=found.device)
        low, step = self.logits.T, self.couplings.T
        for some, above in self.levels:
            odds = low[some][:, k] + step[some][:, k] * found[above]
            if known is not None:
                x, erased, below = known
                odds += below[some].gather(2, k.expand(len(some), *k.shape))
            new = (coins[some] < odds.sigmoid()).to(found.dtype)
            if known is not None:
                new = torch.where(erased.T[some].unsqueeze(2), new, x.T[some].unsqueeze(2))
            found[some] = new
        return found.permute(1, 2, 0)


@cache
def _loops() -> Any:
    """The compiled loops; None, after a warning, if numba can't be imported or can't write its cache."""
    try:
        return importlib.import_module("discrete_ed.energies.tree_loops")
    except (ImportError, RuntimeError) as error:
        warnings.warn(f"no compiled loops, mixtures of trees will be slow: {error}", RuntimeWarning, stacklevel=2)
        return None
