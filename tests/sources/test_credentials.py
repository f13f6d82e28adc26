"""Two wrong passwords on the wire, then long pauses; shared by channels, kept over restarts."""

from __future__ import annotations

import stat
import threading
from itertools import pairwise
from pathlib import Path

import pytest
from fake_camera import LoginServer

from edge_agent.clock import ClockQuality, ManualClock, SystemClock
from edge_agent.config.schema import RtspSource
from edge_agent.errors import CredentialRefused, SourceUnreachable
from edge_agent.runtime.stop import StopToken
from edge_agent.sources import CredentialGuard, Login, open_source
from edge_agent.sources.libav import AccessForbidden
from edge_agent.sources.refusal import LoginWithheld

HALF_HOUR_S = 1800.0
WRONG = Login("192.0.2.7", "admin", "wrong")


def tried(guard: CredentialGuard, login: Login = WRONG, camera: str = "front") -> bool:
    """One connection with a wrong password; False when the guard did not let it out."""
    entered = False
    try:
        with guard.attempt(login, camera=camera, stop=StopToken()):
            entered = True
            raise CredentialRefused(f"{camera} refused")  # noqa: TRY301 - as a connection does
    except CredentialRefused:
        return entered


def tries_until(guard: CredentialGuard, clock: ManualClock, hours: float) -> list[float]:
    """Asks each minute; the hours at which a try went out."""
    times = []
    for minute in range(round(hours * 60)):
        if tried(guard, camera=f"channel{minute % 4}"):
            times.append(minute / 60)
        clock.advance(60)
    return times


def test_two_tries_then_growing_pauses() -> None:
    clock = ManualClock()
    hours = tries_until(CredentialGuard(None, clock), clock, 24)
    assert len(hours) <= 8
    assert hours[:3] == pytest.approx([0, 1 / 60, 1 / 60 + 0.5])
    gaps = [b - a for a, b in pairwise(hours[1:])]
    assert gaps == pytest.approx([0.5, 1.0, 2.0, 4.0, 8.0])


def test_refusal_names_the_camera_and_what_to_do_but_no_password() -> None:
    guard = CredentialGuard(None, ManualClock())
    with (
        pytest.raises(CredentialRefused, match=r"front refused; try 1 of 2; check username"),
        guard.attempt(WRONG, camera="front", stop=StopToken()),
    ):
        raise CredentialRefused("front refused")
    assert tried(guard)
    with (
        pytest.raises(
            CredentialRefused, match=r"front: user 'admin' .*next try in 30 min"
        ) as caught,
        guard.attempt(WRONG, camera="front", stop=StopToken()),
    ):
        pytest.fail("went out")
    assert "wrong" not in str(caught.value)
    assert "wrong" not in repr(WRONG)


@pytest.mark.parametrize("reboot", [False, True], ids=["restart", "reboot"])
def test_tries_are_remembered_over_a_restart(tmp_path: Path, reboot: bool) -> None:
    path, clock = tmp_path / "logins.json", ManualClock()
    guard = CredentialGuard(path, clock)
    assert [tried(guard) for _ in range(3)] == [True, True, False]
    clock.advance(600)
    if reboot:
        clock = ManualClock(utc_s=clock.read().utc_s, mono_s=5.0, boot_id="11111111")
    guard = CredentialGuard(path, clock)
    assert guard.pause_s(WRONG, camera="front") == pytest.approx(HALF_HOUR_S - 600)
    clock.advance(HALF_HOUR_S - 601)
    assert not tried(guard)
    clock.advance(2)
    assert tried(guard)
    assert not tried(guard)


def test_without_a_clock_a_reboot_begins_the_pause_anew_but_ends_it(tmp_path: Path) -> None:
    path, clock = tmp_path / "logins.json", ManualClock(utc_s=0.0, quality=ClockQuality.UNSET)
    guard = CredentialGuard(path, clock)
    assert [tried(guard) for _ in range(2)] == [True, True]
    clock = ManualClock(utc_s=50.0, mono_s=5.0, quality=ClockQuality.UNSET, boot_id="11111111")
    guard = CredentialGuard(path, clock)
    assert guard.pause_s(WRONG, camera="front") == pytest.approx(HALF_HOUR_S)
    clock.step_utc(10**9)  # NTP answers: the pause is not over by that
    assert not tried(guard)
    clock.advance(HALF_HOUR_S + 1)
    assert tried(guard)


def test_changed_password_is_tried_at_once() -> None:
    clock = ManualClock()
    guard = CredentialGuard(None, clock)
    assert [tried(guard) for _ in range(3)] == [True, True, False]
    with guard.attempt(Login("192.0.2.7", "admin", "right"), camera="front", stop=StopToken()):
        pass
    assert guard.pause_s(Login("192.0.2.7", "admin", "right"), camera="front") == 0


def test_no_more_than_four_wrong_ones_in_half_an_hour_whatever_is_tried() -> None:
    clock = ManualClock()
    guard = CredentialGuard(None, clock)
    logins = [Login("192.0.2.7", "admin", f"guess{i}") for i in range(10)]
    assert sum(tried(guard, login) for login in logins for _ in range(3)) == 4
    clock.advance(600)
    assert guard.pause_s(logins[-1], camera="front") == HALF_HOUR_S - 600
    clock.advance(HALF_HOUR_S - 600 + 1)
    assert tried(guard, logins[-1])


def test_other_users_and_hosts_are_not_touched() -> None:
    guard = CredentialGuard(None, ManualClock())
    assert [tried(guard) for _ in range(3)] == [True, True, False]
    assert tried(guard, Login("recorder", "viewer", "wrong"))
    assert tried(guard, Login("192.0.2.8", "admin", "wrong"))


def test_success_forgets_the_refusals(tmp_path: Path) -> None:
    path, clock = tmp_path / "logins.json", ManualClock()
    guard = CredentialGuard(path, clock)
    assert tried(guard)
    with guard.attempt(WRONG, camera="front", stop=StopToken()):
        pass
    guard = CredentialGuard(path, clock)
    assert [tried(guard) for _ in range(3)] == [True, True, False]


def test_channel_without_rights_pauses_alone() -> None:
    """403: the password is right, so the recorder's other channels go on."""
    guard = CredentialGuard(None, ManualClock())
    for _ in range(2):
        with (
            pytest.raises(AccessForbidden),
            guard.attempt(WRONG, camera="back", stop=StopToken()),
        ):
            raise AccessForbidden("back refused")
    assert guard.pause_s(WRONG, camera="back") == HALF_HOUR_S
    assert guard.pause_s(WRONG, camera="front") == 0


def test_unreachable_camera_is_no_wrong_password() -> None:
    guard = CredentialGuard(None, ManualClock())
    for _ in range(5):
        with (
            pytest.raises(SourceUnreachable),
            guard.attempt(WRONG, camera="front", stop=StopToken()),
        ):
            raise SourceUnreachable("no answer")
    assert guard.pause_s(WRONG, camera="front") == 0


def test_file_is_private_and_holds_no_password(tmp_path: Path) -> None:
    path = tmp_path / "logins.json"
    guard = CredentialGuard(path, ManualClock())
    tried(guard, Login("192.0.2.7", "admin", "canary-secret"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert b"canary" not in path.read_bytes()
    assert b"admin@192.0.2.7" in path.read_bytes()


@pytest.mark.parametrize("data", [b"", b"{", b'{"salt":"zz","refusals":{}}', b"[]"])
def test_damaged_file_counts_anew(
    tmp_path: Path, data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "logins.json"
    path.write_bytes(data)
    assert tried(CredentialGuard(path, ManualClock()))
    assert "counted anew" in caplog.text


def test_full_disk_does_not_lift_the_limit(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    guard = CredentialGuard(tmp_path / "gone" / "logins.json", ManualClock())
    assert [tried(guard) for _ in range(3)] == [True, True, False]
    assert "not remembered" in caplog.text


def test_stopped_while_others_try_goes_home() -> None:
    guard, stop = CredentialGuard(None, SystemClock()), StopToken()
    assert tried(guard)
    stop.stop()
    with (
        guard.attempt(WRONG, camera="front", stop=StopToken()),
        pytest.raises(SourceUnreachable, match="stopped"),
        guard.attempt(WRONG, camera="back", stop=stop),
    ):
        pytest.fail("two on the wire though one try is left")


def source_of(server: LoginServer, folder: Path, channel: int) -> RtspSource:
    return RtspSource(
        url=server.url(f"Streaming/Channels/{channel}02"),
        username="admin",
        password_file=str(folder / "password"),
        open_timeout_s=3.0,
    )


def write_password(folder: Path, password: str) -> None:
    (folder / "password").write_text(password)
    (folder / "password").chmod(0o600)


@pytest.mark.parametrize("open_options", [True, False], ids=["options-open", "options-closed"])
def test_wrong_password_on_the_wire_in_a_day_of_four_channels_and_a_restart(
    tmp_path: Path, open_options: bool
) -> None:
    """Counted by the recorder: at most two at first, then one after each growing pause."""
    write_password(tmp_path, "w@r:o/ng %")
    clock, state = ManualClock(), tmp_path / "logins.json"
    guard, counted = CredentialGuard(state, clock), []
    with LoginServer("admin", "right", open_options=open_options) as server:
        for quarter in range(24 * 4):
            if quarter == 30:
                guard = CredentialGuard(state, clock)
            for channel in range(1, 5):
                with pytest.raises(CredentialRefused, match=f"channel{channel}"):
                    open_source(
                        source_of(server, tmp_path, channel),
                        camera=f"channel{channel}",
                        credentials=guard,
                        stop=StopToken(),
                        clock=clock,
                    )
            counted.append(server.wrong)
            clock.advance(900)
        assert counted[:3] == [2, 2, 3]
        assert server.wrong <= 8
        assert server.connections == server.wrong

        write_password(tmp_path, "right")
        with pytest.raises(SourceUnreachable, match="404"):
            open_source(
                source_of(server, tmp_path, 1),
                camera="channel1",
                credentials=guard,
                stop=StopToken(),
                clock=clock,
            )
        assert server.right >= 1


def test_channels_that_start_together_send_two_wrong_passwords_in_all(tmp_path: Path) -> None:
    write_password(tmp_path, "wrong")
    clock = SystemClock()
    guard, barrier = CredentialGuard(None, clock), threading.Barrier(8)

    def connect(channel: int) -> None:
        barrier.wait(5)
        with pytest.raises(CredentialRefused):
            open_source(
                source_of(server, tmp_path, channel),
                camera=f"channel{channel}",
                credentials=guard,
                stop=StopToken(),
                clock=clock,
            )

    with LoginServer("admin", "right") as server:
        threads = [threading.Thread(target=connect, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert server.wrong == 2


def test_two_processes_count_together(tmp_path: Path) -> None:
    """`probe` beside `run`: each has a guard of its own on one file."""
    path, clock = tmp_path / "logins.json", ManualClock()
    guards = [CredentialGuard(path, clock) for _ in range(3)]
    login = Login("recorder", "viewer", "wrong")
    tries: list[int] = []

    def refuse(number: int) -> None:
        tries.append(number)
        raise CredentialRefused("401")

    for number, guard in enumerate(guards):
        with (
            pytest.raises(CredentialRefused) as caught,
            guard.attempt(login, camera="probe", stop=StopToken()),
        ):
            refuse(number)
    assert tries == [0, 1]
    assert "next try in" in str(caught.value)
    right = Login("recorder", "viewer", "right")
    with guards[2].attempt(right, camera="probe", stop=StopToken()):
        pass
    assert all(guard.pause_s(login, camera="x") > 0 for guard in guards)


def test_a_name_and_its_address_are_one_account(tmp_path: Path) -> None:
    path, clock = tmp_path / "logins.json", ManualClock()
    named, numbered = (Login(host, "viewer", "wrong") for host in ("localhost", "127.0.0.1"))
    assert [tried(CredentialGuard(path, clock), each) for each in (named, numbered)] == [True, True]
    assert not tried(CredentialGuard(path, clock), numbered)
    assert not tried(CredentialGuard(path, clock), named)
    clock.advance(HALF_HOUR_S + 1)
    right = Login("127.0.0.1", "viewer", "wrong")
    with CredentialGuard(path, clock).attempt(right, camera="front", stop=StopToken()):
        pass
    assert tried(CredentialGuard(path, clock), numbered), "an accepted one is forgotten"


@pytest.mark.parametrize("reboot", [False, True], ids=["same boot", "no clock since"])
def test_tries_of_who_typed_sudo_count_and_their_file_is_left_alone(
    tmp_path: Path, reboot: bool
) -> None:
    theirs, ours = tmp_path / "theirs.json", tmp_path / "ours.json"
    clock = ManualClock(quality=ClockQuality.UNSET)
    assert tried(CredentialGuard(theirs, clock))
    before = theirs.read_bytes()
    if reboot:  # nobody knows how long ago it was
        clock = ManualClock(quality=ClockQuality.UNSET, boot_id="11111111")

    def guard() -> CredentialGuard:
        return CredentialGuard(ours, clock, CredentialGuard(theirs, clock, writes=False))

    assert [tried(guard()) for _ in range(3)] == [True, reboot, False]
    assert theirs.read_bytes() == before
    clock.advance(HALF_HOUR_S + 1)
    with guard().attempt(WRONG, camera="front", stop=StopToken()):
        pass
    assert theirs.read_bytes() == before
    assert sorted(tmp_path.glob("theirs*")) == [theirs, tmp_path / "theirs.lock"]


def test_guards_beside_each_other_share_what_they_know_without_a_try(tmp_path: Path) -> None:
    clock = ManualClock()
    other = CredentialGuard(tmp_path / "other.json", clock)
    ours = CredentialGuard(tmp_path / "ours.json", clock, other)
    alone = CredentialGuard(tmp_path / "ours.json", clock)
    assert [tried(alone) for _ in range(2)] == [True, True]
    assert other.pause_s(WRONG, camera="front") == 0
    ours.share(WRONG, camera="front")
    assert other.pause_s(WRONG, camera="front") == HALF_HOUR_S
    clock.advance(HALF_HOUR_S)
    assert tried(other)
    ours.share(WRONG, camera="front")
    assert ours.pause_s(WRONG, camera="front") == 2 * HALF_HOUR_S


def test_a_try_is_known_to_the_guard_beside_at_once_and_a_success_forgets_it_there(
    tmp_path: Path,
) -> None:
    clock = ManualClock()
    other = CredentialGuard(tmp_path / "other.json", clock)
    ours = CredentialGuard(tmp_path / "ours.json", clock, other)
    assert [tried(ours) for _ in range(2)] == [True, True]
    assert other.pause_s(WRONG, camera="front") == HALF_HOUR_S
    clock.advance(HALF_HOUR_S)
    with ours.attempt(WRONG, camera="front", stop=StopToken()):
        pass
    assert [tried(other) for _ in range(3)] == [True, True, False]


def test_no_link_leads_the_lock_elsewhere(tmp_path: Path) -> None:
    """Root writes into the service's folder."""
    path, outside = tmp_path / "logins.json", tmp_path / "outside"
    path.with_suffix(".lock").symlink_to(outside)
    assert tried(CredentialGuard(path, ManualClock()))
    assert not outside.exists()


def test_a_login_that_was_not_sent_counts_no_try(tmp_path: Path) -> None:
    guard = CredentialGuard(tmp_path / "logins.json", ManualClock())
    login = Login("recorder", "viewer", "right")
    for _ in range(5):
        with (
            pytest.raises(LoginWithheld),
            guard.attempt(login, camera="a", stop=StopToken()),
        ):
            raise LoginWithheld("asks for Basic", "refused")
    assert guard.pause_s(login, camera="a") == 0
