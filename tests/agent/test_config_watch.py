"""Changes of files are noticed soon, once, and in whatever way they come."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from config_files import AGENT, CAMERA, write

from edge_agent.agent import config_watch
from edge_agent.agent.config_watch import ConfigWatch
from edge_agent.clock import ManualClock, SystemClock


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """As Kubernetes mounts it: `..data` leads to a folder, and is swung to another."""
    version(tmp_path, "one", AGENT, CAMERA)
    (tmp_path / "..data").symlink_to("one")
    (tmp_path / "agent.toml").symlink_to("..data/agent.toml")
    (tmp_path / "cameras.d").symlink_to("..data/cameras.d")
    return tmp_path


def version(folder: Path, name: str, agent: str, camera: str) -> None:
    (folder / name).mkdir()
    write(folder / name, agent, front=camera)


@pytest.fixture
def watch(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ConfigWatch]:
    monkeypatch.setattr(config_watch, "LOOK_EVERY_S", 3600.0)  # so only notifications help
    made = ConfigWatch(folder / "agent.toml", SystemClock())
    made.start()
    made.due()
    yield made
    made.stop()


def noticed(watch: ConfigWatch, timeout_s: float = 30.0) -> float:
    """How long it took until the files were due."""
    begun_s = time.monotonic()
    while not watch.due():
        assert time.monotonic() - begun_s < timeout_s
        watch.wait(0.5)
    watch.known(watch.look())
    return time.monotonic() - begun_s


def renamed(folder: Path) -> None:
    new = folder / "cameras.d" / ".front.swp"
    new.write_text(CAMERA + "fps = 2\n")
    new.rename(folder / "cameras.d" / "front.toml")


def swung(folder: Path) -> None:
    version(folder, "two", AGENT + "\n", CAMERA)
    (folder / "..next").symlink_to("two")
    (folder / "..next").rename(folder / "..data")


def in_place(folder: Path) -> None:
    (folder / "agent.toml").write_text(AGENT + "\n[log]\nlevel = 'debug'\n")


def added(folder: Path) -> None:
    (folder / "cameras.d" / "yard.toml").write_text(CAMERA)


def removed(folder: Path) -> None:
    (folder / "cameras.d" / "front.toml").unlink()


@pytest.mark.parametrize("change", [renamed, swung, in_place, added, removed])
def test_change_is_noticed_within_a_second(
    watch: ConfigWatch, folder: Path, change: Callable[[Path], None]
) -> None:
    change(folder)
    assert noticed(watch) < 1.0
    assert not watch.due()


def test_several_files_within_a_second_are_one_change(folder: Path) -> None:
    clock = ManualClock()
    watch = ConfigWatch(folder / "agent.toml", clock)
    for number in range(5):
        (folder / "cameras.d" / f"more{number}.toml").write_text(CAMERA)
        watch.wake()
        assert not watch.due()
        clock.advance(0.9 * config_watch.QUIET_S)
    assert not watch.due()
    clock.advance(0.2 * config_watch.QUIET_S)
    assert watch.due()
    watch.known(watch.look())
    assert not watch.due()


def test_what_never_comes_to_rest_is_looked_at_now_and_then(
    watch: ConfigWatch, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config_watch, "LONGEST_S", 0.5)
    begun_s = time.monotonic()
    while not watch.due():
        assert time.monotonic() - begun_s < 30
        (folder / "cameras.d" / "front.toml").write_text(CAMERA + "\n" * int(time.time() * 1e3 % 9))
        watch.wait(0.05)


def test_files_of_an_editor_are_no_change(watch: ConfigWatch, folder: Path) -> None:
    (folder / "cameras.d" / ".front.toml.swp").write_text("x")
    (folder / "cameras.d" / ".#front.toml").write_text("x")
    (folder / "cameras.d" / "front.toml~").write_text("x")
    for _ in range(3):
        watch.wait(0.1)
        assert not watch.due()


def test_without_notifications_it_looks(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config_watch, "LOOK_EVERY_S", 0.05)
    watch = ConfigWatch(folder / "agent.toml", SystemClock())  # not started: nobody wakes it
    renamed(folder)
    begun_s = time.monotonic()
    while not watch.due():
        assert time.monotonic() - begun_s < 30
        watch.wait(0.05)
