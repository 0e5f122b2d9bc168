"""A report page in headless Chromium: opening from disk, sorting, search, histogram, selection, keyboard."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from support.browser import Page
from support.report_material import HOSTILE, NAMES, SHOWN, entry, write_page

from hiqa_cli.console.text import name_text
from hiqa_cli.scoring.inputs import read_file_list


def test_it_opens_from_disk_with_its_totals_and_loads_nothing(page: Page) -> None:
    assert page.text("#total") == "8"
    assert page.text("#median") == "58.5"
    assert page.text("#spread") == "40 – 68"
    assert page.text("#below") == "50 %"
    assert page.text("#failures") == "2"
    loaded = page.js("return performance.getEntriesByType('resource').map((one) => one.name)")
    assert [name for name in loaded if not name.startswith("data:")] == []
    page.wait("[...document.querySelectorAll('.cell img')].every((image) => image.complete && image.naturalWidth)")
    assert page.log_lines == []


def test_the_gate_can_be_changed_and_images_below_it_shown(page: Page) -> None:
    gate = page.find("#gate")
    gate.clear()
    gate.send_keys("35")
    assert (page.text("#below"), page.text("#below-count")) == ("17 %", "1 image")
    page.find("#show-below").click()
    assert page.shown == [NAMES[1]]  # 20; 35 itself passes


def test_the_worst_images_come_first_and_every_sort_order_works(page: Page) -> None:
    assert page.shown == [SHOWN[place] for place in (1, 3, 2, 5, 0, 4)]
    expected = {
        "uncertainty": NAMES[2],
        "name": HOSTILE,  # punctuation first
        "folder": NAMES[2],
        "pixels": NAMES[2],
        "size": NAMES[0],
    }
    for sort, first in expected.items():
        page.set("sort", sort)
        assert page.shown[0] == first, sort
    page.set("sort", "name")
    assert page.shown.index(NAMES[0]) < page.shown.index(NAMES[1])  # 2 before 10
    ascending = page.shown
    page.find("#reverse").click()
    assert page.shown == ascending[::-1]
    assert page.find("#reverse").get_attribute("aria-pressed") == "true"


def test_slash_searches_paths_and_escape_clears_the_search(page: Page) -> None:
    page.keys("/")
    assert page.js("return document.activeElement.id") == "search"
    page.keys("IMG b/")
    page.wait("document.querySelectorAll('.cell').length === 2")
    assert page.text("#shown") == "2 of 6 images"
    page.keys("zzz")
    page.wait("!document.getElementById('no-matches').hidden")
    page.keys("\ue00c")  # Escape
    page.wait("document.querySelectorAll('.cell').length === 6")


def test_the_histogram_filters_by_dragging_and_by_its_fields(page: Page) -> None:
    from selenium.webdriver import ActionChains

    box = page.find("#histogram")
    width = box.size["width"]
    brush = ActionChains(page.driver).move_to_element_with_offset(box, int(width * (0.3 - 0.5)), 0)
    brush.click_and_hold().move_by_offset(int(width * 0.3), 5).release().perform()
    assert page.shown == [NAMES[3], NAMES[2]]  # 35 and 55 lie in 30..60
    assert float(page.find("#from").get_attribute("value")) == pytest.approx(30, abs=0.5)
    assert float(page.find("#to").get_attribute("value")) == pytest.approx(60, abs=0.5)
    page.find("#clear-range").click()
    assert len(page.shown) == 6
    page.find("#from").send_keys("60")
    assert page.shown == [SHOWN[5], SHOWN[0], SHOWN[4]]
    assert "60 to 80: 2" in page.text("#histogram-text")
    ActionChains(page.driver).move_to_element(box).click().perform()  # a click without a drag shows all
    assert len(page.shown) == 6


def test_the_keyboard_reaches_everything(page: Page) -> None:
    from selenium.webdriver.common.keys import Keys

    def focused() -> str:
        return str(page.js("return document.activeElement.title.toWellFormed()"))

    page.keys("/", Keys.ENTER)
    assert focused() == page.shown[0]
    page.keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_LEFT)
    assert focused() == page.shown[1]
    page.keys(Keys.END)
    assert focused() == page.shown[5]
    page.keys(Keys.HOME, Keys.SPACE)
    assert page.text("#selected") == "1 selected"
    page.keys(Keys.ENTER)
    page.wait("document.getElementById('viewer').open")
    assert page.text("#position") == "1 of 6"
    page.keys(Keys.ARROW_RIGHT)
    page.wait("document.getElementById('position').textContent === '2 of 6'")
    page.keys("x", Keys.ARROW_LEFT, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    page.wait("document.getElementById('position').textContent === '3 of 6'")
    page.keys(Keys.ESCAPE)
    page.wait("!document.getElementById('viewer').open")
    page.wait("document.activeElement.title === arguments[0]", page.shown[2])
    assert page.text("#selected") == "2 selected"
    page.keys(Keys.ESCAPE)
    assert page.text("#selected") == ""


def test_hostile_names_are_shown_as_text_and_never_run(page: Page) -> None:
    cell = "[...document.querySelectorAll('.cell')].find((cell) => cell.title === arguments[0])"
    assert page.js(f"return {cell}.querySelector('.name').textContent", HOSTILE) == HOSTILE.removeprefix("x/")
    assert page.js(f"return {cell}.querySelectorAll('img').length", HOSTILE) == 1
    page.open_entry(HOSTILE)
    assert page.text("#title") == HOSTILE.removeprefix("x/")
    assert page.js("return document.querySelectorAll('[onerror], #viewer b:not(.score), [src=x]').length") == 0
    page.keys("\ue00c")
    page.js("document.getElementById('errors').open = true")
    page.wait("document.querySelectorAll('#errors-list tr').length === 2")
    assert "<script>torn</script>.jpg" in page.text("#errors-list")
    assert page.text("#errors-title") == "2 images could not be scored"
    assert page.log_lines == []


def test_the_content_policy_blocks_injected_markup_images_and_scripts(page: Page) -> None:
    markup = "document.body.innerHTML += ''"
    assert page.js(f"try {{ {markup} }} catch (error) {{ return error.name }}") == "TypeError"
    page.js(
        "const image = document.createElement('img'); image.src = 'https://example.invalid/spy.png';"
        "document.body.append(image);"
        "document.addEventListener('securitypolicyviolation', (event) => { window.refused = event.effectiveDirective })"
    )
    page.wait("window.refused === 'img-src'")
    script = "const one = document.createElement('script'); one.textContent = 'window.ran = true'"
    failure = page.js(f"try {{ {script}; document.body.append(one) }} catch (error) {{ return error.name }}")
    assert failure == "TypeError"
    assert page.js("return window.ran") is None
    assert any("Content Security Policy" in line for line in page.log_lines)


def test_selected_paths_are_saved_as_a_list_that_score_reads(page: Page, tmp_path: Path) -> None:
    downloads = page.driver.downloads
    for old in downloads.glob("*"):
        old.unlink()
    page.find("#search").send_keys("b/IMG")
    page.wait("document.querySelectorAll('.cell').length === 2")
    page.find("#select-all").click()
    page.find("#save").click()
    first = wait_for(downloads / "hiqa-selection.txt")
    assert read_file_list(str(first), nul_separated=False) == [NAMES[0], NAMES[1]]
    first.unlink()
    page.set("search", "")
    page.wait("document.querySelectorAll('.cell').length === 6")
    page.find("#select-all").click()
    page.find("#save").click()
    page.wait("document.getElementById('announcer').textContent.includes('-0')")  # a name has two lines
    names = read_file_list(str(wait_for(downloads / "hiqa-selection.txt")), nul_separated=True)
    assert sorted(map(name_text, names)) == sorted(NAMES)


def wait_for(path: Path) -> Path:
    """Wait for a download to arrive."""
    end = time.monotonic() + 10
    while not path.exists():
        assert time.monotonic() < end
        time.sleep(0.05)
    return path


def test_selected_paths_are_copied(page: Page) -> None:
    page.js("window.copied = []; navigator.clipboard.writeText = async (text) => { window.copied.push(text) }")
    page.js(
        "document.querySelectorAll('.cell .select')[0].click(); document.querySelectorAll('.cell .select')[2].click()"
    )
    assert not page.js("return document.getElementById('viewer').open")
    page.find("#copy").click()
    page.wait("window.copied.length")
    assert page.js("return window.copied[0].split('\\n')") == [NAMES[1], NAMES[2]]
    page.js("navigator.clipboard.writeText = async () => { throw new Error('refused') }")
    page.js("document.addEventListener('copy', () => { window.byCommand = document.activeElement.value })")
    page.find("#copy").click()
    page.wait("window.byCommand")
    assert page.js("return window.byCommand") == f"{NAMES[1]}\n{NAMES[2]}"


def test_an_empty_report_opens(driver: Any, tmp_path: Path) -> None:
    write_page(tmp_path / "report.html", [entry("torn.jpg", None)])
    page = Page(driver).open(tmp_path / "report.html")
    assert (page.text("#total"), page.text("#median"), page.text("#failures")) == ("1", "–", "1")
    assert page.find("#no-matches").is_displayed()
    assert page.log_lines == []
    assert page.text("#heading") == "a report"
