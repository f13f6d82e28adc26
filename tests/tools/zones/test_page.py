"""The page in a real browser beside a real agent: draw, save, applied; keys alone; a phone."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import flash
import pytest
from agent_inside import AgentInside, inside, wait_until
from agent_process import write_config
from browser import as_phone, chromium

from edge_agent.clock import SystemClock
from edge_agent.language import speak
from edge_agent.tools.zones.desk import Desk, DrawingPlace
from edge_agent.tools.zones.server import PageServer

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

WAIT_S = 60.0
#: Somebody always stands in the middle, with the feet at (0.5, 0.81).
DOOR = """
# the way in
[[zones]]
name = "door"
polygon = [[0.05, 0.05], [0.3, 0.05], [0.3, 0.3], [0.05, 0.3]]
dwell_s = 0.2  # not for cats
"""


@pytest.fixture(scope="module")
def chrome() -> Iterator[Any]:
    with chromium() as driver:
        yield driver


@pytest.fixture
def box(tmp_path: Path) -> Path:
    clip = flash.clip(tmp_path / "standing.avi", bright_s=60, dark_s=0)
    extra = flash.settings(flash.model(tmp_path))
    return write_config(tmp_path, 1, {"yard": flash.camera(clip) + DOOR}, extra=extra)


@pytest.fixture
def running(box: Path) -> Iterator[AgentInside]:
    with inside(box) as running:
        yield running


@dataclass
class Page:
    chrome: Any
    folder: Path

    def find(self, css: str) -> Any:
        return self.chrome.find_element("css selector", css)

    def all(self, css: str) -> list[Any]:
        return list(self.chrome.find_elements("css selector", css))

    def text(self, css: str) -> str:
        return str(
            self.chrome.execute_script(
                "return document.querySelector(arguments[0]).textContent", css
            )
        )

    def until(self, holds: Callable[[], object]) -> None:
        wait_until(lambda: bool(holds()), WAIT_S)

    def said(self, text: str) -> None:
        self.until(lambda: text in self.text("#said"))

    def place(self, x: float, y: float) -> tuple[int, int]:
        """Of a fraction of the picture, in the window."""
        left, top, wide, high = self.chrome.execute_script(
            "const v = document.getElementById('view'), m = v.getScreenCTM(),"
            " b = v.viewBox.baseVal;"
            " return [m.e, m.f, m.a * b.width, m.d * b.height]"
        )
        return round(left + x * wide), round(top + y * high)

    def click(self, x: float, y: float) -> None:
        self.pointer("mouse", [(x, y)])

    def pointer(self, kind: str, path: list[tuple[float, float]]) -> None:
        """Down at the first place, over all others, up at the last."""
        from selenium.webdriver.common.action_chains import ActionChains
        from selenium.webdriver.common.actions.pointer_input import PointerInput

        finger = PointerInput(kind, kind)
        chain = ActionChains(self.chrome, duration=50, devices=[finger])
        chain.w3c_actions.pointer_action.move_to_location(*self.place(*path[0]))
        chain.w3c_actions.pointer_action.pointer_down()
        for x, y in path[1:]:
            chain.w3c_actions.pointer_action.move_to_location(*self.place(x, y))
        chain.w3c_actions.pointer_action.pointer_up()
        chain.perform()

    def keys(self, *keys: str, shift: bool = False) -> None:
        from selenium.webdriver.common.action_chains import ActionChains
        from selenium.webdriver.common.keys import Keys

        chain = ActionChains(self.chrome, duration=0)
        chain = chain.key_down(Keys.SHIFT) if shift else chain
        chain = chain.send_keys(*keys)
        (chain.key_up(Keys.SHIFT) if shift else chain).perform()

    def shoot(self, name: str) -> None:
        self.chrome.save_screenshot(str(self.folder / f"{name}.png"))


@pytest.fixture
def page(box: Path, running: AgentInside, chrome: Any) -> Iterator[Page]:
    yield from opened(box, chrome)


def opened(box: Path, chrome: Any) -> Iterator[Page]:
    server = PageServer(Desk(DrawingPlace(box, "yard", (box / "state",)), SystemClock()))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        chrome.get(server.url)
        page = Page(chrome, box)
        page.until(lambda: page.all("body[data-ready]"))
        yield page
    finally:
        chrome.execute_script("deadline = 0")
        chrome.get("about:blank")
        server.end()
        thread.join()


def zones(agent: AgentInside) -> dict[str, list[tuple[float, float]]]:
    return {zone.name: list(zone.polygon) for zone in agent.config.cameras[0].zones}


def near(found: list[tuple[float, float]], wanted: list[tuple[float, float]]) -> bool:
    pairs = zip(found, wanted, strict=True)
    return all(abs(a - c) < 0.012 and abs(b - d) < 0.012 for (a, b), (c, d) in pairs)


def test_a_zone_is_drawn_named_tried_live_saved_and_applied(
    page: Page, running: AgentInside
) -> None:
    page.until(lambda: "outside all zones" in page.text("#live"))
    assert "code" not in page.chrome.current_url
    page.find("#new_zones").click()
    corners = [(0.25, 0.5), (0.75, 0.5), (0.75, 0.95), (0.25, 0.95)]
    for corner in corners:
        page.click(*corner)
    page.click(*corners[0])
    page.until(lambda: "would be told" in page.text("#live"))
    name = page.find("#name1")
    name.clear()
    name.send_keys("middle")
    page.shoot("drawn")
    page.find("#save").click()
    page.said("saved, and applied by the running agent")
    assert list(zones(running)) == ["door", "middle"]
    assert near(zones(running)["middle"], corners)
    text = (page.folder / "cameras.d" / "yard.toml").read_text()
    assert "# the way in" in text
    assert "dwell_s = 0.2  # not for cats" in text
    page.until(lambda: ": told" in page.text("#live"))
    page.shoot("applied")


def test_corners_and_areas_are_dragged_added_undone_and_deleted(page: Page) -> None:
    page.click(0.1, 0.2)
    page.pointer("mouse", [(0.3, 0.3), (0.45, 0.4), (0.6, 0.5)])
    polygon = page.chrome.execute_script("return areas[0].polygon")
    assert near([tuple(c) for c in polygon], [(0.05, 0.05), (0.3, 0.05), (0.6, 0.5), (0.05, 0.3)])
    page.pointer("mouse", [(0.175, 0.05), (0.175, 0.02)])
    assert len(page.chrome.execute_script("return areas[0].polygon")) == 5
    page.pointer("mouse", [(0.2, 0.2), (0.4, 0.3)])
    moved = page.chrome.execute_script("return areas[0].polygon[0]")
    assert near([tuple(moved)], [(0.25, 0.15)])
    page.shoot("dragged")
    for _ in range(3):
        page.find("#undo").click()
    polygon = page.chrome.execute_script("return areas[0].polygon")
    assert polygon == [[0.05, 0.05], [0.3, 0.05], [0.3, 0.3], [0.05, 0.3]]
    assert not page.find("#save").is_enabled()
    page.find("#list li button").click()
    assert page.chrome.execute_script("return areas.length") == 0


def tabbing(page: Page) -> Callable[[str], None]:
    """Goes to the next thing that a selector means, by the keyboard."""
    from selenium.webdriver.common.keys import Keys

    def tab_to(css: str) -> None:
        for _ in range(60):
            if page.chrome.execute_script(
                "return document.activeElement.matches(arguments[0])", css
            ):
                return
            page.keys(Keys.TAB)
        raise AssertionError(css)

    return tab_to


def test_stay_and_hours_are_set_by_keys_alone(page: Page, running: AgentInside) -> None:
    from selenium.webdriver.common.keys import Keys

    tab_to = tabbing(page)
    page.find("#follow").click()
    page.chrome.execute_script("document.activeElement.blur()")
    tab_to("#list summary")
    page.keys(Keys.ENTER)
    tab_to("#dwell0")
    page.keys(Keys.BACKSPACE, Keys.BACKSPACE, Keys.BACKSPACE, "4")
    tab_to("#add0")
    page.keys(Keys.ENTER)
    tab_to("#start0_0")
    page.keys("0930PM")
    tab_to("#sat0_0")
    page.keys(Keys.SPACE)
    page.shoot("hours")
    assert page.text("#list summary") == "stay 4 s; watched: Sat 21:30-06:00"
    tab_to("#save")
    page.keys(Keys.ENTER)
    page.said("saved, and applied by the running agent")
    (zone,) = running.config.cameras[0].zones
    assert zone.dwell_s == 4
    (hours,) = zone.schedule
    assert (hours.days, hours.start, hours.end) == (("sat",), "21:30", "06:00")
    assert "# not for cats" in (page.folder / "cameras.d" / "yard.toml").read_text()
    page.until(lambda: page.find("#undo").get_attribute("disabled"))  # loaded again
    page.find("#list fieldset button").click()
    page.find("#save").click()
    page.until(lambda: not running.config.cameras[0].zones[0].schedule)


def test_keys_alone_are_enough(page: Page, running: AgentInside) -> None:
    from selenium.webdriver.common.keys import Keys

    tab_to = tabbing(page)
    page.find("#follow").click()  # a mouse stops the pictures, so that this test is quick
    page.chrome.execute_script("document.activeElement.blur()")
    tab_to("#new_privacy_masks")
    page.keys(Keys.ENTER)
    page.keys(Keys.SPACE)
    page.keys(*[Keys.ARROW_RIGHT] * 4, shift=True)
    page.keys(Keys.SPACE)
    page.keys(*[Keys.ARROW_UP] * 5, shift=True)
    page.keys(Keys.SPACE)
    page.shoot("keys")
    page.keys(Keys.ENTER)
    assert page.chrome.execute_script("return areas[1].polygon") == [
        [0.5, 0.5],
        [0.7, 0.5],
        [0.7, 0.25],
    ]
    tab_to(".corner[data-corner='2']")
    page.keys(Keys.ARROW_LEFT, Keys.ARROW_LEFT, "+")
    assert page.chrome.execute_script("return areas[1].polygon.slice(2)") == [
        [0.69, 0.25],
        [0.595, 0.375],
    ]
    tab_to(".corner[data-corner='3']")
    page.keys(Keys.DELETE)
    tab_to("#min_height_frac")
    page.keys(*[Keys.ARROW_RIGHT] * 5)
    tab_to("#save")
    page.keys(Keys.ENTER)
    page.said("saved, and applied by the running agent")
    camera = running.config.cameras[0]
    assert [mask.name for mask in camera.privacy_masks] == ["mask-1"]
    assert list(camera.privacy_masks[0].polygon) == [(0.5, 0.5), (0.7, 0.5), (0.69, 0.25)]
    assert camera.person.min_height_frac == 0.05


ADDED_HOURS = """
    const details = document.querySelector("#list details");
    details.open = true;
    details.scrollIntoView();
    document.querySelector("#add0").click();
    return document.querySelector("#list details[open] [type=time]") !== null;
"""


def test_a_phone_draws_with_a_finger(page: Page, running: AgentInside) -> None:
    as_phone(page.chrome)
    try:
        page.chrome.execute_script("dispatchEvent(new Event('resize'))")
        assert page.chrome.execute_script("return document.documentElement.scrollWidth") == 360
        page.shoot("phone")
        page.pointer("touch", [(0.2, 0.2)])
        page.pointer("touch", [(0.3, 0.3), (0.4, 0.5), (0.6, 0.9)])
        page.shoot("phone-dragged")
        polygon = page.chrome.execute_script("return areas[0].polygon[2]")
        assert near([tuple(polygon)], [(0.6, 0.9)])
        save = page.find("#save")
        page.chrome.execute_script("arguments[0].scrollIntoView()", save)
        save.click()
        page.said("saved, and applied by the running agent")
        page.shoot("phone-saved")
        page.until(lambda: page.find("#undo").get_attribute("disabled"))  # loaded again
        page.until(lambda: page.chrome.execute_script(ADDED_HOURS))  # drawn anew meanwhile, perhaps
        assert page.chrome.execute_script("return document.documentElement.scrollWidth") == 360
        page.chrome.execute_script("arguments[0].scrollIntoView()", page.find("#list summary"))
        page.shoot("phone-hours")
        assert near([zones(running)["door"][2]], [(0.6, 0.9)])
    finally:
        page.chrome.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        page.chrome.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})


def test_what_a_hand_edit_may_not_say_the_page_may_not_either(
    page: Page, running: AgentInside
) -> None:
    before = (page.folder / "cameras.d" / "yard.toml").read_text()
    name = page.find("#name0")
    name.clear()
    name.send_keys("The Door")
    page.find("#save").click()
    page.said("zones[0].name")
    page.shoot("refused")
    assert (page.folder / "cameras.d" / "yard.toml").read_text() == before
    assert list(zones(running)) == ["door"]


def test_the_page_speaks_vietnamese(box: Path, running: AgentInside, chrome: Any) -> None:
    speak("vi")
    try:
        with contextlib.contextmanager(opened)(box, chrome) as page:
            page.until(lambda: page.all("#live p"))
            page.find("#list summary").click()
            page.find("#add0").click()
            page.shoot("vietnamese")
            shown = page.find("body").text
        for english in ("zone", "Save", "mask", "seen", "looks", "left", "height"):
            assert english not in shown
    finally:
        speak("en")


def test_a_height_is_set_by_the_bar_and_tried_live(page: Page, running: AgentInside) -> None:
    slider = page.find("#max_height_frac")
    page.chrome.execute_script(
        "arguments[0].value = 0.9; arguments[0].dispatchEvent(new Event('input'))", slider
    )
    page.pointer("mouse", [(0.94, 0.05), (0.94, 0.3), (0.94, 0.45)])  # its top: 0.95 - 0.9
    page.until(lambda: "too tall" in page.text("#live"))
    page.shoot("height")
    page.find("#save").click()
    page.said("saved, and applied by the running agent")
    assert running.config.cameras[0].person.max_height_frac == pytest.approx(0.5, abs=0.02)


def test_an_edit_by_hand_meanwhile_is_not_overwritten(page: Page, running: AgentInside) -> None:
    camera = page.folder / "cameras.d" / "yard.toml"
    camera.write_text(camera.read_text() + "# by hand\n")
    page.find("#list li button").click()
    page.find("#save").click()
    page.said("changed meanwhile")
    assert camera.read_text().endswith("# by hand\n")
    assert list(zones(running)) == ["door"]


#: The box's answer to the next save comes when `release()` is called.
HOLD = """
const ask = window.fetch, held = new Promise(done => { window.release = done; });
window.fetch = async (url, options) => {
  const answer = await ask(url, options);
  if (String(url).includes("/save")) await held;
  return answer;
};
"""


def test_what_is_drawn_while_a_save_is_on_its_way_stays(page: Page, running: AgentInside) -> None:
    page.find("#list li button").click()
    page.chrome.execute_script(HOLD)
    page.find("#save").click()
    page.until(lambda: not zones(running))
    page.chrome.execute_script("undo()")
    page.chrome.execute_script("release()")
    page.until(lambda: page.find("#save").is_enabled())
    page.find("#save").click()
    page.until(lambda: list(zones(running)) == ["door"])
