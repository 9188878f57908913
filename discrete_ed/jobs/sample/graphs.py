"""More graphs from a run of `generate`: a graph file, or a run folder with the graphs and a page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import networkx as nx
import torch

from discrete_ed.errors import InputError
from discrete_ed.graphs.convert import states_to_graphs
from discrete_ed.graphs.files.formats import KNOWN
from discrete_ed.graphs.files.source import ending_of
from discrete_ed.graphs.generation import GeneratedGraphs
from discrete_ed.graphs.io import WRITERS, encode_graphs
from discrete_ed.jobs import page
from discrete_ed.jobs.generate.past_run import CHECKPOINT, PastRun
from discrete_ed.jobs.generate.report import chain_words
from discrete_ed.jobs.options import refuse_options_without_effect, reported_options
from discrete_ed.jobs.run_folder import RunFolder
from discrete_ed.jobs.sample.config import SampleConfig
from discrete_ed.jobs.text import as_text, number
from discrete_ed.runtime.checkpoints import Checkpoints
from discrete_ed.runtime.distributed import rank_seed, ranks
from discrete_ed.runtime.files import write_atomically

JOB = "sample"
FACTS: dict[str, Any] = {"run": True, "graph_energy": True}


def sample_graphs_of(run: PastRun, config: SampleConfig, device: torch.device) -> dict[str, Any]:
    """Sample from the energy of the run, write the graphs, and say how to score them; returns what `result.json` holds.

    Raises:
        InputError: an option without effect, a folder that holds no energy of graphs or no training graphs, a number of
            nodes that the energy doesn't allow, or an `out` that can't be written.
    """
    refuse_options_without_effect(config, **FACTS)
    if config.out is not None and ending_of(config.out) in KNOWN and config.out.suffix.lower() not in WRITERS:
        raise InputError(
            f"out: expected a folder, or a graph file with one of the endings {', '.join(WRITERS)}, got {config.out}"
        )
    generator = torch.Generator(device).manual_seed(rank_seed(config.seed))
    energy = run.path / CHECKPOINT
    most = max(map(len, run.graphs("train")))
    if max(config.nodes, default=0) > most:
        raise InputError(f"nodes: expected at most {most}, which the energy allows, got {max(config.nodes)}")

    def more(checkpoints: Checkpoints | None = None) -> tuple[GeneratedGraphs, float]:
        return run.sample(
            energy,
            config.samples,
            nodes=config.nodes or None,
            device=device,
            generator=generator,
            checkpoints=checkpoints,
        )

    if config.out is not None and config.out.suffix.lower() in WRITERS:
        _expect_new_file(config.out)
        generated, training = more()
        result = _result(run, generated, training)
        _write(config.out, generated.graphs())
        _print_summary(run, result, config.out)
        return result
    name = run.path.resolve().name
    with RunFolder(config.out, JOB, name, config, run.inputs(energy), FACTS) as folder:
        checkpoints = folder.checkpoints("sample", {"noise": generator}, every=60.0)
        generated, training = more(checkpoints)
        result = _result(run, generated, training)
        graphs = generated.graphs()
        folder.write("samples.g6", encode_graphs(".g6", graphs))
        if folder.writes:
            folder.write("report.html", _page(folder, run, config, graphs, generated, result).encode())
        folder.finish(result)
    _print_summary(run, result, folder.path / "samples.g6")
    return result


def _expect_new_file(path: Path) -> None:
    if path.exists() or not path.parent.is_dir():
        got = "which exists" if path.exists() else "whose folder doesn't exist"
        raise InputError(f"out: expected a new file in an existing folder, got {path}, {got}")


def _write(path: Path, graphs: list[nx.Graph]) -> None:
    if ranks().rank:
        return
    try:
        write_atomically(path, encode_graphs(path.suffix.lower(), graphs))
    except OSError as error:
        raise InputError(f"out: expected a file to write to, but {path}: {error.strerror}") from None


def _result(run: PastRun, generated: GeneratedGraphs, training: float) -> dict[str, Any]:
    graphs = states_to_graphs(generated.states)
    return {
        "run": str(run.path),
        "graphs": len(graphs),
        "nodes": [min(map(len, graphs)), max(map(len, graphs))],
        "acceptance": next(iter(generated.acceptance[-1:]), None),
        "mean_energy": {"training": training, "generated": next(iter(generated.mean_energy[-1:]), None)},
    }


def _table(result: dict[str, Any]) -> list[list[str]]:
    energy, (least, most) = result["mean_energy"], result["nodes"]
    return [
        ["", "value"],
        ["graphs", f"{result['graphs']:,}"],
        ["nodes", f"{least} to {most}"],
        ["mean energy, in the chains' last step", number(energy["generated"], ".2f")],
        ["mean energy of the training graphs", number(energy["training"], ".2f")],
        ["share of chains that moved in the last step", number(result["acceptance"], ".2f")],
    ]


def _judging(run: PastRun, file: Path) -> str:
    """How to score the graphs in a file."""
    return f"discrete-ed evaluate {run.path} {file}"


def _print_summary(run: PastRun, result: dict[str, Any], file: Path) -> None:
    print(f"\n{as_text(_table(result))}\n\nwritten to {file}; to score them: {_judging(run, file)}")


def _page(
    folder: RunFolder,
    run: PastRun,
    config: SampleConfig,
    graphs: list[nx.Graph],
    generated: GeneratedGraphs,
    result: dict[str, Any],
) -> str:
    """The report page, after its figures are written."""
    from discrete_ed.jobs import graph_figures  # matplotlib is needed only where something is plotted
    from discrete_ed.jobs.generate import figures

    train = run.graphs("train")
    unit, words = chain_words(len(generated.effective))
    energy = result["mean_energy"]
    images = folder.plot(
        {
            "gallery": (
                "Training and sampled graphs",
                lambda: graph_figures.gallery(train, graphs, right="sampled graphs"),
                "The first training graphs and the first sampled graphs, in the same layout.",
            ),
            "statistics": (
                "Statistics of training and sampled graphs",
                lambda: graph_figures.statistics({"training": train, "sampled": graphs}),
                "Distributions of the sets of graphs, pooled over the graphs of a set.",
            ),
            "curves": (
                "The chains",
                lambda: figures.chain_curves(generated, energy["training"], unit=unit),
                f"Mean energy and acceptance of the chains, which start from noise. {words} Acceptance is the share of "
                "chains that moved.",
            ),
        }
    )
    verdict = (
        f"{result['graphs']:,} graphs at a mean energy of {number(energy['generated'], '.2f')}, where training graphs "
        f"have {number(energy['training'], '.2f')}."
    )
    judging = _judging(run, folder.path / "samples.g6")
    lead = f"Chains with the settings of {run.path}, without training again. To score the graphs: {judging}"
    facts = reported_options(config, **FACTS)
    return page.render_page("More graphs", verdict, lead, {"The sampled graphs": _table(result)}, images, facts)
