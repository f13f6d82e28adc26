"""`edge-agent config check`: what is found, and how it is printed."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_agent.config import LoadedConfig, load_config, short_sha
from edge_agent.errors import ConfigError, ConfigProblem
from edge_agent.foreign_text import printable_json
from edge_agent.language import _
from edge_agent.tools.preflight import diagnoses, service_of
from edge_agent.tools.preflight.account import ServiceUser
from edge_agent.tools.sentences import of_problem


@dataclass(frozen=True, slots=True)
class Check:
    """Errors and warnings of one configuration; `loaded` is None when it cannot be read."""

    path: Path
    errors: tuple[ConfigProblem, ...]
    warnings: tuple[ConfigProblem, ...] = ()
    loaded: LoadedConfig | None = None

    @classmethod
    def of(cls, path: Path, *, user: str | None = None, online: bool = False) -> Check:
        """Raises ConfigError for a `user` that this machine does not have."""
        if user is not None and ServiceUser.named(user) is None:
            problem = ConfigProblem("command line", "--user", f"no user is called {user}", "")
            raise ConfigError([problem])
        try:
            loaded = load_config(path)
        except ConfigError as error:
            return cls(path, error.problems)
        found = list(diagnoses(loaded, service_of(path, user)))
        if online and not any(diagnosis.stops for diagnosis in found):
            from edge_agent.tools.preflight.online import online_diagnoses

            found += online_diagnoses(loaded)
        errors = tuple(each.problem for each in found if each.is_error)
        told = {_place(problem) for problem in errors}
        more = [each.problem for each in found if not each.is_error]
        warnings = tuple(w for w in (*loaded.warnings, *more) if _place(w) not in told)
        return cls(path, errors, warnings, loaded)

    @property
    def summary(self) -> str:
        """`2 cameras, cfg 1234567890ab`."""
        return summary_of(self.loaded) if self.loaded else ""


def summary_of(loaded: LoadedConfig) -> str:
    cameras = counted(len(loaded.config.cameras), _("1 camera"), _("{count} cameras"))
    return f"{cameras}, cfg {short_sha(loaded.config)}"


def counted(number: int, one: str, many: str) -> str:
    return one if number == 1 else many.format(count=number)


def print_lines(check: Check, *, is_fine: bool) -> None:
    """Praise on stdout, complaints on stderr."""
    for warning in check.warnings:
        print(_("warning: {problem}").format(problem=of_problem(warning)), file=sys.stderr)
    for problem in check.errors:
        print(_("error: {problem}").format(problem=of_problem(problem)), file=sys.stderr)
    if check.errors:
        print(counted(len(check.errors), _("1 error"), _("{count} errors")), file=sys.stderr)
    elif not is_fine:
        warnings = counted(len(check.warnings), _("1 warning"), _("{count} warnings"))
        print(warnings, file=sys.stderr)
    elif check.loaded is not None:
        text = _("{file}: fine, {summary}")
        print(text.format(file=check.loaded.sources[0], summary=check.summary))


def print_json(check: Check, *, is_fine: bool) -> None:
    answer: dict[str, Any] = {
        "fine": is_fine,
        "config": str(check.path),
        "errors": [_plain(problem) for problem in check.errors],
        "warnings": [_plain(problem) for problem in check.warnings],
    }
    if check.loaded is not None:
        answer["cameras"] = [camera.id for camera in check.loaded.config.cameras]
        answer["cfg"] = short_sha(check.loaded.config)
    print(printable_json(answer, indent=2))


def _plain(problem: ConfigProblem) -> dict[str, Any]:
    file, line = _split(problem.file)
    plain = {"file": file, "line": line, "key": problem.path}
    plain |= {"found": problem.found, "fix": problem.fix}
    return {key: value for key, value in plain.items() if value not in ("", None)}


def _split(where: str) -> tuple[str, int | None]:
    file, colon, line = where.rpartition(":")
    return (file, int(line)) if colon and line.isdigit() else (where, None)


def _place(problem: ConfigProblem) -> tuple[str, str]:
    return _split(problem.file)[0], problem.path
