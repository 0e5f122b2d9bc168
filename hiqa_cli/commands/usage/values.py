"""Parsers of options' values. A wrong value is refused in one line: the option, what was expected, what was found, the
nearest right word."""

from __future__ import annotations

import math
import os
from collections.abc import Callable

from hiqa_cli.console.messages import did_you_mean
from hiqa_cli.distributed.cluster.share import Bounds
from hiqa_cli.distributed.devices import is_list_of_gpus
from hiqa_cli.errors import UsageError
from hiqa_cli.scoring.shard import Shard


def one_of(option: str, words: tuple[str, ...], variable: str = "") -> Callable[[str], str]:
    """A parser for an option whose value is one of a few words.

    variable: the environment variable that sets the option too; it is named where its value is wrong.
    """

    def parse(value: str) -> str:
        if value in words:
            return value
        guess = did_you_mean(value, words) if value else ""
        source = variable if variable and os.environ.get(variable) == value else option
        raise UsageError(f"{source}: expected {', '.join(words)}; found {value!r}{guess}")

    return parse


def some_of(option: str, words: tuple[str, ...]) -> Callable[[str], str]:
    """A parser for an option whose value is one of a few words, or several separated by commas."""
    parse_word = one_of(option, words)

    def parse(value: str) -> str:
        return ",".join(parse_word(word.strip()) for word in value.split(","))

    return parse


def devices(option: str, words: tuple[str, ...], variable: str) -> Callable[[str], str]:
    """A parser for a device as one_of() takes it, "cuda:all", or different GPUs such as "cuda:0,cuda:1"."""
    parse_word = one_of(option, words, variable)

    def parse(value: str) -> str:
        if is_list_of_gpus(value):
            return value
        if value.startswith("cuda:"):
            source = variable if os.environ.get(variable) == value else option
            raise UsageError(f"{source}: expected cuda:all, or different GPUs as cuda:0,cuda:1; found {value!r}")
        return parse_word(value)

    return parse


def whole_number(option: str, least: int = 1, most: int | None = None) -> Callable[[str], int]:
    """A parser for a whole number in decimal digits."""
    span = f"of at least {least:,}" if most is None else f"from {least:,} to {most:,}"

    def parse(value: str) -> int:
        # Typer passes defaults through the parser as well: they are numbers already
        text = str(value)
        number = int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None
        if number is None or number < least or (most is not None and number > most):
            raise UsageError(f"{option}: expected a whole number {span}; found {value!r}")
        return number

    return parse


def points(option: str) -> Callable[[str], float]:
    """A parser for a score or a difference of scores, 0 to 100."""

    def parse(value: str) -> float:
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not 0 <= number <= 100:  # NaN fails this as well
            raise UsageError(f"{option}: expected a score from 0 to 100; found {value!r}")
        return number

    return parse


def shard(value: str) -> Shard:
    """A parser for I/N, 1/N to N/N."""
    number, slash, total = value.partition("/")
    digits = number + total
    if not (slash and digits.isascii() and digits.isdecimal() and number and total and len(digits) < 19):
        raise UsageError(f"--shard: expected I/N, from 1/N to N/N, found {value!r}")
    if not 1 <= int(number) <= int(total):
        raise UsageError(f"--shard: expected a number from 1 to {int(total):,} before the slash, found {value!r}")
    return Shard(int(number), int(total))


def actor_bounds(value: str) -> Bounds:
    """A parser for MIN:MAX, or one number for both."""
    least, colon, most = value.partition(":")
    numbers = (least, most) if colon else (least, least)
    if not all(one.isascii() and one.isdecimal() and 0 < len(one) < 10 and int(one) for one in numbers):
        raise UsageError(f"--ray-actors: expected MIN:MAX, whole numbers of at least 1; found {value!r}")
    if int(numbers[0]) > int(numbers[1]):
        raise UsageError(f"--ray-actors: expected no more than {int(numbers[1]):,} before the colon; found {value!r}")
    return Bounds(int(numbers[0]), int(numbers[1]))
