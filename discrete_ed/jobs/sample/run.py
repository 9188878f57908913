"""The sampling job: chains of a saved energy, and whether they have mixed."""

from __future__ import annotations

import io
import math
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from discrete_ed.energies import (
    BernoulliEnergy,
    ConvEnergy,
    Energy,
    GraphEnergy,
    IsingEnergy,
    MLPEnergy,
    NetworkEnergy,
    RBMEnergy,
    ResidualMLPEnergy,
    SumEnergy,
)
from discrete_ed.energies.local import Exact, LocalEvaluation, Taylor
from discrete_ed.energies.saving import WEIGHTS, load_energy
from discrete_ed.errors import InputError
from discrete_ed.jobs.run_folder import RunFolder, resumed
from discrete_ed.jobs.sample import figures as chain_figures
from discrete_ed.jobs.sample.config import SampleConfig
from discrete_ed.jobs.text import as_text
from discrete_ed.metrics import Diagnosis, diagnose
from discrete_ed.names import KernelName
from discrete_ed.runtime.distributed import pick_device
from discrete_ed.runtime.files import MANIFEST
from discrete_ed.samplers import (
    DMALA,
    BlockGibbs,
    Gibbs,
    GibbsSweep,
    GibbsWithGradients,
    Kernel,
    PathAuxiliary,
    State,
    SwendsenWang,
    adapt_step_size,
    chain,
    colour_classes,
)
from discrete_ed.states import triangle_size

JOB, CHUNKS, KEPT = "sample", 20, ("x", "energy", "accepted")
BITS: dict[type[Energy], Callable[[Any], int]] = {
    BernoulliEnergy: lambda energy: len(energy.logits),
    ConvEnergy: lambda energy: math.prod(energy.shape),
    GraphEnergy: lambda energy: triangle_size(energy.max_nodes),
    IsingEnergy: lambda energy: len(energy.fields),
    MLPEnergy: lambda energy: energy.net[0].in_features,
    NetworkEnergy: lambda energy: len(energy.base.logits),
    RBMEnergy: lambda energy: len(energy.visible_bias),
    ResidualMLPEnergy: lambda energy: energy.enter.in_features,
}
"""The energies that can be sampled by name, and how many bits each has."""


def run(config: SampleConfig) -> dict[str, Any]:
    """Draw, diagnose, and write everything to a run folder; returns what `result.json` holds.

    Raises:
        InputError: an energy, kernel, device or run folder that can't be used.
    """
    config = resumed(config, JOB)
    if config.energy is None:
        raise InputError("energy: expected the folder of a saved energy, or --resume with that of a run, got none")
    device = pick_device(config.device)
    energy = load_energy(config.energy).to(device)
    generator = torch.Generator(device).manual_seed(config.seed)
    x = random_states(energy, config.chains, config.nodes, generator)
    kernel, local = choose(config.kernel, energy)
    kernel.init(local, x[:1])  # refuses what doesn't fit before a folder is there
    inputs = [path for file in (MANIFEST, WEIGHTS) if (path := config.energy / file).exists()]
    with RunFolder(config.out, JOB, config.energy.name, config, inputs) as folder:
        if isinstance(kernel, DMALA):
            warm = partial(adapted, kernel, local, x, max(config.warmup * config.thin, 50), generator)
            found = folder.cached("step-size", warm, {"generator": generator})
            kernel, x = replace(kernel, step_size=found["step_size"]), found["x"].to(x)
        print(f"{config.chains} chains of {type(energy).__name__}, {x.shape[1]} bits, by {name_of(kernel)}")
        kept = draws(config, kernel, local, x, folder, generator)
        in_a_step = len(kernel.classes or x[0]) if isinstance(kernel, GibbsSweep) else 1
        states = [State(*parts) for parts in zip(kept["x"], kept["energy"], kept["x"], kept["accepted"], strict=True)]
        diagnosis = replace(diagnose(states, evaluations=config.thin * in_a_step), seconds=kept["seconds"])

        bits, energies = (kept[name].transpose(0, 1).numpy() for name in ("x", "energy"))
        samples = io.BytesIO()
        np.savez(samples, bits=bits, energy=energies)
        folder.write("samples.npz", samples.getvalue())
        result = {
            "energy": type(energy).__name__,
            "bits": x.shape[1],
            "kernel": name_of(kernel),
            "chains": config.chains,
            "draws": config.steps,
            "thin": config.thin,
            **summary_of(diagnosis),
        }
        folder.plot({"chains": ("Chains", lambda: chain_figures.mixing(energies, diagnosis), "")})
        text = as_text(table_of(diagnosis, result))
        folder.write("diagnostics.txt", (text + "\n").encode())
        folder.finish(result)
    print(f"\n{text}\n\nwritten to {folder.path}: samples.npz has bits (chain, draw, D), chains.png the traces")
    return result


def adapted(kernel: DMALA, local: LocalEvaluation, x: Tensor, steps: int, generator: torch.Generator) -> dict[str, Any]:
    """The step size that fits, and the chains after the warm-up that it took to find it."""
    found, x = adapt_step_size(kernel, local, x, steps, generator=generator)
    return {"step_size": found.step_size, "x": x}


def draws(
    config: SampleConfig,
    kernel: Kernel,
    local: LocalEvaluation,
    x: Tensor,
    folder: RunFolder,
    generator: torch.Generator,
) -> dict[str, Any]:
    """States `(draw, B, D)`, energies and acceptance `(draw, B)` after the warm-up, and the seconds that these took.

    Chains run in `CHUNKS` pieces, of which a run that goes on loses the last one at most.
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
    return {
        **{name: torch.cat([one[name] for one in pieces]) for name in KEPT},
        "seconds": sum(one["seconds"] for one in pieces),
    }


def bits_of(energy: Energy) -> int:
    """`D`; of a sum that of its first term."""
    while type(energy) is SumEnergy:
        energy = energy.terms[0]  # type: ignore[assignment]
    return BITS[type(energy)](energy)


def random_states(energy: Energy, chains: int, nodes: int | None, generator: torch.Generator) -> Tensor:
    """Fair coins `(chains, D)`; for a graph energy its first `nodes` nodes, each edge of them by a fair coin."""
    x = torch.rand(chains, bits_of(energy), generator=generator, device=generator.device).round()
    x = x.to(next(energy.parameters()).dtype)
    graphs = [term for term in energy.modules() if isinstance(term, GraphEnergy)]
    if not graphs:
        if nodes is not None:
            raise InputError(f"nodes: expected none, since {type(energy).__name__} is no energy of graphs, got {nodes}")
        return x
    most = graphs[0].max_nodes
    nodes = most if nodes is None else nodes
    if nodes > most:
        raise InputError(f"nodes: expected at most {most}, which the energy allows, got {nodes}")
    rows, columns = torch.triu_indices(most, most, device=x.device)
    there = columns < nodes
    return torch.where(rows == columns, there.to(x.dtype), x * there)


def choose(name: KernelName, energy: Energy) -> tuple[Kernel, LocalEvaluation]:
    """The kernel of that name with the local evaluation that suits it.

    Raises:
        InputError: the energy can't be differentiated, or its interactions aren't known, where the kernel needs it.
    """
    if name == "auto":
        automatic = {RBMEnergy: "block-gibbs", IsingEnergy: "gibbs-sweep"}
        name = automatic.get(type(energy), "gibbs-with-gradients")  # type: ignore[assignment]
    classes = colour_classes(energy) if isinstance(energy, IsingEnergy) else None
    kernels: dict[str, Kernel] = {
        "gibbs": Gibbs(),
        "gibbs-sweep": GibbsSweep(classes),
        "gibbs-with-gradients": GibbsWithGradients(),
        "path-auxiliary": PathAuxiliary(),
        "dmala": DMALA(),
        "block-gibbs": BlockGibbs(),
        "swendsen-wang": SwendsenWang(),
    }
    exact = name.startswith("gibbs") and name != "gibbs-with-gradients"
    return kernels[name], Exact(energy) if exact or isinstance(energy, IsingEnergy) else Taylor(energy)


def name_of(kernel: Kernel) -> str:
    """The kernel as it is written, but with the number of its classes in place of them."""
    if isinstance(kernel, GibbsSweep) and kernel.classes is not None:
        return f"GibbsSweep of {len(kernel.classes)} classes"
    return str(kernel)


def summary_of(diagnosis: Diagnosis) -> dict[str, Any]:
    """The diagnosis in numbers; None where nothing is known."""

    def known(value: float) -> float | None:
        return value if math.isfinite(value) else None

    moving = diagnosis.rhat.isfinite()
    worst = {
        "bits_rhat": diagnosis.rhat[moving].max().item() if moving.any() else math.nan,
        "bits_ess_bulk": diagnosis.ess_bulk[moving].min().item() if moving.any() else math.nan,
        "bits_ess_tail": diagnosis.ess_tail[moving].min().item() if moving.any() else math.nan,
    }
    return {
        "bits_that_never_moved": int((~moving).sum()),
        **{name: known(value) for name, value in worst.items()},
        "energy_rhat": known(diagnosis.energy_rhat),
        "energy_ess_bulk": known(diagnosis.energy_ess_bulk),
        "energy_ess_tail": known(diagnosis.energy_ess_tail),
        "acceptance": diagnosis.acceptance.mean().item(),
        "jump": diagnosis.jump.mean().item(),
        "seconds": diagnosis.seconds,
        "ess_per_second": known(diagnosis.ess_per_second),
        "ess_per_evaluation": known(diagnosis.ess_per_evaluation),
    }


def table_of(diagnosis: Diagnosis, result: dict[str, Any]) -> list[list[str]]:
    """The diagnosis as rows; the first one is the header."""

    def cell(name: str, form: str) -> str:
        return "–" if result[name] is None else format(result[name], form)

    rows = [["of", "R̂", "bulk ESS", "tail ESS"]]
    for name, quantity in (("bits", "the worst bit that moved"), ("energy", "the energy")):
        sizes = [cell(f"{name}_{size}", ",.0f") for size in ("ess_bulk", "ess_tail")]
        rows.append([quantity, cell(f"{name}_rhat", ".3f"), *sizes])
    rows.append(["", "", "", ""])
    for label, name, form in (
        ("bits that never moved", "bits_that_never_moved", "d"),
        ("acceptance", "acceptance", ".3f"),
        ("bits that differ between draws", "jump", ".2f"),
        ("ESS of the energy, per second", "ess_per_second", ",.1f"),
        ("ESS of the energy, per evaluation", "ess_per_evaluation", ".2g"),
    ):
        rows.append([label, cell(name, form), "", ""])
    high = (diagnosis.rhat > 1.01).sum().item()
    if high or not diagnosis.energy_rhat <= 1.01:
        rows.append(["not mixed: bits whose R̂ is above 1.01", f"{high}", "", ""])
    return rows
