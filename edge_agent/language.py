"""What a person reads, in English or Vietnamese: gettext with one catalogue.

    from edge_agent.language import _
    print(_("The camera answers."))

Machine output and logs stay English. The language is `--lang`, else LC_ALL, LC_MESSAGES or LANG.
"""

from __future__ import annotations

import gettext
import os
from pathlib import Path

LANGUAGES = ("en", "vi")
DOMAIN = "edge-agent"
FOLDER = Path(__file__).parent / "locale"

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


def _of_environment() -> str:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(name, "")
        if value:
            return "vi" if value.startswith("vi") else "en"
    return "en"
