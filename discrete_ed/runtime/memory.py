"""How much memory is free, so that what can't be done is refused before it is begun."""

from __future__ import annotations

import re
from pathlib import Path

import torch

from discrete_ed.errors import InputError

MEMINFO = Path("/proc/meminfo")
LIMIT, USED = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")
"""the limit of a container on Linux, and what of it is used"""


def available_bytes(device: torch.device) -> int | None:
    """Bytes of memory that a program can still take on a device; None if the system doesn't say."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    try:
        found = re.search(r"MemAvailable:\s+(\d+) kB", MEMINFO.read_text())
        free = 1024 * int(found[1]) if found else None
    except OSError:  # not Linux
        return None
    try:
        return min(filter(None, (free, int(LIMIT.read_text()) - int(USED.read_text()))), default=free)
    except (OSError, ValueError):  # no container, or one without a limit
        return free


def check_fits(size: int, name: str, description: str, way_on: str) -> None:
    """Raise `InputError` if an array of `size` bytes can't be allocated on this machine.

    >>> check_fits(8, "couplings", "a matrix", "take a sparse one")
    """
    available = available_bytes(torch.device("cpu"))
    if available is not None and size > available:
        raise InputError(
            f"{name}: expected {description} that fits into memory, got one of {size / 1e9:,.1f} GB where "
            f"{available / 1e9:,.1f} GB are available; {way_on}"
        )
