"""Memory that arrays leave is kept: the next arrays cost the system nothing."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

FAULTS = """
import resource
import numpy as np
from discrete_ed.runtime.allocation import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        np.ones(2**23)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

kept = keep_freed_memory()
faults()
print(int(kept), faults())
"""


def kept_and_faults(**environment: str) -> list[int]:
    run = subprocess.run([sys.executable, "-c", FAULTS], env=environment, capture_output=True, text=True, check=True)
    return [int(word) for word in run.stdout.split()]


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="not the GNU C library")
def test_arrays_of_64_megabytes_are_made_in_memory_that_is_there():
    kept, faults = kept_and_faults()
    assert kept == 1
    assert faults < 100  # 5 arrays of 16,384 pages of 4 kB


def test_what_the_user_set_is_left():
    for name, value in (("MALLOC_ARENA_MAX", "2"), ("GLIBC_TUNABLES", "glibc.malloc.arena_max=2")):
        kept, faults = kept_and_faults(**{name: value})
        assert kept == 0
        assert faults > 100  # which shows that the test above can fail
