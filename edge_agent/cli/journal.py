"""What the agent writes to stderr: lines of the journal under systemd, dated lines elsewhere.

systemd sets $JOURNAL_STREAM to the device and inode of the stream that it reads
(systemd.exec(5)). A line that begins with <N> has that priority there (sd-daemon(3)); the journal
dates lines itself.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import TextIO

from edge_agent.foreign_text import PrintableFormatter, printable

#: syslog(3): LOG_CRIT 2, LOG_ERR 3, LOG_WARNING 4, LOG_INFO 6, LOG_DEBUG 7.
_PRIORITIES = (
    (logging.CRITICAL, 2),
    (logging.ERROR, 3),
    (logging.WARNING, 4),
    (logging.INFO, 6),
    (logging.NOTSET, 7),
)
_DATED = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


class JournalFormatter(PrintableFormatter):
    """Each line with its priority: the journal makes an entry of each line of a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        return prefixed(super().format(record), record.levelno)


def prefixed(text: str, level: int) -> str:
    """`text` as the journal reads it, at a level of `logging`."""
    priority = next(number for least, number in _PRIORITIES if level >= least)
    return "\n".join(f"<{priority}>{line}" for line in text.splitlines() or [""])


def goes_to_journal(stream: TextIO) -> bool:
    """Whether systemd reads `stream`."""
    named = os.environ.get("JOURNAL_STREAM", "")
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return named == f"{status.st_dev}:{status.st_ino}"


def log_to_stderr(level: int = logging.WARNING) -> None:
    """Sets up logging for a command."""
    journal = goes_to_journal(sys.stderr)
    handler = logging.StreamHandler()
    handler.setFormatter(JournalFormatter("%(message)s") if journal else PrintableFormatter(_DATED))
    logging.basicConfig(level=level, handlers=[handler])


def complain(text: str) -> None:
    """A last word on stderr."""
    journal, text = goes_to_journal(sys.stderr), printable(text, keep="\n")
    print(prefixed(text, logging.ERROR) if journal else text, file=sys.stderr)
