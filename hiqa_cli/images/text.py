"""Texts that image files hold, made fit to be shown."""

from __future__ import annotations


def printable_line(text: str, longest: int) -> str:
    """One line of at most `longest` characters: control codes become blanks, and blanks in a row one."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(printable.split())[:longest]
