"""Small changes of a module's source, each of which some test should notice."""

from __future__ import annotations

import ast
import copy
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

_COMPARED = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_CALCULATED = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult}
#: What they do is told to people, not to the program.
_TELLING = ("log", "_LOG", "logger")
_LONGEST_NAME = 70


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change. `name` stays the same while its function does."""

    path: str  # from the repository's root
    line: int
    name: str
    source: str  # of the whole module
    begin: int  # the lines whose run tells that the change was met
    end: int
    constant: str  # of a module or class, if it is one's value


@dataclass(frozen=True, slots=True)
class _Place:
    function: str = ""
    begin: int = 0
    end: int = 0
    constant: str = ""
    runs: bool = False  # inside a function


def mutants_of(root: Path, path: Path) -> list[Mutant]:
    source = path.read_text()
    relative = str(path.relative_to(root))
    lines = source.splitlines(keepends=True)
    begins = [0]
    for line in lines:
        begins.append(begins[-1] + len(line.encode()))
    data, found, names = source.encode(), [], Counter[str]()
    for place, node, changed in _changes(ast.parse(source)):
        function = place.function or "-"
        begin = begins[node.lineno - 1] + node.col_offset
        end = begins[node.end_lineno - 1] + node.end_col_offset
        text = ast.unparse(changed)
        new = f"({text})" if isinstance(changed, ast.expr) else text
        old = " ".join(data[begin:end].decode().split())
        name = f"{relative}: {function}: {old[:_LONGEST_NAME]} -> {text[:_LONGEST_NAME]}"
        names[name] += 1
        if names[name] > 1:
            name += f" ({names[name]})"
        mutated = (data[:begin] + new.encode() + data[end:]).decode()
        met = (place.begin, place.end, place.constant)
        found.append(Mutant(relative, node.lineno, name, mutated, *met))
    return found


def _changes(tree: ast.Module) -> Iterator[tuple[_Place, ast.expr | ast.stmt, ast.AST]]:
    def walk(node: ast.AST, place: _Place) -> Iterator[tuple[_Place, ast.expr | ast.stmt, ast.AST]]:
        for child in ast.iter_child_nodes(node):
            if _is_left_alone(node, child):
                continue
            inside = _place(child, place)
            for changed in _changed(child):
                yield inside, child, changed
            yield from walk(child, inside)

    return walk(tree, _Place())


def _place(node: ast.AST, outer: _Place) -> _Place:
    """Where a node is; a default of an argument is met when the function's body runs."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        function = f"{outer.function}.{node.name}" if outer.function else node.name
        runs = isinstance(node, ast.FunctionDef)
        return _Place(function, node.body[0].lineno, node.end_lineno or 0, "", runs)
    if not isinstance(node, ast.stmt):
        return outer
    body = getattr(node, "body", None)
    end = max(node.lineno, body[0].lineno - 1) if body else node.end_lineno or node.lineno
    constant = "" if outer.runs else _assigned(node)
    return replace(outer, begin=node.lineno, end=end, constant=constant)


def _assigned(node: ast.stmt) -> str:
    target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
    return target.id if isinstance(target, ast.Name) else ""


def _is_left_alone(parent: ast.AST, child: ast.AST) -> bool:
    if isinstance(child, ast.JoinedStr | ast.Import | ast.ImportFrom | ast.Assert | ast.arguments):
        return not isinstance(child, ast.arguments) or not (child.defaults or child.kw_defaults)
    if isinstance(child, ast.Raise) or (isinstance(child, ast.keyword) and child.arg == "strict"):
        return True  # an error's words; zip's assertion against ourselves
    if isinstance(parent, ast.AnnAssign) and child is parent.annotation:
        return True
    if isinstance(parent, ast.arg) or (
        isinstance(parent, ast.FunctionDef)
        and (child is parent.returns or child in parent.decorator_list)
    ):
        return True
    if isinstance(parent, ast.ClassDef) and child in parent.decorator_list:
        return True
    call = child.value if isinstance(child, ast.Expr) else child
    return _is_telling(call)


def _is_telling(node: ast.AST) -> bool:
    function = node.func if isinstance(node, ast.Call) else None
    return (
        isinstance(function, ast.Attribute)
        and isinstance(function.value, ast.Name)
        and function.value.id in _TELLING
    )


def _changed(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Compare):
        for index, operator in enumerate(node.ops):
            other = copy.deepcopy(node)
            other.ops[index] = _COMPARED[type(operator)]()
            yield other
    elif isinstance(node, ast.BoolOp):
        other = copy.deepcopy(node)
        other.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield other
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield node.operand
    elif isinstance(node, ast.BinOp) and type(node.op) in _CALCULATED and not _is_text(node):
        other = copy.deepcopy(node)
        other.op = _CALCULATED[type(node.op)]()
        yield other
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield ast.Constant(not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        yield ast.Constant(node.value + 1)
    elif isinstance(node, ast.Return) and node.value is not None:
        if not isinstance(node.value, ast.Constant):
            yield ast.Return(ast.Constant(None))
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield ast.Pass()
    elif isinstance(node, ast.IfExp):
        yield ast.IfExp(node.test, node.orelse, node.body)


def _is_text(node: ast.BinOp) -> bool:
    return any(
        isinstance(each, ast.JoinedStr)
        or (isinstance(each, ast.Constant) and isinstance(each.value, str | bytes))
        for each in ast.walk(node)
    )
