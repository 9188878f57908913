"""Lines of text as rows of cells: comments, delimiters, quotes and brackets. The whole file decides on the delimiter.

Comments begin with `#`, `%` or `//`. A name may begin with these, too: a line such as `#alice bob` is an edge where
such names also stand elsewhere, and otherwise a comment, of which a note names the line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from discrete_ed.graphs.files.python_lists import python_list
from discrete_ed.graphs.files.source import ZERO_WIDTH, GraphFile, shown

COMMENTS = ("#", "%", "//")
ARROW = re.compile(r"\s*(?:<?--?>|<?=>|→|↔|--)\s*")
PUNCTUATION = (";", "|", "\t", ",")
"""delimiters other than blanks, those first that stand within names or numbers least often"""
OPENING = re.compile("[\"'(\\[{]")
BRACKETS = {"(": ")", "[": "]", "{": "}"}
COUNT = re.compile(
    r"((n|m)\s*[:=]\s*|((num|number)[ _]?(of)?[ _]?)?(nodes?|edges?|vertices)(\s*[:=]\s*|\s+))\d+", re.IGNORECASE
)
"""a line such as `n=3` or `nodes: 3`"""
COLON = re.compile(r"""("[^"]*"|'[^']*'|[^\s:,;|"'(\[{]+)\s*:(?=\s|$|\[)""")
"""the first name of a line and a colon behind it"""
NUMBERS_BEHIND_COLON = re.compile(r"\d+\s*:(\s*\d+\s*[,;]?)*")
Split = Callable[[str], list[str]]


@dataclass(frozen=True)
class Row:
    """A line that is neither blank nor a comment."""

    line: int
    cells: list[str]


@dataclass(frozen=True)
class Rows:
    """The rows of a file."""

    rows: list[Row]
    directed: bool | None
    """whether a comment says that the graph is directed"""
    listed: bool = False
    """whether a colon behind the first name of every line says that these are adjacency lists"""
    gap: int | None = None
    """the first line between rows that may have been meant to separate graphs"""


def read_rows(source: GraphFile) -> Rows:
    """The rows of a text file.

    Raises:
        InputError: there is none, or the delimiter can't be told.
    """
    numbered = [(k, line.strip().strip(ZERO_WIDTH).strip()) for k, line in enumerate(source.lines, 1)]
    numbered = [(k, line) for k, line in numbered if line]
    bare = [(k, line) for k, line in numbered if not line.startswith(COMMENTS)]
    marked = [(k, line) for k, line in numbered if line.startswith(COMMENTS)]
    if not bare and not any(_may_be_names(line) for _, line in marked):
        raise source.error("at least one edge or node", "an empty file" if not marked else "only comments")
    bare = _without_last_mark(python_list(bare, source) or bare)
    _refuse_count(bare, source)
    listed = _have_colons([line for _, line in bare])
    split = _by_colon if listed else _splitter([line for _, line in bare or marked], source)
    rows = [Row(k, split(line)) for k, line in bare]
    kept = _named_like_comments(rows, [(k, split(line), line) for k, line in marked], source)
    rows = sorted([*rows, *kept], key=lambda row: row.line)
    if not rows:
        raise source.error(
            "at least one edge or node", f"only lines that begin with {marked[0][1][:2]!r}, as comments do"
        )
    kept_lines = {row.line for row in kept}
    gap = _note_blocks(rows, source)
    return Rows(_aligned(rows), _directed([line for k, line in marked if k not in kept_lines]), listed, gap)


def _without_last_mark(lines: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """The lines without a mark that ends all of them and stands nowhere else, as in `0 1;`."""
    for mark in (";", ","):
        if lines and all(
            line.endswith(mark) and line.count(mark) == 1 and len(line[:-1].split()) > 1 for _, line in lines
        ):
            return [(k, line[:-1].rstrip()) for k, line in lines]
    return lines


def _refuse_count(lines: list[tuple[int, str]], source: GraphFile) -> None:
    """Refuse a first line such as `n=3`, unless the user says that it is no edge."""
    if lines and source.options.header is None and COUNT.fullmatch(lines[0][1]):
        raise source.error(
            "an edge, titles, or counts such as '3 2'",
            f"{lines[0][1]!r}; begin that line with # to leave it out",
            "header",
            "no_header",
            line=lines[0][0],
        )


def _have_colons(lines: list[str]) -> bool:
    """Whether every line is a name, a colon, and names behind it: `0: 1 2`, or of numbers `0:1,2`."""
    return bool(lines) and (
        all(COLON.match(line) for line in lines) or all(NUMBERS_BEHIND_COLON.fullmatch(line) for line in lines)
    )


def _by_colon(line: str) -> list[str]:
    """The name before the colon, and those behind it, which may stand in brackets."""
    match = COLON.match(line)
    name, behind = (match[0][:-1], line[match.end() :].strip()) if match else line.split(":", 1)
    if behind[:1] in BRACKETS and behind[-1:] == BRACKETS[behind[0]]:
        behind = behind[1:-1]
    mark = next((mark for mark in PUNCTUATION if mark in behind), None)
    cells = _scan(behind, _is_blank if mark is None else mark.__eq__)
    return [_unquoted(name), *(cell for cell in cells if cell)]


def _may_be_names(line: str) -> bool:
    """Whether the mark of a comment is directly followed by a word."""
    mark = next(mark for mark in COMMENTS if line.startswith(mark))
    return line[len(mark) : len(mark) + 1].isalnum()


def _named_like_comments(rows: list[Row], marked: list[tuple[int, list[str], str]], source: GraphFile) -> list[Row]:
    """The lines that begin like comments and are rows."""
    widths = {len(row.cells) for row in rows} - {1} or {2}
    doubtful = [(k, cells) for k, cells, line in marked if _may_be_names(line) and len(cells) in widths]
    names = {cell for row in rows for cell in row.cells[:2]} | {cell for _, cells in doubtful for cell in cells[1:2]}
    if any(name.startswith(COMMENTS) for name in names):
        for k, _ in doubtful:
            source.notes.add("is read as a row, since names of nodes begin with the mark of a comment", source.at(k))
        return [Row(k, cells) for k, cells in doubtful]
    for k, _ in doubtful:
        source.notes.add("is skipped as a comment; if it is an edge, put quotes around the name", source.at(k))
    return []


def _directed(comments: list[str]) -> bool | None:
    """Whether comments say that the graph is directed, in the words of SNAP or the marks of KONECT."""
    for comment in comments:
        if re.match(r"%\s*(a?sym)\b", comment):
            return comment.lstrip("% ").startswith("asym")
        words = {word.lower() for word in re.findall(r"\b(?:un)?directed\b", comment, re.IGNORECASE)}
        if len(words) == 1:
            return words == {"directed"}
    return None


def _note_blocks(rows: list[Row], source: GraphFile) -> int | None:
    """Note the first blank or comment line between rows, which may have been meant to separate graphs."""
    lines = {row.line for row in rows}
    gap = next((k for k in range(rows[0].line + 1, rows[-1].line) if _separates(k, lines, source)), None)
    if gap is not None:
        kind = "comment" if source.lines[gap - 1].strip() else "blank"
        source.notes.add(f"{kind} lines are skipped, and the file is read as one graph", source.at(gap))
    return gap


def _separates(k: int, lines: set[int], source: GraphFile) -> bool:
    """Whether a line is blank, or a comment that isn't a row."""
    line = source.lines[k - 1].strip()
    return k not in lines and (not line or line.startswith(COMMENTS))


def _aligned(rows: list[Row]) -> list[Row]:
    """The rows without an empty last cell that all of them have, and without trailing comments."""
    if all(len(row.cells) > 1 and not row.cells[-1] for row in rows):
        return [Row(row.line, row.cells[:-1]) for row in rows]
    return rows


def _splitter(lines: list[str], source: GraphFile) -> Split:
    """The function that splits every line of the file into cells.

    Raises:
        InputError: lines differ in their delimiters, or two delimiters explain them equally well.
    """
    if all(_is_bracketed(line) and len(_scan(line.rstrip(", "), _is_blank)) == 1 for line in lines):
        return _checked(lambda line: _scan(line.rstrip(", ")[1:-1], lambda letter: letter == ","), lines, source)
    if all(len(ARROW.split(line)) == 2 for line in lines[1:]) and ARROW.search(lines[-1]):
        if "--" not in {match[0].strip() for line in lines if (match := ARROW.search(line))}:
            source.notes.add("arrows between names are read as edges without a direction", source.at())
        return _checked(_by_arrow if ARROW.search(lines[0]) else _by_blank_or_arrow, lines, source)
    cells = {
        mark: [_scan(line, mark.__eq__) for line in lines]
        for mark in PUNCTUATION
        if any(mark in line for line in lines)
    }
    for complete in (True, False):
        for mark, parts in cells.items():
            several = sum(len(part) > 1 and all(map(_is_balanced, part)) for part in parts)
            if several == len(lines) or (not complete and 2 * several > len(lines)):
                _refuse_two_readings(mark, parts, lines, source)
                return _checked(partial(_scan, is_delimiter=mark.__eq__), lines, source)
    return _checked(lambda line: _without_comment(_scan(line, _is_blank)), lines, source)


def _checked(split: Split, lines: Sequence[str], source: GraphFile) -> Split:
    """The same function, after checking that no line with one cell has another delimiter."""
    for line in lines:
        cells = split(line)
        if len(cells) == 1 and not (_is_quoted(line) or _is_bracketed(line)) and re.search(r"[\s;|,]", cells[0]):
            raise source.error("the same delimiter in all lines", repr(shown(line)))
    return split


def _refuse_two_readings(mark: str, parts: list[list[str]], lines: list[str], source: GraphFile) -> None:
    """Refuse lines such as `a,b c,d`, which have two cells between blanks and three between commas."""
    if mark == "," and all(len(part) != 2 for part in parts):
        words = [_scan(line, _is_blank) for line in lines]
        if all(
            len(pair) == 2 and not any(word.startswith(",") or word.endswith(",") for word in pair) for pair in words
        ):
            raise source.error("a delimiter that can be told", f"{shown(lines[0])!r}; put quotes around the names")


def _by_arrow(line: str) -> list[str]:
    return [_unquoted(cell) for cell in ARROW.split(line)]


def _by_blank_or_arrow(line: str) -> list[str]:
    """Cells between arrows, or, in a line of titles without an arrow, between other marks."""
    return _by_arrow(line) if ARROW.search(line) else [_unquoted(cell) for cell in re.split(r"[\s,;|]+", line)]


def _is_balanced(cell: str) -> bool:
    """Whether every bracket of a cell is closed within it."""
    return all(cell.count(start) == cell.count(end) for start, end in BRACKETS.items())


def _is_blank(letter: str) -> bool:
    return letter.isspace()


def _is_quoted(line: str) -> bool:
    return line[:1] in "\"'" and line[-1:] == line[:1]


def _is_bracketed(line: str) -> bool:
    """Whether a line is one bracket, as a tuple is."""
    line = line.rstrip(", ")
    return len(line) > 2 and BRACKETS.get(line[0]) == line[-1] and "," in line


def _without_comment(cells: list[str]) -> list[str]:
    """Cells before a comment at the end of the line; the first two are names."""
    end = next((k for k, cell in enumerate(cells) if k > 1 and cell.startswith(COMMENTS)), None)
    return cells[:end]


def _scan(line: str, is_delimiter: Callable[[str], bool]) -> list[str]:
    """The cells between delimiters, of which those within quotes or brackets that open a cell are no delimiters."""
    blanks = is_delimiter is _is_blank
    if OPENING.search(line) is None:  # as in most lines of large files
        cells = line.split() if blanks else _split_at(line, is_delimiter)
        return cells if blanks and line.isascii() else [cell.strip().strip(ZERO_WIDTH).strip() for cell in cells]
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
    stripped = [_unquoted(cell) for cell in cells]
    return ([cell for cell in stripped if cell] or [""]) if blanks else stripped


def _split_at(line: str, is_delimiter: Callable[[str], bool]) -> list[str]:
    mark = next((letter for letter in line if is_delimiter(letter)), None)
    return [line] if mark is None else line.split(mark)


def _unquoted(cell: str) -> str:
    cell = cell.strip().strip(ZERO_WIDTH).strip()
    if len(cell) > 1 and _is_quoted(cell):
        return cell[1:-1].replace(cell[0] * 2, cell[0]).strip()
    return cell
