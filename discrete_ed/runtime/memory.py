"""How much memory is free, so that what can't be done is refused before it is begun."""

from __future__ import annotations

import re
from pathlib import Path

import torch

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
