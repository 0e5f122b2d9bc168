"""The parts of a page that are the same for every report: markup, style, script, and what may be loaded."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from typing import Any

SHARED_SCRIPTS = (
    "data.js",
    "listing.js",
    "histogram.js",
    "grid.js",
    "selection.js",
    "stage.js",
    "viewer.js",
)


def page_file(name: str) -> str:
    """The text of a file in assets/."""
    return (files(__package__) / "assets" / name).read_text(encoding="utf-8")


def as_json(value: Any) -> str:
    """JSON in ASCII that can stand in markup and in a script: nothing in it begins a tag, a comment or a reference."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("&", "\\u0026")


class Document:
    """The text around a report's rows and pictures.

    body: the name of the markup in assets/ that stands above the listing. scripts: names of scripts that run after
    SHARED_SCRIPTS, the last one starts the page.
    """

    def __init__(self, title: str, body: str, scripts: Sequence[str]) -> None:
        self._title = title
        self._body = page_file(body) + page_file("listing.html")
        self._style = page_file("report.css")
        self._scripts = [page_file(name) for name in (*SHARED_SCRIPTS, *scripts)]
        self._nonce = secrets.token_urlsafe(16)

    @property
    def size(self) -> int:
        """About how many bytes all of it has."""
        return sum(len(part.encode()) for part in (self._body, self._style, *self._scripts)) + 4096

    def before_rows(self, facts: dict[str, Any], uses_folder: bool) -> str:
        """Everything up to where the rows stand."""
        policy = content_policy(self._nonce, uses_folder)
        return (
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            '<meta name="color-scheme" content="light dark">\n<meta name="referrer" content="no-referrer">\n'
            '<link rel="icon" href="data:,">\n'
            f"<title>{escape(self._title)}</title>\n"
            f'<style nonce="{self._nonce}">\n{self._style}</style>\n</head>\n<body>\n{self._body}'
            f'<script type="application/json" id="facts">{as_json(facts)}</script>\n'
            '<script type="application/json" id="rows">[\n'
        )

    def after_rows(self) -> str:
        """From the end of the rows to where pictures begin: the page works before they have all been read."""
        scripts = [f'<script nonce="{self._nonce}">\n{script}</script>\n' for script in self._scripts]
        # What is named in here is inert, and read about twice as fast as as many blocks of script.
        return "]</script>\n" + "".join(scripts) + '<template id="inside">\n'

    @staticmethod
    def end() -> str:
        """What closes the page."""
        return "</template>\n</body>\n</html>\n"


def content_policy(nonce: str, uses_folder: bool) -> str:
    """The Content-Security-Policy: what the page brings along, and its own folder where it has one.

    Scripts run by a nonce that is drawn anew for every page, so that nothing a file name or EXIF could smuggle in
    would run; `require-trusted-types-for` forbids turning text into markup at all.
    """
    pictures = "data: 'self' file:" if uses_folder else "data:"
    return (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src {pictures}; "
        "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types hiqa"
    )
