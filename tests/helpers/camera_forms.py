"""Camera files as people write them: the same settings in every form that TOML has for them."""

from __future__ import annotations

import random
from typing import Any

KINDS = ("zones", "ignore_zones", "privacy_masks")


class CameraForms:
    """Makes one text for each seed."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def text(self) -> str:
        chance, kinds = self.chance, list(KINDS)
        top = ['id = "gate"' + self.one("", "  # id")]
        if chance.random() < 0.3:
            top.append('name = """\n[[zones]]\nname = "no"\n"""')
        tables: list[list[list[str]]] = [[["[source] # where", 'kind = "file"', 'path = "a"']]]
        if chance.random() < 0.4:
            tables.append([["[health]", 'ignore = ["dark"]']])
        person = self.one("", "dotted", "inline", "table", "bare")
        if person in ("table", "bare"):
            more = ["min_height_frac = 0.25  # far"] if person == "table" else []
            tables.append([["[person]", "confirm_looks = 3", *more]])
        elif person:
            dotted = "person.min_height_frac = 0.1 # dot"
            inline = "person = {min_height_frac = 0.1, confirm_looks = 2}"
            top.append(dotted if person == "dotted" else inline)
        for kind in kinds:
            count = self.one(0, 0, 1, 2, 3)
            if count and chance.random() < 0.25:
                top.append(self.inline(kind, count))
            elif count:
                tables.append([self.table(kind, number) for number in range(count)])
        text = "\n".join([*top, *self.mixed(tables), *self.one([], [""], ["# end"])])
        return text.replace("\n", "\r\n") if chance.random() < 0.2 else text

    def one(self, *choices: Any) -> Any:
        return self.chance.choice(choices)

    def mixed(self, tables: list[list[list[str]]]) -> list[str]:
        """In any order; those of one kind not always together."""
        self.chance.shuffle(tables)
        lines: list[str] = []
        apart = self.chance.random() < 0.3
        while tables:
            some = self.chance.choice(tables) if apart else tables[0]
            lines += self.one([], [""], ["", "# before"], ["#tight"], ["   ", "# a", "", "# b"])
            lines += some.pop(0)
            tables = [table for table in tables if table]
        return lines

    def polygon(self) -> str:
        corners = [
            [self.chance.choice([0, 1, 0.5, 0.333, 1.0]) for _ in range(2)]
            for _ in range(self.chance.randint(3, 6))
        ]
        lines = "".join(f"  [{x}, {y}],{self.one('', ' # p ]')}\n" for x, y in corners)
        tight = ",".join(f"[{x},{y}]" for x, y in corners)
        wide = " ],\n\t[ ".join(f"{x} , {y}" for x, y in corners)
        return str(self.one(str(corners), f"[{tight}]", f"[\n{lines}]", f"[ [ {wide} ] ]"))

    def table(self, kind: str, number: int) -> list[str]:
        header = self.one(
            f"[[{kind}]]", f"[[ {kind} ]]", f'[["{kind}"]]', f"  [[{kind}]] # [[{kind}]] {number}"
        )
        lines = [f'name = "n{number}"{self.one("", "  # x = 1")}']
        lines.append(f"polygon = {self.polygon()}{self.one('', ' # [1]')}")
        if kind == "zones" and self.chance.random() < 0.4:
            lines.append("dwell_s = 2")
        self.chance.shuffle(lines)
        if kind == "zones" and self.chance.random() < 0.3:
            lines += ["", "# when", "[[zones.schedule]]", '  start = "22:00"']
        return [str(header), *lines]

    def inline(self, kind: str, count: int) -> str:
        entries = [f'{{name = "n{i}", polygon = [[0, 0], [1, 0], [1, 1]]}}' for i in range(count)]
        lines = "".join(f"  {entry}, # e\n" for entry in entries)
        one = f"{kind} = [{', '.join(entries)}]"
        return str(
            self.one(one, f"{kind} = [\n{lines}]", f"{kind}=[\n" + ",\n".join(entries) + "\n]")
        )
