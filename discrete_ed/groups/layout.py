"""The variables of groups as tensors, by which moves are computed for all variables at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class Layout(NamedTuple):
    """The variables of some groups as tensors on one device."""

    variable: Tensor
    """the variable of each bit, `(D,)`"""
    tied: Tensor
    """whether a bit is in a group, `(D,)` bool"""
    blocks: tuple[tuple[Tensor, Tensor], ...]
    """for each number of bits k that variables have: their positions among the variables, `(n,)`, and their bits,
    `(n, k)`; the free bits are those with `k = 1`"""
    padded: Tensor
    """the bits of each variable, `(V, K)` with the largest K; the first one again where a variable has fewer"""
    width: int
    """K if all variables are groups of K bits that lie side by side in order, so that a view of a tensor has an axis
    of variables and one of values; 0 otherwise"""

    @classmethod
    def of(cls, variables: Sequence[tuple[int, ...]], bits: int, device: torch.device) -> Layout:
        """That of variables with the given bits."""
        with torch.inference_mode(False):  # the tensors must serve callers in every mode
            variable = torch.empty(bits, dtype=torch.long)
            tied = torch.zeros(bits, dtype=torch.bool)
            by_length: dict[int, list[int]] = {}
            for number, members in enumerate(variables):
                variable[list(members)] = number
                tied[list(members)] = len(members) > 1
                by_length.setdefault(len(members), []).append(number)
            blocks = tuple(
                (torch.tensor(some, device=device), torch.tensor([variables[v] for v in some], device=device))
                for some in by_length.values()
            )
            most = max(map(len, variables), default=1)
            padded = torch.tensor([[*some, *some[:1] * (most - len(some))] for some in variables], dtype=torch.long)
            side_by_side = most > 1 and padded.flatten().tolist() == list(range(bits))
            padded = padded.reshape(-1, most).to(device)
            return cls(variable.to(device), tied.to(device), blocks, padded, most if side_by_side else 0)
