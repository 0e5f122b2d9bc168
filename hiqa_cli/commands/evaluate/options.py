"""Options of `hiqa evaluate`, in four groups: which images, the protocol, clean pictures, where results go."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from hiqa_cli.commands.options import one_of, whole_number

PARTS = ("test", "validation", "training", "all")
PROTOCOLS = ("splits", "official", "cross")
METHODS = ("hiqa", "baseline", "weights", "nss", "gmsd")


def _folder(name: str, help_text: str) -> Any:
    return typer.Option(name, metavar="DIR", help=help_text, file_okay=False, exists=True)


def _value(name: str, help_text: str, metavar: str = "FILE") -> Any:
    return typer.Option(name, metavar=metavar, help=help_text)


def _number(name: str, help_text: str, least: int = 0, most: int | None = None) -> Any:
    return typer.Option(name, metavar="N", parser=whole_number(name, least, most), help=help_text)


def _word(name: str, choices: tuple[str, ...], help_text: str) -> Any:
    return typer.Option(name, metavar="|".join(choices), parser=one_of(name, choices), help=help_text)


# which images of a database, and how they are measured
Part = Annotated[str | None, _word("--part", PARTS, "Which images; the test part where there is one, else all.")]
Types = Annotated[
    str | None, _value("--types", "Some distortion types alone: jpeg, jpeg2000, noise, blur, or their names.", "A,B")
]
SplitsFile = Annotated[Path | None, _value("--splits", "A file of divisions by scene, in place of drawing them.")]
SplitNumber = Annotated[int | None, _number("--split", "Which division of --splits, from 0.")]
Unseen = Annotated[bool, typer.Option("--unseen", help="Leave out scenes that the weights were trained on.")]
Resamples = Annotated[int, _number("--resamples", "For the intervals; 0 for none.")]
Seed = Annotated[int, _number("--seed", "Of whatever is drawn.")]
ShowLiterature = Annotated[
    bool, typer.Option("--show-literature", help="Print published numbers beside, with their sources.")
]
NoCache = Annotated[bool, typer.Option("--no-cache", help="Score every image again, and keep no scores.")]

# methods trained and tested by a protocol
Protocol = Annotated[
    str | None,
    _word("--protocol", PROTOCOLS, "Train and test: by splits, by a database's own division, or across databases."),
]
Out = Annotated[Path | None, _value("--out", "Where a protocol keeps its splits; given again, it goes on.", "DIR")]
MethodNames = Annotated[
    list[str] | None, _word("--method", METHODS, "Of a protocol: hiqa if not given; repeat it to see several.")
]
RecipeName = Annotated[str | None, _value("--recipe", "Of a protocol: how hiqa is trained.", "NAME|TOML")]
TrainOn = Annotated[
    list[str] | None, _value("--train-on", "Train on this, test on --dataset; repeat it.", "NAME|TABLE")
]
TrainTypes = Annotated[str | None, _value("--train-types", "Distortion types that are trained on, as --types.", "A,B")]
GeneratorFolder = Annotated[
    Path | None, _value("--generator", "Of a protocol: weights whose G serves all splits.", "DIR")
]
InitFrom = Annotated[
    Path | None, _value("--init-from", "Of a protocol: weights, or a run, whose R every training begins with.", "DIR")
]
WholeViews = Annotated[
    bool, typer.Option("--whole-views", help="Of a protocol: G, which is given, looks once at every whole image.")
]
Vgg = Annotated[
    str | None, _value("--vgg", "Of a protocol: VGG19's weights for the perceptual loss.", "FILE|download|off")
]
NumSplits = Annotated[int | None, _number("--num-splits", "How many splits are drawn; ten if not given.", 1, 1000)]

# measures on clean pictures
Ladders = Annotated[Path | None, _folder("--ladders", "Rank correlation of score with strength, on clean pictures.")]
Gains = Annotated[Path | None, _folder("--gains", "PSNR that hallucinations gain, beside OpenCV's filters.")]
Uncertainty = Annotated[Path | None, _folder("--uncertainty", "Coverage of the stated uncertainty, on clean pictures.")]
People = Annotated[Path | None, _folder("--people", "Agreement with TID2013's scores, on Kodak's photographs.")]
PeopleScores = Annotated[
    Path | None, _value("--scores", "For --people, TID2013's scores: reference,type,level,mos.", "CSV")
]
PeopleOffsets = Annotated[
    Path | None, _value("--offsets", "For --people, its crops: reference,kodak,x,y,width,height.", "CSV")
]
Modes = Annotated[Path | None, _folder("--modes", "Mode fast beside exact, on BIQ2021's training photographs.")]
ModesPictures = Annotated[int | None, _number("--pictures", "Of --modes: draw N of them.", 10)]
Sampling = Annotated[Path | None, _folder("--sampling", "Samples of large photographs beside all their tiles.")]
Speed = Annotated[bool, typer.Option("--speed", help="Time of 8 tiles beside a plain convolution's, on the CPU.")]
LeaveOut = Annotated[list[str] | None, _value("--leave-out", "A clean picture to leave out; repeat it.", "NAME")]
Stride = Annotated[int | None, _number("--stride", "Px between tiles.", 1, 256)]

# where results go
JsonFile = Annotated[Path | None, _value("--json", "Write all numbers to a new file too.")]
CsvFile = Annotated[Path | None, _value("--csv", "Write the table of measures to a new file too.")]
PlotFile = Annotated[Path | None, _value("--plot", "Draw published scores over hiqa's into a new PNG.")]
