"""What the user says about files, and what is said to the user."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from discrete_ed.errors import InputError
from discrete_ed.names import GraphFormatName

Option = Literal["undirected", "ignore_weights", "ignore_loops", "header", "no_header", "format"]
WAYS: dict[Option, str] = {
    "undirected": "--undirected (undirected=True) drops the directions",
    "ignore_weights": "--ignore-weights (ignore_weights=True) drops weights and merges parallel edges",
    "ignore_loops": "--ignore-loops (ignore_loops=True) drops them",
    "header": "--header True (header=True) skips that line",
    "no_header": "--header False (header=False) keeps that line",
    "format": "--format (format=...) settles it",
}
"""how an error or a note names the option that leads on, on the command line and in Python"""


@dataclass(frozen=True)
class ReadOptions:
    """How files are read where they don't say it themselves."""

    format: GraphFormatName | None = None
    """the format of the files; None: by the ending of their names and by their content"""
    header: bool | None = None
    """whether the first line of an edge list holds titles or counts and no edge; None: recognised by the content"""
    undirected: bool = False
    """whether directed edges are read without their direction"""
    ignore_weights: bool = False
    """whether weights are dropped and parallel edges merged"""
    ignore_loops: bool = False
    """whether self-loops are dropped"""

    def __post_init__(self) -> None:
        if self.format not in (None, *get_args(GraphFormatName)):
            raise InputError(f"format: expected one of {', '.join(get_args(GraphFormatName))}, got {self.format!r}")


class Notes:
    """What readers did that the user should know, each message once for all files to which it applies.

    >>> notes = Notes()
    >>> notes.add("{n} self-loops are dropped", "a.edges", 2)
    >>> notes.add("{n} self-loops are dropped", "b.edges", 1)
    >>> notes.messages()
    ['a.edges and 1 more: 3 self-loops are dropped']
    """

    def __init__(self) -> None:
        self._places: dict[str, list[str]] = {}
        self._counts: dict[str, int] = {}

    def add(self, message: str, place: object, count: int = 0) -> None:
        """Note something about a place; `{n}` in the message becomes the sum of the counts."""
        self._places.setdefault(message, []).append(str(place))
        self._counts[message] = self._counts.get(message, 0) + count

    def messages(self) -> list[str]:
        """All notes, each with the first place to which it applies and the number of others."""
        found = []
        for message, places in self._places.items():
            more = f" and {len(places) - 1} more" if len(places) > 1 else ""
            found.append(f"{places[0]}{more}: {message.replace('{n}', str(self._counts[message]))}")
        return found
