"""The page of `hiqa compare --report` in headless Chromium."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from support.browser import Page, violations, why_no_axe
from support.report_material import MB, entry, preview

from hiqa_cli.report.entry import ReportEntry, RunFacts
from hiqa_cli.report.page.compare_page import ComparePage

# name -> scores of its versions; None: cannot be scored; absent: the version lacks it
IMAGES: dict[str, tuple[float | None, ...]] = {
    "much better": (40.0, 70.0, 20.0),
    "a little better": (40.0, 45.0, 44.5),
    "x/worse": (80.0, 50.0, 50.0),
    "x/failed": (50.0, None, 45.0),
    "before/alone": (50.0,),
}


def write_page(target: Path, versions: int) -> None:
    names = ("before.jsonl", "after.jsonl", "runs/last.jsonl")[:versions]
    facts = tuple(RunFacts(name, "0.1.0", "00000000", "fast", "fp32", 128) for name in names)
    out = ComparePage(target, " and ".join(names), versions, MB, len(IMAGES))
    for seed, (name, scores) in enumerate(IMAGES.items()):
        entries: list[ReportEntry | None] = [None] * versions
        for number, score in enumerate(scores[:versions]):
            entries[number] = entry(f"{number}/{name}.jpg", score, preview(seed=seed + number))
        out.add(name, entries)
    out.finish(RunFacts("before and after", "0.1.0", versions=facts))


def test_two_versions_are_compared(driver: Any, tmp_path: Path) -> None:
    from selenium.webdriver import ActionChains

    write_page(tmp_path / "compare.html", 2)
    page = Page(driver).open(tmp_path / "compare.html", height=1000)
    numbers = {name: page.text(f"#{name}") for name in ("total", "higher", "lower", "mean", "unmatched", "median")}
    assert numbers == {"total": "3", "higher": "2", "lower": "1", "mean": "+1.7", "unmatched": "1", "median": "+5.0"}
    assert page.text("#verdict-words").startswith("after.jsonl: no difference (mean +1.7 points, 95 % interval ")
    assert page.text("#losers") == "Fell most: worse −30.0."
    assert not page.find("#choice").is_displayed()
    if not why_no_axe():
        assert violations(page) == []
    assert page.shown == ["x/worse", "a little better", "much better"]
    label = page.find("[role=option]").get_attribute("aria-label")
    assert label == "−30.0 80.0 → 50.0 ± 11.3 worse x, lower"
    page.js("document.getElementById('uncompared').open = true")
    page.wait("document.querySelectorAll('#uncompared-list tr').length === 2")
    assert "truncated JPEG" in page.text("#uncompared-list")
    plot = page.find("#scatter")
    width, height = plot.size["width"], plot.size["height"]
    x, y = 40 + 0.4 * (width - 50), 10 + 0.3 * (height - 44)  # 40 and 70 within the plot's margins
    ActionChains(driver).move_to_element_with_offset(plot, round(x - width / 2), round(y - height / 2)).perform()
    assert page.text(".tip") == "much better: +30.0"
    ActionChains(driver).click().perform()
    page.wait("document.getElementById('viewer').open && document.getElementById('right-photo').naturalWidth")
    assert page.text("#left-label") == "first: much better.jpg"
    page.keys("w")
    assert page.text("#tile") == "tile 35.0 → 65.0 (+30.0)"
    assert page.log_lines == []


BARS = """const bars = [...document.querySelectorAll('#histogram .matching')];
return bars.flatMap((bar, n) => Number(bar.getAttribute('height')) ? [bar.getAttribute('class').split(' ')[1]] : [])"""


def test_any_two_of_more_versions_are_chosen_and_outlive_a_reload(driver: Any, tmp_path: Path) -> None:
    write_page(tmp_path / "compare.html", 3)
    page = Page(driver).open(tmp_path / "compare.html", height=2000)
    cells = (
        "return [...document.querySelectorAll('#versions-list tr')].map((row) => row.cells[arguments[0]].textContent)"
    )
    assert page.js(cells, 0) == ["before.jsonl", "after.jsonl", "last.jsonl"]
    assert page.js(cells, 1) == ["53.3", "55.0", "38.2"]  # over the three images that all have
    assert page.js(cells, 2) == ["–", "+1.7", "−12.6"]  # over the pairs with the first
    assert page.js("return document.querySelectorAll('#curve .mark').length") == 3
    assert "last.jsonl 38.2 at 12.3 kB" in page.find("#curve").get_attribute("aria-label")
    page.set("second-version", "2")
    assert page.text("#verdict-words").startswith("runs/last.jsonl scores 12.6 points lower (95 % interval ")
    assert page.shown == ["x/worse", "much better", "x/failed", "a little better"]
    page.find(".cell .select").click()
    page.set("first-version", "1")
    assert page.text("#verdict-words").startswith("runs/last.jsonl: no difference (mean -16.8 points")
    assert page.shown == ["much better", "a little better", "x/worse"]
    assert page.js(BARS) == ["bad", "unchanged"]  # -50; -0.5 and 0, in one bar, are no change, as in the scatter plot
    assert "0 higher by a point or more (▲), 1 lower (▼), of 3 pairs" in page.text("#scatter-text")
    assert page.text("#selected") == "1 selected"
    if not why_no_axe():
        assert violations(page) == []
    page.set("folder", "x")
    page.find("#from").send_keys("-10")
    page.wait("document.querySelectorAll('.cell').length === 1")
    driver.refresh()
    page.wait("document.querySelectorAll('.cell').length === 1")
    assert page.shown == ["x/worse"]
    assert [page.find(f"#{name}-version").get_attribute("value") for name in ("first", "second")] == ["1", "2"]
    page.open_entry("x/worse")
    assert page.text("#left-label") == "after.jsonl: worse.jpg"
    assert page.text("#right-label") == "last.jsonl: worse.jpg"
    assert page.js("return document.getElementById('left-photo').src !== document.getElementById('right-photo').src")
    page.keys("\ue00c")
    page.find("#versions-list button").click()  # of the second version: its pairs with the first
    assert page.text("#mean") == "+1.7"
    page.find("#clear-range").click()
    page.js("dispatchEvent(new Event('beforeprint'))")
    assert page.js("return document.querySelectorAll('#print-list li[data-outcome=worse] img').length") == 2
    assert page.log_lines == []
