"""Seven densities in the plane, quantised to 32 bits: samples, and the true probabilities.

Discrete generative models are compared on these (since Dai et al. 2020, arXiv 2011.05363): each coordinate is cut into
2^16 cells, whose number is written as a sign and the 15 bits of a Gray code. The laws and the width of the cells are
those of the published comparisons. Here the density is computed as well, and with it the entropy of the discrete law,
which is the smallest negative log-likelihood that a model can have.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from math import log, pi, sqrt

import numpy as np
from scipy.special import ndtr

from discrete_ed.data.tables import Bits

Points = np.ndarray[tuple[int, int], np.dtype[np.float64]]
Values = np.ndarray[tuple[int], np.dtype[np.float64]]
Rng = np.random.Generator

BITS = 16  # bits of each coordinate: a sign and 15 of magnitude
CELLS = 2 ** (BITS - 1)  # number of cells on each side of zero
NODES = 300  # of the quadratures along curves; with twice as many a log density changes by less than 1e-8
ROOTS = 1000  # intervals in which the density of the pinwheel searches for roots


@dataclass(frozen=True)
class Toy:
    """A density in the plane and the grid that turns it into a law over 32 bits.

    >>> toy = TOYS["moons"]
    >>> states = toy.states(100, seed=0)
    >>> states.shape, bool((np.abs(toy.decode(states)) < toy.half_width).all())
    ((100, 32), True)
    """

    name: str
    reach: float
    """the largest coordinate among 5,000 points, sampled as in the published comparisons"""
    sample: Callable[[int, Rng], Points]
    """a function of `n` and a generator to `n` independent points, `(n, 2)`"""
    density: Callable[[Points], Values]
    """a function of points `(n, 2)` to the density there"""

    @property
    def half_width(self) -> float:
        """The grid covers `(−h, h)²` with `h` = `reach` + 2: the published margin."""
        return self.reach + 2

    @property
    def log_cell(self) -> float:
        """The log of the area of a cell."""
        return 2 * log(self.half_width / CELLS)

    def states(self, n: int, *, seed: int) -> Bits:
        """`n` independent samples of the discrete law, `(n, 32)` uint8."""
        return self.encode(self.sample(n, np.random.default_rng(seed)))

    def encode(self, points: Points) -> Bits:
        """Points `(n, 2)` to the bits of their cells, `(n, 32)`.

        For each coordinate the sign (1 if negative) and the Gray code of the magnitude, most significant bit first.
        A coordinate beyond the grid belongs to the outermost cell.
        """
        cell = np.minimum((np.abs(points) / self.half_width * CELLS).astype(np.int64), CELLS - 1)
        gray = cell ^ (cell >> 1)
        bits = (gray[..., None] >> np.arange(BITS - 2, -1, -1)) & 1
        return np.concatenate([np.signbit(points)[..., None], bits], -1).reshape(len(points), -1).astype(np.uint8)

    def decode(self, states: Bits) -> Points:
        """Bits `(n, 32)` to the centres of their cells, `(n, 2)`; `encode` of these gives the bits back.

        >>> toy, states = TOYS["circles"], np.random.default_rng(0).integers(2, size=(50, 32), dtype=np.uint8)
        >>> bool((toy.encode(toy.decode(states)) == states).all())
        True
        """
        bits = states.reshape(len(states), 2, BITS)
        binary = np.bitwise_xor.accumulate(bits[..., 1:], -1)
        cell = binary @ (1 << np.arange(BITS - 2, -1, -1))
        return (cell + 0.5) * (self.half_width / CELLS) * (1.0 - 2.0 * bits[..., 0])

    def log_probability(self, states: Bits) -> Values:
        """`log p` of each state under the discrete law: `log p(centre of the cell) + log area`.

        A cell is some thousand times narrower than the noise of these densities, so that this has a relative error of
        1e-6 (except at the edges of the checkerboard, where a cell counts as inside or outside).
        """
        with np.errstate(divide="ignore"):
            return np.log(self.density(self.decode(states))) + self.log_cell

    def entropy(self, n: int = 200_000, *, seed: int = 0) -> tuple[float, float]:
        """The entropy of the discrete law in nats, and its standard error: the mean of `−log p` over `n` samples.

        >>> value, error = TOYS["checkerboard"].entropy(1000)
        >>> round(value, 3), error < 1e-6  # uniform over an area of 32, so known
        (20.677, True)
        """
        values = -self.log_probability(self.encode(self.sample(n, np.random.default_rng(seed))))
        values = values[np.isfinite(values)]
        return float(values.mean()), float(values.std() / sqrt(len(values)))


def _gauss(x: np.ndarray, sd: float) -> np.ndarray:
    return np.exp(-0.5 * (x / sd) ** 2) / (sd * sqrt(2 * pi))


def _curve_density(
    curve: Points, weight: np.ndarray, spread: Callable[[np.ndarray], np.ndarray]
) -> Callable[[Points], Values]:
    """The density `Σ_k weight_k s(x − a_k) s(y − b_k)`: the points of a curve `(K, 2)`, each convolved with `s`."""

    def density(points: Points) -> Values:
        parts = [
            (spread(some[:, :1] - curve[:, 0]) * spread(some[:, 1:] - curve[:, 1])) @ weight
            for some in np.array_split(points, len(points) // 1000 + 1)
        ]
        return np.concatenate(parts)

    return density


@cache
def _legendre() -> tuple[np.ndarray, np.ndarray]:
    """Gauss–Legendre nodes and weights on `[−1, 1]`, the eigenvalues of a matrix: computed once for all curves."""
    return np.polynomial.legendre.leggauss(NODES)


def _nodes(low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """Gauss–Legendre nodes and weights for a mean over an interval."""
    nodes, weights = _legendre()
    return (low + high) / 2 + (high - low) / 2 * nodes, weights / 2


def _eight_gaussians() -> Toy:
    angle = np.arange(8) * pi / 4
    centres, sd = 4 / 1.414 * np.stack([np.cos(angle), np.sin(angle)], 1), 0.5 / 1.414

    def sample(n: int, rng: Rng) -> Points:
        return centres[rng.integers(8, size=n)] + sd * rng.standard_normal((n, 2))

    return Toy("8gaussians", 4.195, sample, _curve_density(centres, np.full(8, 1 / 8), lambda d: _gauss(d, sd)))


def _circles() -> Toy:
    def curve(radius: np.ndarray, angle: np.ndarray) -> Points:
        return radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)

    def sample(n: int, rng: Rng) -> Points:
        radius = np.where(rng.random(n) < 0.5, 3.0, 1.5)
        return curve(radius, 2 * pi * rng.random(n)) + 0.24 * rng.standard_normal((n, 2))

    angle, weight = _nodes(0, 2 * pi)
    both = np.concatenate([curve(np.full(NODES, radius), angle) for radius in (3.0, 1.5)])
    return Toy("circles", 3.781, sample, _curve_density(both, np.tile(weight / 2, 2), lambda d: _gauss(d, 0.24)))


def _moons() -> Toy:
    def curve(upper: np.ndarray, angle: np.ndarray) -> Points:
        x = np.where(upper, np.cos(angle), 1 - np.cos(angle))
        y = np.where(upper, np.sin(angle), 0.5 - np.sin(angle))
        return np.stack([2 * x - 1, 2 * y - 0.2], 1)

    def sample(n: int, rng: Rng) -> Points:
        return curve(rng.random(n) < 0.5, pi * rng.random(n)) + 0.2 * rng.standard_normal((n, 2))

    angle, weight = _nodes(0, pi)
    both = np.concatenate([curve(np.full(NODES, upper), angle) for upper in (True, False)])
    return Toy("moons", 3.669, sample, _curve_density(both, np.tile(weight / 2, 2), lambda d: _gauss(d, 0.2)))


def _swissroll() -> Toy:
    def curve(u: np.ndarray) -> Points:
        t = 1.5 * pi * (1 + 2 * u)
        return np.stack([t * np.cos(t), t * np.sin(t)], 1) / 5

    def sample(n: int, rng: Rng) -> Points:
        return curve(rng.random(n)) + 0.2 * rng.standard_normal((n, 2))

    u, weight = _nodes(0, 1)
    return Toy("swissroll", 3.266, sample, _curve_density(curve(u), weight, lambda d: _gauss(d, 0.2)))


def _two_spirals() -> Toy:
    def curve(t: np.ndarray) -> Points:
        return np.stack([-t * np.cos(t), t * np.sin(t)], 1) / 3

    def sample(n: int, rng: Rng) -> Points:
        one = curve(3 * pi * np.sqrt(rng.random(n))) + rng.random((n, 2)) / 6
        return np.where(rng.random((n, 1)) < 0.5, one, -one) + 0.1 * rng.standard_normal((n, 2))

    def spread(d: np.ndarray) -> np.ndarray:  # uniform on (0, 1/6), then Gaussian
        return 6 * (ndtr(d / 0.1) - ndtr((d - 1 / 6) / 0.1))

    t, weight = _nodes(0, 3 * pi)
    arm = _curve_density(curve(t), weight * 2 * t / (3 * pi), spread)
    return Toy("2spirals", 3.481, sample, lambda points: (arm(points) + arm(-points)) / 2)


def _pinwheel() -> Toy:
    """Five blades: a Gaussian `(f, g)`, radial and tangential, turned by an angle that grows with `f`."""
    starts = 2 * pi * np.arange(5) / 5

    def turned(f: np.ndarray, g: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        angle = start + 0.25 * np.exp(f)
        cos, sin = np.cos(angle), np.sin(angle)
        return f * cos - g * sin, f * sin + g * cos

    def sample(n: int, rng: Rng) -> Points:
        f, g = 1 + 0.3 * rng.standard_normal(n), 0.1 * rng.standard_normal(n)
        x, y = turned(f, g, starts[rng.integers(5, size=n)])
        return 2 * np.stack([x, -y], 1)

    def density(points: Points) -> Values:
        """A sum over the radii `f` for which rotating the point back by the angle of `f` gives the radius `f`."""
        grid = np.linspace(1 - 8 * 0.3, 1 + 8 * 0.3, ROOTS)
        step = grid[1] - grid[0]
        total = np.zeros(len(points))
        for some in np.array_split(np.arange(len(points)), len(points) // 1000 + 1):
            x, y = points[some, 0, None] / 2, -points[some, 1, None] / 2
            for start in starts:
                angle = start + 0.25 * np.exp(grid)
                gap = x * np.cos(angle) + y * np.sin(angle) - grid
                row, left = np.nonzero(np.diff(np.signbit(gap), axis=1))
                a, b = gap[row, left], gap[row, left + 1]
                f = grid[left] + step * a / (a - b)
                angle = start + 0.25 * np.exp(f)
                along, across = np.cos(angle), np.sin(angle)
                for _ in range(2):  # Newton steps
                    g = y[row, 0] * along - x[row, 0] * across
                    slope = g * 0.25 * np.exp(f) - 1
                    f = f - (x[row, 0] * along + y[row, 0] * across - f) / slope
                    angle = start + 0.25 * np.exp(f)
                    along, across = np.cos(angle), np.sin(angle)
                g = y[row, 0] * along - x[row, 0] * across
                weight = _gauss(f - 1, 0.3) * _gauss(g, 0.1) / np.abs(g * 0.25 * np.exp(f) - 1)
                np.add.at(total, some[row], weight)
        return total / 5 / 4

    return Toy("pinwheel", 3.946, sample, density)


def _checkerboard() -> Toy:
    def sample(n: int, rng: Rng) -> Points:
        x = 4 * rng.random(n) - 2
        y = rng.random(n) - 2 * rng.integers(2, size=n) + np.floor(x) % 2
        return 2 * np.stack([x, y], 1)

    def density(points: Points) -> Values:
        column, row = np.floor(points / 2).T
        inside = (np.abs(points) < 4).all(1) & ((column + row) % 2 == 0)
        return np.where(inside, 1 / 32, 0.0)

    return Toy("checkerboard", 3.9994, sample, density)


TOYS = {
    toy.name: toy
    for toy in (
        _two_spirals(),
        _eight_gaussians(),
        _circles(),
        _moons(),
        _pinwheel(),
        _swissroll(),
        _checkerboard(),
    )
}
"""the seven densities by name"""
