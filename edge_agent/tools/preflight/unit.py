"""The installed systemd unit with its drop-ins: who the service is, and what it may write.

Read from the files themselves (systemd.unit(5)): `systemctl show` needs a running systemd, and
a card is often prepared on another machine.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_agent.config.files import unit_words

UNIT = "edge-agent.service"
#: Where units lie, the strongest first.
_FOLDERS = (
    "etc/systemd/system",
    "run/systemd/system",
    "usr/local/lib/systemd/system",
    "usr/lib/systemd/system",
    "lib/systemd/system",
)
_STRICT_WRITABLE = ("/dev", "/proc", "/sys")
_TEMPORARY = ("/tmp", "/var/tmp")  # noqa: S108 - named, not used
_HOMES = ("/home", "/root", "/run/user")


@dataclass(frozen=True, slots=True)
class InstalledUnit:
    """What of the unit decides whether the agent can work."""

    files: tuple[Path, ...]  # the unit, then its drop-ins
    settings: Mapping[str, Sequence[str]]  # of [Service]; each value as it was written

    @property
    def user(self) -> str:
        return self._last("User") or "root"

    @property
    def group(self) -> str:
        return self._last("Group")

    @property
    def groups(self) -> tuple[str, ...]:
        return tuple(self._words("SupplementaryGroups"))

    @property
    def config_path(self) -> Path | None:
        """What `run --config` names in ExecStart; None: it names nothing."""
        for command in self.settings.get("ExecStart", ()):
            words = shlex.split(command)
            for at, word in enumerate(words):
                if word == "--config" and at + 1 < len(words):
                    return Path(words[at + 1])
                if word.startswith("--config="):
                    return Path(word.partition("=")[2])
        return None

    @property
    def credentials(self) -> Mapping[str, str]:
        """Names that LoadCredential= and its like hand over -> the file they come from, or ''."""
        found: dict[str, str] = {}
        for key in ("LoadCredential", "LoadCredentialEncrypted"):
            for value in self.settings.get(key, ()):
                name, _, path = value.strip().partition(":")
                found[name] = path
        for key in ("SetCredential", "SetCredentialEncrypted", "ImportCredential"):
            found |= {value.strip().partition(":")[0]: "" for value in self.settings.get(key, ())}
        return found

    @property
    def opened_paths(self) -> tuple[str, ...]:
        """ReadWritePaths= without the marks before them; those that must exist come as they are."""
        return tuple(self._words("ReadWritePaths"))

    def hidden(self, path: Path) -> str:
        """The setting that keeps the service from seeing `path`; '' when none does."""
        for key in ("InaccessiblePaths", "TemporaryFileSystem"):
            if any(_is_below(path, word.partition(":")[0]) for word in self._words(key)):
                return key
        bound = [
            word.split(":")[-1]
            for key in ("BindPaths", "BindReadOnlyPaths")
            for word in self._words(key)
        ]
        if any(_is_below(path, each) for each in bound):
            return ""
        home = self._last("ProtectHome").casefold()
        if home in ("yes", "true", "on", "1", "tmpfs") and _is_below(path, *_HOMES):
            return f"ProtectHome={home}"
        if self._is_on("PrivateTmp") and _is_below(path, *_TEMPORARY):
            return "PrivateTmp=yes"
        return ""

    def read_only(self, path: Path) -> str:
        """The setting that keeps the service from writing `path`; '' when it may."""
        rules = [(folder, "") for folder in self._writable_folders()]
        rules += [(_bare(word), "ReadOnlyPaths") for word in self._words("ReadOnlyPaths")]
        system = self._last("ProtectSystem").casefold()
        if system == "strict":
            rules.append(("/", "ProtectSystem=strict"))
            rules += [(folder, "") for folder in _STRICT_WRITABLE]
        elif system in ("full", "yes", "true", "on", "1"):
            closed = ["/usr", "/boot", "/efi"] + (["/etc"] if system == "full" else [])
            rules += [(folder, f"ProtectSystem={system}") for folder in closed]
        if self._last("ProtectHome").casefold() == "read-only":
            rules += [(folder, "ProtectHome=read-only") for folder in _HOMES]
        # The rule of the deepest folder holds.
        holding = [rule for rule in rules if _is_below(path, rule[0])]
        return max(holding, key=lambda rule: len(Path(rule[0]).parts))[1] if holding else ""

    def _writable_folders(self) -> Iterator[str]:
        yield from map(_bare, self.opened_paths)
        for key in ("BindPaths",):
            yield from (_bare(word).split(":")[-1] for word in self._words(key))
        for key, parent in (
            ("StateDirectory", "/var/lib"),
            ("CacheDirectory", "/var/cache"),
            ("LogsDirectory", "/var/log"),
            ("RuntimeDirectory", "/run"),
        ):
            yield from (f"{parent}/{word.partition(':')[0]}" for word in self._words(key))

    def makes(self, path: Path) -> bool:
        """Whether systemd makes this folder for the service's user (StateDirectory=)."""
        named = [f"/var/lib/{word.partition(':')[0]}" for word in self._words("StateDirectory")]
        return any(_is_below(path, folder) for folder in named)

    def _words(self, key: str) -> Iterator[str]:
        for value in self.settings.get(key, ()):
            yield from unit_words(value)

    def _last(self, key: str) -> str:
        values = self.settings.get(key, ())
        return values[-1].strip() if values else ""

    def _is_on(self, key: str) -> bool:
        return self._last(key).casefold() in ("yes", "true", "on", "1")


def find_unit(root: Path = Path("/")) -> InstalledUnit | None:
    """The unit as systemd would load it, or None where none is installed."""
    folders = [root / folder for folder in _FOLDERS]
    unit = next((folder / UNIT for folder in folders if (folder / UNIT).is_file()), None)
    if unit is None:
        return None
    drop_ins: dict[str, Path] = {}
    for folder in reversed(folders):
        for path in (folder / f"{UNIT}.d").glob("*.conf"):
            drop_ins[path.name] = path
    files = (unit, *(drop_ins[name] for name in sorted(drop_ins)))
    settings: dict[str, list[str]] = {}
    for path in files:
        try:
            text = path.read_text(errors="replace")
        except OSError:
            continue
        for key, value in _service_lines(text):
            if value:
                settings.setdefault(key, []).append(value)
            else:
                settings[key] = []  # an empty value forgets what was said before
    return InstalledUnit(files, settings)


def _service_lines(text: str) -> Iterator[tuple[str, str]]:
    section = ""
    for raw in text.replace("\\\n", " ").splitlines():
        line = raw.strip()
        if line.startswith(("#", ";")) or not line:
            continue
        if line.startswith("["):
            section = line
        elif section == "[Service]":
            key, _, value = line.partition("=")
            yield key.strip(), value.strip()


def _bare(path: str) -> str:
    return path.lstrip("-+!")


def _is_below(path: Path, *folders: str) -> bool:
    return any(
        path == Path(_bare(folder)) or Path(_bare(folder)) in path.parents for folder in folders
    )
