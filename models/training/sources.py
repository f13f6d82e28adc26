"""Where training pictures come from: one TOML entry per public repository.

    [[source]]
    repository = "OWNER/NAME"
    commit = "40 hex digits"       # the newest commit that was looked at
    pattern = "^images/.*"         # regular expression, searched in each path
    licence = "MIT"                # as stated there, or "unstated"
    kind = "fixed cameras"
    label = "teacher"              # "rare": people are seldom there; "empty": nobody is
    most = 2000                    # pictures, spread over all that match
    share = 2.0                    # how often each is learnt, beside 1.0
    left_out = true                # whole source kept for judging: never learnt from
    aspect = 1.78                  # width / height before somebody stretched them (optional)

Some repositories must never be learnt from, because figures are measured on their pictures
(or on copies of them). The reader refuses them, whoever writes them into the file.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

import msgspec

#: Held out for judging, with the sources of copies of what is held out. Lower case.
EXCLUDED = frozenset(
    (
        "lightly-ai/coco128_yolo",
        "zzowenzz/coco_tiny",
        "obmutescence/coco-mini",
        "enginbozaba/tiny_coco",
        "fernando-crz/image-search",
        "opentracker/opentracker",
        "thaitin/data_tin",
        "mouso00/human-detection-dataset-",
        "mirafratech/camera-tampering",
        "video-analysis-system/vas-research",
        "ahsanirfan961/person-tracker",
    )
)
#: All that these owners publish.
EXCLUDED_OWNERS = frozenset(("ahmetozlu", "andrewssobral", "opentracker"))
#: Held-out sets under other names, in a repository's name or in a picture's path.
EXCLUDED_NAMES = re.compile(r"penn-?fudan|pets-?09|coco_?val_?2017|val2017|\botb\b", re.IGNORECASE)
#: Licences that forbid what is done here.
FORBIDDING = re.compile(r"non-?commercial|research only|\bNC\b|\bGPL|-ND\b", re.IGNORECASE)

Label = Literal["teacher", "rare", "empty"]
Positive = Annotated[float, msgspec.Meta(gt=0)]


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One repository; see above."""

    repository: Annotated[str, msgspec.Meta(pattern=r"^[^/\s]+/[^/\s]+$")]
    commit: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{40}$")]
    pattern: str
    licence: Annotated[str, msgspec.Meta(min_length=1)]
    kind: str
    label: Label
    most: Annotated[int, msgspec.Meta(ge=1)]
    share: Positive = 1.0
    left_out: bool = False
    aspect: Positive | None = None

    @property
    def shard_name(self) -> str:
        """File name without its ending: what is left out shows it."""
        return ("left-" if self.left_out else "train-") + self.repository.replace("/", "+")


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    source: tuple[Source, ...]


def read_sources(path: Path) -> tuple[Source, ...]:
    """Raises ValueError naming the file, the source and what is wrong with it."""
    try:
        sources = msgspec.toml.decode(path.read_bytes(), type=_File).source
    except (msgspec.MsgspecError, OSError) as error:
        raise ValueError(f"{path}: {error}") from error
    seen: set[str] = set()
    for source in sources:
        problem = _problem(source, seen)
        if problem:
            raise ValueError(f"{path}: {source.repository}: {problem}")
        seen.add(source.repository.lower())
    return sources


def _problem(source: Source, seen: set[str]) -> str | None:
    name = source.repository.lower()
    if name in EXCLUDED or name.split("/")[0] in EXCLUDED_OWNERS or EXCLUDED_NAMES.search(name):
        return "is kept for judging, or holds copies of what is: it must never be learnt from"
    if FORBIDDING.search(source.licence):
        return f"its licence ({source.licence}) forbids this use"
    if name in seen:
        return "is named twice; give it one entry, or learnt and left out would mix"
    try:
        re.compile(source.pattern)
    except re.error as error:
        return f"pattern {source.pattern!r} is no regular expression: {error}"
    return None
