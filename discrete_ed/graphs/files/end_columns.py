"""The columns of the two ends of an edge, by their titles."""

from __future__ import annotations

import re
from collections.abc import Sequence


def _pairs(text: str) -> set[frozenset[str]]:
    return {frozenset(pair.split()) for line in text.split("\n") for pair in line.split(";") if pair.strip()}


ENDS = _pairs(
    """
    source target; src dst; src tgt; src dest; source destination; origin destination; source sink; from to
    head tail; parent child; citing cited; follower followee; follower followed; sender receiver; sender recipient
    user friend; subject object; ego alter; node neighbor; node neighbour; node neighbors; node neighbours
    vertex neighbor; caller callee; buyer seller; lender borrower; importer exporter; predator prey
    infector infectee; husband wife; manager employee; boss employee; supervisor student; advisor advisee
    mentor mentee; winner loser; presynaptic postsynaptic; module dependency; package dependency
    von nach; quelle ziel; start ziel; absender empfänger; sender empfänger
    de à; de a; de vers; départ arrivée; depart arrivee; source cible; origine destination; expéditeur destinataire
    de para; origen destino; desde hasta; fuente destino; emisor receptor; origem destino; fonte destino
    da a; origine destinazione; sorgente destinazione; partenza arrivo; mittente destinatario
    van naar; bron doel; od do; źródło cel; från till; fra til; kaynak hedef
    источник цель; откуда куда; от до; 源 目标; 源 目標; 起点 终点; 出発 到着; 始点 終点; 起点 終点; 출발 도착
    من إلى; المصدر الهدف; بداية نهاية
    """
)
"""words of which one names the first end of an edge and the other the second"""
PLACES = _pairs(
    """
    start end; begin end; anfang ende; left right; row col; row column; first second; one two; in out
    u v; i j; x y; s t; a b; p q; 1 2; 0 1
    """
)
"""words that name the ends of edges, and as often times, places or other things in two columns"""
TWO_KINDS = _pairs(
    """
    user item; user movie; user product; user song; user artist; user tag; user book; user business; user group
    customer product; customer item; actor movie; actor film; author paper; author publication; reviewer product
    person event; person group; member group; gene disease; drug disease; drug gene; student course; reader book
    word document; user page; user post
    """
)
"""words for nodes of two kinds, whose numbers have nothing to do with each other"""
LETTERS = {frozenset("ab"), frozenset("pq"), frozenset("12"), frozenset("01")}
"""pairs that name nodes as often as columns"""
NODES = {"node", "vertex", "person", "user", "actor"}
NAMED = NODES | {"id", "name", "label", "key"}
"""titles of a column of nodes, and of one that names nodes or edges"""
MEASURED = {
    "class", "date", "day", "kind", "lat", "lon", "lng", "month", "port", "t", "time", "timestamp", "ts", "type",
    "weight", "x", "y", "year", "z",
}  # fmt: skip
"""words that say that a column holds no nodes"""


def end_columns(titles: Sequence[str]) -> tuple[int, int] | None:
    """The columns of the two ends of an edge; None if the titles don't say which they are.

    >>> end_columns(["weight", "FromNodeId", "ToNodeId"]), end_columns(["Person A", "Person B"]), end_columns(["a"])
    ((1, 2), (0, 1), None)
    >>> end_columns(["start", "end", "source", "target"]), end_columns(["x1", "y1", "x2", "y2"])
    ((2, 3), None)
    """
    return next(iter(end_pairs(titles)), None)


def end_pairs(titles: Sequence[str]) -> list[tuple[int, int]]:
    """All pairs of columns that are the ends of an edge equally likely; none if some of them share a column."""
    words = [words_of(title) for title in titles]
    ranks = {
        (i, j): rank
        for i in range(len(words))
        for j in range(i + 1, len(words))
        if (rank := _rank(words[i], words[j], words)) is not None
    }
    best = [pair for pair, rank in ranks.items() if rank == min(ranks.values())]
    columns = [column for pair in best for column in pair]
    return best if len(set(columns)) == len(columns) else []


def of_two_kinds(titles: Sequence[str], columns: tuple[int, int]) -> bool:
    """Whether two columns name nodes of two kinds, such as users and items."""
    a, b = (words_of(titles[column]) for column in columns)
    return _difference(a, b) in TWO_KINDS


def _rank(a: list[str], b: list[str], all_titles: list[list[str]]) -> int | None:
    """How surely two titles name the ends of an edge, from 0, the surest; None if they don't."""
    if len(a) == 1 == len(b) and a[0].startswith("from") and b[0].startswith("to") and a[0][4:] == b[0][2:]:
        return None if a[0][4:] in MEASURED else 0 if a[0] == "from" else 1
    pair = _difference(a, b)
    if pair is None or pair not in ENDS | PLACES | TWO_KINDS:
        return None
    shared = {word for word in a if word in b}
    coordinates = pair == {"x", "y"}
    if (shared & MEASURED and len(all_titles) > 2) or (coordinates and shared) or _is_series(a, b, all_titles):
        return None
    if pair in PLACES and not shared:
        of_nodes = NAMED if coordinates else NODES
        if any(len(title) == 1 and title[0] in of_nodes for title in all_titles if title not in (a, b)):
            return None  # the place or the time of a node
    if pair not in PLACES:
        return 1 if shared else 0
    return 1 if shared & NAMED else 3 if coordinates else 2


def _difference(a: list[str], b: list[str]) -> frozenset[str] | None:
    """The words in which two titles differ, if it is one word of each; `from` and `to` differ as words of a pair."""
    differ = [frozenset(pair) for pair in zip(a, b, strict=False) if pair[0] != pair[1]]
    return differ[0] if len(a) == len(b) and len(differ) == 1 else None


def _is_series(a: list[str], b: list[str], all_titles: list[list[str]]) -> bool:
    """Whether two titles are among more that differ by a number only, as those of an incidence matrix."""
    k = next(k for k in range(len(a)) if a[k] != b[k])
    if not (a[k].isdecimal() and b[k].isdecimal()):
        return False
    alike = [title for title in all_titles if title[:k] == a[:k] and title[k + 1 :] == a[k + 1 :] and len(title) > k]
    return sum(title[k].isdecimal() for title in alike) > 2


def words_of(title: str) -> list[str]:
    """The words and numbers of a title in lower case: `FromNodeId` is from, node, id.

    >>> words_of("FromNodeId"), words_of("(id_1)"), words_of("Départ"), words_of("NodeID")
    (['from', 'node', 'id'], ['id', '1'], ['départ'], ['node', 'id'])
    """
    words = []
    for part in re.findall(r"[^\W\d_]+|\d+", title):
        start = 0
        for k in range(1, len(part)):
            ends = part[k - 1].islower() or (k + 1 < len(part) and part[k + 1].islower())
            if part[k].isupper() and ends:
                words.append(part[start:k].lower())
                start = k
        words.append(part[start:].lower())
    return words
