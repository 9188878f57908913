"""What every energy can do: be evaluated, tell the cost of every flip, and say which bits may change."""

from __future__ import annotations

from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from discrete_ed.errors import InputError, NumericalError

AnyEnergy = TypeVar("AnyEnergy", bound="Energy")

CHUNK = 2**14  # states evaluated at once by the default `flip_delta`; bounds its memory


class Energy(nn.Module):
    """An energy-based model `p(x) ∝ exp(−E(x))` over bit vectors `x ∈ {0, 1}^D`; lower energy is more probable.

    A subclass needs `forward`; it overrides `flip_delta` where a closed form is cheaper than evaluating every
    neighbour, and `free` where some bits of a state must never change. A subclass of an energy with another `forward`
    doesn't inherit the closed form.

    >>> class Independent(Energy):
    ...     def __init__(self, fields):
    ...         super().__init__()
    ...         self.fields = nn.Parameter(fields)
    ...     def forward(self, x):
    ...         return -x @ self.fields
    >>> energy = Independent(torch.tensor([1.0, -2.0]))
    >>> energy.flip_delta(torch.tensor([[0.0, 0.0]])).tolist()
    [[-1.0, 2.0]]
    """

    def __init_subclass__(cls, **named: Any) -> None:
        super().__init_subclass__(**named)
        by_whom = next(kind for kind in cls.__mro__ if "flip_delta" in vars(kind))
        if getattr(by_whom, "forward", Energy.forward) not in (Energy.forward, cls.forward):  # that of another energy
            cls.flip_delta = Energy.flip_delta  # type: ignore[method-assign]

    @property
    def unclamped(self) -> Energy:
        """The energy without conditions on its bits: itself, or what a `Clamped` one clamps."""
        return self

    def forward(self, x: Tensor) -> Tensor:
        """`E(x)`: states `(..., D)` to energies `(...)`; `+inf` means probability zero."""
        raise NotImplementedError(f"{type(self).__name__} must define forward(x): (..., D) → (...)")

    def flip_delta(self, x: Tensor) -> Tensor:
        """`Δ_i(x) = E(x with bit i flipped) − E(x)`, exact, for all bits: `(B, D)` to `(B, D)`.

        This default evaluates all `B D` neighbours, some `CHUNK` of them at a time.
        """
        batch, bits = x.shape
        here = self(x)
        eye = torch.eye(bits, dtype=x.dtype, device=x.device)
        rows = max(1, CHUNK // max(bits, 1))
        there = [self((x[i : i + rows, None, :] - eye).abs()) for i in range(0, batch, rows)]
        if not there:
            return x.new_zeros(batch, bits)
        found = torch.cat(there)
        check_shape(self, found, (batch, bits))
        return found - here.unsqueeze(-1)

    def free(self, x: Tensor) -> Tensor:
        """The bits that may change, `(..., D)` bool. It must not depend on the bits that may. Default: all."""
        return torch.ones_like(x, dtype=torch.bool)


def device_of(energy: nn.Module) -> torch.device:
    """Where the parameters are; without any, the CPU."""
    return next((parameter.device for parameter in energy.parameters()), torch.device("cpu"))


def of_kind(energy: Energy, kind: type[AnyEnergy]) -> AnyEnergy | None:
    """The energy, seen through `Clamped`, if what is known of that kind holds for it; else None.

    That isn't so for a subclass with another `forward`.
    """
    bare = energy.unclamped if isinstance(energy, Energy) else energy
    return bare if isinstance(bare, kind) and type(bare).forward is kind.forward else None


def check_kind(energy: object, kind: type[Energy]) -> None:
    """Raise `InputError` unless what is known of that kind of energy holds for this one, all bits free."""
    if not isinstance(energy, kind) or of_kind(energy, kind) is None:
        more = " with another forward" if isinstance(energy, kind) else ""
        raise InputError(f"energy: expected {kind.__name__}, got {type(energy).__name__}{more}")


def dtype_of(energy: nn.Module) -> torch.dtype:
    """The precision of the parameters; without any, single."""
    return next((parameter.dtype for parameter in energy.parameters()), torch.float32)


def check_type(energy: object, name: str = "energy") -> None:
    """Raise `InputError` unless it is an `Energy`."""
    if not isinstance(energy, Energy):
        raise InputError(
            f"{name}: expected a discrete_ed.Energy, got {type(energy).__name__}; subclass Energy, and to compile a "
            "model do it in place: energy.compile()"
        )


def check_free(energy: Energy, x: Tensor) -> None:
    """Raise `InputError` unless all bits of the states `(B, D)` may change, as whatever sums over all states needs."""
    if not energy.free(x).all():
        raise InputError(
            f"energy: expected one that freezes no bit, since log Z depends on those that are frozen, got "
            f"{type(energy).__name__}"
        )


def check_shape(energy: nn.Module, value: Tensor, shape: tuple[int, ...]) -> None:
    """Raise `InputError` unless energies `value` have the shape of their batch: `(..., D)` states give `(...)`."""
    if value.shape != shape:
        raise InputError(
            f"energy: expected {type(energy).__name__} to map states {(*shape, 'D')} to energies {shape}, got "
            f"{tuple(value.shape)}"
        )


def explain(energy: nn.Module, x: Tensor, error: RuntimeError) -> None:
    """Raise `InputError` where shape, precision or device are why torch refused to evaluate an energy at `x`."""
    told = any(word in str(error) for word in ("shape", "size", "dimension", "dtype", "same device"))
    if told and not isinstance(error, torch.OutOfMemoryError):
        raise InputError(
            f"x: expected states that {type(energy).__name__} takes, got shape {tuple(x.shape)}, {x.dtype} on "
            f"{x.device}: {str(error).splitlines()[0]}"
        ) from error


def check_energy(energy: nn.Module, x: Tensor, *, trainable: bool = False) -> None:
    """Raise unless a module is an energy: evaluated at two of the states `(B, D)`, it gives two numbers or +∞.

    It must also take them as `(2, 1, D)`, for losses evaluate negatives together with their data.

    Args:
        trainable: whether they must also be finite and depend on parameters that gradients reach.

    Raises:
        InputError: not an `Energy`; another shape or an integer type comes out; nothing of it can be trained.
        NumericalError: an energy is NaN or −∞, or, to be trained, +∞.
    """
    check_type(energy)
    rows = x[:2].expand(2, -1)
    try:
        with torch.set_grad_enabled(trainable):
            value = energy(rows)
    except RuntimeError as error:
        explain(energy, rows, error)
        raise
    if not isinstance(value, Tensor) or value.shape != (2,) or not value.is_floating_point():
        got = f"shape {tuple(value.shape)}, {value.dtype}" if isinstance(value, Tensor) else type(value).__name__
        raise InputError(f"energy: expected {type(energy).__name__} to map states (B, D) to floats (B,), got {got}")
    try:
        with torch.no_grad():
            more = energy(rows.unsqueeze(1))
    except RuntimeError as error:
        raise InputError(
            f"energy: expected {type(energy).__name__} to take states of any shape (..., D), got an error with "
            f"(2, 1, D): {str(error).splitlines()[0]}; x.reshape(-1, D) and .reshape(x.shape[:-1]) help"
        ) from error
    check_shape(energy, more, (2, 1))
    if trainable and not value.requires_grad:
        raise InputError(
            f"energy: expected {type(energy).__name__} to give values that gradients reach, got a detached tensor or "
            "one without parameters that require gradients"
        )
    impossible = value.isposinf() & (not trainable)  # probability zero is an answer, but no start for learning
    if not (value.isfinite() | impossible).all():
        raise NumericalError(f"energy: expected finite numbers at data, got {value.tolist()}")
