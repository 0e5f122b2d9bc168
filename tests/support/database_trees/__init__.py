"""Miniature copies of the published databases, made here: the real layout, file formats and whole score tables, and the
images of the first scenes only. Scores are invented; they fall with the level, as people's do.

A tree of this kind is read with a line "n of N", as any database is that was unpacked in part.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .images import cell, write_table
from .live import LIVE_FOLDERS, LIVE_REFERENCES, livec_names, livemd_names, write_live, write_livec, write_livemd
from .others import tid_name, write_biq2021, write_csiq, write_kadid10k, write_koniq10k, write_spaq, write_tid

WRITERS: dict[str, Callable[[Path], Path]] = {
    "live": write_live,
    "csiq": write_csiq,
    "tid2008": lambda root: write_tid(root, 2008),
    "tid2013": lambda root: write_tid(root, 2013),
    "tid2008-rebuilt": lambda root: write_tid(root, 2008, rebuilt=True),
    "tid2013-rebuilt": lambda root: write_tid(root, 2013, rebuilt=True),
    "kadid10k": write_kadid10k,
    "livemd": write_livemd,
    "koniq10k": write_koniq10k,
    "livec": write_livec,
    "spaq": write_spaq,
    "biq2021": write_biq2021,
}

__all__ = [
    "LIVE_FOLDERS",
    "LIVE_REFERENCES",
    "WRITERS",
    "cell",
    "livec_names",
    "livemd_names",
    "tid_name",
    "write_biq2021",
    "write_csiq",
    "write_kadid10k",
    "write_koniq10k",
    "write_live",
    "write_livec",
    "write_livemd",
    "write_spaq",
    "write_table",
    "write_tid",
]
