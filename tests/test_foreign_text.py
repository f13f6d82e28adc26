"""What somebody else wrote never commands a terminal, and never forges a line of a log."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from edge_agent.cli.main import main
from edge_agent.errors import ConfigProblem
from edge_agent.foreign_text import PrintableFormatter, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Sân trước 1", "Sân trước 1"),
        ("\x1b[2J\x1b]0;pwn\x07", r"\x1b[2J\x1b]0;pwn\x07"),
        ("nl\n2026 ERROR forged", r"nl\n2026 ERROR forged"),
        ("cr\rforged", r"cr\rforged"),
        ("csi\x9b2J", r"csi\x9b2J"),
        ("bidi\u202egnp", r"bidi\u202egnp"),
        ("zero\u200bwidth\u2028line", r"zero\u200bwidth\u2028line"),
        ("raw\udcff\udcfe", r"raw\xff\xfe"),
        ("alone\ud800", r"alone\ud800"),
        (b"raw\xff\x1b", r"raw\xff\x1b"),
        (Path("a/\x1bb"), r"a/\x1bb"),
    ],
)
def test_what_does_not_print_is_escaped(text: str | bytes | Path, shown: str) -> None:
    assert printable(text) == shown
    assert printable(text).isprintable()


def test_lines_of_ours_stay_where_asked_for() -> None:
    assert printable("one\ntwo\r\x1b", keep="\n") == "one\ntwo\\r\\x1b"


def test_a_log_record_is_one_line() -> None:
    record = logging.makeLogRecord({"msg": "camera says %s", "args": ("x\nERROR forged\x1b[1m",)})
    assert PrintableFormatter("%(message)s").format(record) == (
        "camera says x\\nERROR forged\\x1b[1m"
    )


def test_a_key_of_the_configuration_is_escaped() -> None:
    problem = ConfigProblem("agent.toml", "bo\x1b[2Jx", "unknown key", "")
    assert str(problem) == r"agent.toml: bo\x1b[2Jx: unknown key"


@pytest.mark.parametrize("name", ["esc\x1b[2J\x07cr\rx", "nl\nx", "bidi\u202egnp", "raw\udcff"])
def test_probe_of_a_folder_escapes_what_was_uploaded(
    name: str, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    for second in range(3):
        (tmp_path / f"{name}_20261126-18000{second}.mp4").write_bytes(b"junk")
    main(["probe", str(tmp_path), "--time-zone", "UTC"])
    written = b"".join(capfdbinary.readouterr())
    assert b"18000" in written
    assert not [byte for byte in written if byte < 32 and byte != 10]
    assert written.decode().replace("\n", "").isprintable()


def test_probe_escapes_the_name_of_a_file(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    clip = tmp_path / "a\x1b[2Jb.mp4"
    clip.write_bytes(b"junk")
    assert main(["probe", str(clip)]) == 1
    assert main(["replay", str(clip)]) != 0
    written = b"".join(capfdbinary.readouterr())
    assert b"a\\x1b[2Jb.mp4" in written
    assert b"\x1b" not in written
