"""`hiqa evaluate`: measure weights against people's scores on databases, or reproducibly on clean pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from ..errors import UsageError
from .dataset_options import AllowMissing, DatasetNames, Direction, NominalRange, Roots, open_datasets
from .evaluate_databases import Files, Question, evaluate_databases
from .evaluate_pictures import PictureMeasures, evaluate_pictures
from .messages import Messages
from .new_files import check_new_file
from .options import (
    BatchSize,
    Device,
    EngineOptions,
    Overwrite,
    Precision,
    Quiet,
    Threads,
    WeightsFolder,
    one_of,
    whole_number,
)

if TYPE_CHECKING:
    from hiqa_train.evaluation.images import PartName

PARTS = ("test", "validation", "training", "all")


def folder_option(name: str, help_text: str) -> Any:
    return typer.Option(name, metavar="DIR", help=help_text, file_okay=False, exists=True)


def file_option(name: str, help_text: str, metavar: str = "FILE") -> Any:
    return typer.Option(name, metavar=metavar, help=help_text)


def number_option(name: str, help_text: str, least: int = 0, most: int | None = None) -> Any:
    return typer.Option(name, metavar="N", parser=whole_number(name, least, most), help=help_text)


def evaluate(
    dataset: DatasetNames = None,
    root: Roots = None,
    direction: Direction = None,
    nominal: NominalRange = None,
    allow_missing: AllowMissing = False,
    part: Annotated[
        str | None,
        typer.Option(
            "--part", metavar="|".join(PARTS), parser=one_of("--part", PARTS),
            help="Which images; the test part where there is one, else all.",
        ),
    ] = None,
    types: Annotated[
        str | None,
        file_option("--types", "Some distortion types alone: jpeg, jpeg2000, noise, blur, or their names.", "A,B"),
    ] = None,
    splits: Annotated[Path | None, file_option("--splits", "A file of divisions by scene.")] = None,
    split: Annotated[int | None, number_option("--split", "Which division of --splits, from 0.")] = None,
    unseen: Annotated[
        bool, typer.Option("--unseen", help="Leave out scenes that the weights were trained on.")
    ] = False,
    resamples: Annotated[
        int, number_option("--resamples", "For the intervals; 0 for none.")
    ] = 1000,
    seed: Annotated[int, number_option("--seed", "Of whatever is drawn.")] = 0,
    published: Annotated[
        bool, typer.Option("--published", help="Print published numbers beside, with their sources.")
    ] = False,
    cached: Annotated[
        bool, typer.Option("--cache/--no-cache", help="Keep scores, and go on with those that are kept.")
    ] = True,
    ladders: Annotated[
        Path | None, folder_option("--ladders", "Rank correlation of score with strength, on clean pictures.")
    ] = None,
    gains: Annotated[
        Path | None, folder_option("--gains", "PSNR that hallucinations gain, beside OpenCV's filters.")
    ] = None,
    uncertainty: Annotated[
        Path | None, folder_option("--uncertainty", "Coverage of the stated uncertainty, on clean pictures.")
    ] = None,
    people: Annotated[
        Path | None, folder_option("--people", "Agreement with TID2013's scores, on Kodak's photographs.")
    ] = None,
    scores: Annotated[
        Path | None, file_option("--scores", "For --people, TID2013's scores: reference,type,level,mos.", "CSV")
    ] = None,
    offsets: Annotated[
        Path | None, file_option("--offsets", "Its crops: reference,kodak,x,y,width,height.", "CSV")
    ] = None,
    speed: Annotated[
        bool, typer.Option("--speed", help="Time of 8 tiles beside a plain convolution's, on the CPU.")
    ] = False,
    leave_out: Annotated[
        list[str] | None,
        typer.Option("--leave-out", metavar="NAME", help="A clean picture to leave out; repeat it."),
    ] = None,
    stride: Annotated[int | None, number_option("--stride", "Px between tiles.", 1, 256)] = None,
    json_file: Annotated[Path | None, file_option("--json", "Write all numbers to a new file too.")] = None,
    csv_file: Annotated[Path | None, file_option("--csv", "Write the table of measures to a new file too.")] = None,
    plot: Annotated[Path | None, file_option("--plot", "Draw scores over predictions into a new PNG.")] = None,
    overwrite: Overwrite = False,
    weights: WeightsFolder = None,
    device: Device = "auto",
    precision: Precision = "auto",
    batch_size: BatchSize = None,
    threads: Threads = None,
    quiet: Quiet = False,
) -> None:
    """Measure the weights: with --dataset against people's scores, else on folders of clean pictures.

    --dataset takes a database that hiqa datasets lists, or a table of your own. --ladders, --gains,
    --uncertainty and --people take a folder of clean pictures; --people Kodak's 24, with --scores and
    --offsets.
    """
    from ..engine.results import DEFAULT_STRIDE

    say = Messages(quiet=quiet)
    engine = EngineOptions(device, precision, batch_size, threads, weights)
    pictures = PictureMeasures(
        ladders, gains, uncertainty, people, scores, offsets, speed, tuple(leave_out or ())
    )
    if bool(dataset) == pictures.asked:
        what = "--dataset and measures on clean pictures do not go together" if dataset else "nothing to measure"
        raise UsageError(what, "give --dataset, or --ladders, --gains, --uncertainty, --people or --speed")
    if not dataset:
        check_new_file(json_file, "--json", overwrite)
        evaluate_pictures(pictures, engine, stride or DEFAULT_STRIDE, json_file, say)
        return
    readings = open_datasets(dataset, root, direction, nominal, allow_missing, say)
    question = Question(
        part=cast("PartName | None", part), types=words(types), splits=splits, split=split, unseen=unseen,
        resamples=resamples, seed=seed, published=published, cached=cached,
    )  # fmt: skip
    files = Files(json_file, csv_file, plot, overwrite)
    evaluate_databases(readings, question, engine, stride or DEFAULT_STRIDE, files, say)


def words(text: str | None) -> tuple[str, ...]:
    """ "a, b" -> ("a", "b")."""
    return tuple(word.strip() for word in (text or "").split(",") if word.strip())
