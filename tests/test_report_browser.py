"""The page of a report in headless Chromium: opened from disk, by mouse, keyboard and touch, light and dark."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from browser import emulate, start_browser, why_no_browser
from report_material import MB, entry, many, preview, preview_of, write_page

from hiqa_cli.commands.file_lists import read_file_list
from hiqa_cli.commands.text import name_text
from hiqa_cli.engine.preview import LARGE_SIDE, Preview
from hiqa_cli.engine.reading import read_picture
from hiqa_cli.report.compare_page import ComparePage, Pair
from hiqa_cli.report.entry import Entry, RunFacts
from hiqa_train.distortions import add_noise

WHY_NOT = why_no_browser()
pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=f"pages are not tried in a browser: {WHY_NOT}")

HOSTILE = "x/<img src=x onerror=alert(1)>.jpg"
NAMES = ["b/IMG_2.jpg", "b/IMG_10.jpg", "a/sunset.jpg", HOSTILE, "x/caf\udce9 \U0001f480.jpg", "x/two\nlines.jpg"]
SHOWN = [name.replace("\udce9", "\ufffd") for name in NAMES]
SCORES = [70.0, 20.0, 55.0, 35.0, 90.0, 62.0]


class Page:
    """A browser at a page. js(code, *arguments): what the code returns."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver
        self.js = driver.execute_script

    def open(self, path: Path, width: int = 1200, height: int = 800, **how: bool) -> Page:
        emulate(self.driver, width, height, **how)
        self.driver.get(path.as_uri())
        return self

    def find(self, selector: str) -> Any:
        return self.driver.find_element("css selector", selector)

    def text(self, selector: str) -> str:
        return str(self.js("return document.querySelector(arguments[0]).textContent", selector))

    def keys(self, *keys: str) -> None:
        from selenium.webdriver import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()

    def wait(self, condition: str, *arguments: Any) -> None:
        """Until a JavaScript expression holds, 10 s at most."""
        end = time.monotonic() + 10
        while not self.js(f"return Boolean({condition})", *arguments):
            assert time.monotonic() < end, condition
            time.sleep(0.02)

    @property
    def shown(self) -> list[str]:
        """The paths of all cells in the document, in their order; what is not Unicode as U+FFFD."""
        return list(self.js("return [...document.querySelectorAll('[role=option]')].map((cell) => cell.title.toWellFormed())"))

    @property
    def complaints(self) -> list[str]:
        """What the browser logged since it was asked last: errors, refusals."""
        return [line["message"] for line in self.driver.get_log("browser")]


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    profile = tmp_path_factory.mktemp("profile")
    browser = start_browser(profile)
    browser.downloads = profile / "downloads"
    yield browser
    browser.quit()


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six pictures and two errors, gate 60."""
    exif = (("camera", "<b>Canon</b> EOS R5"), ("aperture", "f/2.8"))
    entries = [
        entry(name, score, preview(seed=number), exif=exif, notes=("first of 12 frames",))
        for number, (name, score) in enumerate(zip(NAMES, SCORES, strict=True))
    ]
    entries[2] = replace(entries[2], uncertainty=15.0, width=3000, height=2000, size=99, tiles=None)
    entries += [entry("x/<script>torn</script>.jpg", None), entry("gone.jpg", None)]
    target = tmp_path_factory.mktemp("small") / "report.html"
    write_page(target, entries, gate=60.0)
    return target


@pytest.fixture
def page(driver: Any, small: Path) -> Page:
    return Page(driver).open(small)


def test_it_opens_from_disk_with_its_totals_and_loads_nothing(page: Page) -> None:
    assert page.text("#total") == "8"
    assert page.text("#median") == "58.5"
    assert page.text("#spread") == "40 – 68"
    assert page.text("#below") == "50 %"
    assert page.text("#failures") == "2"
    loaded = page.js("return performance.getEntriesByType('resource').map((one) => one.name)")
    assert [name for name in loaded if not name.startswith("data:")] == []
    page.wait("[...document.querySelectorAll('.cell img')].every((image) => image.complete && image.naturalWidth)")
    assert page.complaints == []


def test_the_gate_can_be_moved_and_what_is_below_it_shown(page: Page) -> None:
    gate = page.find("#gate")
    gate.clear()
    gate.send_keys("35")
    assert (page.text("#below"), page.text("#below-count")) == ("17 %", "1 image")
    page.find("#show-below").click()
    assert page.shown == [NAMES[1]]  # 20; 35 itself passes


def test_the_worst_come_first_and_every_sorting_sorts(page: Page) -> None:
    assert page.shown == [SHOWN[place] for place in (1, 3, 2, 5, 0, 4)]
    expected = {
        "uncertainty": NAMES[2],
        "name": HOSTILE,  # punctuation first
        "folder": NAMES[2],
        "pixels": NAMES[2],
        "size": NAMES[0],
    }
    for sort, first in expected.items():
        page.js("const s = document.getElementById('sort'); s.value = arguments[0]; s.dispatchEvent(new Event('change'))", sort)
        assert page.shown[0] == first, sort
    page.js("const s = document.getElementById('sort'); s.value = 'name'; s.dispatchEvent(new Event('change'))")
    assert page.shown.index(NAMES[0]) < page.shown.index(NAMES[1])  # 2 before 10
    ascending = page.shown
    page.find("#reverse").click()
    assert page.shown == ascending[::-1]
    assert page.find("#reverse").get_attribute("aria-pressed") == "true"


def test_slash_searches_paths_and_escape_takes_the_search_back(page: Page) -> None:
    page.keys("/")
    assert page.js("return document.activeElement.id") == "search"
    page.keys("IMG b/")
    page.wait("document.querySelectorAll('.cell').length === 2")
    assert page.text("#shown") == "2 of 6 images"
    page.keys("zzz")
    page.wait("!document.getElementById('nothing').hidden")
    page.keys("\ue00c")  # Escape
    page.wait("document.querySelectorAll('.cell').length === 6")


def test_the_histogram_filters_when_brushed_and_by_its_fields(page: Page) -> None:
    from selenium.webdriver import ActionChains

    box = page.find("#histogram")
    width = box.size["width"]
    ActionChains(page.driver).move_to_element_with_offset(box, int(width * (0.3 - 0.5)), 0).click_and_hold().move_by_offset(
        int(width * 0.3), 5
    ).release().perform()
    assert page.shown == [NAMES[3], NAMES[2]]  # 35 and 55 lie in 30..60
    assert float(page.find("#from").get_attribute("value")) == pytest.approx(30, abs=0.5)
    assert float(page.find("#to").get_attribute("value")) == pytest.approx(60, abs=0.5)
    page.find("#clear-range").click()
    assert len(page.shown) == 6
    page.find("#from").send_keys("60")
    assert page.shown == [SHOWN[5], SHOWN[0], SHOWN[4]]
    assert "60 to 80: 2" in page.text("#histogram-words")
    ActionChains(page.driver).move_to_element(box).click().perform()  # a click alone shows all
    assert len(page.shown) == 6


def test_the_keyboard_goes_all_the_way(page: Page) -> None:
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
    assert page.text("#place") == "1 of 6"
    page.keys(Keys.ARROW_RIGHT)
    page.wait("document.getElementById('place').textContent === '2 of 6'")
    page.keys("x", Keys.ARROW_LEFT, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    page.wait("document.getElementById('place').textContent === '3 of 6'")
    page.keys(Keys.ESCAPE)
    page.wait("!document.getElementById('viewer').open")
    assert focused() == page.shown[2]
    assert page.text("#selected") == "2 selected"
    page.keys(Keys.ESCAPE)
    assert page.text("#selected") == ""


def open_entry(page: Page, name: str) -> None:
    """Open the entry of that name, and wait for its pictures."""
    page.js("[...document.querySelectorAll('.cell')].find((cell) => cell.title === arguments[0]).click()", name)
    page.wait("document.getElementById('left-photo').complete && document.getElementById('left-photo').naturalWidth")


def test_a_slider_lies_between_distorted_and_hallucinated(page: Page) -> None:
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.keys import Keys

    open_entry(page, NAMES[1])
    assert (page.text("#left-label"), page.text("#right-label")) == ("distorted", "hallucinated")
    frame = page.find("#frame")
    width = frame.size["width"]
    ActionChains(page.driver).move_to_element(frame).click_and_hold().move_by_offset(int(width * 0.25), 0).release().perform()
    assert float(page.find("#split").get_attribute("value")) == pytest.approx(75, abs=1)
    clip = page.js("return getComputedStyle(document.getElementById('left-photo')).clipPath")
    assert clip.startswith("inset(0px 25%") or clip.startswith("inset(0px calc(25")
    slider = page.find("#split")
    slider.send_keys(Keys.ARROW_LEFT)
    assert float(slider.get_attribute("value")) < 75
    assert "% distorted, the rest hallucinated" in slider.get_attribute("aria-valuetext")
    assert page.text("#place") == "1 of 6"  # arrows moved the slider, not the picture
    page.js("document.getElementById('frame').focus()")
    page.keys("h")
    assert slider.get_attribute("value") == "0"
    both = page.js("return ['left-photo', 'right-photo'].map((id) => document.getElementById(id).src)")
    assert both[0] != both[1]


def test_maps_lie_over_the_picture_as_strongly_as_one_likes(page: Page) -> None:
    from selenium.webdriver.common.keys import Keys

    open_entry(page, NAMES[1])
    page.keys("d")
    overlay = page.find("#left-map")
    assert overlay.is_displayed()
    assert page.text("#legend-title") == "discrepancy, levels of 255"
    assert page.js("return getComputedStyle(document.getElementById('left-map')).clipPath") == "none"
    strength = page.find("#strength")
    before = float(overlay.value_of_css_property("opacity"))
    for _ in range(5):
        strength.send_keys(Keys.ARROW_RIGHT)
    assert float(overlay.value_of_css_property("opacity")) == pytest.approx(before + 0.05)
    discrepancy = overlay.get_attribute("src")
    page.js("document.getElementById('frame').focus()")
    page.keys("q")
    assert overlay.get_attribute("src") != discrepancy
    assert page.text("#legend-title") == "quality, points of 100"
    page.keys("q")
    assert not overlay.is_displayed()


def test_tiles_tell_their_scores_on_hover_and_by_keys(page: Page) -> None:
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.keys import Keys

    open_entry(page, NAMES[1])  # tiles 20, 20 above 15, 25
    frame = page.find("#frame")
    half = frame.size["width"] // 2 - 5, frame.size["height"] // 2 - 5
    for x, y, expected in ((-half[0], half[1], "tile 15.0 bad"), (half[0], half[1], "tile 25.0 poor")):
        ActionChains(page.driver).move_to_element_with_offset(frame, x, y).perform()
        assert page.text("#tile") == expected
    outline = page.js("const s = document.getElementById('outline').style; return [s.left, s.top, s.width, s.height]")
    assert [float(value.rstrip("%")) for value in outline] == pytest.approx([100 / 3, 100 / 9, 200 / 3, 800 / 9], abs=0.01)
    page.keys("w")
    assert page.text("#tile") == "tile 15.0 bad"
    ActionChains(page.driver).key_down(Keys.SHIFT).send_keys(Keys.ARROW_RIGHT).key_up(Keys.SHIFT).perform()
    assert page.text("#tile") == page.text("#voice") == "tile 25.0 poor"
    page.keys(Keys.ARROW_RIGHT)
    page.wait("document.getElementById('tile').hidden")


def test_a_picture_tells_what_is_known_of_it(page: Page) -> None:
    open_entry(page, NAMES[1])
    about = page.text("#about")
    for words in (NAMES[1], "384 × 288 px", "12.3 kB", "4 tiles, 15.0 to 25.0", "<b>Canon</b> EOS R5", "f/2.8", "first of 12 frames"):
        assert words in about
    assert page.text("#verdict") == "20.0poor± 8.0 points"


def test_hostile_names_are_shown_as_names_and_nothing_of_them_runs(page: Page) -> None:
    cell = "[...document.querySelectorAll('.cell')].find((cell) => cell.title === arguments[0])"
    assert page.js(f"return {cell}.querySelector('.name').textContent", HOSTILE) == HOSTILE.removeprefix("x/")
    assert page.js(f"return {cell}.querySelectorAll('img').length", HOSTILE) == 1
    open_entry(page, HOSTILE)
    assert page.text("#title") == HOSTILE.removeprefix("x/")
    assert page.js("return document.querySelectorAll('[onerror], #viewer b:not(.score), [src=x]').length") == 0
    page.keys("\ue00c")
    page.js("document.getElementById('errors').open = true")
    page.wait("document.querySelectorAll('#errors-list tr').length === 2")
    assert "<script>torn</script>.jpg" in page.text("#errors-list")
    assert page.text("#errors-title") == "2 images could not be scored"
    assert page.complaints == []


def test_the_policy_stops_what_would_be_smuggled_in(page: Page) -> None:
    assert page.js("try { document.body.innerHTML += ''; return 'done' } catch (error) { return error.name }") == "TypeError"
    page.js(
        "const image = document.createElement('img'); image.src = 'https://example.invalid/spy.png';"
        "document.body.append(image);"
        "document.addEventListener('securitypolicyviolation', (event) => { window.refused = event.effectiveDirective })"
    )
    page.wait("window.refused === 'img-src'")
    script = "const one = document.createElement('script'); one.textContent = 'window.ran = true'; document.body.append(one)"
    failure = page.js(f"try {{ {script} }} catch (error) {{ return error.name }}")
    assert failure == "TypeError"
    assert page.js("return window.ran") is None
    assert any("Content Security Policy" in line for line in page.complaints)


def test_selected_paths_are_saved_as_a_list_that_score_takes(page: Page, tmp_path: Path) -> None:
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
    page.js("const s = document.getElementById('search'); s.value = ''; s.dispatchEvent(new Event('input'))")
    page.wait("document.querySelectorAll('.cell').length === 6")
    page.find("#select-all").click()
    page.find("#save").click()
    page.wait("document.getElementById('voice').textContent.includes('-0')")  # a name has two lines
    names = read_file_list(str(wait_for(downloads / "hiqa-selection.txt")), nul_separated=True)
    assert sorted(map(name_text, names)) == sorted(NAMES)


def wait_for(path: Path) -> Path:
    """A download that has arrived."""
    end = time.monotonic() + 10
    while not path.exists():
        assert time.monotonic() < end
        time.sleep(0.05)
    return path


def test_selected_paths_are_copied(page: Page) -> None:
    page.driver.execute_cdp_cmd("Browser.grantPermissions", {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]})
    page.js("window.copied = []; navigator.clipboard.writeText = async (text) => { window.copied.push(text) }")
    page.js("document.querySelectorAll('.cell .mark')[0].click(); document.querySelectorAll('.cell .mark')[2].click()")
    assert not page.js("return document.getElementById('viewer').open")
    page.find("#copy").click()
    page.wait("window.copied.length")
    assert page.js("return window.copied[0].split('\\n')") == [NAMES[1], NAMES[2]]
    page.js("navigator.clipboard.writeText = async () => { throw new Error('refused') }")
    page.js("document.addEventListener('copy', () => { window.byCommand = document.activeElement.value })")
    page.find("#copy").click()
    page.wait("window.byCommand")
    assert page.js("return window.byCommand") == f"{NAMES[1]}\n{NAMES[2]}"


def test_light_and_dark_follow_the_system(page: Page, small: Path) -> None:
    def brightness() -> float:
        colour = page.js("return getComputedStyle(document.body).backgroundColor")
        return sum(map(int, colour.removeprefix("rgb(").rstrip(")").split(","))) / 3

    assert brightness() > 200
    page.open(small, dark=True)
    assert brightness() < 60


@pytest.mark.parametrize("dark", [False, True])
def test_text_stands_out_from_its_ground(page: Page, small: Path, dark: bool) -> None:
    page.open(small, dark=dark)
    script = """
      const light = (colour) => { const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map((c) => {
        const s = c / 255; return s <= 0.04045 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4; });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
      const ground = (element) => { for (; element; element = element.parentElement) {
        const colour = getComputedStyle(element).backgroundColor; if (!/, 0\\)$/.test(colour)) return colour; } return 'rgb(255,255,255)'; };
      return [...document.querySelectorAll('.faint, .cell .score, .cell .grade, .cell .uncertainty, .cell .folder, button, label')]
        .filter((element) => element.offsetParent && element.textContent.trim() && !element.disabled).map((element) => {
          const pair = [light(getComputedStyle(element).color), light(ground(element))].sort((a, b) => b - a);
          return [(pair[0] + 0.05) / (pair[1] + 0.05), element.className + element.id]; }).sort((a, b) => a[0] - b[0])[0]"""
    ratio, where = page.js(script)
    assert ratio >= 3.0, where


def test_a_phone_has_two_columns_no_sideways_scrolling_and_a_slider_for_the_finger(page: Page, small: Path) -> None:
    page.open(small, 390, 844, phone=True)
    lefts = page.js("return [...document.querySelectorAll('.cell')].map((cell) => cell.getBoundingClientRect().left)")
    assert len(set(lefts)) == 2
    assert page.js("return document.documentElement.scrollWidth") <= 390
    open_entry(page, NAMES[1])
    assert page.js("return document.getElementById('viewer').scrollWidth") <= 390
    box = page.js("const b = document.getElementById('frame').getBoundingClientRect(); return [b.left, b.top, b.width, b.height]")
    points = [{"x": box[0] + box[2] * share, "y": box[1] + box[3] / 2} for share in (0.5, 0.6, 0.8)]
    for kind, at in (("touchStart", points[:1]), ("touchMove", points[1:2]), ("touchMove", points[2:]), ("touchEnd", [])):
        page.driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})
    assert float(page.find("#split").get_attribute("value")) == pytest.approx(80, abs=2)


def test_a_screen_reader_finds_names_roles_and_places(page: Page) -> None:
    def unnamed() -> list[str]:
        nodes = page.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
        controls = {"button", "textbox", "searchbox", "combobox", "slider", "radio", "spinbutton", "listbox", "option", "dialog"}
        return [
            node["role"]["value"]
            for node in nodes
            if not node.get("ignored") and node["role"]["value"] in controls and not node.get("name", {}).get("value")
        ]

    assert unnamed() == []
    first = page.find("[role=option]")
    assert first.get_attribute("aria-label") == "IMG_10.jpg, score 20.0, poor, plus or minus 8.0"
    assert (first.get_attribute("aria-posinset"), first.get_attribute("aria-setsize")) == ("1", "6")
    assert page.js("return document.querySelectorAll('[role=option][tabindex=\"0\"]').length") == 1
    assert page.find("#grid").get_attribute("aria-multiselectable") == "true"
    open_entry(page, NAMES[1])
    assert unnamed() == []
    assert page.js("return document.getElementById('viewer').contains(document.activeElement)")
    assert page.js("return document.getElementById('viewer').contains(document.getElementById('voice'))")
    for _ in range(30):  # the focus never leaves the dialog for the page below it
        page.keys("\ue004")
        assert page.js("return !document.querySelector('.cell:focus, #search:focus')")


def test_beyond_the_budget_pictures_come_from_the_folder(driver: Any, tmp_path: Path) -> None:
    target = tmp_path / "50 % of it.html"
    beside = write_page(target, many(60, preview()), MB // 4)
    assert beside is not None
    page = Page(driver).open(target)
    page.wait("[...document.querySelectorAll('.cell img')].every((image) => image.complete && image.naturalWidth)")
    sources = page.js("return [...document.querySelectorAll('.cell img')].map((image) => image.src)")
    assert {source.partition(":")[0] for source in sources} == {"data", "file"}
    page.find(".cell").click()
    page.wait("document.getElementById('left-photo').complete && document.getElementById('left-photo').naturalWidth")
    assert page.find("#left-photo").get_attribute("src").startswith(beside.as_uri())
    assert page.complaints == []
    beside.rename(tmp_path / "elsewhere")
    page.open(target)
    page.find(".cell").click()
    page.wait("document.getElementById('fault').textContent")
    assert "lie in the folder 50 % of it_files, which is not beside this page" in page.text("#fault")
    assert page.complaints != []


OPENED = """const done = arguments[0];
const ready = () => { const mark = performance.getEntriesByName('drawn')[0]; const { loadEventEnd } = performance.getEntriesByType('navigation')[0];
  if (mark && loadEventEnd) done([mark.startTime, loadEventEnd]); else setTimeout(ready, 5); };
ready();"""
SCROLLED = """const done = arguments[0]; let last = null, worst = 0, frames = 0, way = 1, farthest = 0;
const step = (now) => { if (last !== null) worst = Math.max(worst, now - last); last = now; frames += 1;
  farthest = Math.max(farthest, scrollY);
  if (scrollY + innerHeight >= document.documentElement.scrollHeight - 1) way = -1; else if (scrollY <= 0) way = 1;
  scrollBy(0, way * (frames % 40 ? 400 : 30000)); if (frames < 130) requestAnimationFrame(step); else done([worst, farthest]); };
requestAnimationFrame(step);"""


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Pages of 100 and of 10,000 photographs, both with what fits into their budget; the large pictures of the latter,
    which lie beside it anyway, are tiny."""
    folder = tmp_path_factory.mktemp("crowd")
    coffee = read_picture(Path(__file__).parents[1] / "examples/coffee.png").pixels
    large = cv2.resize(coffee, (LARGE_SIDE, LARGE_SIDE * 3 // 4), interpolation=cv2.INTER_CUBIC)
    photographs = preview_of(add_noise(large, 4, np.random.default_rng(0)))
    tiny = Preview(photographs.thumbnail, preview(16, 12).distorted)
    pages = {}
    for count, shown in ((100, photographs), (10_000, tiny)):
        pages[count] = folder / f"{count}.html"
        write_page(pages[count], many(count, shown))
    assert 45 * MB < pages[10_000].stat().st_size <= 50 * MB
    assert pages[100].stat().st_size <= 50 * MB
    return pages


def test_ten_thousand_rows_open_in_at_most_three_times_what_a_hundred_take(driver: Any, crowd: dict[int, Path]) -> None:
    page = Page(driver)
    best: dict[int, list[float]] = {}
    for _ in range(6):
        for count, path in crowd.items():
            page.open(path)
            times = driver.execute_async_script(OPENED)
            best[count] = [min(pair) for pair in zip(times, best.get(count, times), strict=True)]
        if all(many <= 3 * few for few, many in zip(best[100], best[10_000], strict=True)):
            break
    print("drawn, loaded (ms):", best)
    for few, lots in zip(best[100], best[10_000], strict=True):
        assert lots <= 3 * few
    assert page.text("#total") == "10,000"


def test_ten_thousand_rows_scroll_without_a_frame_over_100_ms_and_only_cells_in_view_exist(
    driver: Any, crowd: dict[int, Path]
) -> None:
    page = Page(driver)
    tries = []
    for _ in range(4):  # another process may have the processor for a moment
        few, _ = page.open(crowd[100]).driver.execute_async_script(SCROLLED)
        lots, farthest = page.open(crowd[10_000]).driver.execute_async_script(SCROLLED)
        assert farthest > 80_000
        assert len(page.shown) < 120
        tries.append((round(few), round(lots)))
        # A machine that keeps a page of a hundred waiting for longer than that is too busy to judge by the clock.
        if lots <= max(100, 1.5 * few):
            break
    print("longest frame while scrolling over 100 and over 10,000 (ms):", tries)
    assert tries[-1][1] <= max(100, 1.5 * tries[-1][0])
    page.js("scrollTo(0, document.documentElement.scrollHeight)")
    page.wait("[...document.querySelectorAll('.cell')].some((cell) => cell.getAttribute('aria-posinset') === '10000')")
    page.keys("/", "day 07 IMG_00007")
    page.wait("document.querySelectorAll('.cell').length === 1")
    assert page.shown == ["photos/day 07/IMG_00007.jpg"]


def test_two_runs_are_shown_side_by_side(driver: Any, tmp_path: Path) -> None:
    from selenium.webdriver import ActionChains

    shown = preview()
    facts = [RunFacts(name, "0.1.0", "00000000", "fp32", 128) for name in ("before.jsonl", "after.jsonl")]
    target = tmp_path / "compare.html"
    out = ComparePage(target, "before and after", (facts[0], facts[1]), MB, 4)

    def one(name: str, score: float) -> Entry:
        return entry(f"{name}.jpg", score, shown)

    changes = {"much better": (40.0, 70.0), "a little better": (40.0, 45.0), "worse": (80.0, 50.0)}
    for name, (first, second) in changes.items():
        out.add(Pair(name, one(f"before/{name}", first), one(f"after/{name}", second)))
    out.add(Pair("failed", one("before/failed", 50.0), entry("after/failed.jpg", None)))
    out.add(Pair("before/alone.jpg", one("before/alone", 50.0), None))
    out.finish(RunFacts("before and after", "0.1.0"))
    page = Page(driver).open(target, height=1000)
    numbers = {name: page.text(f"#{name}") for name in ("total", "better", "worse", "same", "alone", "median")}
    assert numbers == {"total": "4", "better": "1", "worse": "1", "same": "1", "alone": "1", "median": "+5.0"}
    assert page.shown == ["worse", "a little better", "much better"]
    label = page.find("[role=option]").get_attribute("aria-label")
    assert label == "worse, from 80.0 to 50.0, change −30.0, worse by 18.7 more than the uncertainty"
    page.js("document.getElementById('unmatched').open = true")
    page.wait("document.querySelectorAll('#unmatched-list tr').length === 2")
    assert "truncated JPEG" in page.text("#unmatched-list")
    plot = page.find("#scatter")
    left, top = page.js("return [40 + 0.4 * (arguments[0].clientWidth - 50), 10 + 0.3 * (arguments[0].clientHeight - 44)]", plot)
    half = plot.size["width"] / 2, plot.size["height"] / 2
    ActionChains(driver).move_to_element_with_offset(plot, round(left - half[0]), round(top - half[1])).perform()
    assert page.text(".tip") == "much better: +30.0"
    ActionChains(driver).click().perform()
    page.wait("document.getElementById('viewer').open && document.getElementById('right-photo').naturalWidth")
    assert page.text("#left-label") == "first: much better.jpg"
    page.keys("w")
    assert page.text("#tile") == "tile 35.0 → 65.0 (+30.0)"
    assert page.complaints == []


def test_an_empty_report_opens_as_well(driver: Any, tmp_path: Path) -> None:
    write_page(tmp_path / "report.html", [entry("torn.jpg", None)])
    page = Page(driver).open(tmp_path / "report.html")
    assert (page.text("#total"), page.text("#median"), page.text("#failures")) == ("1", "–", "1")
    assert page.find("#nothing").is_displayed()
    assert page.complaints == []
    assert json.loads(page.text("#facts"))["title"] == "a report"
