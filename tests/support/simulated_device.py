"""An accelerator that isn't there: a device of its own for torch whose memory is the computer's, for tests without one.

Importing this registers the device `simulated`. Every operation on its tensors runs on the CPU, but, as on a GPU, only
with tensors that are all there: one of the CPU among them is an error, unless it has no dimensions or is an index. So
code that forgets where its tensors are is found on any machine. Generators have a place too: `torch.Generator` is
replaced by one that can be made for the device, and draws there want such a one.

What it doesn't show: kernels of their own, their rounding, and that they run at the same time as the program.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import torch
from torch.utils.backend_registration import _DummyBackendModule, _setup_privateuseone_for_python_backend

NAME = "simulated"
CPU, EXTERNAL = 1, 12  # kDLCPU and kDLExtDev, which torch takes for its own private device
INDEXING = ("aten::index", "aten::_index_put", "aten::_unsafe_index")  # a GPU takes indices of the CPU, too
PRODUCTS = ("mm", "mv", "bmm", "dot", "addmm", "addmv", "baddbmm")  # on a GPU, of real numbers only


class Module(_DummyBackendModule):
    """`torch.simulated`: its default generator is the CPU's, so there is no state to keep."""

    def get_rng_state(self, device: Any = None) -> torch.Tensor:  # noqa: ARG002
        return torch.empty(0)

    def set_rng_state(self, state: torch.Tensor, device: Any = None) -> None:
        pass


_setup_privateuseone_for_python_backend(NAME, Module())
ctypes.pythonapi.PyCapsule_GetPointer.restype = ctypes.c_void_p
ctypes.pythonapi.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]


_OURS: dict[int, torch.Generator] = {}


class AnyGenerator(type(torch.Generator)):  # type: ignore[misc]
    """Torch's own default generator stays a `torch.Generator`."""

    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, cls.__mro__[1])


class Generator(torch.Generator, metaclass=AnyGenerator):
    """A generator of the CPU that says where it is meant for."""

    def __new__(cls, device: Any = "cpu") -> Generator:
        made = super().__new__(cls)
        made.place = torch.device(NAME, 0) if torch.device(device).type == NAME else torch.device("cpu")
        if made.place.type == NAME:
            _OURS[made._cdata] = made  # an operation is handed another Python object for the same generator
        return made

    @property
    def device(self) -> torch.device:
        return self.place


torch.Generator = Generator  # type: ignore[misc]


def _seen_from(device: int, tensor: torch.Tensor) -> torch.Tensor:
    """The same memory as a tensor of another device: a DLPack capsule whose label is changed."""
    capsule = torch._C._to_dlpack(tensor.detach())
    pointer = ctypes.pythonapi.PyCapsule_GetPointer(capsule, b"dltensor")
    # struct DLTensor { void *data; struct { int32 type, id; } device; … }
    ctypes.c_int32.from_address(pointer + ctypes.sizeof(ctypes.c_void_p)).value = device
    return torch._C._from_dlpack(capsule)


def _here(tensor: torch.Tensor) -> torch.Tensor:
    """On the CPU; without elements nothing is shared, and an `out=` may grow."""
    return _seen_from(CPU, tensor) if tensor.numel() else torch.empty(tensor.shape, dtype=tensor.dtype)


def _there(tensor: torch.Tensor) -> torch.Tensor:
    return _seen_from(EXTERNAL, tensor)


def _is_real(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and (value.is_floating_point() or value.is_complex())


def _is_there(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.device.type == NAME


def _numbers_as_tensors(operation: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Torch hands over a plain number where an operation wants a tensor without dimensions."""
    kinds = (v.dtype for v in args if isinstance(v, torch.Tensor) and v.is_floating_point())
    real = next(kinds, torch.get_default_dtype())
    return tuple(
        torch.tensor(v, dtype=real if isinstance(v, float) else None)
        if str(wanted.type) == "Tensor" and isinstance(v, int | float)
        else v
        for v, wanted in zip(args, operation._schema.arguments, strict=False)
    )


def _mapped(change: Callable[[Any], Any], value: Any) -> Any:
    """A value, or all in a list or tuple of them, changed."""
    return type(value)([change(v) for v in value]) if isinstance(value, list | tuple) else change(value)


def _run(operation: Any, *args: Any, **kwargs: Any) -> Any:
    """Any operation on tensors of the device, or that makes some there."""
    name = operation.name()
    if name.split(".")[0].removeprefix("aten::") in PRODUCTS and not any(_is_real(value) for value in args):
        raise RuntimeError(f"{name}: not implemented for whole numbers")
    indices = args[1] if name.startswith(INDEXING) else ()
    pairs: list[tuple[torch.Tensor, torch.Tensor, torch.Size]] = []  # of the device, here, and its shape before

    def here(value: Any) -> Any:
        if isinstance(value, torch.device):
            return torch.device("cpu")
        if isinstance(value, torch.Generator) and value._cdata not in _OURS:
            raise RuntimeError(f"{name}: expected a generator of {NAME}, got one of the CPU")
        if not isinstance(value, torch.Tensor):
            return value
        if value.device.type == NAME:
            raw = next((raw for seen, raw, _ in pairs if seen is value), None)
            if raw is None:
                raw = _here(value)
                pairs.append((value, raw, raw.shape))
            return raw
        if value.ndim and not any(value is index for index in indices):
            got = f"one of shape {tuple(value.shape)} on {value.device}"
            raise RuntimeError(f"{name}: expected all tensors on {NAME}, got {got}")
        return value

    def there(value: Any) -> Any:
        if not isinstance(value, torch.Tensor):
            return value
        same = [seen for seen, raw, _ in pairs if raw is value]  # changed in place, or an `out=`
        return same[0] if same else _there(value)

    args = tuple(_mapped(here, value) for value in _numbers_as_tensors(operation, args))
    result = operation(*args, **{key: _mapped(here, value) for key, value in kwargs.items()})
    for value, raw, shape in pairs:
        if raw.shape != shape:  # an `out=` that grew
            value.data = _there(raw)
    return _mapped(there, result)


LIBRARY = torch.library.Library("_", "IMPL")
LIBRARY.fallback(_run, "PrivateUse1")


@torch.library.impl("aten::_copy_from", "PrivateUse1")
def _copy(source: torch.Tensor, target: torch.Tensor, non_blocking: bool = False) -> torch.Tensor:  # noqa: ARG001
    """Between the devices, the one way for tensors to come and go."""
    (_here(target) if _is_there(target) else target).copy_(_here(source) if _is_there(source) else source)
    return target


@torch.library.impl("aten::_local_scalar_dense", "PrivateUse1")
def _number(tensor: torch.Tensor) -> Any:
    return _here(tensor).item()


@torch.library.impl("aten::convolution_overrideable", "PrivateUse1")
def _convolution(*args: Any) -> Any:
    return _run(torch.ops.aten.convolution.default, *args)


@torch.library.impl("aten::convolution_backward_overrideable", "PrivateUse1")
def _convolution_backward(slope: Any, x: Any, weight: Any, *args: Any) -> Any:
    return _run(torch.ops.aten.convolution_backward.default, slope, x, weight, [len(weight)], *args)
