"""Programs that start as a copy of the tests' own process: that saves the seconds which importing torch takes."""

from __future__ import annotations

import gc
import os
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

CLOSED = -1
"""A stream that is closed when the program starts."""


def start(program: Callable[[], object], *, stdout: int, stderr: int) -> int:
    """The process id of a copy of this process that runs `program`; its streams are file descriptors or `CLOSED`."""
    child = os.fork()
    if child:
        return child
    code = 1
    gc.freeze()  # what needs threads to be destroyed, such as a process group, would wait for them forever in the copy
    try:
        for name, number, target in (("stdout", 1, stdout), ("stderr", 2, stderr)):
            if target == CLOSED:
                os.close(number)
            else:
                os.dup2(target, number)
            stream = None if target == CLOSED else open(number, "w", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        program()
        code = 0
    except SystemExit as done:
        code = done.code if isinstance(done.code, int) else int(bool(done.code))
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError, AttributeError):
                stream.flush()
        os._exit(code)


def wait(child: int) -> int:
    """The exit code of a program that was started."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def run(program: Callable[[], object], folder: Path) -> tuple[int, str, str]:
    """The exit code and the output of a program, of which a folder keeps a copy."""
    outputs = [folder / name for name in ("stdout.txt", "stderr.txt")]
    with outputs[0].open("wb") as out, outputs[1].open("wb") as err:
        code = wait(start(program, stdout=out.fileno(), stderr=err.fileno()))
    return code, *(path.read_text() for path in outputs)


def forget(*packages: str) -> None:
    """Let a program import these packages afresh."""
    for name in [name for name in sys.modules if name.partition(".")[0] in packages]:
        del sys.modules[name]
