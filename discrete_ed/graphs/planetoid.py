"""Planetoid's graph file, which is a pickle, read without unpickling.

A pickle is a program for a stack machine, and unpickling runs it. This reader interprets only the few instructions
that a dictionary of lists of numbers needs, and refuses all others. It can't call anything.
"""

from __future__ import annotations

import pickletools
from pathlib import Path
from typing import Any

import networkx as nx

from discrete_ed.errors import InputError
from discrete_ed.graphs.files.limits import MAX_BYTES, MAX_EDGES, MAX_NODES

# names of pickle instructions
NUMBERS = ("INT", "LONG", "LONG1", "BININT", "BININT1", "BININT2")
STRINGS = ("UNICODE", "SHORT_BINUNICODE", "BINUNICODE")  # the names of classes
CLASSES = ("collections defaultdict", "builtins list", "__builtin__ list")
MARK = object()  # the mark on the stack below the items of a container


def read_planetoid_graph(path: Path) -> nx.Graph:
    """The citation graph of a Planetoid `ind.NAME.graph` file, without executing anything in it.

    Self-loops are left out, as everywhere in the literature that uses the file.

    Raises:
        InputError: the file is not a pickled dictionary from nodes to lists of nodes.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise ValueError(f"it holds more than {MAX_BYTES} bytes")
        neighbours = _neighbours(content)
        edges = sum(map(len, neighbours.values()))  # one list can occur in the dictionary many times
        numbers = {node for others in neighbours.values() for node in others} | neighbours.keys()
    except Exception as error:  # a hostile or broken pickle can raise anything
        reason = str(error) or type(error).__name__
        raise InputError(f"{path}: expected Planetoid's dictionary of neighbour lists, but {reason:.200}") from None
    if not edges or min(numbers) < 0 or max(numbers) >= MAX_NODES or edges > 2 * MAX_EDGES:
        raise InputError(f"{path}: expected edges between nodes numbered from 0 to {MAX_NODES - 1}, got others or none")
    graph = nx.empty_graph(max(numbers) + 1)
    graph.add_edges_from((u, v) for u, others in neighbours.items() for v in others if u != v)
    return graph


def _neighbours(content: bytes) -> dict[int, list[int]]:
    """The dictionary from numbers to lists of numbers that the pickle describes."""
    stack: list[Any] = []
    memo: dict[Any, Any] = {}
    for instruction, argument, _ in pickletools.genops(content):
        name = instruction.name
        if name in NUMBERS or name in STRINGS:
            stack.append(argument)
        elif name == "MARK":
            stack.append(MARK)
        elif name in ("EMPTY_DICT", "DICT", "EMPTY_LIST", "LIST"):
            if name in ("DICT", "LIST") and _since_mark(stack):
                raise ValueError("it fills a container in a way that pickle doesn't")
            stack.append({} if name.endswith("DICT") else [])
        elif name in ("APPEND", "APPENDS"):
            items = [stack.pop()] if name == "APPEND" else _since_mark(stack)
            _of_kind(stack[-1], list).extend(items)
        elif name in ("SETITEM", "SETITEMS"):
            items = [stack.pop(-2), stack.pop()] if name == "SETITEM" else _since_mark(stack)
            _of_kind(stack[-1], dict).update(zip(items[::2], items[1::2], strict=True))
        elif name in ("GLOBAL", "STACK_GLOBAL"):
            asked = argument if name == "GLOBAL" else f"{stack.pop(-2)} {stack.pop()}"
            if asked not in CLASSES:
                raise ValueError(f"it asks for {'.'.join(str(asked).split(' ')):.100}")
            stack.append(asked)
        elif name in ("TUPLE", "TUPLE1"):
            stack.append(tuple(_since_mark(stack)) if name == "TUPLE" else (stack.pop(),))
        elif name == "REDUCE":
            if (stack.pop(-2), stack.pop()) not in [(CLASSES[0], (kind,)) for kind in CLASSES[1:]]:
                raise ValueError("it asks for a call")
            stack.append({})
        elif name in ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"):
            memo[len(memo) if name == "MEMOIZE" else argument] = stack[-1]
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            stack.append(memo[argument])
        elif name not in ("PROTO", "FRAME", "STOP"):
            raise ValueError(f"it asks for pickle's {name}")
    (found,) = stack
    if any(type(number) is not int for number in found) or any(
        type(number) is not int for others in found.values() for number in _of_kind(others, list)
    ):
        raise ValueError("it holds values other than numbers")
    return _of_kind(found, dict)


def _since_mark(stack: list[Any]) -> list[Any]:
    items: list[Any] = []
    while (item := stack.pop()) is not MARK:
        items.append(item)
    return items[::-1]


def _of_kind(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise ValueError(f"it holds {type(value).__name__} instead of {kind.__name__}")
    return value
