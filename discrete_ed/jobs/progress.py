"""Progress bars of the jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm

from discrete_ed.jobs.run_folder import RunFolder
from discrete_ed.training import Record


@contextmanager
def counted_progress(desc: str, unit: str, *, transient: bool = False) -> Iterator[Callable[[int, int], None]]:
    """A progress bar over steps; yields a callback of the number of steps done and the total number.

    Args:
        desc: the text before the bar.
        unit: what is counted.
        transient: whether the bar is shown on a terminal only, and removed at the end.
    """
    hidden = {"disable": None} if transient else {}  # `disable=False` would overrule TQDM_DISABLE
    with tqdm(desc=desc, unit=unit, leave=not transient, **hidden) as bar:

        def callback(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield callback


@contextmanager
def restarting_progress() -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar that starts again from zero with each phase; yields a callback of phase, steps done and total."""
    with tqdm(leave=False) as bar:

        def callback(phase: str, done: int, total: int) -> None:
            if done == 1:
                bar.set_description(phase, refresh=False)
                bar.reset(total)
            bar.update(done - bar.n)

        yield callback


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
def training_progress(folder: RunFolder, steps: int | None) -> Iterator[Callable[[Record], None]]:
    """A progress bar over training steps; yields a callback that shows each record and logs it in the folder.

    Args:
        folder: where records are logged.
        steps: their number, None if it is not known.
    """
    with tqdm(total=steps, desc="train", unit="step") as bar:

        def callback(record: Record) -> None:
            folder.log({"phase": "train", **record})
            bar.update(record["step"] - bar.n)
            bar.set_postfix(loss=f"{record['loss']:.3f}", refresh=False)

        yield callback
