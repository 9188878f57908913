"""The interface of Markov kernels over bit vectors: `init`, `step`, requirements and cost.

The state of a chain caches the local evaluation of its bits, so that a step costs one evaluation, not two.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

from discrete_ed.energies.base import Energy
from discrete_ed.energies.evaluated import check_shape, raise_explained
from discrete_ed.energies.local import Evaluation, LocalEvaluation
from discrete_ed.energies.probe import check_function
from discrete_ed.errors import InputError, NumericalError
from discrete_ed.states import check_states


class State(NamedTuple):
    """A batch of chains between two steps; nothing in it carries a gradient.

    >>> from discrete_ed import Exact, Gibbs, IsingEnergy
    >>> Gibbs().init(Exact(IsingEnergy(3)), torch.zeros(2, 3)).energy.shape
    torch.Size([2])
    """

    x: Tensor
    """bits, `(B, D)`"""
    energy: Tensor
    """`β E(x)`, `(B,)`"""
    delta: Tensor
    """`β Δ(x)` from the local evaluation, `(B, D)`; `(B, 0)` for a kernel that needs no differences"""
    accepted: Tensor
    """whether the last proposal was accepted or, for a kernel without proposals, whether any bit changed; `(B,)`
    bool"""


class Kernel(Protocol):
    """A Markov kernel: a small frozen dataclass whose `step` leaves the law of the energy invariant.

    A new kernel inherits from this class, defines `init` and `step`, and overrides `needs_exact`, `keeps_law` and
    `evaluations` if they differ from those given here.

    >>> from discrete_ed import Exact, Gibbs, IsingEnergy
    >>> def two_steps(kernel: Kernel, local, x):
    ...     return kernel.step(local, kernel.step(local, kernel.init(local, x))).x
    >>> two_steps(Gibbs(), Exact(IsingEnergy(3)), torch.zeros(2, 3)).shape
    torch.Size([2, 3])
    """

    @property
    def needs_exact(self) -> bool:
        """Whether the kernel requires exact differences, instead of estimates such as those of `Taylor`."""
        return False

    @property
    def keeps_law(self) -> bool:
        """Whether the energy's law is stationary; False for kernels with a bias, such as `DULA`."""
        return True

    def evaluations(self, bits: int) -> int:
        """Number of local evaluations of each chain in one step, for states of this number of bits."""
        del bits
        return 1

    def init(self, local: LocalEvaluation, x: Tensor) -> State:
        """The state of chains at bits `x`, `(B, D)`; refuses a local evaluation that the kernel can't use."""

    def step(self, local: LocalEvaluation, state: State, *, generator: torch.Generator | None = None) -> State:
        """One step of every chain."""


MEMBERS = ("init", "step", "needs_exact", "keeps_law", "evaluations")


def check_kernel(kernel: object) -> None:
    """Raise `InputError` unless it is an object, not a class, with all members of `Kernel`."""
    if isinstance(kernel, type):
        raise InputError(f"kernel: expected a kernel, such as {kernel.__name__}(), got the class {kernel.__name__}")
    missing = [name for name in MEMBERS if not hasattr(kernel, name)]
    if missing:
        raise InputError(
            f"kernel: expected one with {', '.join(MEMBERS)}, as any class that inherits from discrete_ed.Kernel has, "
            f"got {type(kernel).__name__} without {', '.join(missing)}"
        )


def check_exact(kernel: Kernel, local: LocalEvaluation) -> None:
    """Raise `InputError` if the kernel needs exact differences and the local evaluation only estimates them."""
    if kernel.needs_exact and not local.exact:
        raise InputError(
            f"local: {type(kernel).__name__} expected exact differences (Exact), got {type(local).__name__}: it "
            "doesn't correct for an estimate, so its chains would sample another law (GibbsWithGradients corrects)"
        )


def evaluate(local: LocalEvaluation, x: Tensor) -> State:
    """The state at bits `x`, `(B, D)`, of chains that have not moved yet."""
    energy, delta = local(x)
    check_shape(local.energy, energy, (len(x),))
    return State(x.detach(), energy, delta, torch.zeros(len(x), dtype=torch.bool, device=x.device))


def start(kernel: Kernel, local: LocalEvaluation, x: Tensor) -> State:
    """`kernel.init`, after the checks that are common to all ways to run chains.

    Raises:
        InputError: a class in place of a kernel, or a kernel that lacks a member of `Kernel`; an energy in place of a
            local evaluation; `x` isn't a `(B, D)` float tensor of bits, or not one that the energy takes; an energy
            whose value doesn't depend on the state alone, such as one with active dropout.
        NumericalError: an energy is NaN or −∞, or a difference is NaN.
    """
    check_kernel(kernel)
    if isinstance(local, nn.Module):
        raise InputError(f"local: expected Taylor(energy) or Exact(energy), got the {type(local).__name__} itself")
    check_states(x)
    if x.ndim != 2:
        raise InputError(f"x: expected a batch of shape (B, D), got {tuple(x.shape)}")
    try:
        check_function(local.energy, x)
        state = kernel.init(local, x)
    except RuntimeError as error:
        raise_explained(local.energy, x, error)
        raise
    check_numbers(state, 0)
    return state


def possible(state: State) -> State:
    """The state, or `InputError` if one of the chains starts at a state of probability zero."""
    impossible = int(state.energy.isposinf().sum())
    if impossible:
        raise InputError(
            f"x: expected states of finite energy, got +inf (probability zero) at {impossible} of {len(state.x)}; "
            "start at states that are possible, such as rows of data"
        )
    return state


def check_step(kernel: Kernel, energy: Energy, before: State, unchanged: Tensor, after: object) -> None:
    """Raise `InputError` unless a first step gave a state, of as many bits, and left the one before as it was.

    Args:
        energy: the energy, of whose groups the bits must be states.
        before: the state that the kernel was unchanged.
        unchanged: a copy of its bits from before the step.
        after: what the step returned.
    """
    name = type(kernel).__name__
    if not isinstance(after, State):
        raise InputError(f"kernel: expected {name}.step to return a State, got {type(after).__name__}")
    if not torch.equal(before.x, unchanged):
        raise InputError(
            f"kernel: expected {name}.step to leave the given x as it is, got x changed in place; use a copy"
        )
    check_states(after.x, name=f"x after a step of {name}")
    if energy.groups is not None:
        energy.groups.check(after.x, f"x after a step of {name}, which must keep groups")
    if after.x.shape != unchanged.shape or after.x.dtype != unchanged.dtype:
        wanted, got = ((tuple(bits.shape), bits.dtype) for bits in (unchanged, after.x))
        raise InputError(f"kernel: expected {name}.step to keep x {wanted[0]}, {wanted[1]}, got {got[0]}, {got[1]}")


def accept(state: State, x: Tensor, proposed: Evaluation, accepted: Tensor) -> State:
    """The proposed bits `x` where `accepted`, `(B,)`, and the old state elsewhere.

    A proposal whose energy or differences are NaN is not accepted, but the chain's energy becomes NaN, and no later
    proposal is accepted. So NaN energies are noticed without a check at every step.
    """
    move = accepted.unsqueeze(-1)
    broken = proposed.energy.isnan() | (proposed.delta.isnan().any(-1) & ~proposed.energy.isposinf())
    return State(
        torch.where(move, x, state.x),
        torch.where(accepted, proposed.energy, state.energy).masked_fill(broken, torch.nan),
        torch.where(move, proposed.delta, state.delta),
        accepted,
    )


def check_numbers(state: State, step: int) -> None:
    """Raise `NumericalError` if an energy is NaN or −∞, or a difference is NaN though the energy isn't +∞."""
    unknown = state.delta.isnan().any(-1) & ~state.energy.isposinf()
    broken = int((state.energy.isnan() | state.energy.isneginf() | unknown).sum())
    if broken:
        raise NumericalError(f"energy: NaN or -inf in {broken} of {len(state.x)} chains at step {step}")


def uniforms(
    state: State, *shape: int, generator: torch.Generator | None, dtype: torch.dtype = torch.float32
) -> Tensor:
    """Uniforms inside `(0, 1)`, on the device of the chains.

    They are never zero: a zero would accept a move of any cost, once in 2^24 times.
    """
    return torch.rand(shape, generator=generator, device=state.x.device, dtype=dtype).clamp(min=2**-25)
