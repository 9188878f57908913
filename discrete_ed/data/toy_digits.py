"""The densities in the plane, with each coordinate written in K-valued digits: laws over categorical variables."""

from __future__ import annotations

from dataclasses import dataclass
from math import log, sqrt

import numpy as np
from numpy.typing import NDArray

from discrete_ed.data.toys import Points, Toy, Values
from discrete_ed.errors import check_count

Digits = NDArray[np.int64]


@dataclass(frozen=True)
class DigitToy:
    """A density in the plane over D = 2d variables of K values: each coordinate is cut into K^d cells.

    The number of a cell is written in a reflected Gray code of base K, most significant digit first, so that
    neighbouring cells differ in one digit, by one. Comparisons take (K, D) = (5, 16) and (10, 12), beside the 32 bits
    of `Toy`.

    Args:
        toy: the density.
        base: K, at least 2.
        digits: d, of each coordinate.

    Source: the sizes are those of Schröder, Ou, Li and Duncan 2024, arXiv 2412.01019.

    >>> from discrete_ed.data import TOYS
    >>> law = DigitToy(TOYS["moons"], base=5, digits=8)
    >>> values = law.states(100, seed=0)
    >>> values.shape, int(values.max()) < 5, bool((law.encode(law.decode(values)) == values).all())
    ((100, 16), True, True)
    """

    toy: Toy
    base: int
    digits: int

    def __post_init__(self) -> None:
        check_count(self.base, "base", least=2)
        check_count(self.digits, "digits")

    @property
    def cells(self) -> int:
        """The number of cells of a coordinate."""
        return int(self.base**self.digits)

    @property
    def width(self) -> float:
        """The width of a cell; the grid covers `(−h, h)²`, as that of the toy."""
        return 2 * self.toy.half_width / self.cells

    def states(self, n: int, *, seed: int) -> Digits:
        """`n` independent samples, `(n, D)`, whole numbers from 0 to K − 1."""
        return self.encode(self.toy.sample(n, np.random.default_rng(seed)))

    def encode(self, points: Points) -> Digits:
        """Points `(n, 2)` to the digits of their cells; a coordinate beyond the grid belongs to the outermost cell."""
        cell = np.clip(((points + self.toy.half_width) / self.width).astype(np.int64), 0, self.cells - 1)
        places = self.base ** np.arange(self.digits - 1, -1, -1)
        plain = cell[..., None] // places % self.base
        above = cell[..., None] // (places * self.base)  # the digits before: where their number is odd, count down
        return np.where(above % 2 == 0, plain, self.base - 1 - plain).reshape(len(points), -1)

    def decode(self, values: Digits) -> Points:
        """Digits `(n, D)` to the centres of their cells, `(n, 2)`."""
        code = values.reshape(len(values), 2, self.digits)
        cell = np.zeros(code.shape[:2], np.int64)
        for k in range(self.digits):
            plain = np.where(cell % 2 == 0, code[..., k], self.base - 1 - code[..., k])
            cell = cell * self.base + plain
        return (cell + 0.5) * self.width - self.toy.half_width

    def log_probability(self, values: Digits) -> Values:
        """`log p` of each state, `log p(centre of the cell) + log area`, as that of `Toy`."""
        with np.errstate(divide="ignore"):
            return np.log(self.toy.density(self.decode(values))) + 2 * log(self.width)

    def entropy(self, n: int = 200_000, *, seed: int = 0) -> tuple[float, float]:
        """The entropy in nats, and its standard error: the mean of `−log p` over `n` samples."""
        values = -self.log_probability(self.states(n, seed=seed))
        values = values[np.isfinite(values)]
        return float(values.mean()), float(values.std() / sqrt(len(values)))
