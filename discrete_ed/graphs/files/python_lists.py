"""Lists of edges as Python and others print them, `[(0, 1), (1, 2)]`, on one line or over several."""

from __future__ import annotations

import re
from collections.abc import Sequence

from discrete_ed.graphs.files.source import GraphFile

ITEM = r"""\s*(?:'[^']*'|"[^"]*"|\{[^{}]*\}|[^\s,'"()\[\]{}]+)\s*"""
SIMPLE = r"""\s*(?:'[^']*'|"[^"]*"|[^\s,'"()\[\]{}]+)\s*"""
TUPLE = rf"(?:\({SIMPLE}(?:,{ITEM})+,?\s*\)|\[{SIMPLE}(?:,{ITEM})+,?\s*\]|\{{{SIMPLE}(?:,{SIMPLE})+\}})"
TUPLES = rf"\s*{TUPLE}(?:\s*,\s*{TUPLE})*\s*,?\s*"
WHOLE = re.compile(rf"\[{TUPLES}\]|\({TUPLES}\)|\{{{TUPLES}\}}")
SEVERAL = re.compile(rf"\s*{TUPLE}(?:\s*,\s*{TUPLE})+\s*,?\s*")
NAMES = re.compile(r"\([^()]*, [^()]*\),\([^()]*, [^()]*\)")
"""two names as Python prints tuples, with a comma between that Python would not print without a blank"""
NESTED = re.compile(r"[\[({]\s*[\[({].*|\{[^{}\[\]:]+:\s*[\[({].*")
"""the beginning of nested lists, or of a dictionary of lists"""
PRINTED = re.compile(r"\s*\[(\s*\[[\s\d.eE+-]+\])+\s*\]\s*|(\s*\[[\s\d.eE+-]+\])+\s*")
"""a matrix as numpy or Sage prints it, without commas"""
SEPARATE = 'a file for each graph, or a line {"nodes": 3, "edges": [[0, 1], [1, 2]]} for each in a file .jsonl'
"""how several graphs are given"""


def python_list(lines: Sequence[tuple[int, str]], source: GraphFile) -> list[tuple[int, str]] | None:
    """The number of its line and the text of each tuple, if the lines are one list of tuples; None if they hold none.

    Raises:
        InputError: they may be several lists, or one whose tuples may be edges or names of nodes.
    """
    text = "\n".join(line for _, line in lines)
    opens = NESTED.match(text.replace("\n", " "))
    several = next((k for k, line in lines if SEVERAL.fullmatch(line)), None)
    if not opens and several is None:
        return None
    if several is not None and not opens:
        if all(NAMES.fullmatch(line) for _, line in lines):
            return None
        if all(len(re.findall(TUPLE, line)) != 2 for _, line in lines) and SEVERAL.fullmatch(text):
            return _tuples(text, lines)
        raise source.error(
            "edges in one list such as [(0, 1), (1, 2)], or one edge in each line",
            f"{source.lines[several - 1].strip()!r}, whose tuples may be edges or names; "
            "put one pair of brackets around all edges, or quotes around names",
            line=several,
        )
    if WHOLE.fullmatch(text):
        return _tuples(text, lines)
    if len(lines) > 1 and all(NESTED.match(line) for _, line in lines):
        raise source.error(
            f"one list of edges (of several graphs: {SEPARATE})", f"a list in each of {len(lines)} lines"
        )
    raise source.error(
        "a list of edges such as [(0, 1), (1, 2)]",
        f"{source.lines[lines[0][0] - 1].strip()!r}; write an edge in each line",
        line=lines[0][0],
    )


def _tuples(text: str, lines: Sequence[tuple[int, str]]) -> list[tuple[int, str]]:
    found, place, passed = [], 0, 0
    for match in re.finditer(TUPLE, text):
        passed += text.count("\n", place, match.start())
        place = match.start()
        found.append((lines[passed][0], match[0].replace("\n", " ")))
    return found


def printed_matrix(lines: Sequence[tuple[int, str]]) -> list[tuple[int, str]] | None:
    """The number of its line and the text of each row of a matrix as `PRINTED` has it; None if the lines hold none."""
    if not lines or not lines[0][1].startswith("["):
        return None
    text = "\n".join(line for _, line in lines)
    if not PRINTED.fullmatch(text):
        return None
    rows = re.finditer(r"\[([^\[\]]+)\]", text)
    return [(lines[text.count("\n", 0, row.start())][0], " ".join(row[1].split())) for row in rows]
