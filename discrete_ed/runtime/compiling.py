"""Functions that numba compiles once and keeps on disk. Importing this needs numba."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba.core import config

PACKAGE = Path(__file__).parents[1]
Function = TypeVar("Function", bound=Callable[..., Any])


def njit(**options: Any) -> Callable[[Function], Function]:
    """`numba.njit` whose results are kept, in a folder of this version of all compiled functions.

    numba renews what it kept of a function when the file of that function changes, but not when a function that it
    calls changes in another file, so that an older loop could run inside a newer one. Here the name of the folder is a
    digest of every file that has compiled functions. The folder lies in `NUMBA_CACHE_DIR` where that is set, otherwise
    beside the package's files, and where that can't be written, numba's own place for the user is taken.
    """

    def compiled(function: Function) -> Function:
        before: str = vars(config)["CACHE_DIR"]
        vars(config)["CACHE_DIR"] = str(Path(before or PACKAGE / "__pycache__") / f"loops-{digest()}")
        try:
            decorated: Function = numba.njit(cache=True, **options)(function)
        finally:
            vars(config)["CACHE_DIR"] = before
        return decorated

    return compiled


@cache
def digest(package: Path = PACKAGE) -> str:
    """A name for the content of all files of the package that have compiled functions."""
    found = hashlib.sha256(numba.__version__.encode())
    for path in sorted(package.rglob("*.py")):
        content = path.read_bytes()
        if b"njit" in content:
            found.update(b"%d " % len(content) + content)
    return found.hexdigest()[:16]
