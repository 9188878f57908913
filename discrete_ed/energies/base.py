"""The base class of energies: evaluation, the energy difference of every flip, and the description for saving."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from dataclasses import asdict
from functools import cached_property
from math import log2
from typing import Any, ClassVar, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from discrete_ed.energies.evaluated import check_shape
from discrete_ed.errors import InputError
from discrete_ed.groups import Groups
from discrete_ed.names import KernelName
from discrete_ed.states import CHUNK_STATES

AnyEnergy = TypeVar("AnyEnergy", bound="Energy")


class Energy(nn.Module):
    """An energy-based model `p(x) ∝ exp(−E(x))` over bit vectors `x ∈ {0, 1}^D`; lower energy is more probable.

    A subclass must define `forward`. It overrides `flip_delta` if a closed form is cheaper than evaluating every
    neighbour, and `free` if some bits of a state must never change. If bits are tied into groups, `groups` says so. A
    subclass that redefines `forward` of another
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

    groupless: ClassVar[str] = ""
    """the reason why the bits of this energy can't be tied into groups, if they can't"""

    fixed_groups: ClassVar[bool] = False
    """whether the parameters belong to the groups that the constructor sets, so that there can be no others"""

    def __new__(cls: type[AnyEnergy], *positional: Any, **named: Any) -> AnyEnergy:
        energy = super().__new__(cls)
        energy.__dict__["_recorded"] = _recorded(cls, positional, named)
        return energy

    def __init_subclass__(cls, **named: Any) -> None:
        super().__init_subclass__(**named)
        for name in ("flip_delta", "move_delta", "kernel_name"):  # they are right for one `forward` only
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
    def groups(self) -> Groups | None:
        """The groups into which bits are tied, or None if every bit is a variable of its own.

        Any energy that is defined at these states can be given groups: `energy.groups = Groups.one_hot([4, 4, 4])`.
        They are saved with it.

        Raises:
            InputError: groups of another number of bits, or others than those for which this energy, or one inside it,
                was built.
        """
        groups: Groups | None = self.__dict__.get("_groups")
        return groups

    @groups.setter
    def groups(self, groups: Groups | None) -> None:
        if not isinstance(groups, Groups | None):
            raise InputError(f"groups: expected Groups or None, got {type(groups).__name__}")
        if groups is not None and self.groupless:
            raise InputError(f"groups: expected none for {type(self).__name__}: {self.groupless}")
        bits = known_bits(self)
        if groups is not None and bits not in (None, groups.bits):
            raise InputError(f"groups: expected those of {bits} bits, as of the energy, got {groups.bits}")
        for part in self.modules():
            inner = part.groups if isinstance(part, Energy) and (part is not self or self.fixed_groups) else None
            if inner not in (None, groups) and inner.bits == (bits if groups is None else groups.bits):
                raise InputError(
                    f"groups: expected those that {type(part).__name__} has and was built for, got "
                    f"{'none' if groups is None else 'others'}; build it for the groups that you want"
                )
        self.__dict__["_groups"] = groups

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
        eye = torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
        return _differences(self, x, lambda rows: (rows[:, None, :] - eye).abs())

    def move_delta(self, x: Tensor) -> Tensor:
        """The energy of each move, `(B, D)` to `(B, D)`: `flip_delta` without groups.

        With groups, bit `i` of a group is turned on and the other one off (see `Groups`); 0 where bit `i` is on.
        """
        groups = self.groups
        return self.flip_delta(x) if groups is None else _differences(self, x, groups.neighbours)

    def free(self, x: Tensor) -> Tensor:
        """The bits that may change, `(..., D)` bool; by default all. It must not depend on the values of free bits."""
        return torch.ones_like(x, dtype=torch.bool)


def _differences(energy: Energy, x: Tensor, neighbours: Callable[[Tensor], Tensor]) -> Tensor:
    """`E(x') − E(x)` of all D `neighbours` of each state, `(B, D)` to `(B, D, D)`; some of them at a time."""
    batch, bits = x.shape
    value = energy(x)
    check_shape(energy, value, (batch,))
    most = max(1, CHUNK_STATES // max(bits, 1))
    if not batch:
        return x.new_zeros(batch, bits)
    parts = [energy(neighbours(rows)) for rows in (x.split(most) if batch > most else (x,))]
    found = parts[0] if len(parts) == 1 else torch.cat(parts)  # short steps notice each call of torch
    check_shape(energy, found, (batch, bits))
    return found - value.unsqueeze(-1)


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
    """A copy of a value that JSON can hold, energies and groups themselves, or `_Unrecorded` for anything else."""
    if isinstance(value, Energy | Groups) or type(value) in (
        bool,
        int,
        float,
        str,
    ):  # a manifest may list millions of numbers
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
    if isinstance(value, Groups):
        return asdict(value)
    return [_described(each) for each in value] if isinstance(value, list) else value


def describe(energy: Energy) -> dict[str, Any]:
    """The class of an energy and the arguments that build it again, as values that JSON can hold.

    Raises:
        InputError: the arguments can't be recorded.
    """
    arguments = energy.arguments()
    groups = energy.__dict__.get("_groups")
    if groups is not None:
        arguments = {**arguments, "groups": asdict(groups)}
    return {"energy": type(energy).__name__, "arguments": arguments}


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


def known_bits(energy: Energy) -> int | None:
    """The number of bits D of an energy, or None if it doesn't know them, or not yet."""
    try:
        return energy.bits
    except (InputError, AttributeError):
        return None


def state_bits(energy: Energy, bits: int) -> float:
    """The binary logarithm of the number of states: D, or less if bits are tied into groups."""
    return bits if energy.groups is None else log2(energy.groups.count)


def check_type(energy: object, name: str = "energy") -> None:
    """Raise `InputError` unless it is an `Energy`."""
    if not isinstance(energy, Energy):
        way = "subclass Energy, and to compile a model do it in place: energy.compile()"
        if isinstance(getattr(energy, "module", None), Energy):  # DataParallel, AveragedModel, Fabric and others
            way = "pass its .module; to train with several processes, call fit inside processes(), under torchrun"
        raise InputError(f"{name}: expected a discrete_ed.Energy, got {type(energy).__name__}; {way}")
