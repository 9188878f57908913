"""The base class of energies: evaluation, the energy difference of every flip, and the description for saving."""

from __future__ import annotations

import inspect
import json
from functools import cached_property
from typing import Any, ClassVar, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from discrete_ed.errors import InputError, NumericalError
from discrete_ed.names import KernelName
from discrete_ed.states import CHUNK_STATES

AnyEnergy = TypeVar("AnyEnergy", bound="Energy")


class Energy(nn.Module):
    """An energy-based model `p(x) ∝ exp(−E(x))` over bit vectors `x ∈ {0, 1}^D`; lower energy is more probable.

    A subclass must define `forward`. It overrides `flip_delta` if a closed form is cheaper than evaluating every
    neighbour, and `free` if some bits of a state must never change. A subclass that redefines `forward` of another
    energy inherits neither the closed form nor the suitable kernel of that energy.

    An energy also describes itself: `bits` is the number of bits `D`, and `arguments` returns the arguments that build
    it again. Both work without further code if the constructor takes numbers, text, lists or other energies, and if
    one argument, or an attribute that the constructor sets, is called `bits`.

    >>> class Independent(Energy):
    ...     def __init__(self, bits):
    ...         super().__init__()
    ...         self.fields = nn.Parameter(torch.arange(bits) + 1.0)
    ...     def forward(self, x):
    ...         return -x @ self.fields
    >>> energy = Independent(2)
    >>> energy.flip_delta(torch.tensor([[0.0, 1.0]])).tolist()
    [[-1.0, 2.0]]
    >>> energy.bits, energy.arguments()
    (2, {'bits': 2})
    """

    kernel_name: ClassVar[KernelName] = "gibbs-with-gradients"
    """name of the kernel that suits this energy, which `samplers.suitable_kernel` returns"""

    def __new__(cls: type[AnyEnergy], *positional: Any, **named: Any) -> AnyEnergy:
        energy = super().__new__(cls)
        energy.__dict__["_recorded"] = _recorded(cls, positional, named)
        return energy

    def __init_subclass__(cls, **named: Any) -> None:
        super().__init_subclass__(**named)
        for name in ("flip_delta", "kernel_name"):  # they are right for one `forward` only
            owner = _owner(cls, name)
            if getattr(owner, "forward", Energy.forward) not in (Energy.forward, cls.forward):
                setattr(cls, name, getattr(Energy, name))
        owner = _owner(cls, "arguments")
        constructor = vars(owner).get("__init__", cls.__init__)
        if constructor is not cls.__init__:  # arguments of another constructor
            cls.arguments = Energy.arguments  # type: ignore[method-assign]

    @cached_property
    def bits(self) -> int:
        """The number of bits `D` of a state: the constructor's argument `bits`, unless a class overrides it.

        A class overrides it by setting `self.bits` in its constructor, or with a property.

        Raises:
            InputError: the number isn't known.
        """
        bits = self.__dict__["_recorded"].get("bits")
        if not isinstance(bits, int) or isinstance(bits, bool):
            raise InputError(
                f"bits: expected {type(self).__name__} to know its number of bits, got no argument of that name; set "
                "self.bits in its constructor"
            )
        return bits

    def arguments(self) -> dict[str, Any]:
        """The constructor's arguments by name, as values that JSON can hold; they build the energy again.

        Weights are saved separately, so the arguments need only give the shapes. This default records the arguments of
        the constructor; an energy among them is described by its class and its own arguments.
        A class whose constructor takes tensors overrides it, for instance with a number in place of a tensor.

        Raises:
            InputError: an argument of the constructor is a value that JSON can't hold.
        """
        for name, value in self.__dict__["_recorded"].items():
            if isinstance(value, _Unrecorded):
                raise InputError(
                    f"arguments: expected {type(self).__name__} to be built from values that JSON can hold, got "
                    f"{name} of type {value.kind}; define arguments() to give others"
                )
        return {name: _described(value) for name, value in self.__dict__["_recorded"].items()}

    @property
    def unclamped(self) -> Energy:
        """The energy without conditions on its bits: itself, or the energy inside a `Clamped` one."""
        return self

    def forward(self, x: Tensor) -> Tensor:
        """`E(x)`: states `(..., D)` to energies `(...)`; `+inf` means probability zero."""
        raise NotImplementedError(f"{type(self).__name__} must define forward(x): (..., D) → (...)")

    def flip_delta(self, x: Tensor) -> Tensor:
        """`Δ_i(x) = E(x with bit i flipped) − E(x)`, exact, for all bits: `(B, D)` to `(B, D)`.

        This default evaluates all `B D` neighbours, some `CHUNK_STATES` of them at a time.
        """
        batch, bits = x.shape
        energy = self(x)
        eye = torch.eye(bits, dtype=x.dtype, device=x.device)
        rows = max(1, CHUNK_STATES // max(bits, 1))
        parts = [self((x[i : i + rows, None, :] - eye).abs()) for i in range(0, batch, rows)]
        if not parts:
            return x.new_zeros(batch, bits)
        neighbours = torch.cat(parts)
        check_shape(self, neighbours, (batch, bits))
        return neighbours - energy.unsqueeze(-1)

    def free(self, x: Tensor) -> Tensor:
        """The bits that may change, `(..., D)` bool; by default all. It must not depend on the values of free bits."""
        return torch.ones_like(x, dtype=torch.bool)


def _owner(cls: type, name: str) -> type:
    """The class in which the attribute `name` of `cls` is defined."""
    return next(kind for kind in cls.__mro__ if name in vars(kind))


class _Unrecorded:
    """Placeholder of an argument that can't be saved."""

    def __init__(self, value: object) -> None:
        self.kind = type(value).__name__


def _recorded(cls: type[Energy], positional: tuple[Any, ...], named: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a constructor by name, with its defaults; no references to tensors are kept.

    The values of a parameter `*arguments` form one list.
    """
    signature = inspect.signature(cls.__init__)
    try:
        bound = signature.bind(None, *positional, **named)
    except TypeError:  # the constructor will raise the same error with a better message
        return {}
    passed = set(bound.arguments)
    bound.apply_defaults()
    found: dict[str, Any] = {}
    for name, value in list(bound.arguments.items())[1:]:
        if signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD:
            found.update({key: _plain(each) for key, each in value.items()})
            continue
        plain = _plain(value)
        empty = signature.parameters[name].kind is inspect.Parameter.VAR_POSITIONAL and not value
        if not empty and (
            name in passed or not isinstance(plain, _Unrecorded)
        ):  # defaults need not be saved, since the class has them
            found[name] = plain
    return found


def _plain(value: Any) -> Any:
    """A copy of a value that JSON can hold, an energy itself, or `_Unrecorded` for anything else."""
    if isinstance(value, Energy) or type(value) in (bool, int, float, str):  # a manifest may list millions of numbers
        return value
    if isinstance(value, np.integer):
        return int(value)
    try:
        text = json.dumps(value)  # all of it at once, since element by element long lists take seconds
    except TypeError:
        if not isinstance(value, list | tuple):
            return _Unrecorded(value)
        parts = [_plain(each) for each in value]
        return next((part for part in parts if isinstance(part, _Unrecorded)), parts)
    except ValueError:
        return _Unrecorded(value)
    if "{" in text and not _has_text_keys(value):
        return _Unrecorded(value)
    return json.loads(text)


def _has_text_keys(value: Any) -> bool:
    """Whether all keys of dictionaries in it are strings; JSON would turn other keys into strings."""
    if isinstance(value, dict):
        return all(isinstance(key, str) and _has_text_keys(each) for key, each in value.items())
    return not isinstance(value, list | tuple) or all(_has_text_keys(each) for each in value)


def _described(value: Any) -> Any:
    if isinstance(value, Energy):
        return describe(value)
    return [_described(each) for each in value] if isinstance(value, list) else value


def describe(energy: Energy) -> dict[str, Any]:
    """The class of an energy and the arguments that build it again, as values that JSON can hold.

    Raises:
        InputError: the arguments can't be recorded.
    """
    return {"energy": type(energy).__name__, "arguments": energy.arguments()}


def device_of(energy: nn.Module) -> torch.device:
    """The device of the parameters; the CPU if there are none."""
    return next((parameter.device for parameter in energy.parameters()), torch.device("cpu"))


def evaluation_size(energy: nn.Module, numbers: int) -> int:
    """The size of an evaluation, by which `suitable_threads` chooses: numbers in the states × parameters."""
    return numbers * sum(parameter.numel() for parameter in energy.parameters())


def of_kind(energy: Energy, kind: type[AnyEnergy]) -> AnyEnergy | None:
    """The energy, or the one inside `Clamped`, if the formulas for that kind of energy hold for it; otherwise None.

    They don't hold for a subclass that redefines `forward`.
    """
    bare = energy.unclamped if isinstance(energy, Energy) else energy
    return bare if isinstance(bare, kind) and type(bare).forward is kind.forward else None


def check_kind(energy: object, kind: type[Energy]) -> None:
    """Raise `InputError` unless formulas for that kind of energy hold for this one, and all of its bits are free."""
    if not isinstance(energy, kind) or of_kind(energy, kind) is None:
        more = " with another forward" if isinstance(energy, kind) else ""
        raise InputError(f"energy: expected {kind.__name__}, got {type(energy).__name__}{more}")


def dtype_of(energy: nn.Module) -> torch.dtype:
    """The precision of the parameters; single if there are none."""
    return next((parameter.dtype for parameter in energy.parameters()), torch.float32)


def check_type(energy: object, name: str = "energy") -> None:
    """Raise `InputError` unless it is an `Energy`."""
    if not isinstance(energy, Energy):
        way = "subclass Energy, and to compile a model do it in place: energy.compile()"
        if isinstance(getattr(energy, "module", None), Energy):  # DataParallel, AveragedModel, Fabric and others
            way = "pass its .module; to train with several processes, call fit inside processes(), under torchrun"
        raise InputError(f"{name}: expected a discrete_ed.Energy, got {type(energy).__name__}; {way}")


def check_free(energy: Energy, x: Tensor) -> None:
    """Raise `InputError` unless all bits of the states `(B, D)` may change, which sums over all states require."""
    if not energy.free(x).all():
        raise InputError(
            f"energy: expected one that freezes no bit, since log Z depends on those that are frozen, got "
            f"{type(energy).__name__}"
        )


def check_shape(energy: nn.Module, value: Tensor, shape: tuple[int, ...]) -> None:
    """Raise `InputError` unless energies `value` have the shape of their batch: `(..., D)` states give `(...)`."""
    if value.shape != shape:
        states = ", ".join(map(str, (*shape, "D")))
        raise InputError(
            f"energy: expected {type(energy).__name__} to map states ({states}) to energies {shape}, got "
            f"{tuple(value.shape)}"
        )


def raise_explained(energy: nn.Module, x: Tensor, error: RuntimeError) -> None:
    """Raise `InputError` if shape, precision or device explain why torch refused to evaluate an energy at `x`."""
    explained = any(word in str(error) for word in ("shape", "size", "dimension", "dtype", "same device"))
    if explained and not isinstance(error, torch.OutOfMemoryError):
        raise InputError(
            f"x: expected states that {type(energy).__name__} takes, got shape {tuple(x.shape)}, {x.dtype} on "
            f"{x.device}: {str(error).splitlines()[0]}"
        ) from error


def check_energy(energy: nn.Module, x: Tensor, *, trainable: bool = False) -> None:
    """Raise unless a module is an energy: evaluated at two of the states `(B, D)`, it gives two numbers or +∞.

    It must also take states of shape `(2, 1, D)`, since losses evaluate negatives together with their data.

    Args:
        trainable: whether the values must also be finite and depend on parameters that gradients reach.

    Raises:
        InputError: the module isn't an `Energy`, returns another shape or an integer type, or has nothing to train.
        NumericalError: an energy is NaN or −∞; or +∞, if it is to be trained.
    """
    check_type(energy)
    rows = x[:2].expand(2, -1)
    try:
        with torch.set_grad_enabled(trainable):
            value = energy(rows)
    except RuntimeError as error:
        raise_explained(energy, rows, error)
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
    impossible = value.isposinf() & (not trainable)  # a state of probability zero is allowed, but not for training
    if not (value.isfinite() | impossible).all():
        raise NumericalError(f"energy: expected finite numbers at data, got {value.tolist()}")
