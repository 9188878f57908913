"""Parallel tempering of Ising models in compiled loops: one loop for each rung of the ladder."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch

from discrete_ed.energies.local import LocalEvaluation
from discrete_ed.samplers import compiled
from discrete_ed.samplers.compiled import Advance, Loop
from discrete_ed.samplers.interactions import Array, Interactions
from discrete_ed.samplers.kernels import Kernel, State
from discrete_ed.samplers.tempering import ParallelTempering


def tempered(kernel: Kernel, local: LocalEvaluation, x: torch.Tensor) -> Advance | None:
    """A function that advances chains `(R·B, D)` by tempering steps; None if there is no compiled loop."""
    if type(kernel) is not ParallelTempering:
        return None
    model = compiled.model_for(kernel.kernel, local, x, max(kernel.betas))
    if model is None:
        return None
    chains = len(x) // len(kernel.betas)
    loops = [compiled.loop_for(kernel.kernel, model.at_beta(beta), chains) for beta in kernel.betas]
    return partial(_advance, model, loops, np.array(kernel.betas))


def _advance(
    model: Interactions,
    loops: list[Loop],
    betas: Array,
    state: State,
    steps: int,
    generator: torch.Generator | None,
) -> State:
    counter = np.uint64(torch.randint(2**63 - 1, (), generator=generator).item())
    rng = np.random.default_rng(int(counter))  # of the swaps; the loops use another kind of generator
    rungs = len(betas)
    bits = state.x.numpy().astype(np.uint8).reshape(rungs, -1, state.x.shape[1])
    moved = np.zeros(bits.shape[:2], bool)
    chain = np.arange(bits.shape[1])
    for _ in range(steps):
        for r, loop in enumerate(loops):
            bits[r], moved[r], counter = loop(np.ascontiguousarray(bits[r]), 1, np.uint64(counter))
        energy = model.energies(bits.reshape(-1, bits.shape[2])).reshape(rungs, -1)
        log_ratio = np.diff(betas)[:, None] * np.diff(energy, axis=0)  # (β_r − β_{r+1}) (E_r − E_{r+1})
        even = rng.random(len(chain)) < 0.5
        swaps = (np.log(1 - rng.random(log_ratio.shape)) < log_ratio) & (
            (np.arange(rungs - 1)[:, None] % 2 == 0) == even
        )
        source = np.repeat(np.arange(rungs)[:, None], len(chain), 1)
        source[:-1] += swaps
        source[1:] -= swaps
        if swaps.any():
            bits = bits[source, chain]
    rows = bits.reshape(-1, bits.shape[2])
    beta = np.repeat(betas, len(chain))[:, None]
    s = 2.0 * rows - 1
    field = model.local_fields(s)
    energy = -(s * (field + model.fields)).sum(1) / 2 * beta[:, 0]
    parts = (rows, energy, 2 * beta * s * field)
    x, value, delta = (torch.from_numpy(part).to(state.x.dtype) for part in parts)
    return State(x, value, delta if state.delta.shape[1] else state.delta, torch.from_numpy(moved.ravel()))
