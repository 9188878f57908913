"""Groups of bits: a categorical variable of K values is K bits of which exactly one is on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from operator import index

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from discrete_ed.errors import InputError
from discrete_ed.groups.layout import Layout
from discrete_ed.groups.values import listed, shown, whole_numbers
from discrete_ed.states import CHUNK_STATES, check_states


@dataclass(frozen=True)
class Groups:
    """The space of states whose bits are tied into groups: in each group exactly one bit is on; other bits are free.

    A group of K bits is a categorical variable of K values, and a free bit is a variable of two values. The
    elementary move `i` turns bit `i` on and the other bit of its group off; for a free bit it is the flip, and for a
    bit that is on in its group there is none. An energy carries its groups (`energy.groups = Groups(…)`), and every
    kernel, loss and likelihood then takes moves where it takes flips of bits otherwise.

    The variables are in the order of their first bits.

    Args:
        members: the bits of each group; their order is that of the values.
        bits: D, the number of bits, of which those in no group are free.

    Raises:
        InputError: a group with fewer than two bits, two groups with a common bit, or a bit beyond D.

    >>> groups = Groups(((0, 1, 2),), bits=5)  # a variable of three values, then two free bits
    >>> groups.variables, groups.sizes, groups.count
    (((0, 1, 2), (3,), (4,)), (3, 2, 2), 12)
    >>> x = torch.tensor([[1.0, 0.0, 0.0, 0.0, 1.0]])
    >>> groups.move(x, torch.tensor([[2]]))  # and the move that undoes it
    (tensor([[0., 0., 1., 0., 1.]]), tensor([[0]]))
    """

    members: tuple[tuple[int, ...], ...]
    bits: int

    def __post_init__(self) -> None:
        try:
            members = tuple(tuple(index(bit) for bit in group) for group in self.members)
            object.__setattr__(self, "bits", index(self.bits))
        except TypeError:
            raise InputError(
                f"members: expected the positions of the bits of each group, got {self.members!r:.80}"
            ) from None
        seen: dict[int, int] = {}
        for number, group in enumerate(members):
            if len(group) < 2:
                raise InputError(
                    f"members: expected at least two bits in a group, got {len(group)} in group {number}; a variable "
                    "of one value is no variable, and a bit of two values is free"
                )
            for bit in group:
                if not 0 <= bit < self.bits:
                    raise InputError(f"members: expected bits from 0 to {self.bits - 1}, got {bit} in group {number}")
                if bit in seen:
                    raise InputError(
                        f"members: expected groups that don't overlap, got bit {bit} in groups {seen[bit]} and {number}"
                    )
                seen[bit] = number
        object.__setattr__(self, "members", members)

    @classmethod
    def one_hot(cls, sizes: Sequence[int], bits: int | None = None) -> Groups:
        """Groups of neighbouring bits, as one-hot encoding makes them.

        Args:
            sizes: K of each variable, at least 2.
            bits: D, by default the sum of the sizes; bits after the groups are free.

        >>> Groups.one_hot([2, 3], bits=6).variables
        ((0, 1), (2, 3, 4), (5,))
        """
        try:
            ends = [sum(index(size) for size in sizes[: k + 1]) for k in range(len(sizes))]
        except TypeError:
            raise InputError(f"sizes: expected the number of values of each variable, got {sizes!r}") from None
        total = ends[-1] if ends else 0
        if min(sizes, default=2) < 2:
            raise InputError(f"sizes: expected at least 2 values of each variable, got {min(sizes)}")
        members = tuple(tuple(range(end - size, end)) for end, size in zip(ends, sizes, strict=True))
        return cls(members, total if bits is None else bits)

    @cached_property
    def variables(self) -> tuple[tuple[int, ...], ...]:
        """The bits of each variable, in the order of their first bits; a free bit is alone."""
        tied = {bit for group in self.members for bit in group}
        alone = [(bit,) for bit in range(self.bits) if bit not in tied]
        return tuple(sorted([*self.members, *alone], key=min))

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """The number of values of each variable: K for a group, 2 for a free bit."""
        return tuple(max(2, len(variable)) for variable in self.variables)

    @property
    def count(self) -> int:
        """The number of states."""
        return prod(self.sizes)

    def among(self, places: Sequence[int], name: str = "places") -> Groups:
        """The groups of the bits at some `places` alone, numbered in that order.

        Raises:
            InputError: a group of which only a part is among them; the message calls the places `name`.
        """
        new = {bit: k for k, bit in enumerate(places)}
        parts = [tuple(new[bit] for bit in group if bit in new) for group in self.members]
        for group, part in zip(self.members, parts, strict=True):
            if part and len(part) < len(group):
                raise InputError(f"{name}: expected whole groups, got {len(part)} of bits {listed(group)}")
        return Groups(tuple(part for part in parts if part), len(places))

    def layout(self, device: torch.device) -> Layout:
        """The variables as tensors on a device."""
        made: dict[torch.device, Layout] = self.__dict__.setdefault("_layouts", {})
        if device not in made:
            made[device] = Layout.of(self.variables, self.bits, device)
        return made[device]

    def indices(self, device: torch.device) -> list[Tensor]:
        """The bits of each variable as tensors."""
        return [torch.tensor(bits, device=device) for bits in self.variables]

    def __getstate__(self) -> dict[str, object]:
        return {"members": self.members, "bits": self.bits}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)

    def valid(self, x: Tensor) -> Tensor:
        """Whether exactly one bit of each group is on: states `(..., D)` to `(...)` bool."""
        good = torch.ones(x.shape[:-1], dtype=torch.bool, device=x.device)
        for _, bits in self.layout(x.device).blocks:
            if bits.shape[1] > 1:
                good &= (x[..., bits].sum(-1) == 1).all(-1)
        return good

    def check(self, x: Tensor, name: str = "x") -> None:
        """Raise `InputError`, which names the first bad row and group, unless all states `(..., D)` are of this
        space."""
        if x.shape[-1] != self.bits:
            raise InputError(f"{name}: expected states of {self.bits} bits, which the groups have, got {x.shape[-1]}")
        good = self.valid(x)
        if good.all():
            return
        row = int((~good.flatten()).nonzero()[0])
        state = x.reshape(-1, self.bits)[row]
        group = next(group for group in self.members if state[list(group)].sum() != 1)
        raise InputError(
            f"{name}: expected exactly one bit of each group to be on, got {int(state[list(group)].sum())} of bits "
            f"{listed(group)} in row {row} ({int((~good).sum())} of {good.numel()} rows are no such states)"
        )

    def totals(self, values: Tensor) -> Tensor:
        """Sums over the bits of each variable: `(..., D)` to `(..., V)`."""
        layout = self.layout(values.device)
        if layout.width:
            return values.unflatten(-1, (-1, layout.width)).sum(-1)
        zero = values.new_zeros(*values.shape[:-1], len(self.variables))
        return zero.index_add(-1, layout.variable, values)

    def spread(self, values: Tensor) -> Tensor:
        """The value of each bit's variable: `(..., V)` to `(..., D)`."""
        layout = self.layout(values.device)
        if layout.width:
            return values.repeat_interleave(layout.width, -1)
        return values.index_select(-1, layout.variable)

    def movable(self, x: Tensor, free: Tensor | None = None) -> Tensor:
        """The moves that lead elsewhere, and change `free` bits only: states `(..., D)` to `(..., D)` bool."""
        layout = self.layout(x.device)
        tied = layout.tied
        off = x < 0.5 if layout.width else ~(tied & (x > 0.5))
        if free is None:
            return off
        held = self.spread(self.totals((tied & (x > 0.5) & ~free).to(x.dtype))) > 0  # the bit that is on is frozen
        return off & free & ~held

    def returning(self, x: Tensor, i: Tensor) -> Tensor:
        """The moves that undo moves `i`, `(B, L)`, of states `(B, D)`, after these were made: `(B, L)`."""
        layout = self.layout(x.device)
        bits = layout.padded[layout.variable[i]]  # of the variables that were moved, (B, L, K)
        on = x.gather(-1, bits.flatten(1)).view(bits.shape).argmax(-1, keepdim=True)
        return bits.gather(-1, on).squeeze(-1)

    def values_left(self, x: Tensor, free: Tensor) -> Tensor:
        """The number of values that each variable can take where only `free` bits change: `(..., D)` to `(..., V)`."""
        return 1 + self.totals(self.movable(x, free).long())

    def move(self, x: Tensor, i: Tensor) -> tuple[Tensor, Tensor]:
        """Make move `i`, `(B, 1)`, at states `(B, D)`; the new states, and the moves that undo it, `(B, 1)`."""
        back = self.returning(x, i)
        tied = self.layout(x.device).tied[i]
        return x.scatter(-1, back, 0).scatter(-1, i, torch.where(tied, 1, 1 - x.gather(-1, i))), back

    def apply(self, x: Tensor, moves: Tensor) -> tuple[Tensor, Tensor]:
        """Make all `moves`, `(..., D)` bool, at most one of each variable; the new states, and the moves back."""
        tied = self.layout(x.device).tied
        chosen = moves.to(x.dtype)
        touched = self.spread(self.totals(chosen)) > 0.5
        moved = torch.where(tied, torch.where(touched, chosen, x), (x - chosen).abs())
        return moved, torch.where(tied, touched & (x > 0.5), moves)

    def changes(self, x: Tensor, slope: Tensor) -> Tensor:
        """What each move adds to a linear function `slopeᵀx`, at states `(..., D)`: `(..., D)`."""
        tied = self.layout(x.device).tied
        return torch.where(tied, slope - self.spread(self.totals(torch.where(tied, slope * x, 0))), (1 - 2 * x) * slope)

    def neighbours(self, x: Tensor) -> Tensor:
        """The states after each of the moves: `(B, D)` to `(B, D, D)`; a state itself where there is no move."""
        variable, tied = self.layout(x.device)[:2]
        eye = torch.eye(self.bits, dtype=x.dtype, device=x.device)
        same = (variable == variable.unsqueeze(-1)) & tied
        return torch.where(same, eye, (x.unsqueeze(-2) - torch.where(tied, 0, eye)).abs())

    def best(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """The largest of the values `(B, D)` of each variable's bits, and the bits that have it: both `(B, V)`."""
        most = values.new_empty(len(values), len(self.variables))
        where = torch.empty(most.shape, dtype=torch.long, device=values.device)
        for place, bits in self.layout(values.device).blocks:
            most[:, place], which = values[:, bits].max(-1)
            where[:, place] = bits[torch.arange(len(bits), device=values.device), which]
        return most, where

    def log_totals(self, logits: Tensor, stay: float = 0.0) -> Tensor:
        """`log(e^stay + Σ_i e^{l_i})` over the moves `i` of each variable: `(..., D)` to `(..., V)`."""
        found = logits.new_empty(*logits.shape[:-1], len(self.variables))
        for place, bits in self.layout(logits.device).blocks:
            some = logits[..., bits]
            found[..., place] = torch.cat([torch.full_like(some[..., :1], stay), some], -1).logsumexp(-1)
        return found

    def choose(self, logits: Tensor, u: Tensor) -> Tensor:
        """For each variable one of its moves `i`, or none, with probabilities proportional to `e^{l_i}` and 1.

        Args:
            logits: `l`, `(..., D)`; `−inf` for moves that can't be made.
            u: uniforms, `(..., V)`.

        Returns:
            The moves, `(..., D)` bool, at most one of each variable. Move `i` is made where `u` lies in its part of
            `(0, 1)`; the parts are in the order of the bits, and the last one is for staying.
        """
        chosen = torch.zeros_like(logits, dtype=torch.bool)
        for place, bits in self.layout(logits.device).blocks:
            some = logits[..., bits]
            if bits.shape[1] == 1:
                chosen[..., bits] = u[..., place, None] < some.sigmoid()
                continue
            shares = torch.cat([some, torch.zeros_like(some[..., :1])], -1).softmax(-1).cumsum(-1)
            which = torch.searchsorted(shares.contiguous(), u[..., place, None].to(shares.dtype), right=True)
            chosen[..., bits] = which == torch.arange(bits.shape[1], device=bits.device)
        return chosen

    def uniform(self, count: int, like: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """Uniform states, `(count, D)`, in the type of the tensor `like` and on its device."""
        first = like.new_zeros(count, self.bits)
        first[:, [group[0] for group in self.members]] = 1
        return self.redrawn(first, generator=generator)

    def redrawn(self, x: Tensor, free: Tensor | None = None, *, generator: torch.Generator | None = None) -> Tensor:
        """The states `(B, D)` with all variables drawn uniformly from the values that `free` bits allow."""
        u = torch.rand(len(x), len(self.variables), generator=generator, device=x.device)
        logits = torch.zeros_like(x).masked_fill(~self.movable(x, free), -torch.inf)
        return self.apply(x, self.choose(logits, u))[0]

    def encode(self, values: ArrayLike | Tensor) -> Tensor:
        """The values `0, …, K − 1` of the variables, `(..., V)`, as states `(..., D)`, float32.

        Raises:
            InputError: values that are no whole numbers, too large, or of another number of variables.

        >>> Groups(((0, 1, 2),), bits=4).encode(torch.tensor([2, 1]))
        tensor([0., 0., 1., 1.])
        """
        values = whole_numbers(values)
        sizes = torch.tensor(self.sizes, device=values.device)
        if values.shape[-1:] != sizes.shape or not ((values >= 0) & (values < sizes)).all():
            raise InputError(
                f"values: expected {len(sizes)} values, each from 0 to one below {self.sizes}, got {shown(values)}"
            )
        x = torch.zeros(*values.shape[:-1], self.bits, device=values.device)
        for place, bits in self.layout(values.device).blocks:
            some = values[..., place, None]
            x[..., bits] = (some if bits.shape[1] == 1 else some == torch.arange(bits.shape[1], device=bits.device)).to(
                x.dtype
            )
        return x

    def decode(self, x: Tensor) -> Tensor:
        """The inverse of `encode`: states `(..., D)` to values `(..., V)`, whole numbers."""
        check_states(x, bits=self.bits)
        self.check(x)
        values = torch.empty(*x.shape[:-1], len(self.variables), dtype=torch.long, device=x.device)
        for place, bits in self.layout(x.device).blocks:
            some = x[..., bits]
            values[..., place] = some.argmax(-1) if bits.shape[1] > 1 else some[..., 0].long()
        return values

    def state_chunks(
        self, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu", *, size: int = CHUNK_STATES
    ) -> Iterator[Tensor]:
        """All states, `size` of them at a time; the first variable changes most slowly."""
        steps = [prod(self.sizes[k + 1 :]) for k in range(len(self.sizes))]
        for start in range(0, self.count, size):
            number = torch.arange(start, min(start + size, self.count), device=device)
            values = [number // step % k for step, k in zip(steps, self.sizes, strict=True)]
            yield self.encode(torch.stack(values, -1) if values else number.new_empty(len(number), 0)).to(dtype)

    def states(self, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu") -> Tensor:
        """All states, `(count, D)`, in the order of `state_chunks`.

        >>> Groups(((0, 1),), bits=3).states().tolist()
        [[1.0, 0.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 0.0], [0.0, 1.0, 1.0]]
        """
        return torch.cat(list(self.state_chunks(dtype=dtype, device=device)))
