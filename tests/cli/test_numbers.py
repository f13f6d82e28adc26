"""Numbers on the command line are refused in words that say what is allowed."""

from __future__ import annotations

import pytest

from edge_agent.cli import build_parser

WRONG = {
    "demo --seconds nan": "needs a number from 1 to 3600 s, not 'nan'",
    "demo --seconds 0": "needs a number from 1 to 3600 s, not '0'",
    "demo --seconds soon": "needs a number from 1 to 3600 s, not 'soon'",
    "probe clip --seconds -1": "needs a number from 1 to 3600 s, not '-1'",
    "probe clip --seconds inf": "needs a number from 1 to 3600 s, not 'inf'",
    "replay clip --fps abc": "needs a number from 0.5 to 30, not 'abc'",
    "replay clip --fps 31": "needs a number from 0.5 to 30, not '31'",
    "ward listen --db d --ward w --port 99999": "needs a port from 1 to 65535, not '99999'",
    "ward listen --db d --ward w --port mqtt": "needs a port from 1 to 65535, not 'mqtt'",
    "ward listen --db d --ward #": "ward id '#': needs 1 to 32 of",
}


@pytest.mark.parametrize("line", WRONG)
def test_wrong_number_is_refused(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        build_parser().parse_args(line.split())
    assert end.value.code == 2
    assert WRONG[line] in capsys.readouterr().err


def test_numbers_at_the_ends_of_the_range_are_taken() -> None:
    parse = build_parser().parse_args
    assert parse(["probe", "clip", "--seconds", "1"]).seconds == 1.0
    assert parse(["probe", "clip", "--seconds", "3600"]).seconds == 3600.0
    listen = ["ward", "listen", "--db", "d", "--ward", "w", "--port"]
    assert [parse([*listen, port]).port for port in ("1", "65535")] == [1, 65535]
