"""The software and hardware that a run used, as its folder records them."""

from __future__ import annotations

import os
import platform
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from typing import Any

PACKAGES = ("discrete-ed", "torch", "torch-geometric", "networkx", "numpy", "scipy")


def environment() -> dict[str, Any]:
    """The command, its start, the machine, and the versions of Python and of the packages that results depend on."""
    import torch

    return {
        "command": sys.argv,
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "accelerator": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "packages": {name: _version(name) for name in PACKAGES},
    }


def _version(package: str) -> str | None:
    """The version of a package, or None if it isn't installed; nothing is imported."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None
