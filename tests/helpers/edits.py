"""Random edits of a configuration as people, editors and tools make them: sound, wrong, half.

`standing` and `flashing` get only edits that decide, and mistakes; `changing` gets all: other
sources, removed, renamed, switched off. `folder` is a recorder's folder whose settings change.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

DECIDED = ("standing", "flashing", "folder")
_ZONES = """
[[zones]]
name = "{name}"
polygon = [[0, 0], [1, 0], [1, 1], [0, 1]]
"""
_IGNORE = """
[[ignore_zones]]
name = "flag"
polygon = [[0, 0], [0.1, 0], [0.1, 0.1]]
"""
_MISTAKES = (
    "[person]\nconfirm_looks = 0\n",
    "[person]\nconfirm_lokks = 2\n",
    'fps = "fast"\n',
    "[motion\n",
    '[[zones]]\nname = "x"\npolygon = [[0, 0]]\n',
)


@dataclass
class Editor:
    """Edits the files below `folder`; `sound` is what the next sound edit leaves."""

    folder: Path
    sources: dict[str, str]  # the [source] table of each camera
    others: tuple[str, str]  # two that `changing` may have
    seed: int
    made: int = 0
    kinds: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._texts = {name: self._text(name) for name in self.sources}

    @property
    def cameras(self) -> Path:
        return self.folder / "cameras.d"

    def edit(self) -> str:
        """One more; says which kind."""
        kinds: list[tuple[Callable[[], None], int]] = [
            (self.decide, 8),
            (self.mistake, 3),
            (self.half_written, 2),
            (self.burst, 2),
            (self.other_source, 2),
            (self.add_or_remove, 3),
            (self.rename, 1),
            (self.everyone, 2),
        ]
        chosen = self._random.choices([one for one, _ in kinds], [weight for _, weight in kinds])[0]
        chosen()
        self.made += 1
        self.kinds[chosen.__name__] = self.kinds.get(chosen.__name__, 0) + 1
        return chosen.__name__

    def settle(self) -> None:
        """The last edit: all files are sound."""
        for name in DECIDED:
            self._put(name, self._texts[name])
        for path in self.cameras.glob("more-*.toml"):
            path.unlink()
        self._put("changing", self._texts["changing"])

    # --- kinds ---

    def decide(self) -> None:
        name = self._random.choice(DECIDED)
        self._texts[name] = self._text(name)
        self._put(name, self._texts[name])

    def mistake(self) -> None:
        name = self._random.choice(DECIDED)
        base = self.sources[name]
        self._put(name, f'id = "{name}"\n{base}{self._random.choice(_MISTAKES)}')

    def half_written(self) -> None:
        """In place, in two writes."""
        name = self._random.choice(DECIDED)
        text = self._texts[name] = self._text(name)
        path = self.cameras / f"{name}.toml"
        with path.open("w") as file:
            file.write(text[: self._random.randrange(len(text))])
            file.flush()
            if self._random.random() < 0.5:
                return  # and there it stays, until the next edit
            file.write(text[file.tell() :])

    def burst(self) -> None:
        for _ in range(3):
            self.decide()

    def other_source(self) -> None:
        self.sources["changing"] = self._random.choice(self.others)
        self._texts["changing"] = self._text("changing")
        self._put("changing", self._texts["changing"])

    def add_or_remove(self) -> None:
        path = self.cameras / f"more-{self._random.randrange(2)}.toml"
        if path.exists():
            path.unlink()
        else:
            source = self._random.choice(self.others)
            self._write(path, f'id = "{path.stem}"\n{source}')

    def rename(self) -> None:
        """The file's name says nothing; the camera goes on."""
        paths = sorted(self.cameras.glob("changing*.toml"))
        if paths:
            paths[0].rename(self.cameras / f"changing{self._random.randrange(9)}.toml")

    def everyone(self) -> None:
        path = self.folder / "agent.toml"
        head = path.read_text().partition("[analysis]")[0]
        fps = self._random.choice((4, 5, 6))
        self._write(path, f"{head}[analysis]\nfps = {fps}\n")

    # --- parts ---

    def _text(self, name: str) -> str:
        chance = self._random.random
        person = f"[person]\nconfirm_looks = {self._random.randint(1, 2)}\nlost_after_s = 3\n"
        person += f"min_height_frac = {self._random.choice((0, 0.1, 0.3))}\n"
        parts = [f'id = "{name}"\n']
        if chance() < 0.3:
            parts.append(f"fps = {self._random.choice((4, 5))}\n")
        parts.append(f"{self.sources[name]}{person}")
        if chance() < 0.5:
            parts.append(f"[motion]\nsensitivity = {self._random.choice((0.8, 1.0, 1.5))}\n")
        if chance() < 0.5:
            parts.append(_ZONES.format(name=self._random.choice(("door", "gate", "yard"))))
        if chance() < 0.3:
            parts.append(_IGNORE)
        return "".join(parts)

    def _put(self, name: str, text: str) -> None:
        paths = sorted(self.cameras.glob(f"{name}*.toml"))
        self._write(paths[0] if paths else self.cameras / f"{name}.toml", text)

    def _write(self, path: Path, text: str) -> None:
        """As an editor: a new file, renamed over the old one."""
        new = path.with_name(f".{path.name}.new")
        new.write_text(text)
        new.rename(path)
