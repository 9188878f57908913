"""Progress bars of the jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm

from discrete_ed.jobs.run_folder import RunFolder
from discrete_ed.training import Record


@contextmanager
def phase_progress(description: str, *, shown: bool = True) -> Iterator[Callable[[str, int, int], None]]:
    """A bar over the phases of a computation; yields a callback of a phase's name, the phases done, and their total."""
    hidden = {} if shown else {"disable": True}  # `disable=False` would overrule TQDM_DISABLE
    with tqdm(desc=description, leave=False, **hidden) as bar:

        def callback(phase: str, done: int, total: int) -> None:
            bar.total = total
            bar.set_postfix_str(phase)
            bar.update(done - bar.n)

        yield callback


@contextmanager
def training_progress(folder: RunFolder, steps: int) -> Iterator[Callable[[Record], None]]:
    """A progress bar over training steps; yields a callback that shows each record and logs it in the folder."""
    with tqdm(total=steps, desc="train", unit="step") as bar:

        def callback(record: Record) -> None:
            folder.log({"phase": "train", **record})
            bar.update(record["step"] - bar.n)
            bar.set_postfix(loss=f"{record['loss']:.3f}", refresh=False)

        yield callback
