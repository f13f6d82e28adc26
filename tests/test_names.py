"""One word, one thing: a public class name stands for one class of the package."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

import edge_agent

_PACKAGE = Path(edge_agent.__file__).parent


def test_no_public_class_name_is_used_twice() -> None:
    where = defaultdict(list)
    for path in sorted(_PACKAGE.rglob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                where[node.name].append(str(path.relative_to(_PACKAGE)))
    assert len(where) > 500  # the package was found
    assert {name: files for name, files in where.items() if len(files) > 1} == {}
