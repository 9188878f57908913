"""The user's files that a run read: their SHA-256, by which a resumed run sees whether one was changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from discrete_ed.errors import InputError


def sha256(inputs: Iterable[Path]) -> dict[str, str]:
    """The SHA-256 of every file, by its path; a file that can't be read is an `InputError`."""
    hashes = {}
    for path in inputs:
        try:
            with path.open("rb") as file:
                hashes[str(path)] = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise InputError(f"{path}: expected a readable file, but {error.strerror or error}") from None
    return hashes


def expect_unchanged(path: Path, current: dict[str, str]) -> None:
    """Refuse inputs that differ from those listed in `inputs.json`; a run without inputs has no such file."""
    try:
        before = json.loads(path.read_bytes()) if path.exists() else {}
        changed = sorted(file for file in current.keys() | before.keys() if current.get(file) != before.get(file))
    except (OSError, ValueError, RecursionError, AttributeError):  # AttributeError: JSON, but no object
        raise InputError(f"resume: expected the SHA-256 of every input in {path}, got something else") from None
    if changed:
        raise InputError(f"resume: expected unchanged inputs, but {changed[0]} was changed since the run began")
