"""Files and folders that are written completely or not at all, with checksums that reveal any later change."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from discrete_ed.errors import InputError

SCHEMA = 1  # version of the manifest's format
MANIFEST = "manifest.json"  # name of the file with the checksums of the others


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that at any moment it has either its old content or all of the new one.

    The content is written under a temporary name and flushed to the disk (fsync); then the file is replaced, and the
    folder is flushed.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        _write(temporary, content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    _sync_folder(path.parent)


def write_folder(path: Path, files: Mapping[str, bytes]) -> None:
    """Write a folder of files so that it exists completely or not at all; an older folder of that name is replaced.

    The files are written into a folder with a temporary name and flushed to the disk (fsync); then the folder is
    renamed, and its parent is flushed.
    """
    temporary, old = path.with_name(f".{path.name}.tmp"), path.with_name(f".{path.name}.old.tmp")
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        for name, content in files.items():
            _write(temporary / name, content)
        _sync_folder(temporary)
        if path.exists():
            path.replace(old)
        temporary.replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
    _sync_folder(path.parent)


def write_verified(folder: Path, files: Mapping[str, bytes], **facts: Any) -> None:
    """Write files and their manifest into a folder; if it is stopped at any point, all files are old or all are new.

    The files have temporary names until the manifest lists them, and `read_verified` looks under those names as well.
    Another process must not read the folder at the same time.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        _write(_replacement_of(folder / name), content)
    _sync_folder(folder)
    write_atomically(folder / MANIFEST, manifest_of(files, **facts))
    for name in files:
        _replacement_of(folder / name).replace(folder / name)
    _sync_folder(folder)


def _replacement_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.new")


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    if os.name == "posix":
        folder = os.open(path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def manifest_of(files: Mapping[str, bytes], **facts: Any) -> bytes:
    """A manifest: the schema's version, some facts, and the SHA-256 of every file."""
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    return json.dumps({"schema": SCHEMA, **facts, "sha256": digests}, indent=2).encode()


def read_verified(
    folder: Path, names: Iterable[str], facts: Iterable[str], label: str
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The manifest of a folder and the files of these names, after checking each of them.

    Args:
        names: the files that must be there. Names in the manifest are compared with these, never opened.
        facts: the facts that the manifest must state, and no others.
        what: the name of the content in error messages, such as "a saved energy".

    Raises:
        InputError: a file is missing, unreadable or changed since it was written, or the manifest has another schema.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        files = {name: _versions_of(folder / name) for name in names}
    except OSError as error:
        raise InputError(f"{folder}: expected {label}, but {error.filename}: {error.strerror}") from None
    except (ValueError, RecursionError):
        manifest, files = None, {}
    if not isinstance(manifest, dict) or "schema" not in manifest:
        raise InputError(f"{folder / MANIFEST}: expected the manifest of {label}, got something else")
    if manifest["schema"] != SCHEMA or isinstance(manifest["schema"], bool):
        raise InputError(f"{folder / MANIFEST}: expected schema {SCHEMA}, got {str(manifest['schema'])[:40]}")
    digests = manifest.get("sha256")
    if (
        not isinstance(digests, dict)
        or digests.keys() != files.keys()
        or manifest.keys() != {"schema", "sha256", *facts}
    ):
        raise InputError(f"{folder / MANIFEST}: expected the manifest of {label}, got something else")
    return manifest, {name: _verified(folder / name, digests[name], versions) for name, versions in files.items()}


def _versions_of(path: Path) -> list[bytes]:
    """The content of a file, and of its replacement that a stopped writer left under a temporary name."""
    waiting = _replacement_of(path)
    if waiting.is_file():
        return [*([path.read_bytes()] if path.exists() else []), waiting.read_bytes()]
    return [path.read_bytes()]


def _verified(path: Path, digest: object, versions: list[bytes]) -> bytes:
    for content in versions:
        if hashlib.sha256(content).hexdigest() == digest:
            return content
    raise InputError(f"{path}: expected the SHA-256 of the manifest; the file was changed or damaged")
