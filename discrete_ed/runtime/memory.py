"""What fits into memory: large arrays are refused before they are allocated, with their size and the way on."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from discrete_ed.errors import InputError

_MEMINFO, _CGROUP = Path("/proc/meminfo"), Path("/sys/fs/cgroup/memory.max")


def available_memory() -> int | None:
    """Bytes of memory that a program can still take on this machine, or None where that isn't known.

    On Linux this is the kernel's estimate, which counts caches that it would give back, or the limit of the control
    group if that is smaller; elsewhere it is the whole memory of the machine.
    """
    found = []
    try:
        lines = dict(line.split(":", 1) for line in _MEMINFO.read_text().splitlines() if ":" in line)
        found.append(int(lines["MemAvailable"].split()[0]) * 1024)
    except (OSError, KeyError, ValueError):
        try:
            found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
        except (AttributeError, OSError, ValueError):
            return None
    with suppress(OSError, ValueError):  # no such file, or "max"
        found.append(int(_CGROUP.read_text()))
    return min(found)


def check_fits(size: int, name: str, description: str, way_on: str) -> None:
    """Raise `InputError` if an array of `size` bytes can't be allocated on this machine.

    >>> check_fits(8, "couplings", "a matrix", "take a sparse one")
    """
    available = available_memory()
    if available is not None and size > available:
        raise InputError(
            f"{name}: expected {description} that fits into memory, got one of {size / 1e9:,.1f} GB where "
            f"{available / 1e9:,.1f} GB are available; {way_on}"
        )
