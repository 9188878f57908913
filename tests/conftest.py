"""What tests share: real data where there is some, and one thread each."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # as in a shell's background, where Ctrl-C must not reach
    signal.signal(signal.SIGINT, signal.default_int_handler)
os.environ["OMP_NUM_THREADS"] = "1"  # the tests run side by side, and start programs of their own

import torch


@pytest.fixture
def data_root() -> Path:
    """The folder of real data that the environment variable DISCRETE_ED_DATA names; without it the test is skipped."""
    root = os.environ.get("DISCRETE_ED_DATA")
    if not root:
        pytest.skip("needs real data: set DISCRETE_ED_DATA to a folder that holds planetoid/CiteSeer/raw")
    return Path(root)


@pytest.fixture
def generator() -> torch.Generator:
    """A seeded source of randomness."""
    return torch.Generator().manual_seed(0)
