"""Draws from a fitted density: by enumeration where that can be, else by chains, from the best starts there are."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from discrete_ed.density.models import ENUMERATED, draw
from discrete_ed.energies import Energy
from discrete_ed.jobs.estimate.config import EstimateConfig
from discrete_ed.samplers import State

SNAPSHOTS = 10  # states that each chain from noise gives
START_DRAWS = 4_000_000
PILOT = 2**14  # of these draws, to see whether all of them would be enough


def generate(energy: Energy, train: Tensor, config: EstimateConfig, generator: torch.Generator) -> dict[str, Any]:
    """Draw ten `states` for each of `config.samples`; returns them, and the effective number of starts.

    Up to 16 bits by enumeration. Beyond, `START_DRAWS` uniform states are weighed by `exp(−E)`. Where their effective
    number reaches that of the states wanted, these are drawn from them, and each makes a tenth of the chain's steps:
    every state has a chain of its own, and no chain has to find a mode. Else chains start at random rows that have the
    training data's marginals, and each gives ten states.
    """
    bits, count = train.shape[1], SNAPSHOTS * config.samples
    if bits <= ENUMERATED:
        states = draw(energy, count, train.new_zeros(count, bits).float(), generator=generator)
        return {"states": states, "effective_starts": None}
    pilot = torch.Generator(train.device).manual_seed(config.seed)
    uniform, w, ess = weighted_uniform(energy, min(PILOT, START_DRAWS), bits, pilot, train.device)
    if ess * START_DRAWS >= count * len(uniform):  # more of them may be enough
        uniform, w, ess = weighted_uniform(energy, START_DRAWS, bits, generator, train.device)
    between = max(1, config.sampler_steps // 10)
    if ess >= count:
        start, steps, snapshots = uniform[_rows(w, count, generator)], between, 1
        chunks = start.float().split(config.samples)
    else:
        marginals = train.float().mean(0)
        noise = torch.rand(config.samples, bits, generator=generator, device=train.device)
        chunks, steps, snapshots = ((noise < marginals).float(),), config.sampler_steps, SNAPSHOTS
    total = len(chunks) * (steps + (snapshots - 1) * between)
    with tqdm(total=total, desc="sample", unit="step") as bar:

        def callback(step: int, state: State) -> None:  # noqa: ARG001
            bar.update()

        found = [
            draw(
                energy, len(x) * snapshots, x, steps=steps, snapshots=snapshots, generator=generator, callback=callback
            )
            for x in chunks
        ]
    return {"states": torch.cat(found), "effective_starts": ess}


def weighted_uniform(
    energy: Energy, draws: int, bits: int, generator: torch.Generator, device: torch.device
) -> tuple[Tensor, Tensor, float]:
    """Uniform states `(n, D)` uint8, their weights `exp(−E)` up to a factor, `(n,)`, and their effective number."""
    x = torch.randint(2, (draws, bits), generator=generator, device=device, dtype=torch.uint8)
    with torch.no_grad():
        log_w = torch.cat([-energy(rows.float()).double() for rows in x.split(2**14)])
    w = (log_w - log_w.max()).exp()
    return x, w, float(w.sum() ** 2 / w.square().sum())


def _rows(w: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Rows drawn in proportion to their weights, of which there may be more than `multinomial` takes."""
    places = torch.rand(count, generator=generator, device=w.device, dtype=w.dtype) * w.sum()
    return torch.searchsorted(w.cumsum(0), places).clamp(max=len(w) - 1)
