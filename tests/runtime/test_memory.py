"""How much memory is free, as Linux says it."""

from __future__ import annotations

import pytest
import torch

from discrete_ed.runtime import memory

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("meminfo", "limit", "used", "free"),
    [
        ("MemTotal: 9000 kB\nMemAvailable:    4000 kB\n", None, None, 4_096_000),
        ("MemAvailable: 4000 kB\n", "max", "5", 4_096_000),
        ("MemAvailable: 4000 kB\n", "3000000", "1000000", 2_000_000),
        ("MemAvailable: 4000 kB\n", "9000000", "1000000", 4_096_000),
        ("MemTotal: 9000 kB\n", None, None, None),
        (None, None, None, None),
    ],
)
def test_free_memory_is_that_of_the_machine_or_of_the_container(tmp_path, monkeypatch, meminfo, limit, used, free):
    for name, content in (("MEMINFO", meminfo), ("LIMIT", limit), ("USED", used)):
        monkeypatch.setattr(memory, name, tmp_path / name)
        if content is not None:
            (tmp_path / name).write_text(content)
    assert memory.available_bytes(CPU) == free


def test_this_machine_has_some_memory():
    free = memory.available_bytes(CPU)
    assert free is None or 10**6 < free < 10**15
