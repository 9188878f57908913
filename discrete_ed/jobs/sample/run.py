"""The sampling job: chains of a saved energy, and their diagnosis."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from discrete_ed.energies import Energy
from discrete_ed.energies.base import dtype_of
from discrete_ed.energies.dense_graphs import DenseGraphEnergy
from discrete_ed.energies.local import LocalEvaluation
from discrete_ed.energies.saving import WEIGHTS, load_energy
from discrete_ed.errors import InputError
from discrete_ed.jobs.generate.past_run import PastRun
from discrete_ed.jobs.options import refuse_options_without_effect
from discrete_ed.jobs.resume import resumed
from discrete_ed.jobs.run_folder import CONFIG, RunFolder
from discrete_ed.jobs.sample.config import SampleConfig
from discrete_ed.jobs.sample.graphs import sample_graphs_of
from discrete_ed.jobs.sample.report import summary_of, table_of, verdict, write_report
from discrete_ed.jobs.sample.tables import sample_rows_of
from discrete_ed.jobs.table_runs import is_table_run
from discrete_ed.jobs.text import as_text
from discrete_ed.metrics import diagnose
from discrete_ed.runtime.distributed import pick_device
from discrete_ed.runtime.files import MANIFEST
from discrete_ed.samplers import DMALA, Kernel, State, adapt_step_size, chain, kernel_by_name, local_for

JOB = "sample"
CHUNKS = 20  # pieces in which the chains run
KEPT = ("x", "energy", "accepted")  # fields of a chain's state that are kept
SHORTEST_ADAPTATION = 50  # least number of steps in which a step size is adapted, if the warm-up is shorter


def run(config: SampleConfig) -> dict[str, Any]:
    """Sample, diagnose, and write everything to a run folder; returns the content of `result.json`.

    Raises:
        InputError: an energy, kernel, device or run folder that can't be used.
    """
    config = resumed(config, JOB)
    if config.energy is None:
        raise InputError("energy: expected the folder of a saved energy, or --resume with a run folder, got none")
    device = pick_device(config.device)
    if is_table_run(config.energy):
        return sample_rows_of(config.energy, config)
    if PastRun.is_at(config.energy):
        refuse_simulation(config.energy)
        return sample_graphs_of(PastRun.open(config.energy, "energy"), config, device)
    energy = load_energy(config.energy).to(device)
    facts: dict[str, Any] = {"graph_energy": _graph_energy(energy) is not None, "run": False}
    refuse_options_without_effect(config, **facts)
    generator = torch.Generator(device).manual_seed(config.seed)
    x = random_states(energy, config.chains, config.nodes, generator)
    kernel = kernel_by_name(config.kernel, energy)
    local = local_for(kernel, energy)
    kernel.init(local, x[:1])  # refuses an energy that doesn't fit, before the run folder is made
    inputs = [path for file in (MANIFEST, WEIGHTS) if (path := config.energy / file).exists()]
    with RunFolder(config.out, JOB, config.energy.name, config, inputs, facts) as folder:
        if isinstance(kernel, DMALA):
            steps = max(config.warmup * config.thin, SHORTEST_ADAPTATION)
            fit = partial(adapted, kernel, local, x, steps, generator)
            warm = folder.cached("step-size", fit, {"generator": generator})
            kernel, x = replace(kernel, step_size=warm["step_size"]), warm["x"].to(x)
        print(f"{config.chains} chains of {type(energy).__name__}, {energy.bits} bits, by {kernel}")
        kept = sample_in_pieces(config, kernel, local, x, folder, generator)
        states = [State(*parts) for parts in zip(kept["x"], kept["energy"], kept["x"], kept["accepted"], strict=True)]
        evaluations = config.thin * kernel.evaluations(energy.bits)
        diagnosis = replace(diagnose(states, evaluations=evaluations), seconds=kept["seconds"])

        bits, energies = (kept[name].transpose(0, 1).numpy() for name in ("x", "energy"))
        samples = io.BytesIO()
        np.savez(samples, bits=bits, energy=energies)
        folder.write("samples.npz", samples.getvalue())
        result = {
            "energy": type(energy).__name__,
            "bits": energy.bits,
            "kernel": str(kernel),
            "chains": config.chains,
            "draws": config.steps,
            "thin": config.thin,
            **summary_of(diagnosis),
        }
        write_report(folder, config, facts, diagnosis, result, energies)
        text = as_text(table_of(diagnosis, result))
        folder.write("diagnostics.txt", (text + "\n").encode())
        folder.finish(result)
    print(f"\n{verdict(diagnosis, result)}\n\n{text}\n")
    print(f"written to {folder.path}: open {folder.path / 'report.html'}; samples.npz has bits (chain, draw, D)")
    return result


def refuse_simulation(folder: Path) -> None:
    """Raise `InputError` if this is a run of `simulate`, which has samples already, and no energy in a file."""
    try:
        record = json.loads((folder / CONFIG).read_bytes())
    except (OSError, ValueError, RecursionError):
        return
    if isinstance(record, dict) and record.get("job") == "simulate":
        raise InputError(
            f"energy: expected a saved energy, or a run of generate or of estimate, but {folder} is a run of simulate: "
            "its states are in states-SIZE.npz, more of them come from discrete-ed simulate with another --seed; to "
            "sample its model by another kernel, build it in Python, IsingEnergy.from_graph(lattice(…), …), and save "
            "it by save_energy(FOLDER, energy)"
        )


def adapted(kernel: DMALA, local: LocalEvaluation, x: Tensor, steps: int, generator: torch.Generator) -> dict[str, Any]:
    """The adapted step size, and the chains after the warm-up in which it was adapted."""
    fitted, x = adapt_step_size(kernel, local, x, steps, generator=generator)
    return {"step_size": fitted.step_size, "x": x}


def sample_in_pieces(
    config: SampleConfig,
    kernel: Kernel,
    local: LocalEvaluation,
    x: Tensor,
    folder: RunFolder,
    generator: torch.Generator,
) -> dict[str, Any]:
    """States `(draw, B, D)`, energies and acceptance `(draw, B)` after the warm-up, and the seconds that this took.

    Chains run in `CHUNKS` pieces, each of which is cached, so that a resumed run repeats at most one of them.
    """
    total = config.warmup + config.steps
    size = -(-total // CHUNKS)
    pieces = []
    with tqdm(total=total, desc="sample", unit="draw") as bar:

        def piece(x: Tensor, count: int, dropped: int) -> dict[str, Any]:
            states, started = [], time.monotonic()
            for state in islice(chain(kernel, local, x, thin=config.thin, generator=generator), count):
                states.append((state.x.to(torch.uint8).cpu(), state.energy.cpu(), state.accepted.cpu()))
                bar.update()
            seconds = (time.monotonic() - started) * (count - dropped) / count
            kept = [torch.stack(list(parts))[dropped:].clone() for parts in zip(*states, strict=True)]
            return {"last": states[-1][0], **dict(zip(KEPT, kept, strict=True)), "seconds": seconds}

        for first in range(0, total, size):
            count = min(size, total - first)
            dropped = min(max(config.warmup - first, 0), count)
            found = folder.cached(f"draws-{first}", partial(piece, x, count, dropped), {"generator": generator})
            x = found["last"].to(x)
            pieces.append(found)
            bar.update(first + count - bar.n)
    joined = {name: torch.cat([piece[name] for piece in pieces]) for name in KEPT}
    return {**joined, "seconds": sum(piece["seconds"] for piece in pieces)}


def random_states(energy: Energy, chains: int, nodes: Sequence[int], generator: torch.Generator) -> Tensor:
    """Uniform random bits `(chains, D)`; for a graph energy, uniform random graphs over its first nodes, with these
    numbers of nodes in turn or, if there are none, as many as it allows."""
    x = torch.rand(chains, energy.bits, generator=generator, device=generator.device).round().to(dtype_of(energy))
    graph_energy = _graph_energy(energy)
    if graph_energy is None:
        return x
    most = graph_energy.max_nodes
    if max(nodes, default=0) > most:
        raise InputError(f"nodes: expected at most {most}, which the energy allows, got {max(nodes)}")
    wanted = torch.tensor(nodes or [most], device=x.device)
    rows, columns = torch.triu_indices(most, most, device=x.device)
    exists = columns < wanted[torch.arange(chains, device=x.device) % len(wanted), None]
    return torch.where(rows == columns, exists.to(x.dtype), x * exists)


def _graph_energy(energy: Energy) -> DenseGraphEnergy | None:
    """The energy of graphs among the terms of an energy, if there is one."""
    return next((term for term in energy.modules() if isinstance(term, DenseGraphEnergy)), None)
