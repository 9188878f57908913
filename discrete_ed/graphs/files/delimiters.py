"""What separates the cells of a line: colons, arrows, punctuation, or blanks. All lines of a file decide together."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from discrete_ed.graphs.files.source import GraphFile, shown, stripped

COMMENTS = ("#", "%", "//")
ARROW = re.compile(r"(?<!\s)(?:\s*(?:<?--?>|<--?|<?=>|→|←|↔|--)\s*|\s+[-–—]\s+)")
PUNCTUATION = (";", "|", "\t", ",")
"""delimiters other than blanks, those first that stand within names or numbers least often"""
OPENING = re.compile("[\"'(\\[{]")
BRACKETS = {"(": ")", "[": "]", "{": "}"}
QUOTED = re.compile(r"""("[^"]*"|'[^']*')\s*:""")
NUMBERS_BEHIND_COLON = re.compile(r"\d+\s*:\s*(\d+(\s*[,;]\s*|\s+|$))*")
TRAILING = re.compile(r"(?<!\s)\s+(#|%|//)(\s.*)?$")
"""a comment at the end of a line"""
Split = Callable[[str], list[str]]


def have_colons(lines: Sequence[str]) -> bool:
    """Whether every line is a name, a colon, and names behind it: `0: 1 2`, or of numbers `0:1,2`."""
    return bool(lines) and (
        all(_colon(line) is not None for line in lines) or all(map(NUMBERS_BEHIND_COLON.fullmatch, lines))
    )


def _colon(line: str) -> int | None:
    """The place of the colon behind the first name of a line, if a blank, a bracket or nothing follows."""
    quoted = QUOTED.match(line)
    place = line.find(":") if quoted is None else quoted.end() - 1
    behind = line[place + 1 : place + 2]
    if place < 1 or (behind and behind != "[" and not behind.isspace()):
        return None
    return place if quoted or not any(mark in line[:place] for mark in ",;|\"'([{") else None


def split_at_colons(lines: Sequence[str], source: GraphFile) -> list[list[str]]:
    """The name before the colon of every line, and those behind it, which may stand in brackets.

    Raises:
        InputError: names have blanks, and none behind a colon stands before one, as in `edge 1: 0 1`.
    """
    parts = []
    for line in lines:
        place = _colon(line)
        place = line.index(":") if place is None else place
        name, behind = line[:place], line[place + 1 :].strip()
        if behind[:1] in BRACKETS and behind[-1:] == BRACKETS[behind[0]]:
            behind = behind[1:-1]
        parts.append((unquoted(name), behind))
    heads = {name for name, _ in parts}
    mark = next((mark for mark in PUNCTUATION if any(mark in behind for _, behind in parts)), None)
    spaced = any(" " in name and not _is_quoted(line) for (name, _), line in zip(parts, lines, strict=True))
    whole = mark is None and spaced and all(behind in heads or not behind for _, behind in parts)
    is_mark = _never if whole else _is_blank if mark is None else mark.__eq__
    rows = [[name, *(cell for cell in scan(behind, is_mark) if cell)] for name, behind in parts]
    if spaced and not heads & {cell for row in rows for cell in row[1:]}:
        raise source.error(
            "names before colons that also stand behind one, with commas between names that have blanks",
            repr(shown(lines[0])),
        )
    return rows


def split_lines(lines: Sequence[str], source: GraphFile) -> tuple[Split, list[list[str]]]:
    """The function that splits every line of the file into cells, and the cells.

    Raises:
        InputError: lines differ in their delimiters, or two delimiters explain them equally well.
    """
    text = "\n".join(lines)
    plain = text.isascii() and OPENING.search(text) is None  # as most large files are
    split = _brackets_or_arrows(lines, source)
    if split is not None:
        return split, _checked([split(line) for line in lines], lines, source)
    found = {}
    for mark in PUNCTUATION:
        if mark in text:
            found[mark] = _at(mark, lines, plain)
            if all(len(part) > 1 and (plain or all(map(_is_balanced, part))) for part in found[mark]):
                return _delimited(mark, found[mark], lines, source)
    for mark, parts in found.items():
        if 2 * sum(len(part) > 1 and all(map(_is_balanced, part)) for part in parts) > len(lines):
            return _delimited(mark, parts, lines, source)
    commented = any(f" {mark}" in text or f"\t{mark}" in text for mark in COMMENTS)
    cells = [line.split() for line in lines] if plain else [scan(line, _is_blank) for line in lines]
    if commented:
        cells = [_without_comment(row) for row in cells]
    return lambda line: _without_comment(scan(line, _is_blank)), _checked(cells, lines, source)


def _brackets_or_arrows(lines: Sequence[str], source: GraphFile) -> Split | None:
    """The function for lines that are a tuple each, or two names and an arrow; None for others."""
    if all(_is_bracketed(line) and len(scan(line.rstrip(", "), _is_blank)) == 1 for line in lines):
        return lambda line: scan(line.rstrip(", ")[1:-1], ",".__eq__)
    if not (ARROW.search(lines[-1]) and all(len(ARROW.split(line)) == 2 for line in lines[1:])):
        return None
    if any(set(match[0]) & set("<>→←↔") for line in lines if (match := ARROW.search(line))):
        source.notes.add("arrows between names are read as edges without a direction", source.at())
    return _by_arrow if ARROW.search(lines[0]) else _by_blank_or_arrow


def _at(mark: str, lines: Sequence[str], plain: bool) -> list[list[str]]:
    if plain and mark + " " not in "\n".join(lines) and " " + mark not in "\n".join(lines):
        return [line.split(mark) for line in lines]
    return [scan(line, mark.__eq__) for line in lines]


def _delimited(
    mark: str, cells: list[list[str]], lines: Sequence[str], source: GraphFile
) -> tuple[Split, list[list[str]]]:
    """The cells between marks, without comments at the ends of lines, of which a note is made."""
    _refuse_two_readings(mark, cells, lines, source)
    ends = [k for k, row in enumerate(cells) if any(sign in row[-1] for sign in COMMENTS) and len(row) > 1]
    cut = [k for k in ends if TRAILING.search(" " + cells[k][-1]) and not _is_quoted(lines[k][-1:] * 2)]
    if cut:
        source.notes.add(
            "in {n} lines, what follows a mark such as # at the end is left out as a comment", source.at(), len(cut)
        )
        cells = list(cells)
        for k in cut:
            last = TRAILING.sub("", " " + cells[k][-1]).strip()
            cells[k] = [*cells[k][:-1], *([last] if last or len(cells[k]) < 3 else [])]
    return lambda line: scan(line, mark.__eq__), _checked(cells, lines, source)


def _checked(cells: list[list[str]], lines: Sequence[str], source: GraphFile) -> list[list[str]]:
    """The same cells, after checking that no line with one cell has another delimiter."""
    for row, line in zip(cells, lines, strict=True):
        if len(row) == 1 and not (_is_quoted(line) or _is_bracketed(line)) and re.search(r"[\s;|,]", row[0]):
            raise source.error("the same delimiter in all lines", repr(shown(line)))
    return cells


def _refuse_two_readings(mark: str, parts: list[list[str]], lines: Sequence[str], source: GraphFile) -> None:
    """Refuse lines such as `a,b c,d`, which have two cells between blanks and three between commas."""
    if mark == "," and all(len(part) != 2 for part in parts):
        words = [scan(line, _is_blank) for line in lines]
        if all(
            len(pair) == 2 and not any(word.startswith(",") or word.endswith(",") for word in pair) for pair in words
        ):
            raise source.error("a delimiter that can be told", f"{shown(lines[0])!r}; put quotes around the names")


def _by_arrow(line: str) -> list[str]:
    return [unquoted(cell) for cell in ARROW.split(line)]


def _by_blank_or_arrow(line: str) -> list[str]:
    """Cells between arrows, or, in a line of titles without an arrow, between other marks."""
    return _by_arrow(line) if ARROW.search(line) else [unquoted(cell) for cell in re.split(r"[\s,;|]+", line)]


def _is_balanced(cell: str) -> bool:
    """Whether every bracket of a cell is closed within it."""
    return all(cell.count(start) == cell.count(end) for start, end in BRACKETS.items())


def _is_blank(letter: str) -> bool:
    return letter.isspace()


def _never(_: str) -> bool:
    return False


def _is_quoted(line: str) -> bool:
    return line[:1] in ('"', "'") and line[-1:] == line[:1]


def _is_bracketed(line: str) -> bool:
    """Whether a line is one bracket, as a tuple is."""
    line = line.rstrip(", ")
    return len(line) > 2 and BRACKETS.get(line[0]) == line[-1] and "," in line


def _without_comment(cells: list[str]) -> list[str]:
    """Cells before a comment at the end of the line; the first two are names."""
    if len(cells) < 3:
        return cells
    end = next((k for k, cell in enumerate(cells) if k > 1 and cell.startswith(COMMENTS)), None)
    return cells[:end]


def scan(line: str, is_delimiter: Callable[[str], bool]) -> list[str]:
    """The cells between delimiters, of which those within quotes or brackets that open a cell are no delimiters."""
    blanks = is_delimiter is _is_blank
    if OPENING.search(line) is None:
        cells = line.split() if blanks else _split_at(line, is_delimiter)
        return cells if blanks and line.isascii() else [stripped(cell) for cell in cells]
    cells, start, closing, depth = [], 0, "", 0
    for k, letter in enumerate(line):
        if closing:
            opening = line[start:].lstrip()[0]
            depth += (letter == opening and opening != closing) - (letter == closing)
            if depth == 0:
                closing = ""
        elif is_delimiter(letter):
            cells.append(line[start:k])
            start = k + 1
        elif not line[start:k].strip():
            closing = BRACKETS.get(letter) or (letter if letter in "\"'" else "")
            if closing and closing not in line[k + 1 :]:
                closing = ""
            depth = 1
    cells.append(line[start:])
    bare = [unquoted(cell) for cell in cells]
    return ([cell for cell in bare if cell] or [""]) if blanks else bare


def _split_at(line: str, is_delimiter: Callable[[str], bool]) -> list[str]:
    mark = next((letter for letter in line if is_delimiter(letter)), None)
    return [line] if mark is None else line.split(mark)


def unquoted(cell: str) -> str:
    """A cell without quotes and blanks around it; a doubled quote within is one."""
    cell = stripped(cell)
    if len(cell) > 1 and _is_quoted(cell):
        return cell[1:-1].replace(cell[0] * 2, cell[0]).strip()
    return cell
