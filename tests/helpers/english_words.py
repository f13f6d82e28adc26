"""What is left in English of a text that should be Vietnamese."""

from __future__ import annotations

import re

#: Commands, keys, names, files, codecs, addresses: the same in every language.
TECHNICAL = re.compile(
    r"timedatectl.*|\S+\.pem|rtsp://\S+|[\w.-]+:\d+|/[\w./-]+|\w+_\w+|\"[^\"]*\"|EA-[A-Z]+-\d+"
    r"|MQTT [\d.]+|ea/v1\S*"
)
#: A few words that no Vietnamese text has, and that every English sentence has one of.
ENGLISH = re.compile(
    r"\b(?:the|is|are|was|of|for|and|not|its?|this|that|with|after|now|least|most|best|free|"
    r"than|come|comes|far|more|has|have|while|because|again|until|nobody|looked|times|"
    r"waiting|sent|came|gone|ago|moving|still|none|from|does|see|use|set|written|picture)\b",
    re.IGNORECASE,
)


def english(text: str) -> list[str]:
    """Lines that hold an English word."""
    return [line for line in text.splitlines() if ENGLISH.search(TECHNICAL.sub("", line))]
