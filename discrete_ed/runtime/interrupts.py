"""SIGINT and SIGTERM handled between two steps: the current step is finished before the program stops."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

SIGNALS = (signal.SIGINT, signal.SIGTERM)  # that ask a program to stop


class Interrupted(KeyboardInterrupt):
    """A signal asked the program to stop; by convention it then exits with `128 + signal`."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.signal = number


class Pending:
    """The signal that has arrived in the block, or None."""

    signal: int | None = None

    def check(self) -> None:
        """Raise `Interrupted` if a signal has arrived."""
        if self.signal is not None:
            raise Interrupted(self.signal)


@contextmanager
def deferred() -> Iterator[Pending]:
    """A block in which a first SIGINT or SIGTERM is only recorded; a second one ends the program at once.

    The block calls `check` where it can stop. A generator must not yield in such a block, since the handlers would then
    stay while it waits, and two generators that end in another order than they began would leave a wrong one. A signal
    that the program ignores stays ignored. Handlers can be set in the main thread only, so in other threads nothing
    changes.

    >>> import os
    >>> with deferred() as pending:
    ...     os.kill(os.getpid(), signal.SIGTERM)
    ...     pending.signal == signal.SIGTERM
    True
    """
    pending = Pending()

    def note(number: int, _: Any) -> None:
        pending.signal = number
        for each in handlers:
            signal.signal(each, signal.SIG_DFL)  # the default action ends the program even inside a long call

    main = threading.current_thread() is threading.main_thread()
    handlers = {
        each: signal.getsignal(each)
        for each in SIGNALS
        if main and signal.getsignal(each) not in (signal.SIG_IGN, None)
    }
    try:
        for each in handlers:
            signal.signal(each, note)
        yield pending
    finally:
        for each, handler in handlers.items():
            signal.signal(each, handler)


def interrupt(number: int, _: Any = None) -> NoReturn:
    """A signal handler that raises `Interrupted`, as Python's own does for SIGINT."""
    raise Interrupted(number)
