"""The gate of a comparison: by how much a version may score lower than the first one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hiqa_cli.console.text import count

if TYPE_CHECKING:
    from .versions import Comparison, PairScores, Version


@dataclass(frozen=True)
class DropLimits:
    """Limits in points; None: no limit.

    max_drop: by which the mean score may fall. max_drop_p95: by which 95 % of the images may fall at most.
    """

    max_drop: float | None = None
    max_drop_p95: float | None = None

    def __bool__(self) -> bool:
        """Whether there is a limit."""
        return self.of_image is not None

    @property
    def of_image(self) -> float | None:
        """The fall of a single image from which on it is listed: the limit for images, else that of the mean."""
        return self.max_drop if self.max_drop_p95 is None else self.max_drop_p95


@dataclass(frozen=True)
class GateResult:
    """A version against the first one, and what of it is beyond the limits.

    first: name of the first version. pairs: the scores of all pairs, in the order of the first version. problems: a
    message for every limit that is broken.
    """

    first: str
    comparison: Comparison
    pairs: tuple[PairScores, ...]
    limits: DropLimits
    problems: tuple[str, ...]

    def has_fallen(self, pair: PairScores) -> bool:
        """Whether an image fell by more than the limit; that alone does not break a limit of all images."""
        return self.limits.of_image is not None and pair.drop > self.limits.of_image

    @property
    def fallen(self) -> list[PairScores]:
        """The images that fell by more than the limit, the largest fall first."""
        return sorted(filter(self.has_fallen, self.pairs), key=lambda pair: -pair.drop)

    @property
    def verdict(self) -> str:
        """The change in words, in one line."""
        return f"compared with {self.first}: {self.comparison.change.sentence(self.comparison.name)}"

    @property
    def unmatched(self) -> str:
        """The number of images without a pair as a message, or ""."""
        number = self.comparison.unmatched
        return f"{self.comparison.name}: {count(number, 'image')} without a pair" if number else ""


def check_drop(first: Version, second: Version, limits: DropLimits) -> GateResult:
    """Compare two versions and check the limits. UsageError if no scored images match."""
    from .versions import compare_versions, scored_pairs

    pairs = scored_pairs(first, second)
    comparison = compare_versions(first, second, pairs)
    return GateResult(first.name, comparison, tuple(pairs), limits, tuple(_broken(comparison, limits)))


def _broken(comparison: Comparison, limits: DropLimits) -> list[str]:
    """What of a comparison is beyond the limits, as messages."""
    change, problems = comparison.change, []
    if limits.max_drop is not None and -change.mean > limits.max_drop:
        problems.append(f"{comparison.name}: the mean score falls by {-change.mean:.2f}, more than {limits.max_drop:g}")
    if limits.max_drop_p95 is not None and change.p95_drop > limits.max_drop_p95:
        problems.append(
            f"{comparison.name}: 5 % of the images fall by {change.p95_drop:.2f} or more, "
            f"more than {limits.max_drop_p95:g}"
        )
    return problems
