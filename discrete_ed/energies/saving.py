"""Saved energies: a folder with the weights and a manifest."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import get_ident
from typing import Any, overload

import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn.modules.module import (
    register_module_buffer_registration_hook,
    register_module_parameter_registration_hook,
)

from discrete_ed.energies.base import AnyEnergy, Energy, check_type
from discrete_ed.energies.graph import GraphEnergy
from discrete_ed.energies.ising import IsingEnergy
from discrete_ed.energies.network import NetworkEnergy
from discrete_ed.energies.neural import ConvEnergy, MLPEnergy, ResidualMLPEnergy
from discrete_ed.energies.rbm import RBMEnergy
from discrete_ed.energies.sums import BernoulliEnergy, SumEnergy
from discrete_ed.errors import InputError
from discrete_ed.runtime.files import read_verified, write_verified

WEIGHTS = "weights.safetensors"
SMALL = 2**22  # numbers that any arguments may ask for
OURS: dict[str, Callable[..., Energy]] = {
    kind.__name__: kind
    for kind in (
        BernoulliEnergy,
        ConvEnergy,
        GraphEnergy,
        IsingEnergy,
        MLPEnergy,
        NetworkEnergy,
        RBMEnergy,
        ResidualMLPEnergy,
        SumEnergy,
    )
}
"""The energies that need no class to be loaded; a `Clamped` one is made anew around what it clamps."""

Arguments = dict[str, Any] | list[Any]


def save_energy(folder: str | Path, energy: Energy, arguments: Arguments) -> None:
    """Save an energy's weights, with the arguments that its constructor needs to build it again.

    The folder holds `weights.safetensors` and `manifest.json`: schema version, class name, arguments, and the SHA-256
    of the weights. If it held a saved energy already, a save that is stopped leaves the old one or the new one.

    Args:
        arguments: by name, and such as JSON can hold; of a `SumEnergy` a list with those of each term.

    Raises:
        InputError: the folder can't be written, or JSON can't hold the arguments.

    Warns:
        RuntimeWarning: the energy is saved, but its class with these arguments has other weights; so another function
            must build it for `load_energy`.

    >>> import tempfile
    >>> from discrete_ed import RBMEnergy
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_energy(folder, RBMEnergy(6, 2), {"visible": 6, "hidden": 2})
    ...     sorted(path.name for path in Path(folder).iterdir())
    ['manifest.json', 'weights.safetensors']
    """
    folder = Path(folder)
    check_type(energy)
    state = {
        name: value.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, value in energy.state_dict().items()
    }
    plan = _plan(energy, arguments)
    try:
        again = json.loads(json.dumps(plan))
    except (TypeError, ValueError) as error:
        raise InputError(f"arguments: expected such as JSON can hold, got {arguments!s:.100}: {error}") from None
    weights = safetensors.torch.save(state)
    try:
        write_verified(folder, {WEIGHTS: weights}, **plan)
    except OSError as error:
        raise InputError(f"{folder}: expected a folder to save the energy in, but {error.strerror or error}") from None
    try:
        _build(again, {type(term).__name__: type(term) for term in _terms(energy)}, state)
    except Exception as error:  # whatever a constructor raises
        warnings.warn(
            f"arguments: expected those that build {type(energy).__name__} again, got {arguments!s:.100}, but "
            f"{_reason(error)}; the energy is saved, but load_energy needs another function to build it",
            RuntimeWarning,
            stacklevel=2,
        )


@overload
def load_energy(folder: str | Path, build: Callable[..., AnyEnergy], *terms: Callable[..., Energy]) -> AnyEnergy: ...
@overload
def load_energy(folder: str | Path) -> Energy: ...
def load_energy(
    folder: str | Path, build: Callable[..., Energy] | None = None, *terms: Callable[..., Energy]
) -> Energy:
    """Load an energy that `save_energy` saved, with the precision that it had.

    Args:
        build: its class, which may be left out for the energies of this package and sums of them.
        terms: if that is `SumEnergy`, the classes of those terms that aren't of this package.

    Raises:
        InputError: a file is missing, unreadable or was changed, or holds an energy of another class.

    >>> import tempfile
    >>> import torch
    >>> from discrete_ed import MLPEnergy
    >>> x = torch.zeros(1, 4)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     energy = MLPEnergy(4, hidden=(8,))
    ...     save_energy(folder, energy, {"bits": 4, "hidden": [8]})
    ...     torch.equal(load_energy(folder, MLPEnergy)(x), energy(x))
    True
    """
    folder = Path(folder)
    manifest, files = read_verified(folder, [WEIGHTS], ["energy", "arguments"], "a saved energy")
    kind = manifest["energy"]
    known = {**OURS, **{getattr(each, "__name__", kind): each for each in (build, *terms) if each is not None}}
    if build is None and (not isinstance(kind, str) or kind not in OURS):
        raise InputError(
            f"{folder}: expected one of {', '.join(OURS)}, or its class after the folder, got {kind!s:.60}"
        )
    if build is not None and kind != getattr(build, "__name__", kind):
        raise InputError(f"{folder}: expected a saved {build.__name__}, got {kind!s:.60}")
    try:
        return _build(manifest, known, safetensors.torch.load(files[WEIGHTS]))
    except Exception as error:  # whatever a constructor raises when a stranger's arguments are handed to it
        raise InputError(f"{folder}: expected arguments and weights that fit {kind}, but {_reason(error)}") from None


def _plan(energy: Energy, arguments: Arguments) -> dict[str, Any]:
    """What the manifest says of an energy: its class and arguments; of a sum the plans of its terms."""
    if type(energy) is not SumEnergy:
        return {"energy": type(energy).__name__, "arguments": arguments}
    if not isinstance(arguments, list) or len(arguments) != len(energy.terms):
        raise InputError(f"arguments: expected a list with those of {len(energy.terms)} terms, got {arguments!s:.100}")
    terms = [_plan(term, each) for term, each in zip(energy.terms, arguments, strict=True)]  # type: ignore[arg-type]
    return {"energy": "SumEnergy", "arguments": {"scale": energy.scale, "terms": terms}}


def _terms(energy: Energy) -> Iterator[Energy]:
    """The energy, and if it is a sum what it is a sum of."""
    yield energy
    if type(energy) is SumEnergy:
        for term in energy.terms:
            yield from _terms(term)  # type: ignore[arg-type]


def _build(plan: Mapping[str, Any], known: Mapping[str, Callable[..., Energy]], weights: dict[str, Tensor]) -> Energy:
    """The energy that a plan tells, with its weights; no more memory is taken than these are worth."""

    def made(plan: Mapping[str, Any]) -> Energy:
        kind, arguments = plan["energy"], plan["arguments"]
        if kind == "SumEnergy":
            return SumEnergy(*(made(term) for term in arguments["terms"]), scale=float(arguments["scale"]))
        if kind not in known:
            raise ValueError(f"the class {kind} of a term is not given")
        return known[kind](**arguments)

    numbers = sum(map(torch.numel, weights.values()))
    _check_arguments(plan["arguments"], SMALL + 100 * numbers)
    with torch.random.fork_rng(devices=[]), _bounded_by(len(weights), numbers):
        try:
            with torch.device("meta"):  # counted before memory is taken
                made(plan)
        except _TooMuch:
            raise
        except Exception:  # a constructor that looks at values: counted while it takes memory
            pass
        energy = made(plan)
    energy.load_state_dict(weights)
    for name, part in energy.state_dict(keep_vars=True).items():
        part.data = weights[name].clone()  # in the precision that it had
    return energy


def _check_arguments(arguments: object, limit: int, name: str = "arguments") -> None:
    """Refuse whole numbers that no weights of this size have to do with."""
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
    """Refuse to build modules that have far more parameters and buffers than there are weights for them."""
    built = {"tensors": 0, "numbers": 0}
    there = {"tensors": tensors, "numbers": numbers}
    limit = {"tensors": 1000 + 10 * tensors, "numbers": SMALL + 100 * numbers}
    here = get_ident()  # the hooks are those of all threads

    def count(module: nn.Module, name: str, value: Tensor | None) -> None:
        del module, name
        if get_ident() != here:
            return
        built["tensors"] += 1
        built["numbers"] += 0 if value is None else value.numel()
        for what in built:
            if built[what] > limit[what]:
                raise _TooMuch(f"at least {built[what]} {what} are asked for, and {there[what]} are there")

    hooks = [register_module_parameter_registration_hook(count), register_module_buffer_registration_hook(count)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _reason(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{' '.join(lines[:2]) or type(error).__name__:.200}"
