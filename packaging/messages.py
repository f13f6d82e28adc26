"""The catalogue of edge_agent/locale: what is to be translated, and the .mo beside the .po.

make messages     adds new messages to the .po, drops those that are gone, compiles it
"""

from __future__ import annotations

import ast
import datetime as dt
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "edge_agent"
PO = SOURCES / "locale" / "vi" / "LC_MESSAGES" / "edge-agent.po"
MO = PO.with_suffix(".mo")
#: Fixed: a catalogue that says the same is the same file.
_MADE = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)

#: Who is given texts for a person: functions, and the tables whose texts are said by `_`.
_TAKERS = ("_", "translatable", "Code", "Menu")
_TABLES = {"Brand": 1}  # only this argument


def messages() -> dict[str, set[str]]:
    """Every message of the sources, in their order, with the files that it stands in."""
    found: dict[str, set[str]] = {}
    for path in sorted(SOURCES.rglob("*.py")):
        for text in _in(ast.parse(path.read_text())):
            found.setdefault(text, set()).add(str(path.relative_to(ROOT)))
    return found


def _in(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        values = [*node.args, *(keyword.value for keyword in node.keywords)]
        if node.func.id in _TABLES:
            values = values[_TABLES[node.func.id] :][:1]
        elif node.func.id not in _TAKERS:
            continue
        for value in values:
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield value.value


def catalogue() -> Catalog:
    with PO.open("rb") as file:
        return read_po(file, locale="vi", domain="edge-agent")


def update() -> int:
    """Returns how many messages wait for a translation."""
    old, wanted = catalogue(), messages()
    new = Catalog(
        locale="vi",
        domain="edge-agent",
        project="edge-agent",
        version=".",
        msgid_bugs_address="-",
        last_translator="-",
        language_team="-",
        creation_date=_MADE,
        revision_date=_MADE,
        header_comment=old.header_comment,
        fuzzy=False,
    )
    waiting = 0
    for text, files in wanted.items():
        before = old.get(text)
        said = before.string if before else ""
        waiting += not said
        new.add(text, said, locations=[(name, 0) for name in sorted(files)])
    with PO.open("wb") as file:
        write_po(file, new, width=100, sort_output=False, include_lineno=False, omit_header=False)
    with MO.open("wb") as file:
        write_mo(file, new)
    return waiting


if __name__ == "__main__":
    missing = update()
    if missing:
        sys.exit(f"{PO.relative_to(ROOT)}: {missing} messages are not translated")
