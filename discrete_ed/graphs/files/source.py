"""The content of one file: bounded, unpacked, and decoded."""

from __future__ import annotations

import codecs
import unicodedata
import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from discrete_ed.errors import InputError
from discrete_ed.graphs.files import limits
from discrete_ed.graphs.files.options import WAYS, Notes, Option, ReadOptions

GZIP = b"\x1f\x8b"
POINTER = b"version https://git-lfs"
ZERO_WIDTH = "\ufeff\u200b\u2060\u00ad"
"""characters that can't be seen: byte-order marks, blanks without width and soft hyphens"""
INVISIBLE = ZERO_WIDTH + "\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e"
"""these, and joiners and marks of direction, which may stand within names but mean nothing around them"""
PACKED = (".bz2", ".xz", ".zip", ".zst", ".7z", ".rar", ".lz4", ".tar", ".tgz", ".z")
"""endings of compressed files and archives that are not read"""
MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""byte-order marks, the longer before those that they begin with"""


@dataclass(frozen=True)
class GraphFile:
    """A file that is being read."""

    path: Path
    content: bytes
    """its bytes, unpacked"""
    options: ReadOptions
    notes: Notes

    @property
    def ending(self) -> str:
        """The ending of the file's name, without that of its compression."""
        return ending_of(self.path)

    @cached_property
    def text(self) -> str:
        """The text, in UTF-8 or with a byte-order mark in UTF-16; letters with accents in one spelling (NFC)."""
        encoding = next((name for mark, name in MARKS.items() if self.content.startswith(mark)), "utf-8")
        try:
            text = self.content.decode(encoding)
        except UnicodeDecodeError as error:
            line = self.content.count(b"\n", 0, error.start) + 1
            raise self.error(
                "text in UTF-8", f"byte {error.start}, which is not; save the file as UTF-8", line=line
            ) from None
        if "\0" in text:
            raise self.error(
                "text in UTF-8", "a null character; a file in UTF-16 needs a byte-order mark, or save it as UTF-8"
            )
        text = text.removeprefix("\ufeff").removesuffix("\x1a")  # DOS ends files with the latter
        return text if text.isascii() else unicodedata.normalize("NFC", text)

    @cached_property
    def lines(self) -> list[str]:
        """The lines of the text, whatever system they were written on."""
        text = self.text
        return (text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text).split("\n")

    def at(self, line: int | None = None) -> str:
        """The file, and the line if there is one, as errors name them."""
        return str(self.path) if line is None else f"{self.path}, line {line}"

    def error(self, expected: str, got: object, *ways: Option, line: int | None = None) -> InputError:
        """The error that names the place, what was expected, what came, and the options that lead on."""
        hint = "".join(f"; {WAYS[way]}" for way in ways)
        return InputError(f"{self.at(line)}: expected {expected}, got {shown(got)}{hint}")


def stripped(cell: str) -> str:
    """A text without blanks and invisible characters around it."""
    return cell.strip().strip(INVISIBLE).strip()


def shown(value: object) -> str:
    """A value in one line of bounded length."""
    text = " ".join(str(value).split())
    return text if len(text) <= 160 else text[:159] + "…"


def ending_of(path: Path) -> str:
    """The ending of a file's name in lower case; that of `a.edges.gz` is `.edges`."""
    inner = path.with_suffix("") if path.suffix.lower() == ".gz" else path
    return inner.suffix.lower()


def open_source(path: Path, options: ReadOptions, notes: Notes) -> GraphFile:
    """Read a file of at most `MAX_BYTES`, and unpack it if it is compressed with gzip.

    Raises:
        InputError: it can't be read or unpacked, or is too large.
    """
    if path.exists() and not path.is_file():  # reading a device may never end
        raise InputError(f"{path}: expected a readable graph file, but it is not a regular file")
    try:
        with path.open("rb") as file:
            content = file.read(limits.MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a name with a null character
        raise InputError(f"{path}: expected a readable graph file, but {getattr(error, 'strerror', error)}") from None
    if ending_of(path) in PACKED:
        raise InputError(f"{path}: expected a graph file, or one compressed as .gz, got {ending_of(path)}; unpack it")
    if content.startswith(GZIP):
        content = _unpacked(content, path)
        if content.startswith(GZIP):
            raise InputError(f"{path}: expected a file that is compressed once, got one twice; unpack it")
    elif path.suffix.lower() == ".gz":
        raise InputError(f"{path}: expected a gzip file, as its name says, got another; rename it without .gz")
    if len(content) > limits.MAX_BYTES:
        raise InputError(f"{path}: expected at most {limits.MAX_BYTES} bytes, got more")
    if content.startswith(POINTER):
        raise InputError(f"{path}: expected a graph file, got Git LFS's pointer to one; fetch it with git lfs pull")
    return GraphFile(path, content, options, notes)


def _unpacked(content: bytes, path: Path) -> bytes:
    """The content of a gzip file, no more than one byte above the limit."""
    parts, size = [], 0
    try:
        while content and size <= limits.MAX_BYTES:
            unpack = zlib.decompressobj(wbits=zlib.MAX_WBITS + 16)
            parts.append(unpack.decompress(content, limits.MAX_BYTES + 1 - size))
            size += len(parts[-1])
            if not unpack.eof and size <= limits.MAX_BYTES:
                raise ValueError("it is cut short")
            content = unpack.unused_data.lstrip(b"\0")
    except (ValueError, zlib.error) as error:
        raise InputError(f"{path}: expected a gzip file, but {error}") from None
    return b"".join(parts)
