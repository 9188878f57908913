"""Grey images are read from every format, and nothing else is."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from discrete_ed import InputError
from discrete_ed.data import digits, grey_digits, read_grey


def test_images_are_read_from_every_format_and_others_refused(tmp_path):
    pixels = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
    content = b"\x00\x00\x08\x03" + np.array([2, 3, 4], ">i4").tobytes() + pixels.tobytes()
    (tmp_path / "idx").write_bytes(content)
    (tmp_path / "idx.gz").write_bytes(gzip.compress(content))
    np.save(tmp_path / "a.npy", pixels)
    np.savez(tmp_path / "a.npz", x_train=pixels, y_train=np.zeros(2))
    for name in ("idx", "idx.gz", "a.npy", "a.npz"):
        assert np.array_equal(read_grey(tmp_path / name), pixels / np.float32(255))
    (tmp_path / "short").write_bytes(content[:-1])
    np.save(tmp_path / "flat.npy", pixels[0])
    np.save(tmp_path / "large.npy", pixels.astype(float))
    np.save(tmp_path / "nan.npy", np.full((1, 2, 2), np.nan))
    np.save(tmp_path / "pickled.npy", np.array([{}]), allow_pickle=True)
    for name in ("short", "flat.npy", "large.npy", "pickled.npy", "nan.npy", "absent"):
        with pytest.raises(InputError, match=name):
            read_grey(tmp_path / name)


@pytest.mark.thorough
def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path):
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(bytes(2 * 10**8)))
    with pytest.raises(InputError, match=r"bomb\.gz: expected a file that unpacks to at most 100 times its size"):
        read_grey(tmp_path / "bomb.gz")


def test_digits_are_grey_or_black_and_white():
    pytest.importorskip("sklearn")
    assert grey_digits().shape == (1797, 8, 8)
    assert grey_digits().max() == 1
    assert np.array_equal(digits(), (grey_digits() >= 0.5).reshape(-1, 64))
