"""The syntax of CI systems: GitHub's workflow commands, JUnit XML, tables in Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree

from hiqa_cli.rows.row import Row

# Not allowed in XML 1.0, escaped or not; surrogates stand for bytes of a name that is not UTF-8.
NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
SUITE = "hiqa"  # the suite of a run, and the class of images without a folder
MARKDOWN = re.compile(r"([\\`*_{}\[\]<>|#])")


def annotation(level: str, message: str, file: str = "") -> str:
    """A workflow command of GitHub, as a line. level: error, warning or notice. message: one line. file: that it is
    about."""
    place = f"file={_data(file).replace(':', '%3A').replace(',', '%2C')}," if file else ""
    return f"::{level} {place}title=hiqa::{_data(message)}\n"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def new_suite(name: str) -> ElementTree.Element:
    """A test suite of JUnit without cases."""
    return ElementTree.Element("testsuite", name=xml_text(name))


def add_case(suite: ElementTree.Element, folder: str, name: str) -> ElementTree.Element:
    """A test case, passed until it gets a problem."""
    # Jenkins takes what follows the last dot for the name of the class, which must not be empty.
    group = xml_text(folder) if folder.rstrip(".") == folder else f"{xml_text(folder)}/"
    return ElementTree.SubElement(suite, "testcase", classname=group or SUITE, name=xml_text(name), time="0")


def add_problem(case: ElementTree.Element, kind: str, problem: str, image: str = "") -> None:
    """Why a case fails. kind: failure, or error where there is no result. image: that it is about."""
    element = ElementTree.SubElement(case, kind, message=xml_text(problem), type=kind)
    element.text = xml_text(f"{image}: {problem}" if image else problem)


def unscored_text(row: Row) -> str:
    """What is said of an image without a score."""
    return f"cannot be scored: {row.error}"


def add_output(case: ElementTree.Element, text: str) -> None:
    """What a case says."""
    ElementTree.SubElement(case, "system-out").text = xml_text(text)


def junit_document(suites: Sequence[ElementTree.Element]) -> str:
    """The document, with the totals of each suite. It fits junit-10.xsd of Jenkins' xUnit plugin. Apache Ant's schema
    differs: there a case has a failure or an output."""
    root = ElementTree.Element("testsuites")
    for suite in suites:
        failures, errors = (len(suite.findall(f"testcase/{kind}")) for kind in ("failure", "error"))
        totals = {"tests": len(suite), "failures": failures, "errors": errors, "skipped": 0, "time": 0}
        suite.attrib.update({name: str(number) for name, number in totals.items()})
        root.append(suite)
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def xml_text(text: str) -> str:
    """Text without what XML cannot hold."""
    return NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", text)


def markdown(text: str) -> str:
    """Text as one line of Markdown, or a cell of a table."""
    return MARKDOWN.sub(r"\\\1", " ".join(text.split()))
