"""Locally informed kernels: propose the flips that the differences favour, and correct by Metropolis–Hastings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from discrete_ed.energies.local import LocalEvaluation
from discrete_ed.errors import InputError
from discrete_ed.groups import Groups, moved
from discrete_ed.samplers.kernels import Kernel, State, accept, evaluate, uniforms

Balance = Literal["sqrt", "barker", "min", "max"]


def check_balance(balance: str) -> None:
    """Raise `InputError` unless the balancing function is a known one."""
    if balance not in get_args(Balance):
        raise InputError(f"balance: expected one of {', '.join(get_args(Balance))}, got {balance!r}")


def log_balance(balance: Balance, delta: Tensor) -> Tensor:
    """`log g(exp(−Δ))` of a balancing function `g(t) = t g(1/t)`, elementwise; `−inf` at frozen bits.

    `g(t)` is `√t`, `t / (1 + t)` (barker), `min(1, t)` or `max(1, t)`: Zanella 2020, arXiv 1711.07424.
    """
    if balance == "sqrt":
        return -0.5 * delta
    if balance == "barker":
        return logsigmoid(-delta)
    if balance == "min":
        return (-delta).clamp(max=0)
    return (-delta).clamp(min=0).masked_fill(delta.isposinf(), -torch.inf)


def gumbels(u: Tensor) -> Tensor:
    """Standard Gumbel variables from uniforms."""
    return -(-u.log()).log()


@dataclass(frozen=True)
class GibbsWithGradients(Kernel):
    """Propose one flip, `q(i|x) ∝ g(exp(−Δ_i(x)))`; accept with the Metropolis–Hastings probability.

    `min(1, exp(E(x) − E(x')) q(i|x') / q(i|x))`: the reverse term is evaluated at the proposed state, which makes the
    kernel exact whether the differences are (`Exact`, the locally balanced proposal of Zanella 2020) or not
    (`Taylor`). A chain without free bits does not move. If bits are tied into groups, moves take the place of flips,
    and the reverse term is that of the move back: the categorical form.

    Args:
        balance: the balancing function `g(t) = t g(1/t)`: "sqrt", `√t`; "barker", `t / (1 + t)`; "min", `min(1, t)`;
            "max", `max(1, t)`.

    Raises:
        InputError: an unknown balancing function.

    Source: Grathwohl et al. 2021, arXiv 2102.04509; the functions from Zanella 2020, arXiv 1711.07424.

    >>> from discrete_ed import Exact, IsingEnergy
    >>> kernel, local = GibbsWithGradients(), Exact(IsingEnergy(2))
    >>> state = kernel.init(local, torch.zeros(3, 2))
    >>> kernel.step(local, state).x.sum(-1)  # where all states have one energy, every flip is accepted
    tensor([1., 1., 1.])
    """

    balance: Balance = "sqrt"

    def __post_init__(self) -> None:
        check_balance(self.balance)

    def init(self, local: LocalEvaluation, x: Tensor) -> State:
        return evaluate(local, x)

    def step(self, local: LocalEvaluation, state: State, *, generator: torch.Generator | None = None) -> State:
        u_flip = uniforms(
            state, len(state.x), generator=generator, dtype=torch.float64
        )  # double precision, as large numbers of bits need
        u_accept = uniforms(state, len(state.x), generator=generator)
        return self.flip(local, state, self.choose(state.delta, u_flip), u_accept.log())

    def choose(self, delta: Tensor, u: Tensor) -> Tensor:
        """The bit that each chain proposes, `(B,)`: the first at which the cumulative probability exceeds `u`,
        `(B,)`."""
        up_to = log_balance(self.balance, delta).softmax(-1).cumsum(-1, dtype=torch.float64)
        i = torch.searchsorted(up_to, (u * up_to[:, -1]).unsqueeze(-1), right=True)
        return i.squeeze(-1).clamp(max=delta.shape[-1] - 1)

    def log_proposal(self, delta: Tensor) -> Tensor:
        """`log q(i|x)` of proposing to flip each bit, from the differences `(B, D)`; NaN if no bit is free."""
        return log_balance(self.balance, delta).log_softmax(-1)

    def flip(self, local: LocalEvaluation, state: State, i: Tensor, log_u: Tensor) -> State:
        """Propose bit `i` of each chain, `(B,)`, and accept where `log_u` lies below the log acceptance ratio."""
        i = i.unsqueeze(-1)
        x, back = moved(local.energy.groups, state.x, i)
        proposed = local(x)
        log_reverse = self.log_proposal(proposed.delta).gather(-1, back) - self.log_proposal(state.delta).gather(-1, i)
        log_ratio = state.energy - proposed.energy + log_reverse.squeeze(-1)
        # false where the ratio is NaN: no free bit, or a proposal without an energy
        return accept(state, x, proposed, log_u < log_ratio)


@dataclass(frozen=True)
class PathAuxiliary(Kernel):
    """Flip several bits at once: a path of flips, proposed from the differences at its start.

    A length `L` is chosen uniformly from `1, …, 2m − 1` (at most the number of free bits), then a path of different
    bits `i_1, …, i_L`, with `w_i(x) = g(exp(−Δ_i(x)))`, from

        q(i_1 … i_L | x) = Π_k w_{i_k}(x) / (Σ_i w_i(x) − Σ_{l<k} w_{i_l}(x)).

    All are flipped, and `x'` is accepted with probability
    `min(1, exp(E(x) − E(x')) q(i_L … i_1 | x') / q(i_1 … i_L | x))`: the reverse move follows the same path backwards.
    One step costs one local evaluation, whatever the length of the path. Exact with either local evaluation; `m = 1` is
    `GibbsWithGradients`. If bits are tied into groups, a path consists of moves of different variables, and the sums
    leave out all moves of the variables that are on it already.

    Args:
        flips: m, the mean length of a path.
        balance: the balancing function, as for `GibbsWithGradients`.

    Raises:
        InputError: `flips` below 1, or an unknown balancing function.

    Source: the fast variant (PAFS) of Sun, Dai, Xia and Ramamurthy 2022, "Path auxiliary proposal for MCMC in discrete
    space", ICLR (no arXiv number), with bits chosen without replacement.

    >>> from discrete_ed import Exact, IsingEnergy
    >>> kernel, local = PathAuxiliary(flips=2), Exact(IsingEnergy(8))
    >>> state = kernel.init(local, torch.zeros(100, 8))
    >>> sorted(set(kernel.step(local, state).x.sum(-1).tolist()))
    [1.0, 2.0, 3.0]
    """

    flips: int = 3
    balance: Balance = "sqrt"

    def __post_init__(self) -> None:
        check_balance(self.balance)
        if self.flips < 1:
            raise InputError(f"flips: expected at least 1, got {self.flips}")

    def init(self, local: LocalEvaluation, x: Tensor) -> State:
        return evaluate(local, x)

    def step(self, local: LocalEvaluation, state: State, *, generator: torch.Generator | None = None) -> State:
        u_length = uniforms(state, len(state.x), generator=generator)
        u_path = uniforms(state, *state.x.shape, generator=generator)
        u_accept = uniforms(state, len(state.x), generator=generator)
        length = 1 + (u_length * (2 * self.flips - 1)).long()
        keys = log_balance(self.balance, state.delta) + gumbels(u_path)
        groups = local.energy.groups
        if groups is None:
            path = keys.topk(min(2 * self.flips - 1, state.x.shape[-1]), -1).indices
        else:  # the earliest of several exponential times is followed by the earliest of those that are left
            keys, bits = groups.best(keys)
            path = bits.gather(-1, keys.topk(min(2 * self.flips - 1, keys.shape[-1]), -1).indices)
        return self.follow(local, state, path, length, u_accept.log())

    def log_path(self, delta: Tensor, path: Tensor, length: Tensor, groups: Groups | None = None) -> Tensor:
        """`log q(i_1 … i_L|x)` of the first `length`, `(B,)`, bits of a `path`, `(B, K)`, from differences `(B, D)`."""
        variable = None if groups is None else groups.layout(delta.device).variable
        weight = log_balance(self.balance, delta)
        rest = weight
        total = torch.zeros_like(weight[:, 0])
        for k in range(path.shape[-1]):
            i = path[:, k : k + 1]
            term = weight.gather(-1, i).squeeze(-1) - rest.logsumexp(-1)
            total = total + torch.where(k < length, term, 0)
            if variable is None:
                rest = rest.scatter(-1, i, -torch.inf)
            else:
                rest = rest.masked_fill(variable == variable[i], -torch.inf)
        return total

    def follow(self, local: LocalEvaluation, state: State, path: Tensor, length: Tensor, log_u: Tensor) -> State:
        """Propose the flips of a `path`, `(B, K)`, up to its `length`, `(B,)`; accept where `log_u` lies below the log
        ratio."""
        groups = local.energy.groups
        forward = length.minimum(_movable(groups, state.delta))
        steps = torch.arange(path.shape[-1], device=path.device)
        on_path = steps < forward.unsqueeze(-1)
        moves = torch.zeros_like(state.x).scatter(-1, path, on_path.to(state.x.dtype))
        if groups is None:
            x, back = (state.x - moves).abs(), path
        else:
            x, back = groups.apply(state.x, moves > 0.5)[0], groups.returning(state.x, path)
        proposed = local(x)
        backward = length.minimum(_movable(groups, proposed.delta))
        way_back = back.gather(-1, (forward.unsqueeze(-1) - 1 - steps).clamp(min=0))
        log_reverse = self.log_path(proposed.delta, way_back, forward, groups)
        log_reverse = log_reverse - self.log_path(state.delta, path, forward, groups)
        log_ratio = state.energy - proposed.energy + log_reverse
        possible = (forward == backward) & (forward > 0)
        return accept(state, x, proposed, possible & (log_u < log_ratio))


def _movable(groups: Groups | None, delta: Tensor) -> Tensor:
    """The number of bits, or of variables, that can move, from the differences `(B, D)`: `(B,)`."""
    finite = delta.isfinite()
    return (finite if groups is None else groups.totals(finite.long()) > 0).sum(-1)
