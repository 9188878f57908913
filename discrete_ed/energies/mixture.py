"""A mixture of independent bits as an energy: a normalised law that is low everywhere but near its components."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, softplus

from discrete_ed.energies.base import Energy
from discrete_ed.energies.trees import ROOT, TreeLaws, tree_levels
from discrete_ed.errors import InputError


class BernoulliMixtureEnergy(Energy):
    """`E(x) = −log Σ_k π_k Π_i σ(o_ki)^{x_i} (1 − σ(o_ki))^{1 − x_i}` with `o_ki = l_ki + J_ki x_pa(i)`: `log Z = 0`.

    Without parents, `J = 0` and the bits of a component are independent; with them, those of all components depend on
    one another along one tree. The mixture is a constant, which training does not change (`log π`, `l` and `J` are
    buffers): it is meant as the base of a network, which is added to it. As a law that was fitted to all of a state, it
    grows with the distance from the data, where a loss that compares neighbours says nothing about the network.

    Args:
        log_weights: `log π`, `(K,)`; or the number of components `K`, with equal weights.
        logits: `l`, `(K, D)`; or the number of bits `D`, with probability ½.
        parents: `pa`, the parent of each bit; −1 for a root. None for independent bits.
        couplings: `J`, `(K, D)`, zero at the roots; by default all zero.

    Source: Meilă and Jordan 2000, "Learning with mixtures of trees", Journal of Machine Learning Research 1, in which
    all components share one tree.

    Raises:
        InputError: shapes that don't fit, numbers that aren't finite, parents that are no tree.

    >>> two = BernoulliMixtureEnergy(torch.zeros(2), torch.tensor([[2.0, 2.0], [-2.0, -2.0]]))
    >>> two(torch.ones(1, 2))
    tensor([0.9289])
    """

    log_weights: Tensor
    logits: Tensor
    couplings: Tensor

    def __init__(
        self,
        log_weights: Tensor | int,
        logits: Tensor | int,
        parents: Sequence[int] | None = None,
        couplings: Tensor | None = None,
    ) -> None:
        super().__init__()
        if isinstance(log_weights, int):
            log_weights = torch.zeros(log_weights)
        if isinstance(logits, int):
            logits = torch.zeros(len(log_weights), logits)
        if logits.ndim != 2 or log_weights.shape != logits.shape[:1] or not len(log_weights):
            got = f"{tuple(log_weights.shape)} and {tuple(logits.shape)}"
            raise InputError(f"log_weights, logits: expected shapes (K,) and (K, D), got {got}")
        if not (log_weights.isfinite().all() and logits.isfinite().all()):
            raise InputError("log_weights, logits: expected finite numbers, got NaN or infinity")
        self.register_buffer("log_weights", log_weights.detach().log_softmax(0))
        self.register_buffer("logits", logits.detach().clone())
        self.bits = logits.shape[1]
        self.parents = None if parents is None else tuple(parents)
        if self.parents is None:
            if couplings is not None:
                raise InputError("couplings: expected None without parents, got a tensor")
            return
        if len(self.parents) != self.bits:
            raise InputError(f"parents: expected one for each of {self.bits} bits, got {len(self.parents)}")
        tree_levels(self.parents)
        if couplings is None:
            couplings = torch.zeros_like(self.logits)
        if couplings.shape != logits.shape or not couplings.isfinite().all():
            raise InputError(f"couplings: expected finite numbers {tuple(logits.shape)}, got {tuple(couplings.shape)}")
        if couplings[:, [parent == ROOT for parent in self.parents]].any():
            raise InputError("couplings: expected zero at the roots, which have no parent, got others")
        self.register_buffer("couplings", couplings.detach().clone())

    def arguments(self) -> dict[str, Any]:
        tree = {} if self.parents is None else {"parents": list(self.parents)}
        return {"log_weights": len(self.log_weights), "logits": self.bits, **tree}

    @property
    def laws(self) -> TreeLaws | None:
        """The laws of the components, where they have a tree."""
        return None if self.parents is None else TreeLaws(self.logits, self.couplings, self.parents)

    def terms(self, x: Tensor) -> Tensor:
        """The logarithms of the terms of `p(x)`, `(..., K)`."""
        laws = self.laws
        if laws is not None:
            return laws.terms(x) + self.log_weights
        return x @ self.logits.T + (self.log_weights - softplus(self.logits).sum(1))

    def forward(self, x: Tensor) -> Tensor:
        return -self.terms(x).logsumexp(-1)

    def flip_delta(self, x: Tensor) -> Tensor:
        """`Δ_i = −log Σ_k r_k(x) exp((1 − 2 x_i) a_ki)`, with `r_k(x)` the share of component `k` in `p(x)`, and `a_ki`
        the log odds of bit `i` given all others in it; without parents `l_ki`."""
        shares = self.terms(x).log_softmax(-1).unsqueeze(-1)
        odds = self.logits if self.laws is None else self.laws.log_odds(x)
        up, down = (shares + odds).logsumexp(-2), (shares - odds).logsumexp(-2)
        return -torch.where(x > 0.5, down, up)

    def filled(
        self, x: Tensor, erased: Tensor, m: int, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """`m` states for each row, whose erased bits are sampled given the others, and `log p` of the others.

        Args:
            x: states `(N, D)`.
            erased: which bits are erased, `(N, D)`.
            m: number of states for each row.
            generator: the source of randomness.

        Returns:
            States `(N, m, D)`, and `(N,)`.
        """
        log_weights, logits = self.log_weights.to(x), self.logits.to(x)
        if self.parents is not None:
            laws = TreeLaws(logits, self.couplings.to(x), self.parents)
            return laws.filled(x, erased, log_weights, m, generator)
        kept = (~erased).to(x.dtype)
        terms = torch.addmm(log_weights, kept * x, logsigmoid(logits).T)
        terms += (kept - kept * x) @ logsigmoid(-logits).T
        k = terms.softmax(1).multinomial(m, replacement=True, generator=generator)
        coins = torch.rand(len(x), m, x.shape[1], generator=generator, device=x.device)
        found = (coins < logits.sigmoid()[k]).to(x.dtype)
        return torch.where(erased.unsqueeze(1), found, x.unsqueeze(1)), terms.logsumexp(1)
