"""What all pages share: markup, style, scripts and the content security policy."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Sequence
from html import escape
from importlib.resources import files
from typing import Any

from hiqa_cli.engine.config import GRADES
from hiqa_cli.engine.outputs.grade_colours import grade_style

SHARED_SCRIPTS = (
    "data",
    "toast",
    "memory",
    "list/query",
    "list/listing",
    "list/filters",
    "list/histogram",
    "list/grid",
    "list/selection",
    "list/print",
    "viewer/viewport",
    "viewer/layer",
    "viewer/tiles",
    "viewer/gestures",
    "viewer/stage",
    "viewer/viewer",
)
STYLES = ("page", "viewer", "compare", "print")
OTHER_MARKUP_BYTES = 4096  # generous, for the head of the page and its facts


def read_asset(name: str) -> str:
    """The text of a file in assets/."""
    return files(__package__).joinpath("assets", *name.split("/")).read_text(encoding="utf-8")


def grade_rules() -> str:
    """The colours of the grades as CSS; on paper those for a light ground."""
    light, dark = grade_style(dark=False), grade_style(dark=True)
    tones = "\n".join(f"[data-grade={name}], .{name} {{ --tone: var(--{name}); }}" for name in GRADES)
    return f":root {{ {light} }}\n@media screen and (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}\n{tones}\n"


def as_json(value: Any) -> str:
    """ASCII JSON that is safe in markup and in scripts: nothing in it starts a tag, a comment or a reference."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("&", "\\u0026")


class Document:
    """The text around a page's rows and images.

    title: of the page. body: the markup above the image grid, of assets/markup. scripts: of assets/scripts, run after
    SHARED_SCRIPTS; the last one starts the page.
    """

    def __init__(self, title: str, body: str, scripts: Sequence[str]) -> None:
        self._title = title
        self._body = "".join(read_asset(f"markup/{name}.html") for name in (body, "listing", "viewer"))
        self._style = grade_rules() + "".join(read_asset(f"style/{name}.css") for name in STYLES)
        self._scripts = [read_asset(f"scripts/{name}.js") for name in (*SHARED_SCRIPTS, *scripts)]
        self._nonce = secrets.token_urlsafe(16)

    @property
    def size(self) -> int:
        """Approximate size in bytes."""
        return sum(len(part.encode()) for part in (self._body, self._style, *self._scripts)) + OTHER_MARKUP_BYTES

    def before_rows(self, facts: dict[str, Any], uses_folder: bool) -> str:
        """Everything before the rows. facts: JSON for the scripts. uses_folder: whether an assets folder exists."""
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

    def after_rows(self) -> Iterator[str]:
        """Everything between the rows and the embedded images; scripts come first, so the page works while it loads."""
        yield "]</script>\n"
        for script in self._scripts:
            yield f'<script nonce="{self._nonce}">\n{script}</script>\n'
        # A template is inert; browsers parse it about twice as fast as one script block per image.
        yield '<template id="embedded">\n'

    @staticmethod
    def end() -> str:
        """Everything after the embedded images."""
        return "</template>\n</body>\n</html>\n"


def content_policy(nonce: str, uses_folder: bool) -> str:
    """The Content-Security-Policy: allow what the page itself contains and images from its assets folder.

    Scripts need a nonce drawn for each page, so no script in a file name or EXIF value can run;
    `require-trusted-types-for` also forbids turning text into markup.
    """
    images = "data: 'self' file:" if uses_folder else "data:"
    return (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src {images}; "
        "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types hiqa"
    )
