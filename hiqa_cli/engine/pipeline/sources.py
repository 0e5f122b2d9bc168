"""What callers may pass as an image, and how it becomes a Picture.

A path, or the bytes of a file, are read later, on any thread. Everything else is taken over at once, on the thread that
iterates, because its owner may change an array, read on in a stream or close a file once the next image is requested.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import BinaryIO, Protocol, TypeGuard

import numpy as np

from hiqa_cli.engine.job import Job
from hiqa_cli.errors import HiqaError, ImageError, reason_of
from hiqa_cli.files.remote.address import is_address
from hiqa_cli.images import read
from hiqa_cli.images.picture import Picture
from hiqa_cli.images.read import Reserve, no_reserve
from hiqa_cli.images.source import Limits

from .arrays import is_pillow_image, is_tensor, picture_from_array, picture_from_pillow, picture_from_tensor

EXPECTED = (
    "expected a path, the bytes of an image file, a binary stream, a numpy array, a torch tensor (3, H, W), "
    "a Pillow image or a Picture"
)
Content = str | os.PathLike[str] | bytes | Picture


class PictureReader(Protocol):
    """What reads files: the module `read` in this process, or an `IsolatedReader`."""

    def read_picture(
        self,
        source: str | bytes | os.PathLike | BinaryIO | io.RawIOBase,
        limits: Limits = ...,
        reserve: Reserve = ...,
    ) -> Picture:
        """Read an image from a path or a stream. Raises ImageError."""

    def decode_picture(self, data: bytes | bytearray, limits: Limits = ..., reserve: Reserve = ...) -> Picture:
        """Read an image from the bytes of a file. Raises ImageError."""


class Trusting:
    """Reads files in this process, whatever their address."""

    read_picture = staticmethod(read.read_picture)
    decode_picture = staticmethod(read.decode_picture)


DIRECT: PictureReader = read
"""In this process; pictures with an address in a child process."""

TRUSTING: PictureReader = Trusting()


@contextmanager
def picture_reader(*, isolate: bool | None) -> Iterator[PictureReader]:
    """What reads files within the block. isolate: see Scorer.load(). DependencyError where no child process starts."""
    if not isolate:
        yield DIRECT if isolate is None else TRUSTING
        return
    from hiqa_cli.images.isolation.reader import IsolatedReader

    reader = IsolatedReader()
    try:
        reader.ready()
        yield reader
    finally:
        reader.close()


def is_readable_later(job: Job) -> bool:
    """Whether take_over() returns the job's source as it is."""
    return not job.problem and isinstance(job.source, str | os.PathLike | bytes)


def take_over(job: Job, reader: PictureReader = DIRECT) -> Content:
    """The job's source as an object that its owner cannot change. Raises a one-line ImageError for any other object."""
    source = job.source
    if job.problem:
        raise ImageError(job.problem)
    if isinstance(source, np.ndarray):
        return picture_from_array(source, job.bgr)
    if is_tensor(source):
        return picture_from_tensor(source, job.bgr)
    if job.bgr:
        remedy = "leave it out: the order of the colours is known"
        raise ImageError(f"bgr=True is for arrays and tensors, found {type_name(source)}", remedy)
    if isinstance(source, str | os.PathLike | bytes):
        return source
    if isinstance(source, Picture):
        return checked(source)
    if isinstance(source, bytearray | memoryview):
        return bytes(source)
    if is_pillow_image(source):
        return picture_from_pillow(source, job.limits)
    if is_binary_stream(source):
        return reader.read_picture(source, job.limits)
    raise wrong_object(source)


def read_content(content: Content, job: Job, reader: PictureReader = DIRECT, reserve: Reserve = no_reserve) -> Picture:
    """The picture of what take_over() returned. Raises ImageError.

    reserve: called with the number of pixels before a file is decoded.
    """
    if isinstance(content, Picture):
        return content
    if isinstance(content, bytes):
        return reader.decode_picture(content, job.limits, reserve)
    if isinstance(content, str) and is_address(content):
        from .remote_source import isolated_reader, read_address

        data = read_address(content, job.limits)
        return (isolated_reader() if reader is DIRECT else reader).decode_picture(data, job.limits, reserve)
    return reader.read_picture(content, job.limits, reserve)


def or_error(read: Callable[[], Picture]) -> Picture | HiqaError:
    """The picture, or the error that reading it raised."""
    try:
        return read()
    except HiqaError as error:
        return error
    except MemoryError:
        return ImageError("not enough memory to hold this image")
    except Exception as error:  # an unexpected error of a decoder costs its own image, not the stream
        return ImageError(f"cannot be read ({type(error).__name__}: {reason_of(error)})")


def is_binary_stream(source: object) -> TypeGuard[BinaryIO]:
    """Whether `source` is a stream that does not give text."""
    readable = callable(getattr(source, "read", None)) or callable(getattr(source, "readinto", None))
    return readable and not isinstance(source, io.TextIOBase)


def checked(picture: Picture) -> Picture:
    """The picture itself; ImageError where its pixels are not what a Picture promises."""
    pixels = picture.pixels
    fits = isinstance(pixels, np.ndarray) and pixels.ndim == 3 and pixels.shape[2] == 3 and 0 not in pixels.shape
    if not fits or pixels.dtype not in (np.uint8, np.uint16):
        found = f"{pixels.dtype} {pixels.shape}" if isinstance(pixels, np.ndarray) else type_name(pixels)
        raise ImageError(f"a Picture with pixels {found}", "expected (H, W, 3) uint8 or uint16; give the array itself")
    return picture


def wrong_object(source: object) -> ImageError:
    """The error that names what was given in place of an image, and what to do."""
    if source is None:
        return ImageError("None in place of an image", EXPECTED)
    if isinstance(source, io.TextIOBase):
        return ImageError("a text stream in place of an image", "open the file with mode 'rb'")
    if isinstance(source, list | tuple | set | frozenset | Mapping | Iterator | range):
        return ImageError(f"one image expected, found {type_name(source)}", "for several images use score_many()")
    if hasattr(source, "__array__") or hasattr(source, "__array_interface__"):
        return ImageError(f"{type_name(source)} in place of an image", "convert it with numpy.asarray()")
    return ImageError(f"{type_name(source)} in place of an image", EXPECTED)


def type_name(value: object) -> str:
    """A type as in "an object of type list", with its module unless it is a built-in one."""
    kind = type(value)
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    return f"an object of type {module}{kind.__qualname__}"
