"""The page of `hiqa compare --report`. The versions of an image are read and scored one after the other, so that the
pictures of one image are all that memory holds."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

from hiqa_cli.console.text import name_text
from hiqa_cli.engine.job import NO_OUTPUTS
from hiqa_cli.files.output_checks import FileId, file_ids
from hiqa_cli.report.options import ReportTarget
from hiqa_cli.scoring.inputs import input_files

from .versions import Folder, Settings, Table, score_images

if TYPE_CHECKING:
    from hiqa_cli.report.entry import ReportEntry
    from hiqa_cli.report.pairs import ImageVersions
    from hiqa_cli.report.versions import Version


def write_page(
    versions: Sequence[Folder | Table], target: ReportTarget, settings: Settings, *, overwrite: bool
) -> list[Version]:
    """Write the page and return the versions with their scores.

    Raises UsageError, before any work, if the page must not be written or versions have no image in common; OutputError
    if writing fails.
    """
    from hiqa_cli.engine.pipeline.sources import picture_reader
    from hiqa_cli.report.compare import align_versions, table_entries, write_comparison
    from hiqa_cli.report.output import check_report

    check_report(target, _sources(versions), may_exist=overwrite)
    tables = {
        number: [(place, row.path) for place, row in version.run.rows()]
        for number, version in enumerate(versions)
        if isinstance(version, Table)
    }
    paths = [
        [image.name for image in version.images]
        if isinstance(version, Folder)
        else [path for _, path in tables[number]]
        for number, version in enumerate(versions)
    ]
    names = [name_text(version.name) for version in versions]
    images = align_versions(names, paths)
    with ExitStack() as open_streams:
        reader = open_streams.enter_context(picture_reader(isolate=settings.backend.isolate if tables else None))
        scored = open_streams.enter_context(closing(_scored_entries(versions, images, target, settings)))
        entries: list[Iterator[ReportEntry]] = []
        for number, version in enumerate(versions):
            if isinstance(version, Folder):
                entries.append(scored)
                continue
            order = [(image.indices[number], image.is_matched) for image in images]
            places = [(tables[number][index][0], matched) for index, matched in order if index is not None]
            stream = table_entries(version.run, places, settings.limits, reader, full_size=target.full_size)
            entries.append(open_streams.enter_context(closing(stream)))
        run_settings = [version.settings for version in versions]
        return write_comparison(target, names, images, entries, run_settings, settings.say)


def _sources(versions: Sequence[Folder | Table]) -> set[FileId]:
    """The files that the page is made from."""
    images = [image for version in versions if isinstance(version, Folder) for image in version.images]
    return input_files(images) | file_ids(version.name for version in versions if isinstance(version, Table))


def _scored_entries(
    versions: Sequence[Folder | Table], images: Sequence[ImageVersions], target: ReportTarget, settings: Settings
) -> Generator[ReportEntry, None, None]:
    """The entries of the images of all folders, image by image, version by version."""
    from hiqa_cli.scoring.report import new_entry, with_preview

    wanted = []
    for image in images:
        for number, (version, index) in enumerate(zip(versions, image.indices, strict=True)):
            if isinstance(version, Folder) and index is not None:
                outputs = with_preview(NO_OUTPUTS, target) if image.is_matched else NO_OUTPUTS
                wanted.append((number, version, version.images[index], outputs))
    for _, row, job, outcome in score_images(wanted, settings):
        yield new_entry(row, job, outcome)
