"""The Ising job: couplings from draws of a known model or from a user's table, and how far to trust them."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import networkx as nx
import numpy as np
import torch
from matplotlib.figure import Figure
from tqdm import tqdm

from discrete_ed.data.tables import read_table
from discrete_ed.energies import IsingEnergy
from discrete_ed.exact import log_law
from discrete_ed.experiments import ising_tables
from discrete_ed.experiments.configs import TrainIsing
from discrete_ed.experiments.ising_tables import score
from discrete_ed.experiments.run_folder import RunFolder, resumed
from discrete_ed.ising import (
    Recovery,
    Settings,
    cramer_rao,
    draw_states,
    goodness,
    interaction_graph,
    lattice,
    recover_couplings,
)
from discrete_ed.report import ising_figures, page
from discrete_ed.report.tables import as_text
from discrete_ed.torus import MAX_SAMPLED

STAGES = 17  # messages of a recovery, about
BOUND_DRAWS = 20_000  # draws that the Fisher information is estimated from
MODEL_DRAWS = 10_000
ENUMERATED = 16
JOB = "train-ising"
HIDDEN = ("out", "resume", "table", "bias", "limits", "seeds")  # what a report needn't tell


def run(config: TrainIsing) -> dict[str, Any]:
    """Do the whole job; returns what `result.json` holds.

    Raises:
        InputError: a table, graph or run folder that can't be used.
    """
    config = resumed(config, JOB)
    if config.table or config.bias or config.limits:
        return ising_tables.run(config)
    if config.data is not None:
        return from_table(config)
    return from_known_model(config)


def known_model(config: TrainIsing) -> tuple[IsingEnergy, str, tuple[int, int] | None]:
    """The model to draw from, what it is called, and its shape where transfer matrices can sample it."""
    torus = None
    if config.graph is not None:
        graph, label = interaction_graph(config.graph), config.graph.stem
    elif config.random_graph is not None:
        nodes, degree = config.random_graph
        graph = nx.fast_gnp_random_graph(nodes, degree / (nodes - 1), seed=config.seed)
        label = f"random-graph-{nodes}"
    else:
        graph = lattice(config.side, config.dimension, periodic=config.periodic)
        label = "x".join([str(config.side)] * config.dimension)
        if config.dimension <= 2 and config.side <= MAX_SAMPLED:
            torus = (config.side, config.side if config.dimension == 2 else 1)
    return IsingEnergy.from_graph(graph, 2 * config.sigma, config.field), label, torus


def recover(config: TrainIsing, bits: torch.Tensor, *, fields: bool) -> Recovery:
    """Recover couplings as configured, with a bar."""
    settings = Settings(config.epsilon, config.negatives, config.w, config.block)
    with tqdm(total=STAGES, desc="recover", unit="stage", leave=False) as bar:

        def watch(message: str) -> None:
            bar.set_postfix_str(message)
            bar.update(min(1, bar.total - bar.n))

        with torch.enable_grad():  # contrastive divergence follows gradients
            return recover_couplings(
                bits, config.estimator, config.penalty, fields=fields, settings=settings, seed=config.seed, watch=watch
            )


def draw(
    config: TrainIsing, energy: IsingEnergy, count: int, torus: tuple[int, int] | None, generator: torch.Generator
) -> tuple[torch.Tensor, str]:
    """Draw as configured, with a bar where there are sweeps."""
    sweeps = config.sweeps if config.sampler == "single-site" else None
    with tqdm(desc="draw", unit="sweep", leave=False, disable=None) as bar:

        def watch(step: int, total: int) -> None:
            bar.total = total
            bar.update(step - bar.n)

        return draw_states(energy, count, torus=torus, sweeps=sweeps, generator=generator, watch=watch)


def from_known_model(config: TrainIsing) -> dict[str, Any]:
    """Draw from a known model, recover it, and say how near it came."""
    energy, label, torus = known_model(config)
    folder = RunFolder(config.out, JOB, f"{label}-{config.sigma:g}", config)
    generator = torch.Generator().manual_seed(config.seed)
    started = time.monotonic()
    with torch.no_grad():
        x, how = draw(config, energy, config.samples, torus, generator)
        drawn = time.monotonic()
        fields = config.field != 0
        found = Recovery(**folder.once("recover", lambda: asdict(recover(config, x, fields=fields))))
        fitted = time.monotonic()
        true = energy.couplings.double().numpy()
        edges = np.argwhere(np.triu(true, 1))
        many = x  # draws by tempering take too long to have more of them
        if "tempering" not in how:
            many, _ = draw(config, energy, max(BOUND_DRAWS, 10 * len(edges)), torus, generator)
    bound = None
    if 0 < len(edges) <= len(many) / 10 and len(edges) + len(true) * fields <= 4000:
        try:
            bound = cramer_rao(2 * many.double().numpy() - 1, edges, config.samples, with_fields=fields)
        except np.linalg.LinAlgError:  # the draws never left the ground states
            bound = None
    rmse = score(found.couplings, true)
    result: dict[str, Any] = {
        "model": label,
        "sigma": config.sigma,
        "samples": config.samples,
        "drawn": how,
        "estimator": found.estimator,
        "penalty": config.penalty,
        "choice": found.choice,
        "seed": config.seed,
        "neg_log_rmse": rmse,
        "all_zeros": score(np.zeros_like(true), true),
        "bound": None if bound is None else -float(np.log(bound / 2)),
        "rmse_physics": float(np.sqrt(((found.couplings - true) ** 2).mean())),
        "edges": {"true": len(edges), "found": len(found.edges), "right": int((true[tuple(found.edges.T)] != 0).sum())},
        **_common_results(found),
        "seconds": {"draw": drawn - started, "recover": fitted - drawn},
    }
    write_couplings(folder, found, true)
    folder.save_energy("model", found.energy, {"couplings": len(true)})
    right = result["edges"]
    table = [
        [f"{label}, σ = {config.sigma:g}, {config.samples} samples", "−log RMSE (published)", "RMSE of J (physics)"],
        [f"{found.estimator}: {found.choice}", f"{rmse:.2f}", f"{2 * np.exp(-rmse):.4f}"],
        ["J = 0", f"{result['all_zeros']:.2f}", f"{2 * np.exp(-result['all_zeros']):.4f}"],
    ]
    if bound is not None:
        table.append(["bound, if the edges were known", f"{result['bound']:.2f}", f"{bound:.4f}"])
    print(f"{config.samples} samples of {label}: {how}\n\n{as_text(table)}\n")
    print(f"edges: {right['right']} of {right['true']} found, and {right['found'] - right['right']} that aren't there")
    _print_warnings(found)
    drawings = {
        "couplings": (
            "Couplings",
            lambda: ising_figures.coupling_matrices({"truth": true, "learned": found.couplings}),
            "The same colours in both. Published couplings are half of these.",
        ),
        "recovery": (
            "Learned against true",
            lambda: ising_figures.recovery(true, found.couplings, found.standard_errors),
            "Pairs that are no edge and were left out aren't drawn. Blue on the dashed line: nothing lost. Red: not "
            "an edge.",
        ),
    }
    lead = (
        f"{config.samples} samples of {label} ({how}), recovered by {found.estimator}: {found.choice}. The measure is "
        "−log of the root mean square error over all D² entries of the published couplings (half the physics ones); "
        "higher is better. Below the row of J = 0, nothing was learned."
    )
    write_report(folder, config, f"Ising couplings: {label}", lead, {"How near": table}, drawings, found, result)
    folder.finish(result)
    return result


def from_table(config: TrainIsing) -> dict[str, Any]:
    """Fit a user's table, and say how sure the couplings are and how well the model tells the data."""
    assert config.data is not None
    table = read_table(config.data)
    n, d = table.values.shape
    folder = RunFolder(config.out, JOB, config.data.stem, config)
    started = time.monotonic()
    bits = torch.from_numpy(table.values).float()
    found = Recovery(**folder.once("recover", lambda: asdict(recover(config, bits, fields=True))))
    fitted = time.monotonic()
    energy = found.energy
    generator = torch.Generator().manual_seed(config.seed)
    with torch.no_grad():
        x, how = draw(config, energy, min(MODEL_DRAWS, max(1000, 20 * n)), None, generator)
        fit = goodness(table.values, x.numpy(), seed=config.seed)
        exact = exact_likelihood(energy, table.values) if d <= ENUMERATED else None
    result: dict[str, Any] = {
        "data": str(config.data),
        "samples": n,
        "spins": d,
        "estimator": found.estimator,
        "penalty": config.penalty,
        "choice": found.choice,
        "seed": config.seed,
        "edges": {"found": len(found.edges)},
        **_common_results(found),
        "goodness": {
            "pairs": {"rms_difference": fit.pair_error, "expected_of_noise": fit.pair_noise},
            "triples": {"rms_difference": fit.triple_error, "expected_of_noise": fit.triple_noise},
            "sum_total_variation": fit.sum_distance,
            "model_draws": how,
        },
        "log_likelihood": exact,
        "seconds": {"recover": fitted - started},
    }
    write_couplings(folder, found, None)
    write_edges(folder, found, table.names)
    folder.save_energy("model", energy, {"couplings": d})
    strongest = [["the strongest couplings", "J", "95% interval", "z"]]
    for i, j in found.edges[:12].tolist():
        value, error = found.couplings[i, j], found.standard_errors[i, j]
        interval = f"{value - 1.96 * error:.3f} … {value + 1.96 * error:.3f}"
        strongest.append([f"{table.names[i]} – {table.names[j]}", f"{value:.3f}", interval, f"{value / error:.1f}"])
    quality = [
        ["data against draws of the model", "root mean square difference", "expected of noise alone"],
        ["covariances of pairs", f"{fit.pair_error:.4f}", f"{fit.pair_noise:.4f}"],
        ["third moments of triples", f"{fit.triple_error:.4f}", f"{fit.triple_noise:.4f}"],
    ]
    print(
        f"{n} rows, {d} columns: {found.estimator}, {found.choice}; "
        f"{len(found.edges)} couplings of {d * (d - 1) // 2} pairs\n"
    )
    print(f"{as_text(strongest)}\n\n{as_text(quality)}")
    print(f"number of spins up: total variation {fit.sum_distance:.3f} between data and model")
    if exact is not None:
        print(f"log-likelihood of a row (exact): {exact['mean']:.4f}; independent columns: {exact['independent']:.4f}")
    _print_warnings(found)
    drawings = {
        "network": (
            "Who interacts with whom",
            lambda: ising_figures.network(found.couplings, table.names),
            "Blue pulls two columns together, red apart; the wider, the stronger. Nearness is for the eye only.",
        ),
        "couplings": (
            "Couplings",
            lambda: ising_figures.coupling_matrices({"learned": found.couplings}),
            "In the order of the columns.",
        ),
        "goodness": (
            "Goodness of fit",
            lambda: ising_figures.goodness(fit),
            f"Draws of the model: {how}. Points on the dashed lines are told as they are; triples were not fitted.",
        ),
    }
    lead = (
        f"{n} observations of {d} binary columns, fitted by {found.estimator}: {found.choice}. Couplings are those of "
        "E(s) = −½ sᵀJs − hᵀs, each pair counted once. Intervals hold for the pairs as chosen; that the same data "
        "chose them is not counted."
    )
    tables = {"Couplings": strongest, "Goodness of fit": quality}
    write_report(folder, config, f"Ising model of {config.data.name}", lead, tables, drawings, found, result)
    folder.finish(result)
    return result


def exact_likelihood(energy: IsingEnergy, bits: np.ndarray) -> dict[str, float]:
    """Mean log-likelihood of the rows under the model, by enumeration, and under independent columns."""
    law = log_law(energy.double(), bits.shape[1], dtype=torch.float64)
    energy.float()
    places = bits.astype(np.int64) @ (1 << np.arange(bits.shape[1] - 1, -1, -1))
    p = np.clip(bits.mean(0), 1e-12, 1 - 1e-12)
    return {
        "mean": float(law[torch.from_numpy(places)].mean()),
        "independent": float((p * np.log(p) + (1 - p) * np.log(1 - p)).sum()),
    }


def write_couplings(folder: RunFolder, found: Recovery, true: np.ndarray | None) -> None:
    """`couplings.npz`, in the physics convention."""
    arrays = {
        "couplings": found.couplings,
        "fields": found.fields,
        "standard_errors": found.standard_errors,
        "field_errors": found.field_errors,
    }
    if true is not None:
        arrays["true_couplings"] = true
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    folder.write("couplings.npz", buffer.getvalue())


def write_edges(folder: RunFolder, found: Recovery, names: tuple[str, ...]) -> None:
    """`edges.csv`: every coupling that was kept, with its standard error, interval and z."""
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(["first", "second", "coupling", "standard_error", "low_95", "high_95", "z"])
    for i, j in found.edges.tolist():
        value, error = found.couplings[i, j], found.standard_errors[i, j]
        numbers = (value, error, value - 1.96 * error, value + 1.96 * error, value / error)
        writer.writerow([names[i], names[j], *(f"{number:.6g}" for number in numbers)])
    folder.write("edges.csv", file.getvalue().encode())


def _common_results(found: Recovery) -> dict[str, Any]:
    common = None if found.common is None else {"mean": found.common[0], "sd": found.common[1]}
    return {
        "reliability": found.reliability,
        "shrinkage": found.shrinkage,
        "common_law": common,
        "held_out": found.held_out,
        "warnings": list(found.warnings),
    }


def _print_warnings(found: Recovery) -> None:
    for warning in found.warnings:
        print(f"warning: {warning}")


def write_report(
    folder: RunFolder,
    config: TrainIsing,
    title: str,
    lead: str,
    tables: dict[str, list[list[str]]],
    drawings: dict[str, tuple[str, Callable[[], Figure], str]],
    found: Recovery,
    result: dict[str, Any],
) -> None:
    """Write the figures as PNG files, and `report.html` with all of them inside."""
    images = folder.draw(drawings)
    facts = {
        **{name: value for name, value in vars(config).items() if name not in HIDDEN},
        **{f"seconds to {phase}": f"{seconds:.1f}" for phase, seconds in result["seconds"].items()},
    }
    if found.held_out:
        rows = [["candidate", "negative log pseudo-likelihood of held-out rows"]]
        rows += [[name, f"{loss:.4f}"] for name, loss in found.held_out.items()]
        tables = {**tables, "What held-out data said": rows}
    html = page.render_page(title, lead, tables, images, facts, list(found.warnings))
    folder.write("report.html", html.encode())
    print(f"\nwritten to {folder.path}: open {folder.path / 'report.html'}")
