"""What the comments of an edge list say of the graph, in the words of SNAP or the marks of KONECT."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from discrete_ed.graphs.files.source import GraphFile

SNAP = re.compile(r"\bnodes:?\s*(\d+)[\s,;]+edges:?\s*(\d+)", re.IGNORECASE)
KONECT = re.compile(r"%\s*(sym|asym|bip)\b")


@dataclass(frozen=True)
class Comments:
    """What comments say."""

    directed: bool | None = None
    """whether the graph is directed; None if they don't say"""
    two_kinds: bool = False
    """whether the two columns number nodes of two kinds, each for itself"""
    nodes: int | None = None
    edges: int | None = None

    def compare(self, nodes: int, edges: int, lines: int, source: GraphFile) -> None:
        """Note where the comments count other nodes or edges than the file has; every edge may have two lines."""
        missing = self.nodes is not None and self.nodes != nodes
        if missing or (self.edges is not None and self.edges not in (edges, lines)):
            told = f"{self.nodes} nodes and {self.edges} edges"
            source.notes.add(f"a comment counts {told}, but the lines have {nodes} and {edges}", source.at())


def comments_of(lines: Iterable[str]) -> Comments:
    """What lines that are comments say.

    Sources: https://snap.stanford.edu/data/, http://konect.cc/format/.
    """
    directed, konect = None, None
    nodes: int | None = None
    edges: int | None = None
    for line in lines:
        if konect is None and (konect := KONECT.match(line)) is not None:
            directed = None if konect[1] == "bip" else konect[1] == "asym"
            continue
        counts = SNAP.search(line)
        if counts is not None:
            nodes, edges = (int(count[:18]) for count in counts.groups())
        numbers = re.fullmatch(r"%\s*(\d{1,18})\s+(\d{1,18})\s+(\d{1,18})\s*", line)
        if konect is not None and numbers is not None:
            edges, first, second = map(int, numbers.groups())
            nodes = first + second if konect[1] == "bip" else first
        if directed is None and konect is None:
            words = {word.lower() for word in re.findall(r"\b(?:un)?directed\b", line, re.IGNORECASE)}
            directed = words == {"directed"} if len(words) == 1 else None
    return Comments(directed, konect is not None and konect[1] == "bip", nodes, edges)
