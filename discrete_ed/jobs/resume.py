"""Resuming a run: its options are read from the `config.json` of its folder."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from discrete_ed.errors import InputError
from discrete_ed.jobs.options import ResumableConfig, changed_options
from discrete_ed.jobs.run_folder import CONFIG, RESULT

AnyConfig = TypeVar("AnyConfig", bound=ResumableConfig)


def resumed(config: AnyConfig, job: str) -> AnyConfig:
    """The configuration of the run in `config.resume`, read from its `config.json`; without `resume`, `config` itself.

    Raises:
        InputError: another option was given as well, the folder holds no unfinished run of the job, or its
            `config.json` doesn't hold options of the job.
    """
    if config.resume is None:
        return config
    others = [name for name in changed_options(config) if name != "resume"]
    if others:
        raise InputError(f"resume: expected no other option, since all are read from the run, got {', '.join(others)}")
    found = read_config(type(config), config.resume, job, "resume")
    if (config.resume / RESULT).exists():
        raise InputError(f"resume: expected a run that is not finished, but {config.resume / RESULT} is there")
    return replace(found, resume=config.resume)


def read_config(kind: type[AnyConfig], folder: Path, job: str, option: str) -> AnyConfig:
    """The options of a run, read from the `config.json` of its folder; those that had no effect have their defaults.

    Args:
        kind: the class of the job's options.
        folder: the run folder.
        job: the job of which it must be a run.
        option: the option that named the folder, for messages.

    Raises:
        InputError: the folder holds no run of the job, or its `config.json` doesn't hold options of the job.
    """
    path = folder / CONFIG
    try:
        record = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"{option}: expected the folder of a run, but {path}: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise InputError(f"{option}: expected the configuration of a run in {path}, got no JSON") from None
    if not isinstance(record, dict) or record.get("job") != job:
        raise InputError(f"{option}: expected a run of {job}, but {path} is of another job")
    hints = get_type_hints(kind, include_extras=True)
    unknown = record.keys() - hints.keys() - {"job"}
    if unknown:
        raise InputError(f"{option}: expected options of {job} in {path}, got {', '.join(sorted(unknown))[:60]}")
    options = {name: _typed(value, hints[name], f"{path}: {name}") for name, value in record.items() if name != "job"}
    return kind(**options)


def _typed(value: Any, hint: Any, where: str) -> Any:
    """A value of a JSON file, converted to the option's type; only values that the command line accepts pass."""
    kind, inner = get_origin(hint), get_args(hint)
    if kind in (Union, UnionType):
        for choice in inner:
            try:
                return _typed(value, choice, where)
            except InputError:
                continue
    elif kind is Literal:
        if value in inner:
            return value
    elif kind is Annotated:
        return _typed(value, inner[0], where)
    elif kind is tuple and isinstance(value, list):
        kinds = [inner[0]] * len(value) if inner[-1] is Ellipsis else inner
        if len(kinds) == len(value):
            return tuple(_typed(item, each, where) for item, each in zip(value, kinds, strict=True))
    elif hint is float and type(value) is int:
        return float(value)
    elif hint is Path and isinstance(value, str):
        return Path(value)
    elif type(value) is hint:
        return value
    raise InputError(f"{where}: expected {getattr(hint, '__name__', hint)}, got {str(value)[:60]}")
