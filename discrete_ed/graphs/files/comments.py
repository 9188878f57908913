"""What the comments of an edge list say of the graph, in words as SNAP's or the marks of KONECT."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from discrete_ed.graphs.files.source import GraphFile

NAMES = r"(?:(?:num(?:ber)?[ _]?(?:of[ _])?)?(?:nodes|vertices|edges)|\|[ve]\||[nm](?=\s*[:=]))"
COUNT = rf"(?:{NAMES}\s*[:=]?\s*\d+|\d+\s+(?:nodes|vertices|edges))"
COUNTS = re.compile(rf"[#%/\s]*{COUNT}(?:[\s,;]+(?:and\s+)?{COUNT})*[\s.]*", re.IGNORECASE)
"""a comment that only counts, such as `# Nodes: 5 Edges: 4`, `# n=5, m=4` or `% 5 vertices and 4 edges`"""
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
            counts = {"nodes": self.nodes, "edges": self.edges}
            told = " and ".join(f"{count} {name}" for name, count in counts.items() if count is not None)
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
        for count in re.findall(COUNT, line, re.IGNORECASE) if COUNTS.fullmatch(line) else ():
            number = int(re.findall(r"\d+", count)[0][:18])
            nodes, edges = (nodes, number) if re.search(r"edges|\be\b|\bm\b", count.lower()) else (number, edges)
        numbers = re.fullmatch(r"%\s*(\d{1,18})\s+(\d{1,18})\s+(\d{1,18})\s*", line)
        if konect is not None and numbers is not None:
            edges, first, second = map(int, numbers.groups())
            nodes = first + second if konect[1] == "bip" else first
        if directed is None and konect is None:
            words = {word.lower() for word in re.findall(r"\b(?:un)?directed\b", line, re.IGNORECASE)}
            directed = words == {"directed"} if len(words) == 1 else None
    return Comments(directed, konect is not None and konect[1] == "bip", nodes, edges)
