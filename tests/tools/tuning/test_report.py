"""The page of `tune --report`, in a real browser: offline, in both languages, on a phone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flash
import pytest
from browser import as_phone, chromium

from edge_agent.cli import main
from edge_agent.tools.tuning.report import page

OUT = "out.html"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page: somebody who is told, in a zone; B does not tell them."""
    folder = tmp_path_factory.mktemp("report")
    flash.model(folder)
    flash.clip(folder / "yard.avi", bright_s=6, dark_s=4, dark_first=True)
    corners = "[[0.1, 0.1], [0.9, 0.1], [0.9, 0.95], [0.1, 0.95]]"
    (folder / "gate.toml").write_text(f'[[zones]]\nname = "door"\npolygon = {corners}\n')
    (folder / "seen.csv").write_text("4,9.8\n")
    files = ["--config", str(folder / "gate.toml"), "--labels", str(folder / "seen.csv")]
    changed = ["--set", "person.confirm_threshold=0.95", "--report", str(folder / OUT)]
    model = ["--model", str(folder / "flash.onnx")]
    assert main(["tune", str(folder / "yard.avi"), *files, *model, *changed]) == 0
    return folder


def test_it_holds_everything_and_fetches_nothing(folder: Path) -> None:
    text = (folder / OUT).read_text()
    assert (folder / OUT).stat().st_mode & 0o777 == 0o600
    assert "default-src 'none'" in text
    assert "Copyright (c) 2022 Leon Sorokin" in text
    assert not re.search(r"""(?:src|href)=["'](?!data:)""", text)
    assert len(text) < 400_000


def test_the_name_of_a_clip_cannot_end_the_script() -> None:
    evil = "</script><script>alert(1)</script>"
    text = page({"clips": [{"name": evil}], "note": "/*PAGE_JS*/"})
    assert evil not in text
    (data,) = re.findall(r'id="data">(.*?)</script>', text, re.DOTALL)
    assert json.loads(data)["clips"][0]["name"] == evil


@pytest.fixture(scope="module")
def chrome() -> Iterator[Any]:
    with chromium() as driver:
        yield driver


def numbers_of(chrome: Any) -> list[list[str]]:
    rows = chrome.find_elements("css selector", "#trials tbody tr")
    return [[c.text for c in row.find_elements("css selector", "td")][1:4] for row in rows]


@pytest.mark.system
@pytest.mark.timeout(300)
def test_counts_are_those_of_the_command_and_the_threshold_can_be_dragged(
    folder: Path, chrome: Any
) -> None:
    chrome.get((folder / OUT).as_uri())
    chrome.find_element("id", "en").click()
    assert numbers_of(chrome) == [["1", "0", "0"], ["0", "0", "1"]]
    assert len(chrome.find_elements("css selector", "[data-cards=lost] img")) == 1
    assert "person.confirm_threshold" in chrome.find_element("css selector", ".card").text
    output = chrome.find_element("css selector", "output")
    assert output.get_attribute("data-people") == "1"
    bar = chrome.find_element("css selector", '[data-plot="confirm"] .bar')
    from selenium.webdriver import ActionChains

    chrome.execute_script("arguments[0].scrollIntoView({block: 'center'})", bar)
    ActionChains(chrome).click_and_hold(bar).move_by_offset(0, -72).release().perform()
    assert float(bar.get_attribute("aria-valuenow")) > 0.9
    assert output.get_attribute("data-people") == "0"
    for _ in range(25):
        bar.send_keys("\ue00f")  # PageDown
    assert float(bar.get_attribute("aria-valuenow")) == 0
    assert output.get_attribute("data-people") == "1"


@pytest.mark.system
@pytest.mark.timeout(300)
def test_in_vietnamese_on_a_phone_nothing_is_cut_off(folder: Path, chrome: Any) -> None:
    chrome.get((folder / OUT).as_uri())
    as_phone(chrome)
    chrome.find_element("id", "vi").click()
    assert chrome.find_element("css selector", "html").get_attribute("lang") == "vi"
    assert chrome.find_element("css selector", "h1").text == "Cài đặt khác sẽ báo những gì"
    assert "Không báo vì person.confirm_threshold" in chrome.find_element("id", "main").text
    assert chrome.execute_script("return document.documentElement.scrollWidth") <= 360
    wide = chrome.execute_script(
        "return [...document.querySelectorAll('main *')].filter(e => !e.closest('.wide')"
        " && e.getBoundingClientRect().right > 361).map(e => e.className)"
    )
    assert wide == []


def test_every_word_is_there_in_both_languages(folder: Path) -> None:
    script = (folder / OUT).read_text()
    tables = re.search(r"en: \{(.*?)\n    \},\n    vi: \{(.*?)\n    \}", script, re.DOTALL)
    assert tables is not None
    english, vietnamese = (set(re.findall(r"\b(\w+): \"", part)) for part in tables.groups())
    assert english == vietnamese
    used = set(re.findall(r"say\(\"(\w+)\"", script)) | set(re.findall(r'data-t="(\w+)"', script))
    assert used <= english
