"""What the parsers and decoders share: the check of a decoded size, lost blocks, texts that can be shown."""

from __future__ import annotations

import pytest
from support.hostile.mutants import sound_files

from hiqa_cli.errors import ImageError, reason_of
from hiqa_cli.images.header import Header, check_decoded_size, longest_zero_run, printable_line, refuse_zeros
from hiqa_cli.images.read import decode_picture


def test_a_decoder_has_to_return_the_size_of_the_header() -> None:
    """Width and height are not confused."""
    header = Header("PNG", 3, 2)
    check_decoded_size(header, 3, 2)
    with pytest.raises(ImageError, match=r"damaged PNG: 3 x 2 px in its header, 2 x 3 in its data"):
        check_decoded_size(header, 2, 3)


def test_zeros_are_refused_beyond_the_longest_run_of_a_sound_picture() -> None:
    """The run that a picture of one colour may have passes, one byte more does not."""
    most = longest_zero_run(4096, 3)
    assert most == 64 + 3
    refuse_zeros("AVIF", b"\1" + bytes(most) + b"\1", 0, most + 2, most)
    with pytest.raises(ImageError, match="more than 67 zero bytes"):
        refuse_zeros("AVIF", b"\1" + bytes(most + 1) + b"\1", 0, most + 3, most)


def test_a_stated_size_beyond_all_memory_is_refused_as_too_large() -> None:
    """An AVIF may state 2**31 x 2**31 px (found by bench/fuzz.py): looking for lost blocks took as much memory."""
    data = bytearray(sound_files()["AVIF"])
    size = data.index(b"ispe") + 8
    data[size : size + 8] = b"\x7f\xff\xff\xff" * 2
    with pytest.raises(ImageError, match=r"2147483647 x 2147483647 .* more than the limit"):
        decode_picture(bytes(data))


def test_texts_of_files_become_one_printable_line() -> None:
    """Control codes cannot reach a terminal; the length is that of the line that is left."""
    assert printable_line("a\x1b[31m \n\t b\0c", 80) == "a [31m b c"
    assert printable_line(" \n" * 50 + "x" * 90, 80) == "x" * 80


def test_an_error_without_a_message_is_named_by_its_type() -> None:
    """Decoders raise such errors; empty brackets would not say anything."""
    assert reason_of(ValueError("a\n  b")) == "a b"
    assert reason_of(ValueError()) == "ValueError"
