"""What every energy can do: be evaluated, tell the cost of every flip, and say which bits may change."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from discrete_ed.errors import InputError, NumericalError

CHUNK = 2**14  # states evaluated at once by the default `flip_delta`; bounds its memory


class Energy(nn.Module):
    """An energy-based model `p(x) ∝ exp(−E(x))` over bit vectors `x ∈ {0, 1}^D`; lower energy is more probable.

    A subclass needs `forward`; it overrides `flip_delta` where a closed form is cheaper than evaluating every
    neighbour, and `free` where some bits of a state must never change.

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


def check_shape(energy: nn.Module, value: Tensor, shape: tuple[int, ...]) -> None:
    """Raise `InputError` unless energies `value` have the shape of their batch: `(..., D)` states give `(...)`."""
    if value.shape != shape:
        raise InputError(
            f"energy: expected {type(energy).__name__} to map states {(*shape, 'D')} to energies {shape}, got "
            f"{tuple(value.shape)}"
        )


def misfit(energy: nn.Module, x: Tensor, error: RuntimeError) -> Exception:
    """What to raise where torch refused to evaluate an energy at `x`: of shapes, precisions and devices it says so."""
    if isinstance(error, torch.OutOfMemoryError):
        return error
    return InputError(
        f"x: expected states that {type(energy).__name__} takes, got shape {tuple(x.shape)}, {x.dtype} on {x.device}: "
        f"{str(error).splitlines()[0]}"
    )


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
        raise misfit(energy, rows, error) from error
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
