"""A picture opened large in headless Chromium, and how the page looks: light, dark, on a phone, to a screen reader."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.browser import Page
from support.report_material import NAMES, entry, write_page

CUT_OFF = "[...document.querySelectorAll(arguments[0])].filter((one) => one.scrollWidth > one.clientWidth)"


def test_a_divider_separates_the_distorted_image_from_its_hallucination(page: Page) -> None:
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.keys import Keys

    page.open_entry(NAMES[1])
    assert (page.text("#left-label"), page.text("#right-label")) == ("distorted", "hallucination")
    frame = page.find("#frame")
    width = frame.size["width"]
    slide = ActionChains(page.driver).move_to_element(frame).click_and_hold()
    slide.move_by_offset(int(width * 0.25), 0).release().perform()
    assert float(page.find("#split").get_attribute("value")) == pytest.approx(75, abs=1)
    clip = page.js("return getComputedStyle(document.getElementById('left-photo')).clipPath")
    assert clip.startswith("inset(0px calc(100% - ")
    assert float(clip.split("- ")[1].split("px")[0]) == pytest.approx(0.75 * width, abs=0.02 * width)
    slider = page.find("#split")
    slider.send_keys(Keys.ARROW_LEFT)
    assert float(slider.get_attribute("value")) < 75
    assert "% distorted, the rest hallucination" in slider.get_attribute("aria-valuetext")
    assert page.text("#position") == "1 of 6"  # arrows moved the slider, not the picture
    page.js("document.getElementById('frame').focus()")
    page.keys("h")
    assert slider.get_attribute("value") == "0"
    both = page.js("return ['left-photo', 'right-photo'].map((id) => document.getElementById(id).src)")
    assert both[0] != both[1]


def test_maps_overlay_the_image_with_adjustable_opacity(page: Page) -> None:
    from selenium.webdriver.common.keys import Keys

    page.open_entry(NAMES[1])
    page.keys("d")
    overlay = page.find("#left-map")
    assert overlay.is_displayed()
    assert page.text("#legend-title") == "discrepancy, levels of 255"
    assert page.js("return getComputedStyle(document.getElementById('left-map')).clipPath") == "none"
    opacity = page.find("#opacity")
    before = float(overlay.value_of_css_property("opacity"))
    for _ in range(5):
        opacity.send_keys(Keys.ARROW_RIGHT)
    assert float(overlay.value_of_css_property("opacity")) == pytest.approx(before + 0.05)
    discrepancy = overlay.get_attribute("src")
    page.js("document.getElementById('frame').focus()")
    page.keys("q")
    assert overlay.get_attribute("src") != discrepancy
    assert page.text("#legend-title") == "quality, points of 100"
    page.keys("q")
    assert not overlay.is_displayed()


def test_tile_scores_appear_on_hover_and_by_keys(page: Page) -> None:
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.keys import Keys

    page.open_entry(NAMES[1])  # tiles 20, 20 above 15, 25
    frame = page.find("#frame")
    half = frame.size["width"] // 2 - 5, frame.size["height"] // 2 - 5
    for x, y, expected in ((-half[0], half[1], "tile 15.0 (bad)"), (half[0], half[1], "tile 25.0 (poor)")):
        ActionChains(page.driver).move_to_element_with_offset(frame, x, y).perform()
        assert page.text("#tile") == expected
    outline = page.js("const s = document.getElementById('outline').style; return [s.left, s.top, s.width, s.height]")
    found = [float(value.removesuffix("px")) for value in outline]
    sides = [frame.size["width"], frame.size["height"]]
    assert found == pytest.approx([sides[0] / 3, sides[1] / 9, sides[0] * 2 / 3, sides[1] * 8 / 9], abs=1)
    page.keys("w")
    assert page.text("#tile") == "tile 15.0 (bad)"
    ActionChains(page.driver).key_down(Keys.SHIFT).send_keys(Keys.ARROW_RIGHT).key_up(Keys.SHIFT).perform()
    assert page.text("#tile") == page.text("#announcer") == "tile 25.0 (poor)"
    page.keys(Keys.ARROW_RIGHT)
    page.wait("document.getElementById('tile').hidden")


def test_an_opened_image_shows_its_details(page: Page) -> None:
    page.open_entry(NAMES[1])
    about = page.text("#about")
    facts = ("384 × 288 px", "12.3 kB", "4, scores 15.0 to 25.0", "<b>Canon</b> EOS R5", "f/2.8", "first of 12 frames")
    for words in (NAMES[1], *facts):
        assert words in about
    assert page.text("#score") == "20.0poor± 8.0 points"


def test_light_and_dark_follow_the_system(page: Page, small: Path) -> None:
    def brightness() -> float:
        colour = page.js("return getComputedStyle(document.body).backgroundColor")
        return sum(map(int, colour.removeprefix("rgb(").rstrip(")").split(","))) / 3

    assert brightness() > 200
    page.open(small, dark=True)
    assert brightness() < 60


LEAST_CONTRAST = """
  const light = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map((c) => {
      const s = c / 255;
      return s <= 0.04045 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    const colour = getComputedStyle(element).backgroundColor;
    return /, 0\\)$/.test(colour) ? ground(element.parentElement) : colour;
  };
  const texts = [...document.querySelectorAll(arguments[0])]
    .filter((one) => one.offsetParent && one.textContent.trim() && !one.disabled);
  return texts.map((one) => {
    const pair = [light(getComputedStyle(one).color), light(ground(one))].sort((a, b) => b - a);
    return [(pair[0] + 0.05) / (pair[1] + 0.05), one.className + one.id];
  }).sort((a, b) => a[0] - b[0])[0]"""


@pytest.mark.parametrize("dark", [False, True])
def test_text_contrasts_with_its_background(page: Page, small: Path, dark: bool) -> None:
    page.open(small, dark=dark)
    selector = ".faint, .cell .score, .cell .grade, .cell .uncertainty, .cell .folder, button, label"
    ratio, where = page.js(LEAST_CONTRAST, selector)
    assert ratio >= 4.5, where


def test_a_phone_has_two_columns_no_sideways_scrolling_and_a_slider_for_the_finger(page: Page, small: Path) -> None:
    page.open(small, 390, 844, phone=True)
    lefts = page.js("return [...document.querySelectorAll('.cell')].map((cell) => cell.getBoundingClientRect().left)")
    assert len(set(lefts)) == 2
    assert page.js("return document.documentElement.scrollWidth") <= 390
    page.open_entry(NAMES[1])
    assert page.js("return document.getElementById('viewer').scrollWidth") <= 390
    box = page.js("return document.getElementById('frame').getBoundingClientRect()")
    first, *others = ({"x": box["x"] + box["width"] * share, "y": box["y"] + 50} for share in (0.5, 0.6, 0.8))
    moves = [("touchMove", [at]) for at in others]
    for kind, at in (("touchStart", [first]), *moves, ("touchEnd", [])):
        page.driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})
    assert float(page.find("#split").get_attribute("value")) == pytest.approx(80, abs=2)


@pytest.mark.parametrize("width", [360, 390, 1400])
def test_a_narrow_cell_shows_score_grade_and_the_widest_uncertainty(driver: Any, tmp_path: Path, width: int) -> None:
    entries = [replace(entry(f"{number}.jpg", 94.4), uncertainty=100.0) for number in range(8)]
    write_page(tmp_path / "wide.html", entries)
    page = Page(driver).open(tmp_path / "wide.html", width, 800, phone=width < 1000)
    assert page.text(".cell .line .uncertainty") == "± 100"
    assert page.js(f"return {CUT_OFF}.length", ".cell .line") == 0


def test_a_word_that_does_not_fit_a_cell_is_out_of_sight_as_a_whole(driver: Any, tmp_path: Path) -> None:
    words = ("low-resolution 31", "underexposed 24", "compression 12")
    write_page(tmp_path / "words.html", [replace(entry(f"{number}.jpg", 30.0), reasons=words) for number in range(8)])
    page = Page(driver).open(tmp_path / "words.html", 1400, 900)
    shown = """const box = document.querySelector(".cell .reasons").getBoundingClientRect();
      return [...document.querySelectorAll(".cell .reasons")[0].children].map((chip) => chip.getBoundingClientRect())
        .filter((chip) => chip.top < box.bottom - 1)
        .map((chip) => chip.right <= box.right && chip.bottom <= box.bottom + 1)"""
    fits = page.js(shown)
    assert 1 <= len(fits) < len(words)
    assert all(fits)
    assert ", ".join(words) in page.find(".cell").get_attribute("aria-label")


def test_side_by_side_on_a_phone_names_both_pictures_in_full(page: Page, small: Path) -> None:
    page.open(small, 390, 844, phone=True)
    page.open_entry(NAMES[1])
    page.keys("1", "s")
    page.wait("document.querySelector('.stage').classList.contains('beside')")
    assert page.js(f"return {CUT_OFF}.map((one) => one.textContent)", ".side-label") == []


def test_an_overlay_and_its_legend_do_not_move_the_picture(page: Page, small: Path) -> None:
    page.open(small, 1400, 900)
    page.open_entry(NAMES[1])
    place = "const box = document.getElementById('frame').getBoundingClientRect(); return [box.x, box.y, box.width]"
    before = page.js(place)
    page.keys("d")
    page.wait("document.getElementById('legend-bar').getBoundingClientRect().height")
    assert page.js(place) == before


def test_a_screen_reader_finds_names_roles_and_places(page: Page) -> None:
    def unnamed() -> list[str]:
        nodes = page.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
        controls = {"button", "searchbox", "combobox", "slider", "radio", "spinbutton", "listbox", "option", "dialog"}
        return [
            node["role"]["value"]
            for node in nodes
            if not node.get("ignored") and node["role"]["value"] in controls and not node.get("name", {}).get("value")
        ]

    assert unnamed() == []
    first = page.find("[role=option]")
    assert first.get_attribute("aria-label") == "20.0 poor ± 8.0 IMG_10.jpg b"
    assert (first.get_attribute("aria-posinset"), first.get_attribute("aria-setsize")) == ("1", "6")
    assert page.js("return document.querySelectorAll('[role=option][tabindex=\"0\"]').length") == 1
    assert page.find("#grid").get_attribute("aria-multiselectable") == "true"
    page.open_entry(NAMES[1])
    assert unnamed() == []
    assert page.js("return document.getElementById('viewer').contains(document.activeElement)")
    assert page.js("return document.getElementById('viewer').contains(document.getElementById('announcer'))")
    for _ in range(30):  # the focus never leaves the dialog for the page below it
        page.keys("\ue004")
        assert page.js("return !document.querySelector('.cell:focus, #search:focus')")
