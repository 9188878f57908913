"""Lines of text as rows of cells, without comments.

Comments begin with `#`, `%` or `//`. A name may begin with these, too: a line such as `#alice bob` is an edge where
such names also stand elsewhere, and otherwise a comment, of which a note names the line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from discrete_ed.graphs.files.comments import Comments, comments_of
from discrete_ed.graphs.files.delimiters import COMMENTS, have_colons, split_at_colons, split_lines
from discrete_ed.graphs.files.python_lists import SEPARATE, printed_matrix, python_list
from discrete_ed.graphs.files.source import GraphFile, stripped

COUNT = (
    r"((n|m)\s*[:=]\s*\d+|((num|number)[ _]?(of)?[ _]?)?(nodes?|edges?|vertices)(\s*[:=]\s*|\s+)\d+"
    r"|\d+\s+(nodes|edges|vertices))"
)
COUNTS = re.compile(rf"{COUNT}([\s,;]+{COUNT})*", re.IGNORECASE)
"""a line such as `n=3` or `nodes: 3, edges: 2`"""
HEADING = re.compile(
    r"(graph|network|component|sample|molecule|instance)(\s*[#:=]\s*|\s+)\d+\s*:?|[^\w\s,;|]+|_{3,}|[\s|+:]*--[\s|+:-]*",
    re.IGNORECASE,
)
"""a line between graphs, such as `graph 2` or `---`, or between the rows of a table, such as `|---|---|`"""

OPENED = re.compile(r'(?:^|[\s;,|])"[^"]*$')
"""a cell in quotes that does not end on its line"""


class Row(NamedTuple):
    """A line that is neither blank nor a comment."""

    line: int
    cells: list[str]


@dataclass(frozen=True)
class Rows:
    """The rows of a file."""

    rows: list[Row]
    comments: Comments
    """what comments say of the graph"""
    listed: bool = False
    """whether a colon behind the first name of every line says that these are adjacency lists"""
    gaps: tuple[int, ...] = ()
    """blank lines and comments between rows, which may have been meant to separate graphs"""

    @property
    def gap(self) -> int | None:
        """The first of the gaps."""
        return self.gaps[0] if self.gaps else None

    def as_one_graph(self, source: GraphFile) -> None:
        """Note that what may separate graphs was skipped."""
        if self.gaps:
            kind = "comment" if source.lines[self.gaps[0] - 1].strip() else "blank"
            source.notes.add(f"{kind} lines are skipped, and the file is read as one graph", source.at(self.gaps[0]))


def read_rows(source: GraphFile) -> Rows:
    """The rows of a text file.

    Raises:
        InputError: there is none, or the delimiter can't be told.
    """
    numbered = [(k, stripped(line)) for k, line in enumerate(source.lines, 1)]
    numbered = [(k, line) for k, line in numbered if line]
    bare = [(k, line) for k, line in numbered if not line.startswith(COMMENTS)]
    marked = [(k, line) for k, line in numbered if line.startswith(COMMENTS)] if len(bare) < len(numbered) else []
    if bare and re.fullmatch(r"sep=\W", bare[0][1], re.IGNORECASE):
        source.notes.add(f"the first line, {bare[0][1]!r}, is left out as an instruction for Excel", source.at())
        del bare[0]
    if not bare and not any(may_be_names(line) for _, line in marked):
        raise source.error("at least one edge or node", "an empty file" if not marked else "only comments")
    bare = _without_last_mark(printed_matrix(bare) or python_list(bare, source) or bare)
    _refuse_counts_and_headings(bare, source)
    _refuse_open_quotes(bare, source)
    listed = have_colons([line for _, line in bare])
    if listed:
        rows = [
            Row(k, cells) for (k, _), cells in zip(bare, split_at_colons([s for _, s in bare], source), strict=True)
        ]
        kept: list[Row] = []
    else:
        split, cells = split_lines([line for _, line in bare or marked], source)
        rows = [Row(k, row) for (k, _), row in zip(bare, cells, strict=True)] if bare else []
        kept = _named_like_comments(rows, [(k, split(line), line) for k, line in marked], source) if marked else []
    if kept:
        rows = sorted([*rows, *kept], key=lambda row: row.line)
    if not rows:
        raise source.error(
            "at least one edge or node",
            f"only lines that begin with {marked[0][1][:2]!r}, as comments do; put quotes around the names",
        )
    kept_lines = {row.line for row in kept}
    comments = [line for k, line in marked if k not in kept_lines]
    return Rows(_aligned(rows), comments_of(comments), listed, _gaps(rows, source))


def _without_last_mark(lines: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """The lines without a mark that ends all of them and stands nowhere else, as in `0 1;`."""
    for mark in (";", ","):
        if lines and all(
            line.endswith(mark) and line.count(mark) == 1 and len(line[:-1].split()) > 1 for _, line in lines
        ):
            return [(k, line[:-1].rstrip()) for k, line in lines]
    return lines


def _refuse_counts_and_headings(lines: list[tuple[int, str]], source: GraphFile) -> None:
    """Refuse a first line such as `n=3`, unless the user says that it is no edge, and lines that separate graphs."""
    counted = lines[0][1] if lines and COUNTS.fullmatch(lines[0][1]) else ""
    words = re.findall("[a-z]+", counted.lower())
    if counted and len(set(words)) == len(words) and source.options.header is None:  # unlike `node 1, node 2`
        raise source.error(
            "an edge, titles, or counts such as '3 2'",
            f"{lines[0][1]!r}; begin that line with # to leave it out",
            "header",
            "no_header",
            line=lines[0][0],
        )
    headings = [(k, line) for k, line in lines if HEADING.fullmatch(line)]
    if headings and len(headings) < len(lines):
        k, line = headings[0]
        raise source.error(
            f"the edges of one graph (of several graphs: {SEPARATE})",
            f"{line!r}; begin such lines with # if there is one graph",
            line=k,
        )


def _refuse_open_quotes(lines: Sequence[tuple[int, str]], source: GraphFile) -> None:
    """Refuse cells in quotes that end on another line than they begin."""
    opened = [(k, line) for k, line in lines if line.count('"') % 2]
    if len(opened) > 1 and OPENED.search(opened[0][1]):
        raise source.error("cells in quotes that end on their line", repr(opened[0][1]), line=opened[0][0])


def may_be_names(line: str) -> bool:
    """Whether the mark of a comment is directly followed by a word."""
    mark = next(mark for mark in COMMENTS if line.startswith(mark))
    return line[len(mark) : len(mark) + 1].isalnum()


def _named_like_comments(rows: list[Row], marked: list[tuple[int, list[str], str]], source: GraphFile) -> list[Row]:
    """The lines that begin like comments and are rows."""
    widths = {len(row.cells) for row in rows} - {1} or {2}
    doubtful = [(k, cells) for k, cells, line in marked if may_be_names(line) and len(cells) in widths]
    names = {cell for row in rows for cell in row.cells[:2]} | {cell for _, cells in doubtful for cell in cells[1:2]}
    if any(name.startswith(COMMENTS) for name in names):
        for k, _ in doubtful:
            source.notes.add("is read as a row, since names of nodes begin with the mark of a comment", source.at(k))
        return [Row(k, cells) for k, cells in doubtful]
    for k, _ in doubtful:
        source.notes.add("is skipped as a comment; if it is an edge, put quotes around the name", source.at(k))
    return []


def _gaps(rows: list[Row], source: GraphFile) -> tuple[int, ...]:
    """The lines between rows that are blank or comments; those behind a line break within a list are none."""
    if rows[-1].line - rows[0].line < len(rows):
        return ()
    used = {row.line for row in rows}
    between = (k for k in range(rows[0].line + 1, rows[-1].line) if k not in used)
    return tuple(k for k in between if not (text := source.lines[k - 1].strip()) or text.startswith(COMMENTS))


def _aligned(rows: list[Row]) -> list[Row]:
    """The rows without columns that are empty in all of them."""
    widths = {len(row.cells) for row in rows}
    if len(widths) > 1 or "" not in rows[0].cells:
        return rows
    empty = {k for k in range(*widths) if not any(row.cells[k] for row in rows)}
    if not empty or len(empty) == len(rows[0].cells):
        return rows
    return [Row(row.line, [cell for k, cell in enumerate(row.cells) if k not in empty]) for row in rows]
