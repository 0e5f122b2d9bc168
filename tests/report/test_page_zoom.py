"""Zooming, searching, filtering, printing and the history in headless Chromium, and what axe says of it all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.browser import Page, violations, why_no_axe
from support.report_material import NAMES, entry, preview, write_page

from hiqa_cli.report.entry import ReportEntry, TileScores

STATE = """return [viewer.stage.view.scale * devicePixelRatio, ...viewer.stage.view.centre,
  document.querySelectorAll('#left .pieces:not(.map) img').length]"""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with a picture of 2304x1536 px, in pieces of 1024 px, its worst tile at 1600, 900; and two small ones."""
    target = tmp_path_factory.mktemp("large") / "report.html"
    xs, ys, scores = (0, 1600, 2048), (0, 900, 1280), (60.4998, 41.3, 50.0)
    shown = preview(2304, 1536)
    big = ReportEntry(
        "a/big.jpg", 50.0, 8.0, 2304, 1536, tiles=TileScores(xs, ys, scores), preview=shown, reasons=("noise",)
    )
    write_page(target, [big, entry("a/small.jpg", 60.0, preview(seed=1)), entry("b/other.jpg", 70.0, preview(seed=2))])
    return target


def test_a_large_picture_is_seen_at_one_to_one_anywhere_and_everything_follows(driver: Any, large: Path) -> None:
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.actions.wheel_input import ScrollOrigin
    from selenium.webdriver.common.keys import Keys

    page = Page(driver).open(large)
    page.open_entry("a/big.jpg")
    scale, *centre, pieces = page.js(STATE)
    assert scale < 1
    assert (centre, pieces) == ([0.5, 0.5], 0)
    page.keys("w")
    worst = page.text("#tile")
    page.keys("1")  # one worst tile everywhere
    assert page.text("#tile") == worst == "tile 41.3 (fair)"
    scale, x, y, pieces = page.js(STATE)
    assert scale == 1
    assert (x, y) == pytest.approx((1728 / 2304, 1028 / 1536), abs=0.12)
    assert pieces >= 1
    page.wait("[...document.querySelectorAll('.pieces img')].every((one) => one.naturalWidth)")
    last = page.js("return [...document.querySelectorAll('#left .pieces:not(.map) img')].at(-1).naturalWidth")
    assert last in (1024, 256)  # 2304 px: two whole pieces and a rest
    page.keys("d")
    page.wait("document.querySelectorAll('#left .pieces.map img').length")
    page.keys(Keys.ARROW_LEFT, Keys.ARROW_UP)
    assert page.js(STATE)[1] < x
    assert page.text("#position") == "1 of 3"  # arrows pan instead of leaving the picture
    frame = page.find("#frame")
    before = page.js(STATE)
    ActionChains(driver).move_to_element_with_offset(frame, 200, 100).click_and_hold().move_by_offset(
        60, 40
    ).release().perform()
    assert [a - b for a, b in zip(before[1:3], page.js(STATE)[1:3], strict=True)] == pytest.approx(
        [60 / 2304, 40 / 1536], abs=0.002
    )
    ActionChains(driver).scroll_from_origin(ScrollOrigin.from_element(frame), 0, -300).perform()
    page.wait("viewer.stage.view.scale * devicePixelRatio > 1.5")
    page.keys("s")
    boxes = page.js("return ['left', 'right'].map((one) => document.querySelector(`#${one} .plane`).style.transform)")
    sizes = page.js("return ['left', 'right'].map((one) => document.querySelector(`#${one} .plane`).style.width)")
    assert boxes[0] == boxes[1]  # linked
    assert sizes[0] == sizes[1]
    page.keys("s", "0")
    assert page.js(STATE)[0] < 1
    page.keys("+", "+", "-")
    assert page.text("#zoom").endswith(" %")
    assert page.log_lines == []


def test_fingers_pinch_and_a_phone_goes_back_to_the_list(driver: Any, large: Path) -> None:
    page = Page(driver).open(large, 390, 844, phone=True)
    page.open_entry("a/big.jpg")
    before = page.js(STATE)[0]
    box = page.js("return document.getElementById('frame').getBoundingClientRect()")
    middle = [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2]
    for kind, apart in (("touchStart", 20), ("touchMove", 60), ("touchMove", 120)):
        points = [{"x": middle[0] + side * apart, "y": middle[1], "id": n} for n, side in enumerate((-1, 1))]
        driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert page.js(STATE)[0] > 2 * before
    driver.back()
    page.wait("!document.getElementById('viewer').open")
    assert page.shown
    driver.forward()
    page.wait("document.getElementById('viewer').open")
    driver.refresh()
    page.wait("document.getElementById('viewer').open")  # a reload opens it again


def test_filters_search_selection_and_print(driver: Any, large: Path) -> None:
    page = Page(driver).open(large)
    for text, expected in (
        ("NOT small", ["a/big.jpg", "b/other.jpg"]),
        ("-small -other", ["a/big.jpg"]),
        ("big OR other", ["a/big.jpg", "b/other.jpg"]),
        ("a/ (big | other)", ["a/big.jpg"]),
        ('"a/small"', ["a/small.jpg"]),
        ("big OR", ["a/big.jpg"]),
        (")(", ["a/big.jpg", "a/small.jpg", "b/other.jpg"]),
    ):
        page.set("search", text)
        page.wait(
            "JSON.stringify([...document.querySelectorAll('.cell')].map((one) => one.title)) === arguments[0]",
            json.dumps(expected, separators=(",", ":")),
        )
    page.set("search", "")
    page.set("folder", "b")
    page.wait("document.querySelectorAll('.cell').length === 1")
    page.set("folder", "")
    page.set("reason", "noise")
    page.wait("document.querySelectorAll('.cell').length === 1")
    page.set("reason", "")
    page.wait("document.querySelectorAll('.cell').length === 3")
    page.js(
        "document.querySelectorAll('.cell .select')[0].click(); document.querySelectorAll('.cell .select')[2].click()"
    )
    driver.refresh()
    page.wait("document.getElementById('selected').textContent === '2 selected'")
    page.find("#two").click()
    page.wait("document.getElementById('stage').classList.contains('beside')")
    assert page.text("#title") == "big.jpg and other.jpg"
    page.keys("\ue00c")
    page.wait("!document.getElementById('viewer').open")
    page.find("#copy").click()
    toast = page.js("return document.getElementById('announcer').getBoundingClientRect()")
    covered = page.js(
        "const t = arguments[0]; return [...document.querySelectorAll('button, input, select')]"
        ".map((one) => one.getBoundingClientRect()).filter((b) => b.width && b.left < t.right && b.right > t.left"
        " && b.top < t.bottom && b.bottom > t.top).length",
        toast,
    )
    assert covered == 0
    driver.execute_cdp_cmd("Page.printToPDF", {})
    page.js("dispatchEvent(new Event('beforeprint'))")
    assert page.js("return document.querySelectorAll('#print-list img').length") == 3
    page.js("dispatchEvent(new Event('afterprint'))")
    assert page.js("return document.querySelectorAll('#print-list img').length") == 0


def test_search_filters_order_and_gate_outlive_a_reload(driver: Any, large: Path) -> None:
    page = Page(driver).open(large)
    for name, value in {"search": "big OR small", "folder": "a", "sort": "name", "from": "45", "gate": "52"}.items():
        page.set(name, value)
    page.find("#reverse").click()
    page.wait("document.querySelectorAll('.cell').length === 2")
    assert page.shown == ["a/small.jpg", "a/big.jpg"]
    driver.refresh()
    page.wait("document.querySelectorAll('.cell').length === 2")
    assert page.shown == ["a/small.jpg", "a/big.jpg"]
    fields = {
        name: page.find(f"#{name}").get_attribute("value") for name in ("search", "folder", "sort", "from", "gate")
    }
    assert fields == {"search": "big OR small", "folder": "a", "sort": "name", "from": "45", "gate": "52"}
    assert page.find("#reverse").get_attribute("aria-pressed") == "true"
    assert page.text("#below-count") == "1 image"
    page.set("search", "")
    page.set("folder", "")
    page.find("#clear-range").click()
    page.wait("document.querySelectorAll('.cell').length === 3")
    driver.refresh()
    page.wait("document.querySelectorAll('.cell').length === 3")  # nothing is left of what was taken back


@pytest.mark.skipif(bool(why_no_axe()), reason=why_no_axe())
def test_axe_finds_nothing_in_list_and_viewer(page: Page, small: Path) -> None:
    for dark in (False, True):
        page.open(small, dark=dark)
        assert violations(page) == []
        page.open_entry(NAMES[1])
        page.keys("d", "w")
        assert violations(page) == []
        page.keys("s")
        assert violations(page) == []
