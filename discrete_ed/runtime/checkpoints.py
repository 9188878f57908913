"""Checkpoints of a run: a folder for each saved step, from which a run resumes as if it had never stopped."""

from __future__ import annotations

import json
import re
import shutil
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Tensor

from discrete_ed.errors import InputError
from discrete_ed.runtime.distributed import rank_minimum, ranks
from discrete_ed.runtime.files import MANIFEST, manifest_of, read_verified, write_folder

STATE, TENSORS = "state.json", "tensors.safetensors"  # names of the files of a checkpoint


class Saved(NamedTuple):
    """A checkpoint that was read."""

    step: int
    state: dict[str, Any]
    """the state of each saved object by its name, tensors on the CPU"""


class Checkpoints:
    """The last checkpoints of a run: `FOLDER/step-000123/` with tensors, state and a manifest.

    A *thing* that can be saved is a `torch.Generator`, a `numpy.random.Generator`, or anything with `state_dict` and
    `load_state_dict` (a module, an optimizer, batches, a replay buffer); a tensor, array, number, string, list or
    dictionary is saved as it is. Tensors go into safetensors, the rest into JSON, so that nothing is unpickled; the
    manifest holds the schema's version and the SHA-256 of both. A checkpoint is complete or absent, since it is written
    under a temporary name, flushed to the disk (fsync), and then renamed.

    Args:
        folder: where to save; created when first needed. Inside `processes()` each rank saves its own state, rank
            `r > 0` in `FOLDER/rank-r`, and all ranks resume from the same step.
        things: objects that every `save` saves and every `restore` restores, in addition to those in its arguments;
            for example the random generators of a loss, or the run folder.
        every: seconds from one checkpoint to the next, see `due`.
        keep: number of checkpoints that are kept; older ones are removed.

    >>> import tempfile
    >>> import torch
    >>> g = torch.Generator().manual_seed(0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     checkpoints = Checkpoints(folder, {"noise": g})
    ...     checkpoints.save(7, {"chains": torch.zeros(2, 3)})
    ...     uniforms = torch.rand(3, generator=g)
    ...     saved = checkpoints.restore()
    >>> saved.step, saved.state["chains"].shape, torch.equal(torch.rand(3, generator=g), uniforms)
    (7, torch.Size([2, 3]), True)
    """

    def __init__(
        self, folder: str | Path, things: Mapping[str, Any] | None = None, *, every: float = 60.0, keep: int = 2
    ) -> None:
        if keep < 1:
            raise InputError(f"keep: expected at least 1, got {keep}")
        if not every >= 0:
            raise InputError(f"every: expected at least 0 seconds, got {every}")
        rank, _ = ranks()
        self.folder = Path(folder, *([f"rank-{rank}"] if rank else []))
        self.things = dict(things or {})
        self.every = every
        self.keep = keep
        self._last = time.monotonic()
        self._damaged: set[Path] = set()

    def due(self) -> bool:
        """Whether `every` seconds have passed since the last checkpoint, or since the start."""
        return time.monotonic() - self._last >= self.every

    def save(self, step: int, things: Mapping[str, Any] | None = None) -> None:
        """Save the state of all things after `step` steps, and then remove the oldest checkpoint.

        Raises:
            InputError: the folder can't be written (earlier checkpoints are kept), or the state of a thing contains
                anything but tensors, numbers, strings, lists and dictionaries.
        """
        tensors: dict[str, Tensor] = {}
        state = {name: _packed(_state_of(thing), tensors, name) for name, thing in self._with(things).items()}
        files = {STATE: json.dumps(state).encode(), TENSORS: safetensors.torch.save(tensors)}
        try:
            write_folder(self._path(step), {**files, MANIFEST: manifest_of(files, step=step, ranks=ranks().size)})
            self._damaged.discard(self._path(step))
            whole = [path for path in self._steps() if path not in self._damaged]
            for folder in [*self._damaged, *whole[self.keep :], *self.folder.glob(".*.tmp")]:
                shutil.rmtree(folder, ignore_errors=True)
        except OSError as error:
            reason = error.strerror or error
            raise InputError(f"{self.folder}: expected a folder to save checkpoints in, but {reason}") from None
        self._damaged = set()
        self._last = time.monotonic()

    def restore(self, things: Mapping[str, Any] | None = None) -> Saved | None:
        """Load the newest undamaged checkpoint into the things; None if there is no checkpoint.

        A warning names each newer checkpoint that is damaged.

        Raises:
            InputError: all checkpoints are damaged, or the checkpoint doesn't fit the things.
        """
        saved = self._newest()
        while (step := rank_minimum(_step_reached(saved))) < -rank_minimum(-_step_reached(saved)):
            saved = self._newest(step)  # another rank was stopped before it saved the newest one
        if saved is None:
            return None
        for name, thing in self._with(things).items():
            if name not in saved.state:
                raise InputError(f"{self.folder}: expected a checkpoint with the state of {name}, got one without it")
            try:
                _restore(thing, saved.state[name])
            except Exception as error:  # load_state_dict of a thing may raise anything
                reason = str(error).splitlines()[0] if str(error) else type(error).__name__
                raise InputError(f"{self.folder}: expected a state that fits {name}, but {reason}") from None
        self._last = time.monotonic()
        return saved

    def _newest(self, limit: int | None = None) -> Saved | None:
        """The newest undamaged checkpoint of at most `limit` steps; None if there is no checkpoint at all."""
        reasons = []
        for path in self._steps():
            if limit is not None and _step_of(path) > limit:
                continue
            try:
                saved = _read(path)
            except InputError as error:
                reasons.append(str(error))
                self._damaged.add(path)
                continue
            for reason in reasons:
                warnings.warn(f"{reason}; resuming from step {saved.step}", stacklevel=3)
            return saved
        if reasons:
            raise InputError(f"{self.folder}: expected an undamaged checkpoint, got none: {'; '.join(reasons)}")
        return None

    def _with(self, things: Mapping[str, Any] | None) -> dict[str, Any]:
        twice = self.things.keys() & (things or {}).keys()
        if twice:
            raise InputError(f"things: expected other names than those of fit, got {', '.join(sorted(twice))}")
        return {**(things or {}), **self.things}

    def _path(self, step: int) -> Path:
        return self.folder / f"step-{step:06d}"

    def _steps(self) -> list[Path]:
        """The folders of the checkpoints, newest first."""
        found = [path for path in self.folder.glob("step-*") if re.fullmatch(r"step-\d{6,18}", path.name)]
        return sorted(found, key=lambda path: _step_of(path), reverse=True)


def _read(path: Path) -> Saved:
    """The checkpoint in a folder, verified."""
    manifest, files = read_verified(path, [STATE, TENSORS], ["step", "ranks"], "a checkpoint")
    if manifest["step"] != _step_of(path):
        raise InputError(f"{path / MANIFEST}: expected the step of its folder's name, got {str(manifest['step'])[:40]}")
    if manifest["ranks"] != ranks().size:
        raise InputError(f"{path}: expected a checkpoint of {ranks().size} processes, got {manifest['ranks']}")
    try:
        tensors = safetensors.torch.load(files[TENSORS])  # reads tensors only, and unpickles nothing
        state = {name: _unpacked(value, tensors) for name, value in json.loads(files[STATE]).items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, safetensors.SafetensorError) as error:
        raise InputError(f"{path}: expected the tensors and state of a checkpoint, but {error!r:.200}") from None
    return Saved(manifest["step"], state)


def _step_reached(saved: Saved | None) -> int:
    return 0 if saved is None else saved.step


def _step_of(path: Path) -> int:
    return int(path.name.removeprefix("step-"))


def _state_of(thing: Any) -> Any:
    if isinstance(thing, torch.Generator):
        return thing.get_state()
    if isinstance(thing, np.random.Generator):
        return thing.bit_generator.state
    return thing.state_dict() if hasattr(thing, "state_dict") else thing


def _restore(thing: Any, state: Any) -> None:
    if isinstance(thing, torch.Generator):
        thing.set_state(state)
    elif isinstance(thing, np.random.Generator):
        thing.bit_generator.state = state
    elif hasattr(thing, "load_state_dict"):
        thing.load_state_dict(state)


def _packed(value: Any, tensors: dict[str, Tensor], name: str) -> Any:
    """The value as JSON, each tensor replaced by `{"tensor": name}`, a dictionary by `{"items": [[key, value], …]}`."""
    if isinstance(value, np.ndarray):
        return {"array": _packed(torch.from_numpy(np.asarray(value, order="C")), tensors, name)}
    if isinstance(value, Tensor):
        while name in tensors:  # {"a": {"b": …}, "a.b": …}
            name += "'"
        tensors[name] = value.detach().cpu().clone(memory_format=torch.contiguous_format)
        return {"tensor": name}
    if isinstance(value, Mapping) and all(isinstance(key, str | int) for key in value):
        return {"items": [[key, _packed(item, tensors, f"{name}.{key}")] for key, item in value.items()]}
    if isinstance(value, list | tuple):
        return [_packed(item, tensors, f"{name}.{k}") for k, item in enumerate(value)]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise InputError(f"{name}: expected a state of tensors, numbers and strings, got {type(value).__name__}")


def _unpacked(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    if isinstance(value, list):
        return [_unpacked(item, tensors) for item in value]
    if isinstance(value, dict):
        if "array" in value:
            return _unpacked(value["array"], tensors).numpy()
        if "tensor" in value:
            return tensors[value["tensor"]]
        return {key: _unpacked(item, tensors) for key, item in value["items"]}
    return value
