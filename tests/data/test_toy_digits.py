"""The densities in the plane in digits of base K: a Gray code, and the entropy of the same density."""

from __future__ import annotations

from math import log

import numpy as np
import pytest

from discrete_ed.data import TOYS, DigitToy
from discrete_ed.data.toys import CELLS
from discrete_ed.errors import InputError


@pytest.mark.parametrize(("base", "digits"), [(5, 8), (10, 6), (2, 16), (3, 2)])
def test_neighbouring_cells_differ_in_one_digit_by_one(base, digits):
    law = DigitToy(TOYS["moons"], base, digits)
    cells = np.arange(min(law.cells, 400))
    centres = (cells + 0.5) * law.width - law.toy.half_width
    code = law.encode(np.stack([centres, -centres], 1))
    steps = np.abs(np.diff(code[:, :digits], axis=0))
    assert (steps.sum(1) == 1).all()
    assert code.max() == base - 1 if law.cells <= 400 else code.max() < base
    values = np.random.default_rng(0).integers(base, size=(500, 2 * digits))
    assert np.array_equal(law.encode(law.decode(values)), values)
    if base**digits <= 400:
        assert len(np.unique(code[:, :digits], axis=0)) == law.cells


def test_the_entropy_is_that_of_the_density_in_smaller_cells():
    toy = TOYS["8gaussians"]
    binary, _ = toy.entropy(20_000)
    found, _ = DigitToy(toy, 5, 8).entropy(20_000)
    assert found == pytest.approx(
        binary + 2 * log(toy.half_width / CELLS) - 2 * log(2 * toy.half_width / 5**8), abs=1e-3
    )


def test_probabilities_of_a_coarse_grid_sum_to_one():
    law = DigitToy(TOYS["circles"], 7, 2)
    values = np.stack(np.meshgrid(*[np.arange(7)] * 4, indexing="ij"), -1).reshape(-1, 4)
    assert np.exp(law.log_probability(values)).sum() == pytest.approx(1, abs=0.02)
    with pytest.raises(InputError, match="base: expected at least 2, got 1"):
        DigitToy(TOYS["circles"], 1, 2)
