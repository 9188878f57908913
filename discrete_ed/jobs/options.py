"""What the options of all jobs share: checks, and the rule that says when an option has an effect.

An option that matters only in some runs says so where it is declared:

    epsilon: Annotated[float, When(loss=("ed", "block-ed"))] = 0.1

`refuse_options_without_effect` then refuses `--epsilon` with another loss, and `options_in_effect` leaves it out of
`config.json` and of the report page.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from discrete_ed.errors import InputError
from discrete_ed.names import GraphFormatName


class When:
    """Metadata of an option that has an effect only where other options, or facts of the run, have certain values.

    Args:
        words: the condition in words, as in "expected only WORDS". Needed where it is about facts of the run, such as
            the number of bits; a condition on options is put into words by itself.
        values: for each option or fact the value, or a tuple of the values, that it must have. All of them must hold.

    >>> When(loss=("ed", "block-ed")).holds({"loss": "pl"})
    False
    >>> str(When(loss=("ed", "block-ed"), data=None))
    'with --loss ed or block-ed and without --data'
    >>> str(When(tempering=True)), str(When(tempering=False))
    ('with --tempering', 'without --tempering')
    >>> str(When("for more than 16 bits", enumerated=False))
    'for more than 16 bits'
    """

    def __init__(self, words: str = "", **values: Any) -> None:
        self.words = words
        self.values = {name: value if isinstance(value, tuple) else (value,) for name, value in values.items()}

    def holds(self, known: Mapping[str, Any]) -> bool:
        """Whether the option has an effect; a value that isn't known yet doesn't speak against it."""
        return all(known[name] in allowed for name, allowed in self.values.items() if name in known)

    def __str__(self) -> str:
        return self.words or " and ".join(_in_words(name, allowed) for name, allowed in self.values.items())


class _Housekeeping:
    """Metadata of an option that says where or how often a run is saved, not what it computes."""


HOUSEKEEPING = _Housekeeping()
"""marks such options; the report page leaves them out"""
GRAPH_FILES = When("where graphs are read from a file", graph_files=True)
READING = ("format", "header", "undirected", "ignore_weights", "ignore_loops")
"""the options that `read_graphs` takes"""


@dataclass(frozen=True, kw_only=True)
class ResumableConfig:
    """The option of every job that can be stopped and resumed."""

    resume: Annotated[Path | None, HOUSEKEEPING] = None
    """run folder of a stopped run, to continue it; give no other option, since all are read from the config.json in
    that folder"""


@dataclass(frozen=True, kw_only=True)
class CheckpointedConfig(ResumableConfig):
    """The options of every job that saves checkpoints while it trains."""

    checkpoint_seconds: Annotated[float, HOUSEKEEPING] = 60.0
    """seconds between two checkpoints of the training state; a run that is killed loses at most that much work"""

    def __post_init__(self) -> None:
        expect(self, "at least 0", "checkpoint_seconds", low=0)


@dataclass(frozen=True, kw_only=True)
class GraphFileConfig(ResumableConfig):
    """The options of every job that reads graph files."""

    format: Annotated[GraphFormatName | None, GRAPH_FILES] = None
    """format of the graph files; by default recognised by the ending of their names and by their content"""
    header: Annotated[bool | None, GRAPH_FILES] = None
    """whether the first line of an edge list holds titles or counts; by default recognised by the content"""
    undirected: Annotated[bool, GRAPH_FILES] = False
    """read directed edges without their direction; by default they are refused"""
    ignore_weights: Annotated[bool, GRAPH_FILES] = False
    """drop the weights of edges, and merge parallel edges; by default they are refused"""
    ignore_loops: Annotated[bool, GRAPH_FILES] = False
    """drop self-loops; by default they are refused"""

    def reading(self) -> dict[str, Any]:
        """The options of `read_graphs`."""
        return {name: getattr(self, name) for name in READING}


def expect(config: object, expected: str, *names: str, low: float) -> None:
    """Refuse options below `low`; `expected` says in words what was expected of them. None, an option left open,
    passes."""
    for name in names:
        value = getattr(config, name)
        if value is not None and not value >= low:
            raise InputError(f"{name}: expected {expected}, got {value}")


def expect_positive(config: object, *names: str) -> None:
    """Refuse options that are not positive and finite; None, an option left open, passes."""
    for name in names:
        value = getattr(config, name)
        if value is not None and not 0 < value < float("inf"):
            raise InputError(f"{name}: expected a positive number, got {value}")


def expect_noise(config: object, *names: str) -> None:
    """Refuse options that are no ε in (0, ½], the probability that noise flips a bit; None, an option left open,
    passes."""
    for name in names:
        value = getattr(config, name)
        if value is not None and not 0 < value <= 0.5:
            raise InputError(f"{name}: expected a probability in (0, 0.5], got {value}")


def changed_options(config: ResumableConfig) -> list[str]:
    """The names of the options that differ from their defaults."""
    return [field.name for field in fields(config) if getattr(config, field.name) != field.default]


def options_in_effect(config: ResumableConfig, **facts: Any) -> dict[str, Any]:
    """Every option that has an effect, with its value, in the order of declaration.

    Args:
        config: the options, with defaults filled in where the user left an option open.
        facts: facts of the run besides its options, such as the number of bits, by the names that conditions use.
    """
    known = {**vars(config), **facts}
    return {name: getattr(config, name) for name, when in _conditions(config).items() if when.holds(known)}


def reported_options(config: ResumableConfig, **facts: Any) -> dict[str, Any]:
    """The options in effect that a report page shows: those that have a value and say what the run computes.
    Of the options for reading graph files it shows only those that were given."""
    hints = get_type_hints(type(config), include_extras=True)
    return {
        name: value
        for name, value in options_in_effect(config, **facts).items()
        if value not in (None, ())
        and not (name in READING and value is False)
        and HOUSEKEEPING not in _metadata(hints[name])
    }


def refuse_options_without_effect(
    config: ResumableConfig, resolved: ResumableConfig | None = None, **facts: Any
) -> None:
    """Refuse an option that the user set and that has no effect in this run.

    Args:
        config: the options as the user gave them.
        resolved: the same with what the user left open filled in, which conditions are judged by.
        facts: what is known of the run besides the options, as in `options_in_effect`.

    Raises:
        InputError: an option without an effect was given; the message says when it has an effect.
    """
    known = {**vars(resolved or config), **facts}
    conditions = _conditions(config)
    for name in changed_options(config):
        if not conditions[name].holds(known):
            raise InputError(
                f"{name}: expected only {conditions[name]}, since it has no effect otherwise, got "
                f"{getattr(config, name)}"
            )


def _conditions(config: ResumableConfig) -> dict[str, When]:
    hints = get_type_hints(type(config), include_extras=True)
    return {
        field.name: next((mark for mark in _metadata(hints[field.name]) if isinstance(mark, When)), When())
        for field in fields(config)
    }


def _metadata(hint: Any) -> tuple[Any, ...]:
    return get_args(hint)[1:] if get_origin(hint) is Annotated else ()


def _in_words(name: str, allowed: tuple[Any, ...]) -> str:
    """The condition that an option has one of some values, as the command line takes it: a switch has no value."""
    if allowed in ((None,), (False,)):
        return f"without {_flag(name)}"
    return f"with {_flag(name)}" if allowed == (True,) else f"with {_flag(name)} {' or '.join(map(str, allowed))}"


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")
