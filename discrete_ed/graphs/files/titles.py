"""The first line of an edge list: an edge, titles of columns, or counts of nodes and edges.

It is taken for titles or counts only where it alone is unlike the other lines, and a note says so.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from discrete_ed.graphs.files.rows import Row
from discrete_ed.graphs.files.simple import INFINITE, is_number

PAIRS = {
    frozenset(pair.split())
    for pair in """
        source target; src dst; src tgt; src dest; source destination; origin destination; source sink; from to
        start end; begin end; head tail; parent child; citing cited; follower followee; follower followed
        sender receiver; sender recipient; left right; row col; row column; ego alter; user item; user friend
        subject object; node neighbor; node neighbour; node neighbors; node neighbours
        vertex neighbor; von nach; quelle ziel; first second; one two; in out
        u v; i j; x y; s t; a b; p q; 1 2; 0 1
    """.replace("\n", ";").split(";")
    if pair.strip()
}
"""words of which one names the first end of an edge and the other the second"""
LETTERS = {frozenset("ab"), frozenset("pq"), frozenset("12"), frozenset("01")}
"""pairs that name nodes as often as columns"""


def has_titles(rows: Sequence[Row]) -> bool | None:
    """Whether the first row holds titles; None where it may, and is read as an edge."""
    first, others = rows[0].cells, [row.cells for row in rows[1:]]
    if len(first) < 2 or not others or any(is_number(cell) or cell.lower() in ("nan", *INFINITE) for cell in first):
        return False
    columns = [[row[k] for row in others if len(row) > k and row[k]] for k in range(len(first))]
    if any(cells and all(map(is_number, cells)) for cells in columns):
        return True
    names = [cell for row in others for cell in row]
    if set(first) & set(names):
        return False
    if end_columns(first) is not None:
        stems = {_stem(name) for name in names}
        numbered = any(_stem(cell) and _stem(cell) in stems for cell in first)
        letters = frozenset(map(str.lower, first)) in LETTERS and any(len(name) == 1 for name in names)
        return None if numbered or letters else True
    shapes = [set(map(_shape, cells)) for cells in columns[:2]]
    if len(others) > 1 and all(len(found) == 1 and _shape(first[k]) not in found for k, found in enumerate(shapes)):
        return True
    return None if _share_names(others) else False


def end_columns(titles: Sequence[str]) -> tuple[int, int] | None:
    """The columns of the two ends of an edge, by their titles; None if these say nothing of it.

    >>> end_columns(["weight", "FromNodeId", "ToNodeId"]), end_columns(["Person A", "Person B"]), end_columns(["a"])
    ((1, 2), (0, 1), None)
    """
    words = [_words(title) for title in titles]
    for i in range(len(words)):
        for j in range(i + 1, len(words)):
            if _is_pair(words[i], words[j]):
                return i, j
    return None


def _is_pair(a: list[str], b: list[str]) -> bool:
    """Whether two titles differ in one word, by a pair of words for the ends of an edge."""
    if len(a) == 1 == len(b) and a[0].startswith("from") and b[0].startswith("to") and a[0][4:] == b[0][2:]:
        return True
    differ = [frozenset(pair) for pair in zip(a, b, strict=False) if pair[0] != pair[1]]
    return len(a) == len(b) and len(differ) == 1 and differ[0] in PAIRS


def _words(title: str) -> list[str]:
    """The words and numbers of a title in lower case: `FromNodeId` is from, node, id.

    >>> _words("FromNodeId"), _words("(id_1)"), _words("Person A")
    (['from', 'node', 'id'], ['id', '1'], ['person', 'a'])
    """
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_a-zA-Z]+", title)]


def _stem(name: str) -> str:
    return " ".join(_words(name)[:-1])


def _shape(name: str) -> str:
    """The kinds of characters of a name: `x12` and `y3` have one shape, `Ada Byron` another."""
    return re.sub(r"(.)\1+", r"\1", re.sub(r"[^\W\d_]", "a", re.sub(r"\d", "9", name)))


def _share_names(others: list[list[str]]) -> bool:
    """Whether in every row but the first one of the names stands in yet another row, so that the first is unlike
    them."""
    counts = Counter(name for row in others for name in set(row[:2]))
    return len(others) > 1 and all(any(counts[name] > 1 for name in row[:2]) for row in others)


def has_counts(rows: Sequence[Row]) -> bool | None:
    """Whether the first row gives the numbers of nodes and edges, or that of nodes; None where it may or may not."""
    first, others = rows[0].cells, [row.cells for row in rows[1:]]
    pairs = [(int(row[0]), int(row[1])) for row in others if len(row) > 1 and all(map(_is_index, row[:2]))]
    if not pairs or len(pairs) < len(others) or len(first) > 2 or not all(map(_is_index, first)):
        return False
    labels = {label for pair in pairs for label in pair}
    nodes, low, high = int(first[0]), min(labels), max(labels)
    if len(labels) > nodes or high - (low > 0) >= nodes:
        return False
    if len(first) == 1:
        return True if nodes == len(labels) else None
    edges = int(first[1])
    if edges != len(pairs):
        return False
    if edges >= nodes or {(nodes, edges), (edges, nodes)} & set(pairs) or any(len(row) != 2 for row in others):
        return True  # read as an edge, it would be a loop, or given twice, or join two nodes that no other line names
    if len(pairs) > 1 and all(u < v for u, v in pairs) and pairs == sorted(pairs):
        return True  # in a file that is sorted, such an edge would not be the first
    return False if len(pairs) > 1 and all(u > v for u, v in pairs) else None


def _is_index(cell: str) -> bool:
    return cell.isascii() and cell.isdecimal() and len(cell) < 19
