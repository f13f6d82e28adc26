"""The ledger of recorder files: which there were, and what became of each.

It lies in the outbox's database, so that a clip's events, its row and the carry-over are one
transaction. The writer thread alone writes it; `LedgerReader` looks, one for each thread.
"""

from edge_agent.recorders.ledger.entries import (
    ClipProgress,
    LedgerClip,
    LeftOutFile,
    LeftOutState,
    OldFile,
    Run,
    RunHead,
)
from edge_agent.recorders.ledger.reader import LedgerReader, RefusedFile
from edge_agent.recorders.ledger.upkeep import LedgerUpkeep

__all__ = [
    "ClipProgress",
    "LedgerClip",
    "LedgerReader",
    "LedgerUpkeep",
    "LeftOutFile",
    "LeftOutState",
    "OldFile",
    "RefusedFile",
    "Run",
    "RunHead",
]
