"""Cameras are found and described; a wrong password is tried once; a moved one is found again."""

from __future__ import annotations

import contextlib
import random
import socket
from collections.abc import Iterator

import pytest
from broker import free_port
from fake_onvif import FakeOnvif

from edge_agent.discovery import Account, OnvifCamera, SearchPlan, find_again, search
from edge_agent.discovery.brand import brand_of
from edge_agent.discovery.network import hardware_addresses, network_of, open_ports
from edge_agent.discovery.onvif import OnvifFault
from edge_agent.discovery.wsd import read_answer
from edge_agent.errors import CredentialRefused, SourceUnreachable

RIGHT = Account("viewer", "right")
YEAR_S = 365 * 86400.0


def household() -> list[FakeOnvif]:
    onvif = "onvif://www.onvif.org"
    return [
        FakeOnvif("127.0.3.1", "HIKVISION", "DS-2CD2143", f"{onvif}/name/HIKVISION", "HK1"),
        FakeOnvif("127.0.3.2", "Dahua", "IPC-HFW1", f"{onvif}/hardware/IPC-HFW1", "DH1", answers=2),
        FakeOnvif(
            "127.0.3.3", "TP-Link", "Tapo C310", f"{onvif}/name/Tapo_C310", "TP1", late_s=1.0
        ),
        FakeOnvif("127.0.3.4", "Reolink", "RLC-410", f"{onvif}/name/Reolink", "RL1"),
        FakeOnvif(
            "127.0.3.5", "UNIVIEW", "IPC322", f"{onvif}/name/UNV", "UN1", clock_off_s=-YEAR_S
        ),
        FakeOnvif("127.0.3.6", "H264", "XM530", f"{onvif}/name/H264DVR", "XM1"),
        FakeOnvif("127.0.3.7", "Weird", "Box", f"{onvif}/name/IPC", "WB1"),
    ]


@contextlib.contextmanager
def running(cameras: list[FakeOnvif]) -> Iterator[SearchPlan]:
    port = free_port()
    with contextlib.ExitStack() as stack:
        for camera in cameras:
            stack.enter_context(camera.running(port))
        addresses = [camera.address for camera in cameras] + ["127.0.3.200"]
        yield SearchPlan(addresses=tuple(addresses), wait_s=2.0, wsd_port=port, multicast=False)


def test_a_household_is_found_by_brand_each_once_with_its_small_stream() -> None:
    cameras = household()
    with running(cameras) as plan:
        found = search(plan, RIGHT)
    assert [camera.address for camera in found] == [camera.address for camera in cameras]
    brands = ["hikvision", "dahua", "tapo", "reolink", "uniview", "xmeye", "generic"]
    assert [camera.brand for camera in found] == brands
    assert [camera.serial for camera in found] == [camera.serial for camera in cameras]
    for camera in found:
        assert camera.note == ""
        assert camera.urls == (
            f"rtsp://{camera.address}:554/sub",
            f"rtsp://{camera.address}:554/main",
        ), "the address that answered, and no factory login"
    assert [camera.logins for camera in cameras] == [1] * len(cameras)


def test_a_clock_a_year_off_is_told_and_is_no_wrong_password() -> None:
    camera = household()[4]
    with running([camera]) as plan:
        found = search(plan, RIGHT)[0]
    assert found.serial == "UN1"
    assert found.clock_offset_s == pytest.approx(-YEAR_S, abs=5)


def test_a_wrong_password_is_tried_once_and_nobody_is_locked_out() -> None:
    cameras = household()
    with running(cameras) as plan:
        found = search(plan, Account("viewer", "wrong"))
    assert all("refuses the login" in camera.note for camera in found)
    assert [camera.wrong for camera in cameras] == [1] * len(cameras)
    assert "wrong" not in str(found)


def test_without_a_login_nobody_is_asked_with_one() -> None:
    cameras = household()
    with running(cameras) as plan:
        found = search(plan)
    assert [camera.logins for camera in cameras] == [0] * len(cameras)
    assert found[0].urls[0] == "rtsp://127.0.3.1:554/Streaming/Channels/102", "the brand's own"


def test_a_camera_whose_address_changed_is_found_by_its_serial_number() -> None:
    cameras = household()[:3]
    with running(cameras) as plan:
        assert find_again("DH1", plan, RIGHT) == "127.0.3.2"
        assert find_again("NOBODY", plan, RIGHT) is None


def test_a_password_never_goes_over_the_network_in_clear() -> None:
    camera = FakeOnvif("127.0.3.9", "Old", "Cam", "onvif://www.onvif.org/name/old", text_only=True)
    with running([camera]):
        device = OnvifCamera(f"http://127.0.3.9:{camera.http_port}/onvif/device_service")
        device.clock_offset_s()
        with pytest.raises(CredentialRefused):
            device.sign_in(RIGHT)
        assert device.sign_in(Account("viewer", "right", in_clear=True)).maker == "Old"


def test_a_web_page_or_nobody_is_no_camera() -> None:
    with pytest.raises(SourceUnreachable):
        OnvifCamera(f"http://127.0.0.1:{free_port()}/", timeout_s=1).clock_offset_s()
    camera = FakeOnvif("127.0.3.9", "Web", "Page", "", discovered=False)
    with running([camera]) as plan:
        assert search(plan, RIGHT) == []
        device = OnvifCamera(f"http://127.0.3.9:{camera.http_port}/onvif/device_service")
        camera.soap = lambda body: (200, "<html>Login</html>")  # type: ignore[method-assign]
        with pytest.raises(OnvifFault):
            device.clock_offset_s()


def test_open_ports_are_told_when_asked() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.3.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        found = open_ports(["127.0.3.1", "127.0.3.2"], [port, free_port()])
    assert found == {"127.0.3.1": [port]}


def test_whatever_comes_over_the_network_is_an_answer_or_nothing() -> None:
    good = household()[0].match().encode()
    assert read_answer(good, "127.0.3.1") is not None
    rng = random.Random(5)
    for _ in range(500):
        damaged = bytearray(good)
        for _ in range(rng.randint(1, 20)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        read_answer(bytes(damaged[: rng.randrange(len(damaged))]), "127.0.3.1")
    bomb = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'
    assert read_answer(bomb, "127.0.3.1") is None
    assert read_answer(b"<a>" * 20000, "127.0.3.1") is None


def test_networks_and_hardware_addresses(tmp_path: object) -> None:
    network = network_of("192.168.1.20/24")
    assert network.address == "192.168.1.20"
    assert len(network.hosts) == 253
    assert "192.168.1.20" not in network.hosts
    assert len(network_of("10.0.0.1/8").hosts) == 1024
    table = tmp_path / "arp"  # type: ignore[operator]
    table.write_text(
        "IP address HW type Flags HW address Mask Device\n"
        "192.168.1.64 0x1 0x2 44:19:B6:00:11:22 * eth0\n"
        "192.168.1.65 0x1 0x0 00:00:00:00:00:00 * eth0\n"
    )
    assert hardware_addresses(table) == {"192.168.1.64": "44:19:b6:00:11:22"}


def test_a_brand_is_told_by_words_then_hardware_then_port() -> None:
    assert brand_of({"its name": "KBVISION KX-C2003"})[0] == "dahua"
    assert brand_of({}, "ec:71:db:01:02:03")[0] == "reolink"
    assert brand_of({}, "", (34567,))[0] == "xmeye"
    assert brand_of({})[0] == "generic"
