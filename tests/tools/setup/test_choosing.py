"""Which detector a setup takes: measured here, and a better one from the network by its hash."""

from __future__ import annotations

from pathlib import Path

import pytest
from http_files import Site, serving

from edge_agent.assets import asset_dir
from edge_agent.detect import find_model, sha256_of
from edge_agent.tools.registry import FetchSettings
from edge_agent.tools.setup import choosing

ENTRY = """
[[model]]
name = "far-better"
file = "far_better.onnx"
url = "https://models.invalid/far_better.onnx"
sha256 = "{sha256}"
bytes = {bytes}
licence = "Apache-2.0"
downloaded = true
ap = 0.9
cost = 0.01
"""


@pytest.fixture
def better(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """The bytes of a known model that is not here: our own under another name."""
    shipped = asset_dir("models")
    data = (shipped / "edge-person.onnx").read_bytes()
    manifest = (shipped / "edge-person.toml").read_text()
    kept = [
        line
        for line in manifest.splitlines()
        if not line.startswith(("name", "file", "url", "sha256", "bytes", "licence", "ap ", "cost"))
    ]
    rest = "\n".join(kept).replace("[input]", "[model.input]")
    sha256 = sha256_of(shipped / "edge-person.onnx")
    entry = ENTRY.format(sha256=sha256, bytes=len(data))
    registry = tmp_path / "registry.toml"
    registry.write_text(entry + rest + "\n")
    monkeypatch.setattr(choosing, "shipped_registry", lambda: registry)
    monkeypatch.setenv("EDGE_AGENT_MODELS", str(tmp_path / "models"))
    (tmp_path / "models").mkdir()
    return data


def choose(site: Site | None, *, wants: bool = True) -> tuple[choosing.ModelChoice, list[str]]:
    said: list[str] = []
    settings = None
    if site is not None:
        settings = FetchSettings(mirror=site.url, allow_http=True, timeout_s=2)
    return choosing.choose(1, settings, lambda offer: wants, said.append), said


def test_a_better_one_is_fetched_checked_and_taken(better: bytes) -> None:
    with serving(Site({"/far_better.onnx": better})) as site:
        choice, said = choose(site)
    assert said == []
    assert "far-better" in choice.why
    assert find_model("far-better").is_verified()
    # `auto` takes it by itself then; a name is written only where it would not.
    assert choice.model in ("auto", "far-better")


def test_other_bytes_than_promised_are_not_taken(better: bytes) -> None:
    with serving(Site({"/far_better.onnx": better[:-1] + b"x"})) as site:
        choice, said = choose(site)
    assert len(said) == 1
    assert said[0].startswith("not fetched: ")
    assert "far-better" not in choice.why
    assert choice.why


@pytest.mark.parametrize("case", ["no fetch", "not wanted", "no network"])
def test_without_it_setup_goes_on_with_what_is_here(better: bytes, case: str) -> None:
    with serving(Site({"/far_better.onnx": better})) as site:
        if case == "no network":
            site.url = "http://127.0.0.1:9"
        choice, said = choose(None if case == "no fetch" else site, wants=case != "not wanted")
        assert site.asked == []
    assert bool(said) == (case == "no network")
    assert "far-better" not in choice.why
    assert "ms a look here" in choice.why
