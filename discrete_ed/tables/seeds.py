"""Seeds from what scikit-learn calls a random state."""

from __future__ import annotations

from typing import Any

import numpy as np


def seed_of(random_state: Any) -> int:
    """A seed from a seed, a `numpy.random.RandomState` or `Generator`, or None for a random one."""
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31 - 1))
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**31 - 1))
    return int(np.random.SeedSequence(random_state).generate_state(1)[0])
