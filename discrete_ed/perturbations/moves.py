"""Noise on variables of several values: moves of all variables at once, and heat kernels on the graph of the values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, Protocol, get_args

import torch
from torch import Tensor

from discrete_ed.energies.base import Energy
from discrete_ed.energies.local import Exact, LocalEvaluation
from discrete_ed.errors import InputError
from discrete_ed.groups import Groups
from discrete_ed.perturbations.base import Contrast, Perturbation, weighted_contrast

HeatKind = Literal["uniform", "cyclic", "ordinal"]
DEFAULT_TIME: dict[HeatKind, float] = {"uniform": 0.1, "cyclic": 0.005, "ordinal": 0.01}
"""`t` of the uniform kernel, and `t / K²` of the others, as published"""


class MoveNoise(Protocol):
    """Symmetric noise that changes every variable independently."""

    def odds(
        self, groups: Groups, x: Tensor, free: Tensor, *, generator: torch.Generator | None = None
    ) -> Callable[[Tensor], Tensor]:
        """A function of states `(B, D)`: the log odds `log q(move i) − log q(stay)` of each move, `(B, D)`.

        `x` and the `free` bits, both `(B, D)`, say which values a variable can take; a noise level that is sampled for
        each state is the same in all calls of the function.
        """


def move_contrast(
    noise: MoveNoise,
    energy: Energy,
    x: Tensor,
    m: int,
    w: float,
    tilt: float = 0.0,
    local: Callable[[Energy], LocalEvaluation] = Exact,
    *,
    generator: torch.Generator | None = None,
) -> Contrast:
    """The data point and `M` negatives of noise on variables, whose proposals are tilted by the energy around `y`.

    `y ~ q(·|x)`, and each variable of `x'` makes a move of `y` with log odds `l_i − τ Δ_i(y)`, where `l_i` are those of
    the noise. The weights are `log q(y|x')/ρ_y(x') = Σ_v log(1 + Σ_i e^{l_i − τΔ_i}) − log(1 + Σ_i e^{l_i})`, and `τ
    Δ_i(y)` more for each move that is made.
    """
    groups, free = energy.groups or Groups((), x.shape[-1]), energy.free(x)
    odds = noise.odds(groups, x, free, generator=generator)
    u = torch.rand(len(x), m + 1, len(groups.variables), generator=generator, device=x.device)
    moves = groups.choose(odds(x).masked_fill(~groups.movable(x, free), -torch.inf), u[:, 0])
    y, undone = groups.apply(x, moves)
    able = groups.movable(y, free)
    plain = odds(y).masked_fill(~able, -torch.inf)
    delta = torch.zeros_like(y)
    if tilt:  # a difference from or to probability zero says nothing: the noise is then not tilted
        delta = tilt * local(energy)(y).delta.nan_to_num(0.0, 0.0, 0.0).masked_fill(~able, 0.0)
    flips = groups.choose((plain - delta).unsqueeze(1).expand(-1, m, -1), u[:, 1:])
    negatives, _ = groups.apply(y.unsqueeze(1).expand(-1, m, -1), flips)
    common = (groups.log_totals(plain - delta) - groups.log_totals(plain)).sum(-1, keepdim=True)
    made = torch.cat([undone.unsqueeze(1), flips], 1).to(x.dtype)
    return weighted_contrast(x, negatives, w, common + (made @ delta.unsqueeze(-1)).squeeze(-1))


@dataclass(frozen=True)
class HeatKernel(Perturbation):
    """Noise `e^{tR}` on the values of each variable, heat that flows along the graph of these values; symmetric.

    | kind | values that are neighbours | generator `R` | time |
    |---|---|---|---|
    | `uniform` | all | `11ᵀ/K − I`: redrawn with probability `1 − e^{−t}` | `t = time` |
    | `cyclic` | next ones, on a ring | eigenvalues `2 cos(2πp/K) − 2` | `t = time · K²` |
    | `ordinal` | next ones, on a line | eigenvalues `2 cos(πp/K) − 2` | `t = time · K²` |

    A free bit is a variable of two values. *Forgets* a little about every variable: for `cyclic` and `ordinal` only
    where among its neighbours the value was. *Costs* `1 + M` energies. *Choose it* for categories with an order, such
    as bins of a number, ages or weekdays. Variables with frozen bits, whose noise would not be symmetric, keep their
    value.

    Args:
        kind: one kind, or a sequence with the kind of each variable (see `Groups.variables`).
        time: the time, as in the table, or a sequence with that of each variable; None takes 0.1 for `uniform`, 0.005
            for `cyclic` and 0.01 for `ordinal`.

    Raises:
        InputError: an unknown kind, a time that isn't positive, or another number of them than there are variables.

    Source: Schröder, Ou, Li and Duncan 2024, arXiv 2412.01019.

    >>> from discrete_ed import MLPEnergy, energy_discrepancy
    >>> energy = MLPEnergy(5, hidden=(8,))
    >>> energy.groups = Groups.one_hot([5])
    >>> HeatKernel("ordinal").contrast(energy, torch.eye(5), 3, 1.0).states.sum(-1).unique()
    tensor([1.])
    """

    kind: HeatKind | Sequence[HeatKind] = "uniform"
    time: float | Sequence[float] | None = None

    def __post_init__(self) -> None:
        kinds = [self.kind] if isinstance(self.kind, str) else list(self.kind)
        for kind in kinds:
            if kind not in get_args(HeatKind):
                raise InputError(f"kind: expected one of {', '.join(get_args(HeatKind))}, got {kind!r}")
        times = self.time if isinstance(self.time, Sequence) else [self.time]
        for time in times:
            if time is not None and not 0 < time < float("inf"):
                raise InputError(f"time: expected a positive number, got {time}")
        object.__setattr__(self, "kind", self.kind if isinstance(self.kind, str) else tuple(self.kind))
        object.__setattr__(self, "time", tuple(self.time) if isinstance(self.time, Sequence) else self.time)

    def odds(
        self, groups: Groups, x: Tensor, free: Tensor, *, generator: torch.Generator | None = None
    ) -> Callable[[Tensor], Tensor]:
        """The log odds of each move against staying, from the row of `e^{tR}` that belongs to the present value."""
        del generator
        whole = groups.spread(groups.totals((~free).long())) == 0
        tables = _tables(groups, *self._of_each(len(groups.variables)))

        def at(states: Tensor) -> Tensor:
            found = torch.full_like(states, -torch.inf)
            for (_, bits), table in zip(groups.layout(x.device).blocks, tables, strict=True):
                rows = table.to(x.device, x.dtype)
                some = states[:, bits]
                value = some.argmax(-1) if bits.shape[1] > 1 else some[..., 0].long()
                row = rows[torch.arange(len(bits), device=x.device), value]
                found[:, bits] = row if bits.shape[1] > 1 else row.gather(-1, 1 - value.unsqueeze(-1))
            return found.masked_fill(~whole, -torch.inf)

        return at

    def contrast(
        self, energy: Energy, x: Tensor, m: int, w: float, *, generator: torch.Generator | None = None
    ) -> Contrast:
        return move_contrast(self, energy, x, m, w, generator=generator)

    def matrix(self, states: Tensor, groups: Groups | None = None) -> Tensor:
        """`q(y|x)` between all pairs of `(K, D)` states, the product of `e^{tR}` over the variables; no bit is frozen.

        Args:
            states: all states of the groups, in any order.
            groups: the groups of the states; None if every bit is a variable of its own.

        Raises:
            InputError: states that are not all the states of the groups, so that rows don't sum to one.
        """
        groups = groups or Groups((), states.shape[-1])
        values = groups.decode(states)
        q = states.new_ones(len(states), len(states))
        for v, (kind, time) in enumerate(zip(*self._of_each(len(groups.variables)), strict=True)):
            table = heat_matrix(kind, groups.sizes[v], time).to(states.device, states.dtype)
            q = q * table[values[:, v, None], values[:, v]]
        if not torch.allclose(q.sum(-1), q.new_ones(()), atol=1e-4):
            raise InputError(
                f"states: expected all {groups.count} states, each once, got {len(states)} whose noise leads to "
                "others; for states of groups pass groups=energy.groups"
            )
        return q

    def _of_each(self, variables: int) -> tuple[tuple[HeatKind, ...], tuple[float, ...]]:
        """The kind and the time of every variable."""
        kinds = (self.kind,) * variables if isinstance(self.kind, str) else tuple(self.kind)
        if self.time is None:
            times = tuple(DEFAULT_TIME[kind] for kind in kinds)
        else:
            times = tuple(self.time) if isinstance(self.time, Sequence) else (self.time,) * variables
        for name, given in (("kind", kinds), ("time", times)):
            if len(given) != variables:
                raise InputError(f"{name}: expected one for each of {variables} variables, got {len(given)}")
        return kinds, times


def heat_matrix(kind: HeatKind, values: int, time: float) -> Tensor:
    """`e^{tR}` over the K values of a variable, `(K, K)`, float64; the time is that of `HeatKernel`."""
    if kind == "uniform":
        generator = torch.full((values, values), 1 / values, dtype=torch.float64) - torch.eye(values).double()
        return torch.linalg.matrix_exp(time * generator)
    generator = torch.zeros(values, values, dtype=torch.float64)
    for k in range(values if kind == "cyclic" else values - 1):
        for here, there in ((k, (k + 1) % values), ((k + 1) % values, k)):
            generator[here, there] += 1
            generator[here, here] -= 1
    return torch.linalg.matrix_exp(time * values**2 * generator)


@lru_cache(maxsize=16)
def _tables(groups: Groups, kinds: tuple[HeatKind, ...], times: tuple[float, ...]) -> list[Tensor]:
    """For each block of variables the log odds of every value against the present one, `(n, K, K)`, float64."""
    found = []
    with torch.inference_mode(False), torch.device("cpu"):
        for place, bits in groups.layout(torch.device("cpu")).blocks:
            each = [heat_matrix(kinds[v], max(2, bits.shape[1]), times[v]) for v in place.tolist()]
            log_q = torch.stack(each).clamp(min=1e-30).log()
            found.append(log_q - log_q.diagonal(dim1=-2, dim2=-1).unsqueeze(-1))
    return found
