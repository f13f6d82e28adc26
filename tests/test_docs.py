"""What the documents point at exists: tests by name, files by link."""

from __future__ import annotations

import ast
import re
import shlex
from functools import cache
from pathlib import Path

import pytest

from edge_agent.cli.main import build_parser
from edge_agent.detect import read_manifest

ROOT = Path(__file__).resolve().parent.parent
FAULTS = ROOT / "docs" / "faults.md"
COMMANDS = re.compile(r"^    (?:\.venv/bin/)?edge-agent (.+?)(?:\s+#.*)?$", re.MULTILINE)
DOCUMENTS = sorted([*(ROOT / "docs").rglob("*.md"), *ROOT.glob("README*.md")])

_TEST_ID = re.compile(r"`([\w/]+\.py)::(\w+)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@cache
def named_in(path: Path) -> frozenset[str]:
    if not path.is_file():
        return frozenset()
    body = ast.parse(path.read_text()).body
    return frozenset(node.name for node in body if isinstance(node, ast.FunctionDef))


def anchors(text: str) -> set[str]:
    """As GitHub makes them of headings."""
    return {
        re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in _HEADING.findall(text)
    }


def rows(text: str) -> list[str]:
    """Rows of tables, without their heads."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [line for line in lines if not line.startswith(("| fault |", "|---"))]


def test_every_fault_names_a_test() -> None:
    faults = rows(FAULTS.read_text())
    assert len(faults) > 40
    assert [row for row in faults if not _TEST_ID.search(row)] == []


def test_every_named_test_exists() -> None:
    named = _TEST_ID.findall(FAULTS.read_text())
    missing = [
        f"{file}::{name}" for file, name in named if name not in named_in(ROOT / "tests" / file)
    ]
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    broken = []
    for target in _LINK.findall(document.read_text()):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = document.parent / name if name else document
        if not path.exists() or (anchor and anchor not in anchors(path.read_text())):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_in_the_text_are_commands(document: Path) -> None:
    for command in COMMANDS.findall(document.read_text()):
        build_parser().parse_args(shlex.split(command))  # exits where it is wrong


def test_the_manifest_in_the_text_is_one(tmp_path: Path) -> None:
    (block,) = re.findall(
        r"```toml\n(.*?)```", (ROOT / "docs" / "models.md").read_text(), re.DOTALL
    )
    path = tmp_path / "porch.toml"
    path.write_text(block)
    assert read_manifest(path).name == "porch"
