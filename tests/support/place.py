"""Where the tests' tensors are, and how precise: `--device cpu|cuda|cuda:1|simulated --dtype float64|float32`.

What a test file makes (`torch.zeros(3)`) is on the device without saying so. What the package makes is wherever the
package puts it, since it must follow its inputs: hence the `.to(DEVICE)` of models that are built in a test.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._device import _device_constructors

from discrete_ed.states import enumerate_states

DEVICE = torch.device("cpu")
FLOAT = torch.float64
"""Of everything that is exact but for rounding; a test that names another type means it."""
TESTS = os.path.dirname(os.path.dirname(__file__)) + os.sep


def use(device: str, dtype: str) -> None:
    """Put the tests there; before their files are imported."""
    global DEVICE, FLOAT
    FLOAT = getattr(torch, dtype)
    if device == "simulated":
        import simulated_device  # noqa: F401
    DEVICE = torch.device(device)
    if device != "cpu":
        torch.empty(0, device=DEVICE)  # or an error that tells why not
        MadeByTests().__enter__()


class MadeByTests(TorchFunctionMode):
    """Tensors that a test file makes are on the device; those that anything else makes are not."""

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        by_a_test = sys._getframe(1).f_code.co_filename.startswith(TESTS)
        if by_a_test and function in _device_constructors() and kwargs.get("device") is None:
            kwargs["device"] = DEVICE
        made = function(*args, **kwargs)
        source = kwargs.get("generator")
        if source is not None and isinstance(made, Tensor) and made.device.type != source.device.type:
            raise RuntimeError(
                f"expected a {made.device.type} device type for generator but found {source.device.type}"
            )
        return made


def seeded(seed: int = 0) -> torch.Generator:
    """A source of randomness on the device."""
    return torch.Generator(DEVICE).manual_seed(seed)


def fixed(seed: int) -> torch.Generator:
    """A source of what must be the same on every device and in every precision, such as models: see `normal`."""
    return torch.Generator("cpu").manual_seed(seed)


def normal(generator: torch.Generator, *shape: int) -> Tensor:
    """Normal draws from a `fixed` generator, on the device."""
    return torch.randn(*shape, generator=generator, dtype=torch.float64, device="cpu").to(DEVICE, FLOAT)


def all_states(bits: int) -> Tensor:
    """All states `(2^D, D)` on the device, in the order of enumeration."""
    return enumerate_states(bits, dtype=FLOAT, device=DEVICE)


def number_of(states: Tensor) -> Tensor:
    """The place of states `(…, D)` in the order of enumeration; a sum, for GPUs have no products of whole numbers."""
    return (states.long() * 2 ** torch.arange(states.shape[-1] - 1, -1, -1, device=states.device)).sum(-1)


def rounding(double: float, single: float = 2e-5) -> float:
    """The tolerance for the precision at hand: what a few operations on numbers near one may round away."""
    return double if torch.float64 == FLOAT else single
