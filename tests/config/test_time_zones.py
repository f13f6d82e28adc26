"""Time zones by people's words: found, or refused with the name that was meant."""

from __future__ import annotations

import pytest

from edge_agent.config.time_zones import BadZone, machine_zone, zone_called, zone_meant


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("GMT+7", "Asia/Ho_Chi_Minh"),
        ("UTC+7", "Asia/Ho_Chi_Minh"),
        ("utc + 7", "Asia/Ho_Chi_Minh"),
        ("+07:00", "Asia/Ho_Chi_Minh"),
        ("+7", "Asia/Ho_Chi_Minh"),
        ("UTC+0700", "Asia/Ho_Chi_Minh"),
        ("Asia/Hanoi", "Asia/Ho_Chi_Minh"),
        ("Hà Nội", "Asia/Ho_Chi_Minh"),
        ("Đà Nẵng", "Asia/Ho_Chi_Minh"),
        ("Saigon", "Asia/Ho_Chi_Minh"),
        ("Sài Gòn", "Asia/Ho_Chi_Minh"),
        ("TP.HCM", "Asia/Ho_Chi_Minh"),
        ("Việt Nam", "Asia/Ho_Chi_Minh"),
        ("Ho Chi Minh", "Asia/Ho_Chi_Minh"),
        ("Asia/Ho_Chi_Min", "Asia/Ho_Chi_Minh"),
        ("asia/ho_chi_minh", "Asia/Ho_Chi_Minh"),
        ("Bangkok", "Asia/Bangkok"),
        ("berlin", "Europe/Berlin"),
        ("New York", "America/New_York"),
        ("UTC-5", "America/New_York"),
        ("GMT+5:30", "Asia/Kolkata"),
        ("+8", "Asia/Singapore"),
    ],
)
def test_what_people_write_gets_the_right_suggestion(words: str, name: str) -> None:
    assert zone_meant(words) == name


@pytest.mark.parametrize(
    ("name", "really", "meant"),
    [("Etc/GMT+7", "UTC-7", "Asia/Ho_Chi_Minh"), ("Etc/GMT-7", "UTC+7", "America/Denver")],
)
def test_zone_with_an_inverted_sign_is_refused_with_the_reason(
    name: str, really: str, meant: str
) -> None:
    with pytest.raises(BadZone, match="its sign counts to the west") as error:
        zone_called(name)
    assert really in str(error.value)
    assert meant in error.value.fix


def test_refusal_names_what_was_meant() -> None:
    with pytest.raises(BadZone, match="which no time zone is called") as error:
        zone_called("Asia/Hanoi")
    assert error.value.fix == 'did you mean "Asia/Ho_Chi_Minh"?'


def test_nonsense_has_no_suggestion_but_an_example() -> None:
    with pytest.raises(BadZone) as error:
        zone_called("Mars/Base")
    assert error.value.fix == 'use an IANA name, as "Asia/Ho_Chi_Minh"'


def test_zone_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Ho_Chi_Minh")
    assert machine_zone() == "Asia/Ho_Chi_Minh"
    monkeypatch.setenv("TZ", "Etc/UTC")
    assert machine_zone() == "UTC"
    monkeypatch.setenv("TZ", "somewhere")
    assert machine_zone() != "somewhere"
