"""Perturbations that move to a neighbour, and deterministic transforms."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from discrete_ed.energies.base import Energy
from discrete_ed.errors import InputError
from discrete_ed.groups import Groups
from discrete_ed.perturbations.base import Contrast, Perturbation, distances, weighted_contrast


@dataclass(frozen=True)
class Grid(Perturbation):
    """`y` flips one free bit of `x`, chosen uniformly; `x'` flips one of `y`: two bits apart, or `x` again. Symmetric.

    For groups of bits one variable moves to another of its values, chosen uniformly; then all pairs of values of a
    variable with more than two are compared.

    *Forgets* one bit, at a position that `y` doesn't reveal. *Costs* `1 + M` energies. *Choose it* to compare with
    published results. It compares states of equal parity only, so that the ratio of the mass on odd to that on even
    states stays as it was at the start; `losses.single_site_discrepancy`, which knows the site, has no such gap, sums
    over all sites exactly and is cheaper.

    Source: Schröder et al. 2023, arXiv 2307.07595 (the grid neighbourhood).

    >>> x = Grid().negatives(torch.zeros(1, 9), torch.ones(1, 9, dtype=torch.bool), 5)
    >>> bool((x.sum(-1) % 2 == 0).all())
    True
    """

    def negatives(self, x: Tensor, free: Tensor, m: int, *, generator: torch.Generator | None = None) -> Tensor:
        """A state without free bits is its own negative."""
        count = free.cumsum(-1)
        u = torch.rand(len(x), m + 1, generator=generator, device=x.device)
        site = torch.searchsorted(count, (u * count[:, -1:]).long() + 1).clamp(max=x.shape[-1] - 1)
        flips = one_hot(site, x.shape[-1]).bool() & free.unsqueeze(1)
        return (x.unsqueeze(1) - (flips[:, :1] ^ flips[:, 1:]).to(x.dtype)).abs()

    def contrast(
        self, energy: Energy, x: Tensor, m: int, w: float, *, generator: torch.Generator | None = None
    ) -> Contrast:
        groups, free = energy.groups, energy.free(x)
        if groups is None:
            return super().contrast(energy, x, m, w, generator=generator)
        y = self._moved(groups, x.unsqueeze(1), free, generator)
        negatives = self._moved(groups, y.expand(-1, m, -1), free, generator)
        return weighted_contrast(x, negatives, w, x.new_zeros(len(x), m + 1))

    def _moved(self, groups: Groups, x: Tensor, free: Tensor, generator: torch.Generator | None) -> Tensor:
        """States `(B, M, D)` with one variable moved to another value; without one that can, as they are."""
        able = groups.movable(x, free.unsqueeze(1))
        keys = torch.rand(*x.shape[:-1], len(groups.variables), generator=generator, device=x.device)
        keys = keys.masked_fill(groups.totals(able.long()) == 0, -1.0)
        chosen = able & groups.spread(one_hot(keys.argmax(-1), keys.shape[-1]).bool())
        u = torch.rand(x.shape, generator=generator, device=x.device).masked_fill(~chosen, -1.0)
        return groups.apply(x, one_hot(u.argmax(-1), x.shape[-1]).bool() & chosen)[0]

    def matrix(self, states: Tensor) -> Tensor:
        """`q(y|x) = 1/D` for states one flip apart, every bit free."""
        return (distances(states) == 1).to(states.dtype) / states.shape[-1]


@dataclass(frozen=True)
class MeanPool(Perturbation):
    """`y` is the number of ones in every window of bits; `x'` is uniform over the states with the same counts.

    A deterministic transform: `q(y|x)` is 0 or 1. A uniform permutation of the free bits inside each window samples
    `x'` exactly.

    *Forgets* the position of each one in its window. *Costs* `1 + M` energies. *Choose it* for images, as a coarse
    view, together with another perturbation: the law of the counts themselves is not forgotten, hence not learned.

    Args:
        windows: the window of each bit, `D` labels.

    Source: Schröder et al. 2023, arXiv 2307.07595 (mean pooling, a deterministic transformation).

    >>> pool = MeanPool.image(4, 6, size=2)  # 4 × 6 pixels in windows of 2 × 2
    >>> pool.windows[:8]
    (0, 0, 1, 1, 2, 2, 0, 0)
    """

    windows: tuple[int, ...]

    @classmethod
    def image(cls, height: int, width: int, *, size: int = 2) -> MeanPool:
        """Square windows of an image whose pixels are laid out row by row."""
        if size < 1:
            raise InputError(f"size: expected windows of at least 1 pixel, got {size}")
        across = -(-width // size)
        return cls(tuple(r // size * across + c // size for r in range(height) for c in range(width)))

    def negatives(self, x: Tensor, free: Tensor, m: int, *, generator: torch.Generator | None = None) -> Tensor:
        """Within each window the free bits are permuted at random; frozen bits keep their values."""
        if len(self.windows) != x.shape[-1]:
            raise InputError(f"windows: expected the window of each of {x.shape[-1]} bits, got {len(self.windows)}")
        window = torch.tensor(self.windows, device=x.device, dtype=torch.float64)
        group = (2 * window + (~free).double()).unsqueeze(1)
        keys = torch.rand(len(x), m, x.shape[-1], generator=generator, device=x.device, dtype=torch.float64)
        order = torch.linspace(0, 1, x.shape[-1] + 1, device=x.device, dtype=torch.float64)[:-1]
        keys = torch.where(free.unsqueeze(1), keys, order)
        place = (group + order).argsort(-1).expand(-1, m, -1)
        source = (group + keys).argsort(-1)
        bits = x.unsqueeze(1).expand(-1, m, -1)
        return torch.empty_like(bits).scatter(-1, place, bits.gather(-1, source))

    def matrix(self, states: Tensor) -> Tensor:
        """A column for each vector of counts that occurs."""
        windows = torch.tensor(self.windows, device=states.device).unique(return_inverse=True)[1]
        counts = states @ one_hot(windows).to(states.dtype)
        return one_hot(counts.unique(dim=0, return_inverse=True)[1]).to(states.dtype)
