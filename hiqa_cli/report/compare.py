"""The page of `hiqa compare --report`: versions of the same images, matched by path."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence

from hiqa_cli._version import __version__
from hiqa_cli.console.messages import Messages
from hiqa_cli.console.progress import ImageProgress
from hiqa_cli.console.text import count
from hiqa_cli.engine.pipeline.sources import PictureReader
from hiqa_cli.errors import UsageError
from hiqa_cli.images.source import Limits
from hiqa_cli.rows.saved_run import RunSettings, SavedRun
from hiqa_cli.rows.table import Place

from .entries import entries_from_rows
from .entry import ReportEntry, RunFacts
from .options import ReportTarget
from .output import finish_report
from .page.compare_page import ComparePage
from .pairs import ImageVersions, align_paths
from .saved import run_facts
from .versions import HOW_IMAGES_MATCH, Version, scored_pairs


def align_versions(names: Sequence[str], paths: Sequence[Sequence[str]]) -> list[ImageVersions]:
    """The images of all versions. names, paths: of each version. UsageError if one has no image of the first."""
    images = align_paths(paths)
    for number, name in enumerate(names):
        if number and not any(None not in (image.indices[0], image.indices[number]) for image in images):
            raise UsageError(
                f"{names[0]} and {name} have no image in common: they begin with {paths[0][0]} and {paths[number][0]}",
                HOW_IMAGES_MATCH,
            )
    return images


def table_entries(
    run: SavedRun,
    places: Sequence[tuple[Place, bool]],
    limits: Limits,
    reader: PictureReader,
    *,
    full_size: bool,
) -> Generator[ReportEntry, None, None]:
    """The entries of rows of a finished run, in order; each row is read from its table when needed.

    places: (place, whether the image is matched); those that are not come last, and only their rows are read.
    """
    matched = ((run.row_at(place), None) for place, is_matched in places if is_matched)
    yield from entries_from_rows(matched, lambda score: score is not None, limits, reader, full_size=full_size)
    for place, is_matched in places:
        if not is_matched:
            row = run.row_at(place)
            yield ReportEntry(row.path, row.score, row.uncertainty, row.width, row.height, error=row.error)


def write_comparison(
    target: ReportTarget,
    names: Sequence[str],
    images: Sequence[ImageVersions],
    entries: Sequence[Iterator[ReportEntry]],
    settings: Sequence[RunSettings],
    messages: Messages,
) -> list[Version]:
    """Write the page and return the versions with their scores.

    entries: of each version, in the order of `images`. settings: of each version, complete once its entries were read.
    Raises UsageError if a version shares no scored image with the first, OutputError if writing fails.
    """
    title = f"{', '.join(names[:-1])} and {names[-1]}"
    matched = sum(image.is_matched for image in images)
    page = ComparePage(target.path, title, len(names), target.embed_limit_bytes, matched)
    number = sum(len(image.indices) - image.indices.count(None) for image in images)
    progress = ImageProgress(number, enabled=not messages.quiet)
    messages.clear = progress.cleared
    scores: list[dict[str, float | None]] = [{} for _ in names]
    without_preview = 0
    try:
        for image in images:
            found: list[ReportEntry | None] = []
            for version, index in enumerate(image.indices):
                entry = None if index is None else next(entries[version])
                found.append(entry)
                if entry is not None:
                    progress.advance()
                    scores[version][entry.path] = entry.score
                    without_preview += image.is_matched and entry.score is not None and entry.preview is None
            page.add(image.name, found)
        progress.close()
        versions = [Version(name, tuple(one), tuple(one.values())) for name, one in zip(names, scores, strict=True)]
        for other in versions[1:]:
            scored_pairs(versions[0], other)
        warning = settings_warning(names, settings)
        facts = tuple(run_facts(one, name) for one, name in zip(settings, names, strict=True))
        finish_report(page, target, RunFacts(title, __version__, warning=warning, versions=facts), messages)
        if warning:
            messages.warn(warning)
    finally:
        progress.close()
        page.abandon()
    if without_preview:
        messages.warn(
            f"{count(without_preview, 'image')} shown without a preview: not readable at the paths in the tables; "
            "run hiqa compare in the folder where hiqa score ran"
        )
    return versions


def settings_warning(names: Sequence[str], versions: Sequence[RunSettings]) -> str:
    """Name the settings in which versions differ from the first, since scores may differ for that reason alone; "" if
    none do."""
    first, parts = versions[0], []
    for name, version in list(zip(names, versions, strict=True))[1:]:
        settings = (
            ("weights", first.weights, version.weights),
            ("modes", first.modes, version.modes),
            ("versions", first.versions, version.versions),
            ("precisions", first.precisions, version.precisions),
            ("strides", first.strides, version.strides),
        )
        found = [
            f"{what} {_listed(one)} and {_listed(two)}" for what, one, two in settings if one != two and one and two
        ]
        parts += [f"{names[0]} and {name}: {', '.join(found)}"] if found else []
    return f"Different settings ({'; '.join(parts)}) alone can change scores." if parts else ""


def _listed(values: list[str] | list[int]) -> str:
    return ", ".join(map(str, values))
