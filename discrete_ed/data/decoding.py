"""The text of a file, whichever Unicode encoding it has, or what other kind of file it is."""

from __future__ import annotations

import codecs
from pathlib import Path

from discrete_ed.errors import InputError

SIGNATURES = {
    b"PK": "a spreadsheet or an archive: save its sheet as CSV, or unpack it",
    b"\x1f\x8b": "a compressed file: unpack it",
    b"BZh": "a compressed file: unpack it",
    b"\xfd7zXZ": "a compressed file: unpack it",
    b"\xd0\xcf\x11\xe0": "a spreadsheet of an old kind: save its sheet as CSV",
    b"$FL": "a file of SPSS: save it as CSV",
    b"\x89HDF": "a file of HDF5: save its array as .npy",
}
"""first bytes of files of other kinds, and what to do with them"""


def decoded(path: Path) -> str:
    """The text of a file in UTF-8, or in UTF-16 or UTF-32 with a byte-order mark.

    Raises:
        InputError: a file of another kind or encoding.
    """
    content = path.read_bytes()
    marks = {  # the first of UTF-32 begins with that of UTF-16
        "utf-32": (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE),
        "utf-16": (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE),
    }
    encoding = next((name for name, mark in marks.items() if content.startswith(mark)), "utf-8-sig")
    place = content.find(b"\0") if encoding == "utf-8-sig" else -1  # UTF-16 without a mark
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        place = error.start
    if place >= 0:
        kind = next((words for start, words in SIGNATURES.items() if content.startswith(start)), None)
        if kind is not None:
            raise InputError(f"{path}: expected a table (text, .npy, .npz, .parquet), got {kind}")
        row = content.count(b"\n", 0, place) + 1
        raise InputError(
            f"{path}, row {row}: expected a readable table, but its text is not in UTF-8; save it as UTF-8"
        )
    return text
