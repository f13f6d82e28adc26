"""Files that are no camera's are told: in the ledger, and by the camera's status."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import flash
import pytest
from ingest_box import GATE, ingest_box

from edge_agent.clock import ManualClock
from edge_agent.recorders.find import Stray
from edge_agent.recorders.ingest.found import strays_left_out
from edge_agent.recorders.ingest.standing import FolderStanding
from edge_agent.recorders.ingest.watched import WatchedFolders
from edge_agent.recorders.ledger import LedgerReader
from edge_agent.recorders.ledger import rows as ledger


def test_ledger_lists_nobodys_files_until_they_are_somebodys(tmp_path: Path) -> None:
    root = tmp_path / "ftp"
    strays = [Stray("yard", 3, "yard/a.mp4", 1.0, 2.0), Stray(None, 40, "b.mp4", 1.0, 2.0)]
    with ingest_box(tmp_path / "state", flash.model(tmp_path)) as box:

        def note(found: list[Stray]) -> None:
            notes = list(strays_left_out(root, found, 5.0))
            box.write(lambda database: ledger.note_left_out(database, notes))

        with LedgerReader(box.state_dir) as reader:
            note(strays)
            assert reader.counts() == {("", "nobody"): 43}
            assert {one.reason for one in reader.refused(9)} == {one.reason for one in strays}
            assert reader.known(root / "yard") is None
            note(strays[:1])
            assert reader.counts() == {("", "nobody"): 3}
            note([])
            assert reader.counts() == {}


@pytest.mark.parametrize(
    ("first_s", "newest_s", "degraded"),
    [
        (100.0, 3700.0, True),  # they began when its own ended
        (100.0, 3000.0, False),  # not for an hour yet
        (-5000.0, 9000.0, False),  # beside its own: another camera's
    ],
)
def test_camera_whose_files_go_unmatched_for_an_hour_is_degraded(
    tmp_path: Path, first_s: float, newest_s: float, degraded: bool
) -> None:
    clock = ManualClock()
    began_s = clock.read().utc_s
    stray = Stray(None, 9, "x.mp4", began_s + first_s, began_s + newest_s)
    status = SimpleNamespace(strays=(stray,))
    tree = cast(
        Any, SimpleNamespace(cameras=(GATE,), watcher=SimpleNamespace(status=lambda: status))
    )
    watched = cast(WatchedFolders, SimpleNamespace(trees=(tree,)))
    standing = FolderStanding(watched, lambda: cast(LedgerReader, None), clock)
    assert standing.strays_instead(tree, GATE) is degraded
    assert standing.left_out(GATE).unclaimed == 9
