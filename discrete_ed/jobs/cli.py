"""The command line: every job of `experiments/` as a subcommand of `discrete-ed`, and as a script of its own."""

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
from types import NoneType, UnionType
from typing import Any, TextIO, Union, cast, get_args

import tyro
from tyro.constructors import ConstructorRegistry, PrimitiveConstructorSpec, PrimitiveTypeInfo

from discrete_ed.errors import DiscreteEDError
from discrete_ed.jobs.compare_perturbations.config import ComparePerturbationsConfig
from discrete_ed.jobs.continuous.config import ContinuousConfig
from discrete_ed.jobs.estimate.config import EstimateConfig
from discrete_ed.jobs.evaluate.config import EvaluateConfig
from discrete_ed.jobs.generate.config import GenerateConfig
from discrete_ed.jobs.recover.config import RecoverConfig
from discrete_ed.jobs.sample.config import SampleConfig
from discrete_ed.runtime.interrupts import Interrupted, interrupt

JOBS: dict[str, tuple[type[Any], str]] = {
    "recover": (RecoverConfig, "discrete_ed.jobs.recover.run"),
    "generate": (GenerateConfig, "discrete_ed.jobs.generate.run"),
    "estimate": (EstimateConfig, "discrete_ed.jobs.estimate.run"),
    "sample": (SampleConfig, "discrete_ed.jobs.sample.run"),
    "evaluate": (EvaluateConfig, "discrete_ed.jobs.evaluate.run"),
    "compare-perturbations": (ComparePerturbationsConfig, "discrete_ed.jobs.compare_perturbations.run"),
    "continuous": (ContinuousConfig, "discrete_ed.jobs.continuous.run"),
}
"""Configuration of each job, and the module whose `run` does it."""


OPTIONS = ConstructorRegistry()
"""How options are parsed."""


@OPTIONS.primitive_rule
def _left_out(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[Any] | None:
    """An option that may be left out takes what it takes when it isn't: help says `PATH`, not `{None}|PATH`."""
    kinds = get_args(info.type)
    if info.type_origin not in (Union, UnionType) or len(kinds) != 2 or NoneType not in kinds:
        return None
    (kind,) = set(kinds) - {NoneType}
    spec = ConstructorRegistry.get_primitive_spec(PrimitiveTypeInfo.make(kind, info.markers))
    assert isinstance(spec, PrimitiveConstructorSpec)
    return replace(
        spec,
        is_instance=lambda value: value is None or spec.is_instance(value),
        str_from_instance=lambda value: ["none"] if value is None else spec.str_from_instance(value),
    )


class Unheard:
    """A stream of text that may lose its reader, as with `| head -2`: what is written then goes nowhere."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.lost = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        self._try(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        self._try(self._stream.flush)

    def _try(self, act: Callable[[], object]) -> None:
        try:
            act()
        except BrokenPipeError:
            self.lost = True
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())  # for what the stream still holds, too
            os.close(nowhere)


@contextmanager
def unheard() -> Iterator[None]:
    """Within this block a closed pipe stops nothing; at its end it exits with 141, as after SIGPIPE."""
    streams = sys.stdout, sys.stderr
    # a stream that was closed from the start is None
    out, err = (Unheard(stream or io.StringIO()) for stream in streams)
    sys.stdout, sys.stderr = cast(TextIO, out), cast(TextIO, err)
    try:
        yield
    finally:
        out.flush()
        err.flush()
        sys.stdout, sys.stderr = streams
    if out.lost or err.lost:
        raise SystemExit(128 + signal.SIGPIPE)


@unheard()
def run_job(name: str, arguments: Sequence[str] | None = None, *, prog: str | None = None) -> None:
    """Parse the arguments of one job, then do it.

    Exits with 2 and one line for a mistake of the user's, 130 for an interrupt (SIGINT), 143 for SIGTERM, and 141 where
    nobody read all that was printed; the job is done nevertheless.
    """
    config_type, module = JOBS[name]
    config = tyro.cli(config_type, args=arguments, prog=prog, registry=OPTIONS)
    signal.signal(signal.SIGTERM, interrupt)
    speaks = int(os.environ.get("RANK", 0)) == 0  # torchrun's: rank 0 speaks for all, but for errors
    if not speaks:
        os.environ["TQDM_DISABLE"] = "1"
        sys.stdout = io.StringIO()
    try:
        job = importlib.import_module(module)  # imports torch: not before the arguments are known to be right
        with warnings.catch_warnings(), importlib.import_module("discrete_ed.runtime.distributed").processes():
            warnings.showwarning = lambda message, *_: print(f"warning: {message}", file=sys.stderr) if speaks else None
            job.run(config)
    except DiscreteEDError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt as error:
        print("\ninterrupted", file=sys.stderr)
        raise SystemExit(128 + (error.signal if isinstance(error, Interrupted) else signal.SIGINT)) from None


@unheard()
def main() -> None:
    """The console command `discrete-ed JOB [options]`."""
    name = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if name in JOBS:
        run_job(name, sys.argv[2:], prog=f"discrete-ed {name}")
        return
    print("usage: discrete-ed JOB [options]; discrete-ed JOB --help tells more\n\njobs:")
    for job, (config_type, _) in JOBS.items():
        print(f"  {job:22}{(config_type.__doc__ or '').splitlines()[0]}")
    if name not in ("-h", "--help"):
        print(f"\nerror: job: expected one of {', '.join(JOBS)}, got {name!r}", file=sys.stderr)
        raise SystemExit(2)
