"""The child process: reads pictures from its standard input, writes pixels to its standard output.

All that decoding may import is imported before the process is restricted.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
from typing import BinaryIO

from hiqa_cli.errors import HiqaError, reason_of
from hiqa_cli.images import extras, with_pillow
from hiqa_cli.images.read import decode_picture
from hiqa_cli.images.source import Limits

from .protocol import ProtocolError, receive, receive_bytes, send
from .restrict import restrict

_MODULES = (
    *("hiqa_cli.images.opencv", "simplejpeg"),
    *("PIL.Image", "PIL.ImageCms", "PIL.ImageFile", "PIL.ImagePalette", "PIL.ImageSequence", "PIL.JpegImagePlugin"),
    *("encodings.ascii", "encodings.latin_1", "encodings.utf_8", "encodings.cp1252", "encodings.idna"),
    *("encodings.utf_16", "encodings.utf_16_be", "encodings.utf_16_le", "lzma", "zlib"),
)


def main() -> None:
    """Serve until standard input ends."""
    memory = int(sys.argv[2])
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent gets Ctrl-C, too, and decides
    # Where a whole machine or container is short of memory, let this process be the one that ends.
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")
    for name in (*_MODULES, *with_pillow.modules(), *extras.modules()):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    send(answers, {"restrictions": restrict(memory)})
    # Exit when the parent has exited.
    with contextlib.suppress(ProtocolError, OSError):
        while True:
            request = receive(requests)
            data = [receive_bytes(requests, int(request["size"]))]
            limits = Limits(request["max_pixels"], request["max_bytes"])
            _answer(requests, answers, data, limits)
    os._exit(0)


def _answer(requests: BinaryIO, answers: BinaryIO, data: list[bytearray], limits: Limits) -> None:
    def reserve(pixels: int) -> None:
        try:
            send(answers, {"pixels": pixels})
        except OSError as error:
            raise ProtocolError("nobody listens") from error
        receive(requests)

    try:
        picture = decode_picture(data.pop(), limits, reserve)
    except ProtocolError:
        raise
    except HiqaError as error:
        send(answers, {"error": error.message, "hint": error.hint})
    except MemoryError:
        send(answers, {"error": "decoding it takes more memory than a decoding process may use"})
    except Exception as error:
        send(answers, {"error": f"cannot be read ({type(error).__name__}: {reason_of(error)})"})
    else:
        facts = {
            "shape": picture.pixels.shape,
            "type": picture.pixels.dtype.name,
            "format": picture.format,
            "notes": picture.notes,
            "exif": picture.exif,
        }
        send(answers, facts, picture.pixels.reshape(-1).view("uint8").data)
