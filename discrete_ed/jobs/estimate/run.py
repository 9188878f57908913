"""The job that estimates densities: fit an energy to binary states, sample it, score it, write a run folder."""

from __future__ import annotations

import csv
import io
import sys
import time
import warnings
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from discrete_ed.data import TableData, load_table_data
from discrete_ed.density.conditional import log_sites
from discrete_ed.density.missing import completed, filled
from discrete_ed.density.sampling import SNAPSHOTS, DensitySamples, sample_density
from discrete_ed.density.scores import score_density
from discrete_ed.density.tuning import TuningTrial, best_trial
from discrete_ed.energies import Energy
from discrete_ed.errors import InputError
from discrete_ed.groups.one_hot import one_hot_columns
from discrete_ed.jobs.estimate import mixed_tables, report
from discrete_ed.jobs.estimate.config import EstimateConfig, ResolvedEstimateConfig, facts_of, resolve, rival_of
from discrete_ed.jobs.estimate.training import build_energy, fit_recipes, loss_of, refitted
from discrete_ed.jobs.estimate.tuning import chosen_recipe, compared, training_cost, tuned
from discrete_ed.jobs.options import refuse_options_without_effect
from discrete_ed.jobs.progress import counted_progress
from discrete_ed.jobs.resume import resumed
from discrete_ed.jobs.row_scores import row_lines, rows_as_csv
from discrete_ed.jobs.run_folder import RunFolder
from discrete_ed.jobs.text import as_text
from discrete_ed.names import SMALL_BITS
from discrete_ed.runtime.distributed import pick_device

JOB = "estimate"


def run(config: EstimateConfig) -> dict[str, Any]:
    """Run the whole job; returns the content of `result.json`.

    Raises:
        InputError: a data set, device, run folder or option that can't be used.
        NumericalError: training diverged; the best weights so far are in the run folder.
    """
    started = time.monotonic()
    config = resumed(config, JOB)
    if mixed_tables.is_mixed(config):
        return mixed_tables.run(config, JOB)
    device = pick_device(config.device)
    try:
        data = load_table_data(
            config.data, config.root, valid=config.valid, test=config.test, missing=config.missing, seed=config.seed
        )
    except InputError as error:
        raise mixed_tables.with_way_on(error) from None
    resolved = resolve(config, data)
    facts = facts_of(resolved, data)
    refuse_options_without_effect(config, resolved, **facts)
    train, valid, test = (part.to(device) for part in _states(data))
    with RunFolder(resolved.out, JOB, data.name, resolved, data.files, facts) as folder:
        _print_data(data)
        _warn_of_equal_sets(data)
        said = _warn_of_one_hot(data) if data.toy is None and data.shape is None else []
        trials: list[TuningTrial] = []
        chosen = 0
        if resolved.tune is not None:
            build = partial(build_energy, train, data.shape)
            resolved, trials = tuned(resolved, data, train, valid.float(), build, loss_of, folder)
            chosen = trials.index(best_trial(trials))
        recipes = [resolved] if trials or (rival := rival_of(resolved, data)) is None else [resolved, rival]
        _print_cost(recipes, train.shape[1])
        fits = fit_recipes(train, valid.float(), data.shape, recipes, folder)
        ensemble = fits[0].ensemble
        if len(recipes) > 1:
            trials = compared(recipes, fits, train, valid.float(), folder)
            chosen = chosen_recipe(trials, fits)
            resolved, ensemble = recipes[chosen], fits[chosen].ensemble
        assert ensemble is not None
        energy, marginals = refitted(ensemble.energy, train, valid, data, resolved, folder)
        folder.save_energy("checkpoint", energy)
        trained = time.monotonic()
        generator = torch.Generator(device).manual_seed(resolved.seed)
        names = data.names if data.toy is None and data.shape is None else ()
        whole = completed(energy, train, generator=generator) if train.is_floating_point() else train
        samples = _sample(energy, whole, names, resolved, generator, folder)
        sampled = time.monotonic()
        scores = score_density(
            energy,
            samples.states,
            train=train,
            valid=valid,
            test=test,
            toy=data.toy,
            temperatures=resolved.temperatures,
            runs=resolved.runs,
            generator=generator,
        )
        scores = replace(scores, warnings=(*said, *scores.warnings))
        result = {
            "data": data.name,
            "columns": list(names) or None,
            "seed": resolved.seed,
            "loss": resolved.loss,
            "energy": resolved.energy,
            "parameters": sum(parameter.numel() for parameter in energy.parameters()),
            "members": resolved.members,
            "tuning": {"trials": [asdict(trial) for trial in trials], "chosen": chosen} if trials else None,
            "steps": [len(fitted.records) for fitted in ensemble.fits],
            "selected_steps": [fitted.step for fitted in ensemble.fits],
            "validation_scores": [fitted.score for fitted in ensemble.fits],
            "marginals": marginals,
            **scores.to_dict(),
            "effective_starts": samples.effective_starts,
            "effective_ancestors": samples.effective_ancestors,
            "annealed_from": samples.annealed_from,
            "starts_p_value": samples.starts_p_value,
            "seconds": {"train": trained - started, "sample": sampled - trained, "score": time.monotonic() - sampled},
        }
        if folder.writes:
            whole = completed(energy, test.float(), generator=generator)
            sites = log_sites(energy, whole).masked_fill(test.isnan(), 0.0) if names else None
            places = None if data.test_rows is None else data.test_rows.tolist()
            rows = [] if sites is None else row_lines(scores.test, sites, names, places)
            if rows:
                folder.write("test.scores.csv", rows_as_csv(rows))
            shown = replace(data, test=whole.to(torch.uint8).cpu().numpy())
            report.write_report(folder, resolved, shown, ensemble, samples.states.cpu(), scores, result, rows)
        folder.finish(result)
    print(f"{report.verdict(result)}\n")
    print(as_text(report.score_table(result)))
    print("", *report.score_notes(result), sep="\n")
    print(f"\nwritten to {folder.path}: open {folder.path / 'report.html'}")
    return result


def _states(data: TableData) -> list[Tensor]:
    """Training, validation and test states: uint8, or float with NaN where cells are missing.

    Raises:
        InputError: too many missing cells in a validation or test row, or a column without any training cell.
    """
    parts = [torch.from_numpy(part) for part in (data.train, data.valid, data.test)]
    if data.missing is None:
        return parts
    masks = [torch.from_numpy(mask) for mask in data.missing]
    for name, mask in zip(("valid", "test"), masks[1:], strict=True):
        most, row = mask.sum(1).max(0)
        if most > SMALL_BITS:
            raise InputError(
                f"{name}: expected at most {SMALL_BITS} missing cells in a row, whose values are summed, got {most} in "
                f"row {row + 1}"
            )
    filled(parts[0].float().masked_fill(masks[0], torch.nan))  # refuses a column without any cell
    share = sum(int(mask.sum()) for mask in masks) / sum(mask.numel() for mask in masks)
    print(f"note: {share:.2%} of the cells are missing", file=sys.stderr)
    return [part.float().masked_fill(mask, torch.nan) for part, mask in zip(parts, masks, strict=True)]


def _warn_of_equal_sets(data: TableData) -> None:
    """Warn if held-out rows are the training rows, whose likelihood says nothing about new rows."""
    fitted = np.concatenate([data.train, data.valid])  # a table given twice: its validation rows are split off once
    for name, rows in (("validation", data.valid), ("test", data.test)):
        if any(_same_rows(rows, others) for others in (data.train, fitted)):
            warnings.warn(
                f"{name}: the rows are the training rows, so scores on them don't tell how new rows score", stacklevel=2
            )


def _same_rows(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether two tables have the same rows, in any order."""
    if first.shape != second.shape:
        return False
    return all(map(np.array_equal, *(np.unique(rows, axis=0, return_counts=True) for rows in (first, second))))


def _warn_of_one_hot(data: TableData) -> list[str]:
    """As `DensityEstimator` does, with the ways on that the job has; returns what it says."""
    said = []
    groups = one_hot_columns(data.train.astype(float))
    if groups:
        shown = ", ".join(f"{data.names[g[0]]!r} to {data.names[g[-1]]!r}" for g in groups[:3])
        said.append(
            f"{data.name}: columns {shown} hold exactly one 1 in every row, as one-hot codes do; if they are the "
            "values of one variable, rows that can't be are possible for the model: make one column of them and use "
            "--types auto, or pass categories to DensityEstimator in Python"
        )
        warnings.warn(said[0], UserWarning, stacklevel=2)
    return said


def _print_data(data: TableData) -> None:
    sizes = f"{len(data.train)} to train on, {len(data.valid)} and {len(data.test)} held out"
    print(f"{data.name}: {data.description}; {data.train.shape[1]} bits; {sizes}")
    if data.shape is None and data.constant:
        shown = ", ".join(data.constant[:5]) + (", …" if len(data.constant) > 5 else "")
        columns = "1 column is" if len(data.constant) == 1 else f"{len(data.constant)} columns are"
        print(f"note: {columns} constant in the training rows: {shown}", file=sys.stderr)


def _print_cost(recipes: Sequence[ResolvedEstimateConfig], bits: int) -> None:
    """Say how long training may take, where that is more than a minute."""
    minutes = sum(training_cost(recipe, bits) for recipe in recipes) / 60
    if minutes > 1:
        print(f"note: training takes about {minutes:.0f} minutes of an idle core, or less", file=sys.stderr)


def _sample(
    energy: Energy,
    train: Tensor,
    names: tuple[str, ...],
    config: ResolvedEstimateConfig,
    generator: torch.Generator,
    folder: RunFolder,
) -> DensitySamples:
    """Sample the density, with a progress bar; write `samples.npy` and, of a table with these names, `samples.csv`."""

    def sample() -> dict[str, Any]:
        with counted_progress("sample", "step") as callback:
            samples = sample_density(
                energy,
                train,
                SNAPSHOTS * config.samples,
                steps=config.sampler_steps,
                seed=config.seed,
                generator=generator,
                callback=callback,
            )
        return dict(vars(samples))

    samples = DensitySamples(**folder.cached("sample", sample, {"noise": generator}))
    for file, content in samples_to_files(samples.states, names).items():
        folder.write(file, content)
    return replace(samples, states=samples.states.to(train.device))


def samples_to_files(states: Tensor, names: tuple[str, ...]) -> dict[str, bytes]:
    """The contents of `samples.npy` and, for a table with these names of columns, of `samples.csv`."""
    buffer = io.BytesIO()
    np.save(buffer, states.to(torch.uint8).cpu().numpy())
    table = {"samples.csv": states_as_csv(states, names)} if names else {}
    return {**table, "samples.npy": buffer.getvalue()}


def states_as_csv(states: Tensor, names: tuple[str, ...]) -> bytes:
    """States `(N, D)` as CSV with the names of the columns."""
    head = io.StringIO()
    csv.writer(head, lineterminator="\n").writerow(names)
    cells = np.full((len(states), 2 * len(names)), ord(","), np.uint8)
    cells[:, 0::2] = states.to(torch.uint8).cpu().numpy() + ord("0")
    cells[:, -1] = ord("\n")
    return head.getvalue().encode() + cells.tobytes()
