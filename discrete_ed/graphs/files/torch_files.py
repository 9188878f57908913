"""Files of torch that hold adjacency matrices: a stack of them, or SPECTRE's list whose first item is their list.

They are read by torch's loader of weights, which builds tensors, numbers and lists, and refuses whatever else a pickle
may name. So nothing is executed.
"""

from __future__ import annotations

import io
import warnings
import zipfile
from typing import Any

import networkx as nx
import torch
from torch import Tensor

from discrete_ed.errors import InputError
from discrete_ed.graphs.convert import as_array
from discrete_ed.graphs.files import limits
from discrete_ed.graphs.files.foreign import WAY_ON
from discrete_ed.graphs.files.matrices import graph_of_matrix, stacked_graphs
from discrete_ed.graphs.files.source import GraphFile


def read_torch(source: GraphFile) -> list[nx.Graph]:
    """The graphs of a `.pt` file."""
    content = _loaded(source)
    matrices = _matrices(content)
    if matrices is None:
        raise source.error("a tensor (G, N, N), a list of matrices, or SPECTRE's list", f"{_kind(content)}{WAY_ON}")
    if isinstance(matrices, Tensor):
        return stacked_graphs(as_array(matrices, source.at()), source)
    limits.check_size(source.at(), 0, sum(matrix.numel() for matrix in matrices) // 64)
    return [
        graph_of_matrix(as_array(matrix, source.at()), source, f"{source.path}[{k}]")
        for k, matrix in enumerate(matrices)
    ]


def _matrices(content: Any) -> Tensor | list[Tensor] | None:
    """The matrices within the content of a file."""
    if isinstance(content, Tensor):
        return content
    if not isinstance(content, list | tuple) or not content:
        return None
    if all(isinstance(one, Tensor) and one.ndim == 2 and one.shape[0] == one.shape[1] for one in content):
        return list(content)
    inner = content[0]  # SPECTRE: matrices, eigenvalues, eigenvectors, numbers of nodes, and more
    if isinstance(inner, Tensor) and inner.ndim == 3:
        return inner
    if isinstance(inner, list | tuple) and inner and all(isinstance(one, Tensor) and one.ndim == 2 for one in inner):
        return list(inner)
    return None


def _kind(content: Any) -> str:
    """What a file holds, in a few words."""
    if isinstance(content, dict):
        return f"a dictionary of {', '.join(map(str, [*content][:4]))}"
    return f"a {type(content).__name__}"


def _loaded(source: GraphFile) -> Any:
    try:
        with zipfile.ZipFile(io.BytesIO(source.content)) as archive:
            unpacked = sum(info.file_size for info in archive.infolist())
        if unpacked > limits.MAX_BYTES:
            raise ValueError(f"it unpacks to {unpacked} bytes")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            content = torch.load(io.BytesIO(source.content), map_location="cpu", weights_only=True)
        _check_storage(content)
    except Exception as error:  # a hostile or broken file can raise anything
        reason = (str(error).splitlines() or [type(error).__name__])[0].partition(".")[0]
        raise InputError(
            f"{source.path}: expected a file of tensors, but torch's loader of weights refuses it ({reason[:80]})"
            f"{WAY_ON}"
        ) from None
    return content


def _check_storage(content: Any) -> None:
    """Refuse tensors that announce more entries than the file holds."""
    stack = [content]
    while stack:
        item = stack.pop()
        if isinstance(item, Tensor):
            if item.layout != torch.strided or item.numel() * item.element_size() > limits.MAX_BYTES:
                raise ValueError(f"a tensor of shape {tuple(item.shape)} isn't dense, or is too large")
        elif isinstance(item, list | tuple):
            stack += item
