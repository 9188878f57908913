"""The Ising job: couplings from draws of a known model or from a user's table, and how far to trust them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import networkx as nx
import numpy as np
import torch
from tqdm import tqdm

from discrete_ed.data.tables import read_table
from discrete_ed.energies import IsingEnergy
from discrete_ed.errors import InputError
from discrete_ed.graphs.interactions import interaction_graph
from discrete_ed.graphs.io import graph_files
from discrete_ed.ising import (
    Recovery,
    Settings,
    cramer_rao,
    goodness_of_fit,
    recover_couplings,
)
from discrete_ed.ising.recovery import check_samples
from discrete_ed.jobs.ising_tables import run as ising_tables
from discrete_ed.jobs.ising_tables.run import covered, score
from discrete_ed.jobs.options import changed_options
from discrete_ed.jobs.recover.config import RecoverConfig, silent
from discrete_ed.jobs.recover.report import (
    report_known_model,
    report_table,
    write_couplings,
    write_edges,
    write_fields,
    write_matrix,
    write_network,
)
from discrete_ed.jobs.run_folder import RunFolder, resumed
from discrete_ed.lattices import lattice, sample_ising
from discrete_ed.likelihood.enumeration import log_law
from discrete_ed.likelihood.torus import MAX_SAMPLED

STAGES = 17  # messages of a recovery, about
BOUND_DRAWS = 20_000  # draws that the Fisher information is estimated from
MODEL_DRAWS = 10_000
ENUMERATED = 16
JOB = "recover"


def run(config: RecoverConfig) -> dict[str, Any]:
    """Do the whole job; returns what `result.json` holds.

    Raises:
        InputError: a table, graph or run folder that can't be used; an option that would have no say.
    """
    config = resumed(config, JOB)
    mute = silent(config)
    for option in changed_options(config):
        if option in mute and config.resume is None:  # a run that was begun goes on as it was
            raise InputError(
                f"{option}: expected none {mute[option]}, where it has no say, got {getattr(config, option)}"
            )
    if config.table or config.bias or config.limits:
        return ising_tables.run(config)
    if config.data is not None:
        return from_table(config)
    return from_known_model(config)


@dataclass(frozen=True)
class Known:
    """A model to draw from."""

    energy: IsingEnergy
    label: str
    sigma: float | None
    """The coupling of every edge (published), or None where the graph's file gives each edge its own."""
    field: float | None
    """The field on every spin, or None where the graph's file gives each spin its own."""
    torus: tuple[int, int] | None
    """Rows and columns, where transfer matrices can sample it."""


def known_model(config: RecoverConfig) -> Known:
    """The model that was asked for.

    Raises:
        InputError: a graph that can't be read; `sigma` or `field` was told, and the graph's file has its own.
    """
    own = []
    torus = None
    if config.graph is not None:
        graph, label = interaction_graph(config.graph), config.graph.stem
        own += ["sigma"] if nx.get_edge_attributes(graph, "coupling") else []
        own += ["field"] if nx.get_node_attributes(graph, "field") else []
        for option in set(own) & set(changed_options(config)):
            what = {"sigma": "the coupling of every edge", "field": "the field of every node"}[option]
            raise InputError(
                f"{option}: expected none, since {config.graph} has {what}, got {getattr(config, option):g}"
            )
    elif config.random_graph is not None:
        nodes, degree = config.random_graph
        graph = nx.fast_gnp_random_graph(nodes, degree / (nodes - 1), seed=config.seed)
        label = f"random-graph-{nodes}"
    else:
        graph = lattice(config.side, config.dimension, periodic=config.periodic)
        label = "x".join([str(config.side)] * config.dimension)
        if config.dimension <= 2 and config.side <= MAX_SAMPLED:
            torus = (config.side, config.side if config.dimension == 2 else 1)
    sigma, field = (None if option in own else getattr(config, option) for option in ("sigma", "field"))
    return Known(IsingEnergy.from_graph(graph, 2 * config.sigma, config.field), label, sigma, field, torus)


def recover(config: RecoverConfig, bits: torch.Tensor, *, fields: bool, names: Sequence[str] | None = None) -> Recovery:
    """Recover couplings as configured, with a bar."""
    settings = Settings(config.epsilon, config.negatives, config.w, config.block)
    with tqdm(total=STAGES, desc="recover", unit="stage", leave=False) as bar:

        def callback(message: str) -> None:
            bar.set_postfix_str(message)
            bar.update(min(1, bar.total - bar.n))

        with torch.enable_grad():  # contrastive divergence follows gradients
            return recover_couplings(
                bits,
                config.estimator,
                config.penalty,
                fields=fields,
                settings=settings,
                seed=config.seed,
                names=names,
                callback=callback,
            )


def draw(
    config: RecoverConfig, energy: IsingEnergy, count: int, torus: tuple[int, int] | None, generator: torch.Generator
) -> tuple[torch.Tensor, str]:
    """Draw as configured, with a bar where there are sweeps."""
    sweeps = config.sweeps if config.sampler == "single-site" else None
    with tqdm(desc="draw", unit="sweep", leave=False, disable=None) as bar:

        def callback(step: int, total: int) -> None:
            bar.total = total
            bar.update(step - bar.n)

        return sample_ising(energy, count, torus=torus, sweeps=sweeps, generator=generator, callback=callback)


def from_known_model(config: RecoverConfig) -> dict[str, Any]:
    """Draw from a known model, recover it, and say how near it came."""
    known = known_model(config)
    energy, label, torus = known.energy, known.label, known.torus
    inputs = [] if config.graph is None else graph_files(config.graph)
    name = label if known.sigma is None else f"{label}-{known.sigma:g}"
    with RunFolder(config.out, JOB, name, config, inputs) as folder:
        generator = torch.Generator().manual_seed(config.seed)
        started = time.monotonic()
        with torch.no_grad():
            h = energy.fields.double().numpy()
            x, how = draw(config, energy, config.samples, torus, generator)
            drawn = time.monotonic()
            fields = bool(h.any())
            check_samples(x, config.estimator, config.penalty, name=f"samples of {label}")
            found = Recovery(**folder.cached("recover", lambda: asdict(recover(config, x, fields=fields))))
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
        result: dict[str, Any] = {
            "model": label,
            "sigma": known.sigma,
            "field": known.field,
            "samples": config.samples,
            "drawn": how,
            "estimator": found.estimator,
            "penalty": config.penalty,
            "choice": found.choice,
            "seed": config.seed,
            "neg_log_rmse": _finite(score(found.couplings, true)),
            "all_zeros": _finite(score(np.zeros_like(true), true)),
            "bound": None if bound is None else _finite(-float(np.log(bound / 2))),
            "rmse_physics": float(np.sqrt(((found.couplings - true) ** 2).mean())),
            "rmse_fields": float(np.sqrt(((found.fields - h) ** 2).mean())) if fields else None,
            "edges": {
                "true": len(edges),
                "found": len(found.edges),
                "right": int((true[tuple(found.edges.T)] != 0).sum()),
                "covered": int(covered(found, true)[tuple(edges.T)].sum()),
            },
            **_common_results(found),
            "seconds": {"draw": drawn - started, "recover": fitted - drawn},
        }
        write_couplings(folder, found, true, h if fields else None)
        write_network(folder, found, [str(site) for site in range(len(true))])
        folder.save_energy("model", found.energy)
        report_known_model(folder, config, found, true, result)
        folder.finish(result)
    return result


def from_table(config: RecoverConfig) -> dict[str, Any]:
    """Fit a user's table, and say how sure the couplings are and how well the model tells the data."""
    assert config.data is not None
    table = read_table(config.data)
    n, d = table.values.shape
    check_samples(table.values, config.estimator, config.penalty, name=str(config.data))  # before a folder is there
    with RunFolder(config.out, JOB, config.data.stem, config, [config.data]) as folder:
        started = time.monotonic()
        bits = torch.from_numpy(table.values).float()
        found = Recovery(
            **folder.cached("recover", lambda: asdict(recover(config, bits, fields=True, names=table.names)))
        )
        fitted = time.monotonic()
        energy = found.energy
        generator = torch.Generator().manual_seed(config.seed)
        with torch.no_grad():
            x, how = draw(config, energy, min(MODEL_DRAWS, max(1000, 20 * n)), None, generator)
            likeliest = found.estimator == "maximum-likelihood"
            fit = goodness_of_fit(table.values, x.numpy(), fitted=likeliest, seed=config.seed)
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
            "warnings": [*found.warnings, *fit.warnings],
            "goodness": {
                "means": {"rms_difference": fit.mean_error, "expected_of_noise": fit.mean_noise},
                "pairs": {"rms_difference": fit.pair_error, "expected_of_noise": fit.pair_noise},
                "triples": {"rms_difference": fit.triple_error, "expected_of_noise": fit.triple_noise},
                "sum_total_variation": fit.sum_distance,
                "sum_total_variation_of_noise": fit.sum_noise,
                "model_draws": how,
            },
            "log_likelihood": exact,
            "seconds": {"recover": fitted - started},
        }
        write_couplings(folder, found, names=table.names)
        write_matrix(folder, found, table.names)
        write_network(folder, found, table.names)
        write_edges(folder, found, table.names, table.values)
        write_fields(folder, found, table.names, table.values.mean(0))
        folder.save_energy("model", energy)
        report_table(folder, config, found, table.names, fit, result)
        folder.finish(result)
    return result


def exact_likelihood(energy: IsingEnergy, bits: np.ndarray) -> dict[str, float]:
    """Mean log-likelihood of the rows under the model, by enumeration, and under independent columns."""
    law = log_law(energy.double(), dtype=torch.float64)
    energy.float()
    places = bits.astype(np.int64) @ (1 << np.arange(bits.shape[1] - 1, -1, -1))
    p = np.clip(bits.mean(0), 1e-12, 1 - 1e-12)
    return {
        "mean": float(law[torch.from_numpy(places)].mean()),
        "independent": float((p * np.log(p) + (1 - p) * np.log(1 - p)).sum()),
    }


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _common_results(found: Recovery) -> dict[str, Any]:
    """What `result.json` holds of every recovery."""
    common = None if found.common is None else {"mean": found.common[0], "sd": found.common[1]}
    return {
        "reliability": found.reliability,
        "shrinkage": found.shrinkage,
        "common_law": common,
        "held_out": found.held_out,
        "warnings": list(found.warnings),
    }
