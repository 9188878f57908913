"""The folder of a run: its options, its environment, its results, and the checkpoints with which it can be resumed."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from itertools import count
from pathlib import Path
from types import UnionType
from typing import IO, TYPE_CHECKING, Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from tqdm import tqdm

from discrete_ed.energies import Energy
from discrete_ed.energies.saving import save_energy
from discrete_ed.errors import InputError
from discrete_ed.jobs.options import ResumableConfig, changed_options, options_in_effect
from discrete_ed.jobs.page import PageFigure
from discrete_ed.jobs.style import page_figure
from discrete_ed.runtime.checkpoints import Checkpoints
from discrete_ed.runtime.distributed import ranks, text_from_first, wait_for_all
from discrete_ed.runtime.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# names of the files and folders in a run folder, and packages whose versions env.json records
PACKAGES = ("discrete-ed", "torch", "torch-geometric", "networkx", "numpy", "scipy")
CONFIG, INPUTS, METRICS, RESULT, PROGRESS = "config.json", "inputs.json", "metrics.jsonl", "result.json", "progress"
ENVIRONMENT = "env.json"

AnyConfig = TypeVar("AnyConfig", bound=ResumableConfig)


class RunFolder:
    """The folder of a run, with `config.json`, `env.json` and log records: a new folder, or `config.resume`.

    Used as a context manager, it prints how to resume the run when the run is interrupted. While the run is unfinished,
    `progress/` holds its checkpoints. The folder can be one of the objects that a checkpoint saves: a resumed run then
    discards the records that were logged after its checkpoint. Of several processes only rank 0 writes to the folder,
    apart from checkpoints.

    Args:
        out: the folder, which must not exist or be empty; None means `runs/JOB/LABEL-TIME`, with -2, -3, … appended
            if another run has claimed that name.
        job: name of the job.
        label: what distinguishes this run from others of the job, such as the name of the data.
        config: the job's configuration, a dataclass; see `resumed`.
        inputs: every file of the user's that the job reads; `inputs.json` holds the SHA-256 of each, and a run is
            resumed only if they are unchanged.
        facts: what conditions on options are about besides other options; see `options_in_effect`.

    Raises:
        InputError: the folder is in use or can't be written; an input has changed since the run began.
    """

    def __init__(
        self,
        out: Path | None,
        job: str,
        label: str,
        config: ResumableConfig,
        inputs: Iterable[Path] = (),
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        resume = config.resume
        self.writes = ranks().rank == 0
        self._logged = 0
        if resume is not None:
            self.path = Path(text_from_first(str(resume)))
            _expect_unchanged(self.path / INPUTS, _sha256(inputs))
            return
        hashes = _sha256(inputs) if self.writes else {}
        usual = Path("runs") / job / f"{label}-{time.strftime('%Y%m%d-%H%M%S')}"
        self.path = Path(text_from_first(str(_claim_folder(out, usual)) if self.writes else ""))
        if not self.writes:
            return
        self.write_json(ENVIRONMENT, _environment())
        if hashes:
            self.write_json(INPUTS, hashes)
        self.write_json(CONFIG, {"job": job, **options_in_effect(config, **(facts or {}))})

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Print how to resume the run if it was interrupted."""
        if kind is not None and issubclass(kind, KeyboardInterrupt):
            print(f"\nto go on: --resume {self.path}", file=sys.stderr)

    def write_json(self, name: str, content: Mapping[str, Any]) -> None:
        """Write a JSON file; paths become strings, and a number that isn't finite is an error."""
        text = json.dumps(content, indent=2, default=str, allow_nan=False, ensure_ascii=False)
        self.write(name, (text + "\n").encode())

    def plot(self, figures: Mapping[str, tuple[str, Callable[[], Figure], str]]) -> list[PageFigure]:
        """Plot figures, with a progress bar, and write each as `NAME.png`.

        Args:
            figures: for each name, the title, the function that plots the figure, and the caption.

        Returns:
            The figures in the same order, as `render_page` takes them.
        """
        plotted = []
        for name, (title, plot, caption) in tqdm(figures.items(), desc="plot", leave=False):
            plotted.append(page_figure(title, plot(), caption))
            self.write(f"{name}.png", plotted[-1].png)
        return plotted

    def write(self, name: str, content: bytes) -> None:
        """Write a file of any kind; after an interruption it is either complete or unchanged."""
        if not self.writes:
            return
        try:
            write_atomically(self.path / name, content)
        except OSError as error:
            raise InputError(f"out: expected a folder to write to, but {self.path / name}: {error.strerror}") from None

    def save_energy(self, name: str, energy: Energy) -> None:
        """Save an energy in a folder inside this one, see `discrete_ed.save_energy`."""
        if self.writes:
            save_energy(self.path / name, energy)

    def log(self, *records: Mapping[str, Any]) -> None:
        """Add records to `metrics.jsonl`, one line each; a resumed run overwrites the records after its checkpoint."""
        if self.writes:
            lines = "".join(json.dumps(record, allow_nan=False) + "\n" for record in records).encode()
            with self._metrics() as file:
                file.seek(self._logged)
                file.write(lines)
            self._logged += len(lines)

    @contextmanager
    def _metrics(self) -> Iterator[IO[bytes]]:
        path = self.path / METRICS
        try:
            path.touch()
            with path.open("r+b") as file:
                yield file
        except OSError as error:
            raise InputError(f"out: expected a folder to write to, but {path}: {error.strerror}") from None

    def checkpoints(self, phase: str, things: Mapping[str, Any], *, every: float) -> Checkpoints:
        """Checkpoints of one phase of the run, in `progress/PHASE`, which save the state of this folder as well."""
        return Checkpoints(self.path / PROGRESS / phase, {"run": self, **things}, every=every)

    def cached(
        self, phase: str, compute: Callable[[], dict[str, Any]], things: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """The result of one phase of the run, which a resumed run does not compute again.

        Args:
            things: the random generators that the phase uses, whose states are restored with its result.
        """
        checkpoints = self.checkpoints(phase, things or {}, every=0)
        saved = checkpoints.restore()
        if saved is None:
            result = compute()
            checkpoints.save(1, {"result": result})
            return result
        return saved.state["result"]

    def cached_in(self, part: str) -> Callable[[str, Callable[[], dict[str, Any]]], dict[str, Any]]:
        """`cached` for the phases of one part of the run; two parts may use the same names of phases."""
        return lambda phase, compute: self.cached(f"{part}/{phase}", compute)

    def finish(self, result: Mapping[str, Any]) -> None:
        """Write `result.json` and remove `progress/`, since a finished run is not resumed."""
        wait_for_all()  # otherwise another rank might still save what is removed here
        if self.writes:
            with self._metrics() as file:
                file.truncate(self._logged)
            self.write_json(RESULT, result)
            shutil.rmtree(self.path / PROGRESS, ignore_errors=True)

    def state_dict(self) -> dict[str, Any]:
        """The number of bytes logged so far, after they have been flushed to the disk."""
        if self.writes:
            with self._metrics() as file:
                os.fsync(file.fileno())
        return {"logged": self._logged}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue logging from that position. Later records stay until they are overwritten, since checkpoints of
        later phases, which are restored next, may refer to them."""
        if self.writes:
            with self._metrics() as file:
                size = file.seek(0, os.SEEK_END)
            if size < state["logged"]:
                raise InputError(f"{self.path / METRICS}: expected {state['logged']} bytes or more, got {size}")
        self._logged = state["logged"]


def resumed(config: AnyConfig, job: str) -> AnyConfig:
    """The configuration of the run in `config.resume`, read from its `config.json`; without `resume`, `config` itself.

    Raises:
        InputError: another option was given as well, the folder holds no unfinished run of the job, or its
            `config.json` doesn't hold options of the job.
    """
    if config.resume is None:
        return config
    others = [name for name in changed_options(config) if name != "resume"]
    if others:
        raise InputError(f"resume: expected no other option, since all are read from the run, got {', '.join(others)}")
    path = config.resume / CONFIG
    try:
        record = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"resume: expected the folder of a run, but {path}: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise InputError(f"resume: expected the configuration of a run in {path}, got no JSON") from None
    if not isinstance(record, dict) or record.get("job") != job:
        raise InputError(f"resume: expected a run of {job}, but {path} is of another job")
    if (config.resume / RESULT).exists():
        raise InputError(f"resume: expected a run that is not finished, but {config.resume / RESULT} is there")
    hints = get_type_hints(type(config), include_extras=True)
    unknown = record.keys() - hints.keys() - {"job"}
    if unknown:
        raise InputError(f"resume: expected options of {job} in {path}, got {', '.join(sorted(unknown))[:60]}")
    options = {name: _as_type(value, hints[name], f"{path}: {name}") for name, value in record.items() if name != "job"}
    return type(config)(**{**options, "resume": config.resume})


def _claim_folder(out: Path | None, usual: Path) -> Path:
    """A folder that only this run uses, even if other runs claim folders at the same time."""
    names = (usual if k == 1 else usual.with_name(f"{usual.name}-{k}") for k in count(1))
    path = out or usual
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path = out or next(name for name in names if _is_new(name.mkdir))
        path.mkdir(exist_ok=True)
        # if two runs both find it empty, only one of them can create this file
        free = not any(path.iterdir()) and _is_new(partial((path / ENVIRONMENT).touch, exist_ok=False))
    except OSError as error:
        raise InputError(f"out: expected a folder to write to, but {path}: {error.strerror}") from None
    if not free:
        raise InputError(f"out: expected a new or empty folder, got {path}, which holds files")
    return path


def _is_new(make: Callable[[], None]) -> bool:
    """Whether `make` could create its file or folder, which did not exist before."""
    try:
        make()
    except FileExistsError:
        return False
    return True


def _sha256(inputs: Iterable[Path]) -> dict[str, str]:
    hashes = {}
    for path in inputs:
        try:
            with path.open("rb") as file:
                hashes[str(path)] = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise InputError(f"{path}: expected a readable file, but {error.strerror or error}") from None
    return hashes


def _expect_unchanged(path: Path, current: dict[str, str]) -> None:
    """Refuse inputs that differ from those listed in `inputs.json`; a run without inputs has no such file."""
    try:
        before = json.loads(path.read_bytes()) if path.exists() else {}
        changed = sorted(file for file in current.keys() | before.keys() if current.get(file) != before.get(file))
    except (OSError, ValueError, RecursionError, AttributeError):  # AttributeError: JSON, but no object
        raise InputError(f"resume: expected the SHA-256 of every input in {path}, got something else") from None
    if changed:
        raise InputError(f"resume: expected unchanged inputs, but {changed[0]} was changed since the run began")


def _as_type(value: Any, hint: Any, where: str) -> Any:
    """A value of a JSON file, converted to the option's type; only values that the command line accepts pass."""
    kind, inner = get_origin(hint), get_args(hint)
    if kind in (Union, UnionType):
        for choice in inner:
            try:
                return _as_type(value, choice, where)
            except InputError:
                continue
    elif kind is Literal:
        if value in inner:
            return value
    elif kind is Annotated:
        return _as_type(value, inner[0], where)
    elif kind is tuple and isinstance(value, list):
        kinds = [inner[0]] * len(value) if inner[-1] is Ellipsis else inner
        if len(kinds) == len(value):
            return tuple(_as_type(item, each, where) for item, each in zip(value, kinds, strict=True))
    elif hint is float and type(value) is int:
        return float(value)
    elif hint is Path and isinstance(value, str):
        return Path(value)
    elif type(value) is hint:
        return value
    raise InputError(f"{where}: expected {getattr(hint, '__name__', hint)}, got {str(value)[:60]}")


def _environment() -> dict[str, Any]:
    import torch

    return {
        "command": sys.argv,
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "accelerator": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "packages": {name: _version(name) for name in PACKAGES},
    }


def _version(package: str) -> str | None:
    """The version of a package, or None if it isn't installed; nothing is imported."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None
