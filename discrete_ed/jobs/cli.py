"""The command line: every job is a subcommand of `discrete-ed`, and most are scripts as well."""

from __future__ import annotations

import importlib
import io
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NamedTuple, TextIO, cast

import discrete_ed
from discrete_ed.errors import DiscreteEDError
from discrete_ed.runtime.interrupts import Interrupted, interrupt


class Job(NamedTuple):
    """A job of the command line. Its folder holds `config.py` and `run.py`, which are imported when they are needed."""

    folder: str
    """name of the folder in `discrete_ed/jobs/`"""
    config: str
    """name of the class in `config.py` that holds the options"""
    help: str
    """what the job does, in one line"""

    def config_type(self) -> type[Any]:
        """The class of the options; importing it does not import torch."""
        return getattr(importlib.import_module(f"discrete_ed.jobs.{self.folder}.config"), self.config)

    def run(self, config: object) -> None:
        """Run the job; this imports torch."""
        importlib.import_module(f"discrete_ed.jobs.{self.folder}.run").run(config)


JOBS = {
    "generate": Job("generate", "GenerateConfig", "learn an energy over graphs, generate new graphs and score them"),
    "evaluate": Job("evaluate", "EvaluateConfig", "score graphs of any generator against reference graphs"),
    "evaluate-tables": Job(
        "evaluate_tables",
        "EvaluateTablesConfig",
        "score synthetic tables of any kind against real rows",
    ),
    "recover": Job("recover", "RecoverConfig", "recover the couplings of an Ising model from observations"),
    "estimate": Job("estimate", "EstimateConfig", "learn the distribution of a table or of images, and score it"),
    "score": Job("score", "ScoreConfig", "score new rows under a fitted distribution, and write the scores as CSV"),
    "impute": Job("impute", "ImputeConfig", "fill in the missing cells of a table by a fitted distribution"),
    "sample": Job("sample", "SampleConfig", "sample from a saved energy, and report whether the chains have mixed"),
    "simulate": Job("simulate", "SimulateConfig", "simulate an Ising model on a lattice at many temperatures"),
    "compare-perturbations": Job(
        "compare_perturbations",
        "ComparePerturbationsConfig",
        "compare perturbations: bias, noise, error, time",
    ),
    "ising-tables": Job(
        "ising_tables",
        "IsingTablesConfig",
        "tabulate errors, bias and limits of the estimators of couplings",
    ),
    "continuous": Job("continuous", "ContinuousConfig", "learn energies over real vectors, in three experiments"),
}
"""Every job by its name on the command line. A new job is a folder, a line here, and a line on the page of the jobs."""


class PipeTolerantStream:
    """A text stream whose reader may close it early, as `| head -2` does; what is written afterwards is discarded."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.broken = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        self._attempt(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        self._attempt(self._stream.flush)

    def _attempt(self, operation: Callable[[], object]) -> None:
        try:
            operation()
        except BrokenPipeError:
            self.broken = True
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self._stream.fileno())  # so that what the stream still buffers is discarded as well
            os.close(null)


@contextmanager
def pipe_tolerant_output() -> Iterator[None]:
    """A block that runs to its end even if a pipe is closed; the program then exits with 141, as after SIGPIPE."""
    streams = sys.stdout, sys.stderr
    # a stream that was closed when the program started is None
    out, err = (PipeTolerantStream(stream or io.StringIO()) for stream in streams)
    sys.stdout, sys.stderr = cast(TextIO, out), cast(TextIO, err)
    try:
        yield
    finally:
        out.flush()
        err.flush()
        sys.stdout, sys.stderr = streams
    if out.broken or err.broken:
        raise SystemExit(128 + signal.SIGPIPE)


@pipe_tolerant_output()
def run_job(name: str, arguments: Sequence[str] | None = None, *, prog: str | None = None) -> None:
    """Parse the arguments of one job, then run it.

    The program exits with status 2 and one line if the options or the data can't be used, with 130 after an interrupt
    (SIGINT), with 143 after SIGTERM, and with 141 if the reader of its output closed the pipe; in that last case the
    job is completed nevertheless.
    """
    job = JOBS[name]
    signal.signal(signal.SIGTERM, interrupt)
    first = int(os.environ.get("RANK", 0)) == 0  # torchrun sets RANK; only rank 0 prints, but every rank prints errors
    if not first:
        os.environ["TQDM_DISABLE"] = "1"
        sys.stdout = io.StringIO()
    # Threads that wait for work sleep instead of spinning. Spinning threads slow each other down many times over when
    # another program keeps a core busy. The setting is read when torch is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        parsed = importlib.import_module("discrete_ed.jobs.parsing").parsed  # takes a moment, and may be interrupted
        config = replace(parsed(job.config_type(), arguments, prog))  # this checks the values, before torch is imported
        processes = importlib.import_module("discrete_ed.runtime.distributed").processes
        with warnings.catch_warnings(), processes():
            warnings.showwarning = lambda message, *_: print(f"warning: {message}", file=sys.stderr) if first else None
            job.run(config)
    except DiscreteEDError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    except MemoryError as error:
        print(
            f"error: memory: expected enough for this run, got {error or 'none left'}; take less data", file=sys.stderr
        )
        raise SystemExit(2) from None
    except KeyboardInterrupt as error:
        print("\ninterrupted", file=sys.stderr)
        raise SystemExit(128 + (error.signal if isinstance(error, Interrupted) else signal.SIGINT)) from None


@pipe_tolerant_output()
def main() -> None:
    """The console command `discrete-ed JOB [options]`."""
    name = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if name in JOBS:
        run_job(name, sys.argv[2:], prog=f"discrete-ed {name}")
        return
    if name == "--version":
        print(f"discrete-ed {discrete_ed.__version__}")
        return
    print("usage: discrete-ed JOB [options]\n\njobs:")
    for job_name, job in JOBS.items():
        print(f"  {job_name:22}{job.help}")
    print("\ndiscrete-ed JOB --help explains a job and its options; discrete-ed --version shows the version.")
    if name not in ("-h", "--help"):
        print(f"\nerror: job: expected one of {', '.join(JOBS)}, got {name!r}", file=sys.stderr)
        raise SystemExit(2)
