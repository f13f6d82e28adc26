"""Nothing is lost and nothing is doubled, whoever is killed when."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from broker import have_mosquitto
from chaos import Chaos, ChaosPlan


@pytest.mark.slow
@pytest.mark.skipif(not have_mosquitto(), reason="mosquitto is not installed")
def test_killing_box_broker_and_ward_ten_times_loses_and_doubles_nothing(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"chaos seed {seed}")
    plan = ChaosPlan(
        events=600, kills=10, seed=seed, per_s=60, resend_after_s=1.0, settle_timeout_s=70
    )
    report = Chaos(tmp_path, plan).run()
    print(report)
    assert report.accepted >= 600
    assert (report.lost, report.doubled, report.misnumbered) == ([], 0, 0), report
