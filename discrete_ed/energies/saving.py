"""Saved energies: a folder with the weights and a manifest with the class and the arguments that build the energy
again."""

from __future__ import annotations

import inspect
import json
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import get_ident
from typing import Any, overload

import numpy as np
import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn.modules.module import (
    register_module_buffer_registration_hook,
    register_module_parameter_registration_hook,
)

from discrete_ed.energies.base import AnyEnergy, Energy, check_type, describe, device_of, dtype_of
from discrete_ed.errors import InputError
from discrete_ed.groups import Groups
from discrete_ed.runtime.files import read_verified, write_verified

WEIGHTS = "weights.safetensors"  # name of the file with the weights
COMPARED = 8  # states at which an energy is compared with the one that its saved arguments and weights build
SMALL = 2**22  # number of parameters that the arguments of any saved energy may build

Build = Callable[..., Energy]


def loadable() -> dict[str, type[Energy]]:
    """The energies whose class `load_energy` finds by name: all those in `discrete_ed.energies`."""
    from discrete_ed import energies  # here, since the front file of the room imports this one

    offered = {name: getattr(energies, name) for name in energies.__all__}
    return {
        name: kind
        for name, kind in offered.items()
        if isinstance(kind, type) and issubclass(kind, Energy) and kind is not Energy
    }


def save_energy(folder: str | Path, energy: Energy) -> None:
    """Save an energy: its weights, and the class and arguments that build it again (see `Energy.arguments`).

    The folder holds `weights.safetensors` and `manifest.json`: schema version, class name, arguments, and the SHA-256
    of the weights. If the folder already held an energy and the save is stopped, the folder holds either the old
    energy or the new one.

    Raises:
        InputError: the folder can't be written, or the object is not an `Energy`; the energy would be another one after
            it is loaded, since it uses a value that is neither a parameter nor a buffer nor an argument.

    Warns:
        RuntimeWarning: the energy is saved, but its arguments can't be, or they build an energy with other weights;
            then `load_energy` needs a function that builds the energy.

    >>> import tempfile
    >>> from discrete_ed import RBMEnergy
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_energy(folder, RBMEnergy(6, 2))
    ...     sorted(path.name for path in Path(folder).iterdir())
    ['manifest.json', 'weights.safetensors']
    """
    folder = Path(folder)
    check_type(energy)
    state = {
        name: value.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, value in energy.state_dict().items()
    }
    problem = ""
    plan: dict[str, Any] = {"energy": type(energy).__name__, "arguments": {}}
    try:
        plan = json.loads(json.dumps(describe(energy)))
    except (InputError, TypeError, ValueError) as error:
        problem = str(error)
    if not problem:
        known = {type(part).__name__: type(part) for part in energy.modules() if isinstance(part, Energy)}
        try:
            built = _build(plan, known, state)
        except Exception as error:  # a constructor may raise anything
            problem = (
                f"arguments: expected those that build {type(energy).__name__} again, got {plan['arguments']!s:.100}, "
                f"but {_reason(error)}"
            )
        else:
            _check_equal(energy, built)
    try:
        write_verified(folder, {WEIGHTS: safetensors.torch.save(state)}, **plan)
    except OSError as error:
        raise InputError(f"{folder}: expected a folder to save the energy in, but {error.strerror or error}") from None
    if problem:
        warnings.warn(
            f"{problem}; the weights are saved, but load_energy will need build=, a function that builds the energy",
            RuntimeWarning,
            stacklevel=2,
        )


@overload
def load_energy(folder: str | Path, build: Callable[..., AnyEnergy], *terms: Build) -> AnyEnergy: ...
@overload
def load_energy(folder: str | Path) -> Energy: ...
def load_energy(folder: str | Path, build: Build | None = None, *terms: Build) -> Energy:
    """Load an energy that `save_energy` saved, in its original precision and in evaluation mode.

    Args:
        build: the class of the energy, which may be left out for the energies of this package and sums of them; or a
            function that builds it from the saved arguments.
        terms: the classes of energies inside it, such as the terms of a `SumEnergy`, if they are defined outside this
            package.

    Raises:
        InputError: a file is missing, unreadable or changed since it was saved, or holds an energy of another class.

    >>> import tempfile
    >>> import torch
    >>> from discrete_ed import MLPEnergy
    >>> x = torch.zeros(1, 4)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     energy = MLPEnergy(4, hidden=(8,))
    ...     save_energy(folder, energy)
    ...     torch.equal(load_energy(folder)(x), energy(x))
    True
    """
    folder = Path(folder)
    manifest, files = read_verified(folder, [WEIGHTS], ["energy", "arguments"], "a saved energy")
    kind = manifest["energy"]
    ours: dict[str, Build] = {**loadable()}
    if not isinstance(kind, str) or (build is None and kind not in ours):
        raise InputError(
            f"{folder}: expected one of {', '.join(ours)}, or its class after the folder, got {kind!s:.60}"
        )
    if isinstance(build, type) and kind != build.__name__:
        raise InputError(f"{folder}: expected a saved {build.__name__}, got {kind!s:.60}")
    known = {**ours, **{str(getattr(term, "__name__", term)): term for term in terms}}
    if build is not None:
        known[kind] = build
    try:
        return _build(manifest, known, safetensors.torch.load(files[WEIGHTS])).eval()
    except Exception as error:  # a constructor with untrusted arguments may raise anything
        raise InputError(f"{folder}: expected arguments and weights that fit {kind}, but {_reason(error)}") from None


def _check_equal(energy: Energy, built: Energy) -> None:
    """Raise `InputError` if an energy that was built from arguments and weights has other values than its original."""
    mode = energy.training
    coins = torch.Generator().manual_seed(0)
    try:
        x = (torch.rand(COMPARED, energy.bits, generator=coins) < 0.5).to(dtype_of(energy))
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            own = [_values(energy.eval(), x.to(device_of(energy))) for _ in range(2)]
            again = _values(built.eval(), x)
    except Exception:  # an energy may refuse states of coins: then there is nothing to compare
        return
    finally:
        energy.train(mode)
    if _near(*own) and not _near(own[0], again):
        lost = [
            f"{name}.{key}".lstrip(".")
            for name, part in energy.named_modules()
            for key, value in vars(part).items()
            if isinstance(value, Tensor | np.ndarray)
        ]
        named = f"the plain tensor {lost[0]}" if lost else "an attribute that is no tensor"
        raise InputError(
            f"energy: expected the parameters, buffers and arguments of {type(energy).__name__} to determine it, but "
            f"built from them it has other energies: {named} would be lost; use register_buffer, or make it an argument"
        )


def _values(energy: Energy, x: Tensor) -> Tensor:
    """Energies and free bits of states `(N, D)`, as numbers on the CPU, `(N, 1 + D)`."""
    return torch.cat([energy(x).unsqueeze(1).double().cpu(), energy.free(x).double().cpu()], 1)


def _near(first: Tensor, second: Tensor) -> bool:
    return torch.allclose(first, second, rtol=1e-3, atol=1e-3, equal_nan=True)


def _construct(plan: Mapping[str, Any], known: Mapping[str, Build]) -> Energy:
    """Call the constructor that a plan names, after building the energies among its arguments."""
    kind = plan["energy"]
    if kind not in known:
        raise ValueError(f"the class {kind} of a term is not given")
    named = {name: _constructed(value, known) for name, value in plan["arguments"].items()}
    parameters = inspect.signature(known[kind]).parameters
    groups = named.pop("groups") if "groups" in named and "groups" not in parameters else None
    listed: list[Any] = []
    for name, parameter in parameters.items():
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL and name in named:
            listed = list(named.pop(name))
    energy = known[kind](*listed, **named)
    if groups is not None:
        energy.groups = groups
    return energy


def _constructed(value: Any, known: Mapping[str, Build]) -> Any:
    if isinstance(value, list):
        return [_constructed(each, known) for each in value]
    if isinstance(value, dict) and value.keys() == {"members", "bits"}:
        return Groups(**value)
    is_plan = isinstance(value, dict) and value.keys() == {"energy", "arguments"}
    return _construct(value, known) if is_plan else value


def _build(plan: Mapping[str, Any], known: Mapping[str, Build], weights: dict[str, Tensor]) -> Energy:
    """The energy that a plan describes, with its weights; the memory that this takes is bounded by the size of the
    weights."""
    numbers = sum(map(torch.numel, weights.values()))
    _check_arguments(plan["arguments"], SMALL + 100 * numbers)
    with torch.random.fork_rng(devices=[]), _bounded_by(len(weights), numbers):
        try:
            with torch.device("meta"):  # parameters are counted before memory is allocated
                _construct(plan, known)
        except _TooMuch:
            raise
        except Exception:  # a constructor that reads values needs memory: count while it allocates
            pass
        energy = _construct(plan, known)
    energy.load_state_dict(weights)
    for name, part in energy.state_dict(keep_vars=True).items():
        part.data = weights[name].clone()  # in its original precision
    return energy


def _check_arguments(arguments: object, limit: int, name: str = "arguments") -> None:
    """Refuse whole numbers among the arguments that are far too large for weights of this size."""
    if isinstance(arguments, dict):
        for key, value in arguments.items():
            _check_arguments(value, limit, key)
    elif isinstance(arguments, list):
        for value in arguments:
            _check_arguments(value, limit, name)
    elif isinstance(arguments, int) and arguments > limit and name != "seed":
        raise _TooMuch(f"{name} is {arguments}")


class _TooMuch(ValueError):
    pass


@contextmanager
def _bounded_by(tensors: int, numbers: int) -> Iterator[None]:
    """A block in which modules with far more parameters and buffers than there are saved weights are refused."""
    built = {"tensors": 0, "numbers": 0}
    saved = {"tensors": tensors, "numbers": numbers}
    limit = {"tensors": 1000 + 10 * tensors, "numbers": SMALL + 100 * numbers}
    this_thread = get_ident()  # the hooks are called in all threads

    def count(module: nn.Module, name: str, value: Tensor | None) -> None:
        del module, name
        if get_ident() != this_thread:
            return
        built["tensors"] += 1
        built["numbers"] += 0 if value is None else value.numel()
        for unit in built:
            if built[unit] > limit[unit]:
                raise _TooMuch(f"at least {built[unit]} {unit} are asked for, and {saved[unit]} are saved")

    hooks = [register_module_parameter_registration_hook(count), register_module_buffer_registration_hook(count)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _reason(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{' '.join(lines[:2]) or type(error).__name__:.200}"
