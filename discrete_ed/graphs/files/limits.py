"""Limits of a file, which bound the memory for reading it."""

from __future__ import annotations

from discrete_ed.errors import InputError

MAX_NODES = 100_000
MAX_EDGES = 5_000_000
MAX_BYTES = 2**26


def check_size(where: object, nodes: int, edges: int = 0) -> None:
    """Refuse graphs beyond the limits."""
    for count, most, what in ((nodes, MAX_NODES, "nodes"), (edges, MAX_EDGES, "edges")):
        if count > most:
            raise InputError(f"{where}: expected at most {most} {what}, got {str(count)[:30]}")
