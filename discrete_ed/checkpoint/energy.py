"""Saved energies: a folder with the weights and a manifest."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import safetensors.torch
import torch

from discrete_ed.checkpoint.files import MANIFEST, manifest_of, read_verified, write_atomically
from discrete_ed.energies.base import Energy
from discrete_ed.errors import InputError

WEIGHTS = "weights.safetensors"
SMALL = 2**22  # numbers that any arguments may ask for

AnyEnergy = TypeVar("AnyEnergy", bound=Energy)


def save_energy(folder: str | Path, energy: Energy, arguments: dict[str, Any]) -> None:
    """Save an energy's weights, with the arguments that its constructor needs to build it again.

    The folder holds `weights.safetensors` and `manifest.json`: schema version, class name, arguments, and the SHA-256
    of the weights.

    Raises:
        InputError: the folder can't be written.

    >>> import tempfile
    >>> from discrete_ed import RBMEnergy
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_energy(folder, RBMEnergy(6, 2), {"visible": 6, "hidden": 2})
    ...     sorted(path.name for path in Path(folder).iterdir())
    ['manifest.json', 'weights.safetensors']
    """
    folder = Path(folder)
    weights = safetensors.torch.save({name: value.detach().cpu() for name, value in energy.state_dict().items()})
    manifest = manifest_of({WEIGHTS: weights}, energy=type(energy).__name__, arguments=arguments)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / WEIGHTS, weights)
        write_atomically(folder / MANIFEST, manifest)
    except OSError as error:
        raise InputError(f"{folder}: expected a folder to save the energy in, but {error.strerror or error}") from None


def load_energy(folder: str | Path, build: Callable[..., AnyEnergy]) -> AnyEnergy:
    """Load an energy that `save_energy` saved; `build` is its class.

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
    name = getattr(build, "__name__", kind)
    if kind != name:
        raise InputError(f"{folder}: expected a saved {name}, got {kind!s:.60}")
    try:
        weights = safetensors.torch.load(files[WEIGHTS])
        _check_size(build, manifest["arguments"], sum(map(torch.numel, weights.values())))
        energy = build(**manifest["arguments"])
        energy.load_state_dict(weights)
    except Exception as error:  # whatever a constructor raises when a stranger's arguments are handed to it
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{folder}: expected arguments and weights that fit {name}, but {reason:.200}") from None
    return energy


def _check_size(build: Callable[..., Energy], arguments: dict[str, Any], numbers: int) -> None:
    """Refuse arguments that ask for far more numbers than there are in the weights, before memory is taken for them."""
    limit = SMALL + 100 * numbers
    for name, value in arguments.items():
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, int) and each > limit:
                raise ValueError(f"{name} is {each}")
    try:
        with torch.device("meta"):
            shell = build(**arguments)
    except (RuntimeError, NotImplementedError):  # a constructor that looks at values; it has only its own limits
        return
    wanted = sum(part.numel() for part in (*shell.parameters(), *shell.buffers()))
    if wanted > limit:
        raise ValueError(f"{wanted} numbers are asked for, and {numbers} are there")
