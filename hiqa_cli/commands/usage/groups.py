"""Groups of options: a command takes a few records, and the fields of a record become options of the command.

    Reading = Annotated[Limits, OptionGroup(Limits, max_pixels=MaxPixels, max_bytes=MaxBytes)]

    def score(images: Images, limits: Reading, quiet: Quiet = False) -> int: ...

`hiqa score` then has --max-pixels and --max-bytes, and the function gets one `Limits`. Defaults are those of the
record, written once.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any, get_args, get_origin, get_type_hints

KEYWORD = inspect.Parameter.KEYWORD_ONLY
REQUIRED = inspect.Parameter.empty


class OptionGroup:
    """Marks a parameter of a command as a record that is built from options.

    build: the record's class, or a function that makes one from the options; what neither option nor command line give
    keeps its default. options: for each argument of `build` that is an option, the option's annotation.
    """

    def __init__(self, build: Callable[..., Any], **options: Any) -> None:
        self.build = build
        self.parameters = [
            inspect.Parameter(name, KEYWORD, default=_default(build, name), annotation=annotation)
            for name, annotation in options.items()
        ]

    def take(self, given: dict[str, Any]) -> Any:
        """The record, from options that are taken out of `given`. A list becomes a tuple."""
        values = {parameter.name: given.pop(parameter.name) for parameter in self.parameters}
        return self.build(
            **{
                name: tuple(value) if isinstance(value, list) else value
                for name, value in values.items()
                if value is not None
            }
        )


def expand_groups(command: Callable[..., int]) -> Callable[..., int]:
    """The command with an option for every field of its groups, as Typer reads it. TypeError if two share a name."""
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, OptionGroup] = {}
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(command).parameters.values():
        group = _group_of(hints[parameter.name])
        if group is None:
            parameters.append(parameter.replace(kind=KEYWORD, annotation=hints[parameter.name]))
        else:
            groups[parameter.name] = group
            parameters += group.parameters
    names = [parameter.name for parameter in parameters]
    if len(set(names)) < len(names):
        raise TypeError(f"{command.__name__}: two options are named {max(names, key=names.count)}")

    @wraps(command)
    def run(**given: Any) -> int:
        records = {name: group.take(given) for name, group in groups.items()}
        return command(**given, **records)

    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def _group_of(annotation: Any) -> OptionGroup | None:
    if get_origin(annotation) is not Annotated:
        return None
    return next((mark for mark in get_args(annotation)[1:] if isinstance(mark, OptionGroup)), None)


def _default(build: Callable[..., Any], name: str) -> Any:
    """The default of an argument as Typer takes it: a repeatable option has None where the record has ()."""
    default = inspect.signature(build).parameters[name].default
    if default is dataclasses.MISSING or default is inspect.Parameter.empty:
        return REQUIRED
    return None if default == () else default
