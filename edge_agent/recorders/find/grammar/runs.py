"""One path as runs of digits and of letters, with the marks between them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from edge_agent.recorders.find.name_time import month_number

#: `E105M06S`: a number glued to the minutes that their letter marks.
_RUN = re.compile(r"[0-9]+(?=[0-9]{2}M[0-9]{2}S)|[0-9]+|[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class DigitRun:
    """Digits (`month` None), or the name of a month."""

    begin: int
    end: int
    text: str
    month: int | None = None

    @property
    def length(self) -> int:
        return self.end - self.begin


@dataclass(frozen=True, slots=True)
class DigitRuns:
    """A path without its suffix, and what may be a part of a time in it."""

    stem: str
    digits: tuple[DigitRun, ...]  # in their order, names of months among them

    def between(self, left: int, right: int) -> str:
        """The text between two of the runs."""
        return self.stem[self.digits[left].end : self.digits[right].begin]

    def whole_part(self, index: int) -> bool:
        """Whether a run is a folder or the name alone, but for an hour's mark."""
        run = self.digits[index]
        begin = self.stem.rfind("/", 0, run.begin) + 1
        end = self.stem.find("/", run.end)
        rest = self.stem[run.end : end if end >= 0 else len(self.stem)]
        return begin == run.begin and rest in ("", "H", "h", "时", "時")


def runs_of(relative: str) -> DigitRuns:
    """Of a path below the root, with its suffix."""
    folders, slash, name = relative.rpartition("/")
    stem = folders + slash + (name.rpartition(".")[0] or name)
    found = []
    for run in _RUN.finditer(stem):
        text = run[0]
        if text[0].isdecimal():
            found.append(DigitRun(run.start(), run.end(), text))
        elif (month := month_number(text)) is not None:
            found.append(DigitRun(run.start(), run.end(), text, month))
    return DigitRuns(stem, tuple(found))
