"""What a person reads, in English or Vietnamese: gettext with one catalogue.

    from edge_agent.language import _
    print(_("The camera answers."))

Texts that are made elsewhere, as an error's, are kept in `translatable` and said by `told`.
Machine output and logs stay English. The language is `--lang`, else LC_ALL, LC_MESSAGES or LANG.
`make messages` brings the catalogue up to date.
"""

from __future__ import annotations

import gettext
import os
import re
from functools import cache
from pathlib import Path

LANGUAGES = ("en", "vi")
DOMAIN = "edge-agent"
FOLDER = Path(__file__).parent / "locale"

_FIELD = re.compile(r"\{(\w+)\}")

_catalogue: gettext.NullTranslations = gettext.NullTranslations()


def speak(language: str | None = None) -> None:
    """From now on. None: as the environment says. For command line programs, before any output."""
    global _catalogue  # noqa: PLW0603 - one program speaks one language
    chosen = language or _of_environment()
    if chosen == "en":
        _catalogue = gettext.NullTranslations()
        return
    _catalogue = gettext.translation(DOMAIN, FOLDER, [chosen], fallback=True)


def _(text: str) -> str:
    """`text` as the person reads it."""
    return _catalogue.gettext(text)


def spoken() -> str:
    """`en` or `vi`; `en` before anybody chose."""
    return "vi" if isinstance(_catalogue, gettext.GNUTranslations) else "en"


def translatable(*sentences: str) -> tuple[str, ...]:
    """The sentences as they are, noted for the catalogue: `told` says them later."""
    return sentences


def told(text: str, sentences: tuple[str, ...]) -> str:
    """A finished English text in the person's language.

    `sentences` hold `{fields}`. The first that fits the whole text is said, with what stood in
    its fields, which may be such texts themselves; `{number}` is digits. A text that none fits
    stays as it is.
    """
    if spoken() == "en":
        return text
    for sentence in sentences:
        found = _pattern(sentence).fullmatch(text)
        if found:
            fields = {name: told(each, sentences) for name, each in found.groupdict().items()}
            return _(sentence).format(**fields)
    return text


@cache
def _pattern(sentence: str) -> re.Pattern[str]:
    parts = _FIELD.split(sentence)
    literal = [re.escape(part) for part in parts[::2]]
    fields = [f"(?P<{name}>{'[-+0-9.]+' if name == 'number' else '.+?'})" for name in parts[1::2]]
    return re.compile("".join(a + b for a, b in zip(literal, [*fields, ""], strict=True)), re.S)


def _of_environment() -> str:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(name, "")
        if value:
            return "vi" if value.startswith("vi") else "en"
    return "en"
