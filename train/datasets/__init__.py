"""Readers of image quality databases in the layouts their authors publish, and of users' tables (CSV).

`open_dataset` reads one by name or by path; `DATABASES` lists the known ones. Importing this package is cheap: numpy,
scipy and openpyxl are imported when a database is read.
"""

from .catalogue import DATABASES, open_dataset, read_database
from .database import DatabaseInfo
from .roots import Root, configured_root, find_root
from .sample import Dataset, Sample, ScoreScale
from .table import read_table

__all__ = [
    "DATABASES",
    "DatabaseInfo",
    "Dataset",
    "Root",
    "Sample",
    "ScoreScale",
    "configured_root",
    "find_root",
    "open_dataset",
    "read_database",
    "read_table",
]
