"""Densities in the plane: the code of their bits, the laws they are drawn from, and what is known of them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from discrete_ed.data import TOYS
from discrete_ed.data.toys import CELLS

NAMES = ("2spirals", "8gaussians", "circles", "moons", "pinwheel", "swissroll", "checkerboard")


def test_there_are_seven():
    assert tuple(TOYS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_decoding_and_encoding_are_inverse(name):
    toy = TOYS[name]
    states = np.random.default_rng(0).integers(2, size=(5000, 32), dtype=np.uint8)
    assert np.array_equal(toy.encode(toy.decode(states)), states)
    points = toy.sample(5000, np.random.default_rng(1))
    assert np.abs(toy.decode(toy.encode(points)) - points).max() <= toy.half_width / CELLS / 2 * (1 + 1e-9)


def test_the_code_is_sign_and_gray_as_published():
    """Sign first (1 where negative), then the magnitude, truncated; neighbouring cells differ in one bit."""
    toy = TOYS["moons"]
    width = toy.half_width / CELLS
    cells = np.array([0, 1, 2, 3, 4, 21845, CELLS - 1])
    points = np.stack([(cells + 0.3) * width, -(cells + 0.7) * width], 1)
    bits = toy.encode(points)
    for k, cell in enumerate(cells):
        code = [0, *map(int, f"{cell ^ (cell >> 1):015b}")]
        assert bits[k, :16].tolist() == code
        assert bits[k, 16:].tolist() == [1, *code[1:]]
    line = (np.arange(-300, 300) + 0.5) * width
    codes = toy.encode(np.stack([line, np.zeros(600)], 1))[:, :16].astype(int)
    assert (np.abs(np.diff(codes, axis=0)).sum(1) == 1).all()  # across zero, too: only the sign changes
    assert np.array_equal(
        toy.encode(np.array([[99.0, -99.0]])), toy.encode(np.array([[1, -1]]) * toy.half_width * 0.99999)
    )


@pytest.mark.thorough
@pytest.mark.parametrize("name", NAMES)
def test_the_density_is_that_of_the_draws(name):
    """Integrates to one; its integrals over a coarse grid are the draws' shares (chi-square, 4.5 standard errors)."""
    toy = TOYS[name]
    fine, coarse, n = 168, 12, 40_000
    edges = np.linspace(-toy.half_width, toy.half_width, fine + 1)
    middles = (edges[1:] + edges[:-1]) / 2
    grid = np.stack(np.meshgrid(middles, middles, indexing="ij"), -1).reshape(-1, 2)
    mass = (toy.density(grid) * (edges[1] - edges[0]) ** 2).reshape(coarse, fine // coarse, coarse, -1).sum((1, 3))
    assert mass.sum() == pytest.approx(1, abs=2e-2 if name == "checkerboard" else 1e-4)
    x, y = toy.sample(n, np.random.default_rng(2)).T
    seen = np.histogram2d(x, y, bins=coarse, range=[[-toy.half_width, toy.half_width]] * 2)[0]
    expected = n * mass / mass.sum()
    if name == "checkerboard":  # whose edges this grid cuts
        assert np.abs(seen - expected).sum() / n / 2 < 0.03
        return
    enough = expected >= 5
    chi2 = ((seen - expected)[enough] ** 2 / expected[enough]).sum()
    assert chi2 < enough.sum() + 4.5 * np.sqrt(2 * enough.sum())
    assert seen[~enough].sum() < expected[~enough].sum() + 4.5 * np.sqrt(expected[~enough].sum() + 1)


@pytest.mark.thorough
def test_a_planted_bug_in_a_density_is_seen():
    toy = TOYS["moons"]
    points = toy.sample(40_000, np.random.default_rng(0))
    right, wrong = np.log(toy.density(points)).mean(), np.log(toy.density(points + np.array([0.0, 0.1]))).mean()
    assert right - wrong > 0.05


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("name", "published", "biased"),
    [
        ("8gaussians", 19.982, 0.0),
        ("checkerboard", 20.679, 0.0),
        ("pinwheel", 19.554, 0.0),
        ("swissroll", 20.084, 0.059),
    ],
)
def test_entropies_explain_the_published_likelihoods(name, published, biased):
    """The best published negative log-likelihoods lie at the entropy, or below where their log Z is too low."""
    value, error = TOYS[name].entropy(20_000)
    assert published > value - biased - 4.5 * error
    assert published < value - biased + 4.5 * error + 0.02


def test_a_law_over_bits_sums_to_one_where_it_can_be_summed():
    """The probabilities of all 2^32 cells are the density's integral; here over the cells of a small square."""
    toy = TOYS["8gaussians"]
    width = toy.half_width / CELLS
    cells = np.array(list(itertools.product(range(64), repeat=2)))
    p = np.exp(toy.log_probability(toy.encode((cells + 0.5) * width)))
    at = toy.density(np.array([[32 * width, 32 * width]]))[0]
    assert p.sum() == pytest.approx(at * (64 * width) ** 2, rel=1e-3)


def test_draws_follow_their_seed():
    toy = TOYS["swissroll"]
    assert np.array_equal(toy.states(50, seed=1), toy.states(50, seed=1))
    assert not np.array_equal(toy.states(50, seed=1), toy.states(50, seed=2))


def test_the_pinwheels_density_has_the_turning_in_it():
    """On one blade, at (f, g): the density there over the determinant of the map, found by differences."""

    def place(f, g):
        angle = 0.25 * np.exp(f)
        return 2 * np.stack([f * np.cos(angle) - g * np.sin(angle), -f * np.sin(angle) - g * np.cos(angle)], -1)

    f, g = np.linspace(0.8, 1.7, 7), np.linspace(-0.2, 0.25, 7)
    h = 1e-5
    along, across = (place(f + h, g) - place(f - h, g)) / (2 * h), (place(f, g + h) - place(f, g - h)) / (2 * h)
    determinant = np.abs(along[:, 0] * across[:, 1] - along[:, 1] * across[:, 0])
    normal = np.exp(-((f - 1) ** 2) / (2 * 0.3**2) - g**2 / (2 * 0.1**2)) / (2 * np.pi * 0.3 * 0.1)
    np.testing.assert_allclose(TOYS["pinwheel"].density(place(f, g)), normal / determinant / 5, rtol=1e-6)
