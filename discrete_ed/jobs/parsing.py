"""The command line's options, parsed by tyro by the types and the docstrings of a job's `config.py`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args

import tyro
from tyro.constructors import ConstructorRegistry, PrimitiveConstructorSpec, PrimitiveTypeInfo

AnyConfig = TypeVar("AnyConfig", bound=Any)

OPTION_TYPES = ConstructorRegistry()
"""tyro's rules for parsing and showing the options, with one rule added below"""


@OPTION_TYPES.primitive_rule
def _optional(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[Any] | None:
    """Show an option of type `Path | None` as `PATH`, not as `{None}|PATH`: to choose None, leave the option out."""
    kinds = get_args(info.type)
    if info.type_origin not in (Union, UnionType) or len(kinds) != 2 or NoneType not in kinds:
        return None
    (kind,) = set(kinds) - {NoneType}
    spec = ConstructorRegistry.get_primitive_spec(PrimitiveTypeInfo.make(kind, info.markers))
    assert isinstance(spec, PrimitiveConstructorSpec)
    return replace(
        spec,
        is_instance=lambda value: value is None or spec.is_instance(value),
        str_from_instance=lambda value: ["none"] if value is None else spec.str_from_instance(value),
    )


def parsed(config_type: type[AnyConfig], arguments: Sequence[str] | None, prog: str | None) -> AnyConfig:
    """The options that the arguments give, of any value; `replace(options)` checks them."""
    with _values_unchecked(config_type):
        return tyro.cli(config_type, args=arguments, prog=prog, registry=OPTION_TYPES)


@contextmanager
def _values_unchecked(config_type: type[AnyConfig]) -> Iterator[type[AnyConfig]]:
    """A block in which options may have any value, so that a bad value is not reported in the parser's box of several
    lines but, by the check that follows, in the one line that all other mistakes get."""
    check = config_type.__post_init__
    config_type.__post_init__ = lambda _: None
    try:
        yield config_type
    finally:
        config_type.__post_init__ = check
