"""Large edge lists of two whole numbers in each line, read as one array.

It is a shortcut past the cells of `rows.py`: whatever it reads, the other way reads as well and alike, but more slowly.
"""

from __future__ import annotations

import itertools
import re

import networkx as nx
import numpy as np

from discrete_ed.graphs.files.columns import end_columns_of
from discrete_ed.graphs.files.comments import comments_of
from discrete_ed.graphs.files.delimiters import COMMENTS
from discrete_ed.graphs.files.edge_lists import without_head
from discrete_ed.graphs.files.end_columns import of_two_kinds
from discrete_ed.graphs.files.rows import Row, may_be_names
from discrete_ed.graphs.files.simple import RawGraph, simple_graph
from discrete_ed.graphs.files.source import GraphFile, stripped

SMALLEST = 2**14
"""the number of characters from which the shortcut is tried"""
SAMPLE = 3
"""rows that stand for all, since all are alike"""
DELIMITERS = (" ", "\t", ",", ";")


def read_plain(source: GraphFile) -> list[nx.Graph] | None:
    """The graph, or None if the file is small, or anything else than such an edge list."""
    text = source.text
    if len(text) < SMALLEST or not text.isascii():
        return None
    lines = source.lines
    start = next((k for k, line in enumerate(lines) if not line.startswith(COMMENTS)), len(lines))
    head, first = lines[:start], lines[start : start + 1]
    titled = bool(first) and re.fullmatch(r"\d+\W\d+", first[0]) is None
    body = lines[start + titled : len(lines) - (lines[-1] == "")]
    numbers = _numbers(body)
    if numbers is None or any(may_be_names(line) for line in head):
        return None
    (n, m), others = numbers[0].tolist(), len(numbers) - 1
    if not titled and (others in (n, m) or source.options.header is True):  # it may be counts
        return None
    if titled and source.options.header is False:
        return None
    comments = comments_of(head)
    if comments.two_kinds:
        return None
    sample = [Row(start + 1 + titled + k, list(map(str, row))) for k, row in enumerate(numbers[:SAMPLE].tolist())]
    if titled:
        mark = next(mark for mark in DELIMITERS if mark in body[0])
        titles = [stripped(cell) for cell in first[0].split(mark)]
        if len(titles) != 2 or re.search(r"[^\w\s,;]", first[0]):
            return None
        rows, titles_found, _ = without_head([Row(start + 1, titles), *sample], source)
        if titles_found is None:
            return None
        columns = end_columns_of(titles_found, rows, source)
        if of_two_kinds(titles_found, columns):
            return None
        numbers = numbers[:, list(columns)]
    values, places, ids = np.unique(numbers.ravel(), return_index=True, return_inverse=True)
    order = np.argsort(places)  # nodes in the order in which the file names them
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    ends = rank[ids].reshape(-1, 2)
    pairs = list(zip(ends[:, 0].tolist(), ends[:, 1].tolist(), strict=True))
    places_of_lines = range(start + 1 + titled, start + 1 + titled + len(pairs))
    raw = RawGraph(list(map(str, values[order].tolist())), pairs, comments.directed, places_of_lines)
    graph = simple_graph(raw, source)
    comments.compare(len(graph), graph.number_of_edges(), len(pairs), source)
    return [graph]


def _numbers(lines: list[str]) -> np.ndarray | None:
    """The numbers as `(M, 2)`, if every line has two without leading zeros, and the same delimiter between them."""
    text = "\n".join(lines)
    mark = next((mark for mark in DELIMITERS if mark in text), None)
    shape = text.translate(dict.fromkeys(map(ord, "0123456789")))
    if mark is None or shape != "\n".join(itertools.repeat(mark, len(lines))) or re.search(r"\b(0\d|\d{18})", text):
        return None
    found = np.fromstring(text.replace(mark, " "), dtype=np.int64, sep=" ")
    return found.reshape(-1, 2) if len(found) == 2 * len(lines) else None
