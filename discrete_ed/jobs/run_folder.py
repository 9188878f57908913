"""The folder of a run: its options, its environment, its results, and the checkpoints with which it can be resumed."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from tqdm import tqdm

from discrete_ed.energies import Energy
from discrete_ed.energies.saving import save_energy
from discrete_ed.errors import InputError, NumericalError
from discrete_ed.jobs.environment import environment
from discrete_ed.jobs.inputs import expect_unchanged, sha256
from discrete_ed.jobs.options import ResumableConfig, options_in_effect
from discrete_ed.jobs.page import PageFigure
from discrete_ed.jobs.style import page_figure
from discrete_ed.runtime.checkpoints import Checkpoints
from discrete_ed.runtime.distributed import ranks, text_from_first, wait_for_all
from discrete_ed.runtime.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# names of the files and folders in a run folder
CONFIG, INPUTS, METRICS, RESULT, PROGRESS = "config.json", "inputs.json", "metrics.jsonl", "result.json", "progress"
ENVIRONMENT = "env.json"


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
        config: the job's configuration, see `resume.resumed`.
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
        self.writes = ranks().rank == 0
        self._logged = 0
        if config.resume is not None:
            self.path = Path(text_from_first(str(config.resume)))
            expect_unchanged(self.path / INPUTS, sha256(inputs))
            return
        hashes = sha256(inputs) if self.writes else {}
        usual = Path("runs") / job / f"{label}-{time.strftime('%Y%m%d-%H%M%S')}"
        self.path = Path(text_from_first(str(_claim_folder(out, usual)) if self.writes else ""))
        if not self.writes:
            return
        self.write_json(ENVIRONMENT, environment())
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

    @contextmanager
    def keeping_energy(self, name: str, energy: Energy | None = None) -> Iterator[None]:
        """Say where the energy is kept if training is interrupted or diverges.

        Args:
            name: the folder of the energy inside this one.
            energy: the energy to save there in that case; None if training saves it itself.
        """
        try:
            yield
        except (KeyboardInterrupt, NumericalError):
            if energy is not None:
                self.save_energy(name, energy)
            print(f"\nstopped early; the energy so far is kept in {self.path / name}", file=sys.stderr)
            raise

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
