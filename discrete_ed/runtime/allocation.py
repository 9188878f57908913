"""Memory that arrays leave is kept for the next ones.

The C library of Linux gives every large block back to the system at once, and takes a new one for the next array, whose
pages the system has to clear first. A training step takes and leaves a gigabyte in blocks of megabytes, and spent up to
two fifths of its processor time on that.
"""

from __future__ import annotations

import ctypes
import os

TRIM_THRESHOLD, MMAP_MAX = -1, -4
"""names of `mallopt`: from how much free memory on it is given back, and how many blocks are taken one by one"""


def keep_freed_memory() -> bool:
    """Let this process keep the memory that it frees, to use it again; False where that can't be set.

    The most memory that is in use at a time hardly changes; it only isn't given back before the program ends. What a
    user set with the variables `MALLOC_…` or `GLIBC_TUNABLES` is left as it is, and so are systems other than Linux
    with the GNU C library.
    """
    if any(name == "GLIBC_TUNABLES" or name.startswith("MALLOC_") for name in os.environ):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library, macOS, Windows
        return False
    return bool(mallopt(MMAP_MAX, 0)) and bool(mallopt(TRIM_THRESHOLD, 2**31 - 1))
