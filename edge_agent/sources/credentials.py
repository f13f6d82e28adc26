"""Camera logins: a wrong password must not lock the household out of its recorder.

Recorders lock an account after about five wrong passwords, for half an hour or until
somebody comes. All channels of a recorder share one account, and an agent that restarts
must not begin counting anew. So for each (host, user) the guard lets at most two wrong
passwords onto the wire, then pauses for 30 minutes, then tries once, pauses an hour, and
so on. A host by name is the host at its addresses. Two channels that start together wait for
each other: a try whose answer is not known counts as wrong. A password that was not tried before
(the file was changed) has two tries of its own, but never more than four wrong ones go out in
half an hour. Processes share the file: the tries of `edge-agent probe` count along. Before there
is a configuration a person's own file counts; guards, one `beside` the other, know what any knows.

`rtsp.talk` sends at most one wrong Authorization header per connection (the first request goes
without one and only learns the challenge), so one connection is one try.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import hashlib
import logging
import os
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from edge_agent.atomic_file import write_atomically
from edge_agent.clock import Clock, ClockQuality, ClockReading
from edge_agent.errors import CredentialRefused, SourceUnreachable, StorageError
from edge_agent.runtime.stop import StopToken
from edge_agent.sources.host_names import HostNames
from edge_agent.sources.libav import AccessForbidden
from edge_agent.sources.refusal import LoginWithheld

log = logging.getLogger(__name__)

TRIES = 2
PAUSED = "pause"
#: In the state directory.
FILE_NAME = "refused-logins.json"
PAUSE_S = 30 * 60.0
LONGEST_PAUSE_S = 24 * 3600.0
MOST_WRONG_PER_PAUSE = 4  # one below the usual lock-out

_WAIT_SLICE_S = 0.1


@dataclass(frozen=True, slots=True)
class Login:
    """Who we say we are to which host. `repr` shows no password."""

    host: str
    user: str
    password: str = field(repr=False)


class _Refusal(msgspec.Struct):
    """Wrong tries of one password, as kept on disk."""

    tries: int
    utc_s: float
    utc_good: bool
    boot_id: str
    mono_s: float


class _File(msgspec.Struct):
    salt: str
    refusals: dict[str, dict[str, _Refusal]]  # account -> fingerprint of the password


class CredentialGuard:
    """Shared by all source threads; remembers in `path` (None: only in memory).

    `writes` False: the file is another user's, who told of tries; it is only read.
    """

    def __init__(
        self,
        path: Path | None,
        clock: Clock,
        beside: CredentialGuard | None = None,
        *,
        writes: bool = True,
    ) -> None:
        self._path = path
        self._writes = path is not None and writes
        self._clock = clock
        self._names = HostNames(clock)
        self._beside = beside
        self._changed = threading.Condition()
        self._in_flight: Counter[str] = Counter()
        self._fingerprints: dict[Login, str] = {}
        self._version: tuple[int, ...] | None = None  # of the file that was read or written last
        self._file = self._load()

    @contextlib.contextmanager
    def attempt(self, login: Login | None, *, camera: str, stop: StopToken) -> Iterator[None]:
        """Surround one connection. Without a login nothing can be wrong: no limit.

        Raises CredentialRefused without entering while the account pauses; inside, a
        CredentialRefused of the body is counted and told with what happens next.
        """
        if login is None:
            yield
            return
        shared, channel = self._accounts(login, camera)
        accounts = (*shared, channel)
        self.exchange(login, accounts)
        self._enter(login, accounts, camera, stop)
        try:
            yield
        except LoginWithheld:
            raise  # nothing was tried
        except AccessForbidden as error:
            self._refused((channel,), login)  # the password is right: only this channel pauses
            raise AccessForbidden(f"{error}; next try in {_words(PAUSE_S)}") from None
        except CredentialRefused as error:
            tries = self._refused(shared, login)
            stage = PAUSED if tries >= TRIES else ""
            what_next = _what_next(tries, self._clock.read())
            raise CredentialRefused(f"{error}; {what_next}", stage) from None
        else:
            self.accepted(accounts, login)
        finally:
            self._leave(accounts)
            self.exchange(login, accounts)

    def share(self, login: Login, *, camera: str) -> None:
        """Make sure that the guard beside knows of this login what we know, and we what it does."""
        shared, channel = self._accounts(login, camera)
        self.exchange(login, (*shared, channel))

    def pause_s(self, login: Login, *, camera: str) -> float:
        """How long this login must not be tried; 0 when it may."""
        shared, channel = self._accounts(login, camera)
        with self._changed:
            self._refresh()
            return max(self._pause_s(account, login) for account in (*shared, channel))

    def _accounts(self, login: Login, camera: str) -> tuple[tuple[str, ...], str]:
        """The account under each name of its host, and what is this channel's alone."""
        shared = tuple(f"{login.user}@{host}" for host in self._names.of(login.host))
        return shared, f"{shared[0]} on {camera}"

    def _enter(self, login: Login, accounts: Sequence[str], camera: str, stop: StopToken) -> None:
        """Wait until a try could not be one too many."""
        with self._changed:
            while True:
                self._refresh()
                pause_s = max(self._pause_s(account, login) for account in accounts)
                if pause_s > 0:
                    raise CredentialRefused(
                        f"{camera}: user {login.user!r} was refused by {login.host}; next try in "
                        f"{_words(pause_s)}, so that the account is not locked; correct the "
                        "password and it is tried at once",
                        PAUSED,
                    )
                if all(self._in_flight[a] < self._allowance(a, login) for a in accounts):
                    self._in_flight.update(accounts)
                    return
                if stop.stopped:
                    raise SourceUnreachable(f"{camera}: stopped before connecting")
                self._changed.wait(_WAIT_SLICE_S)

    def _leave(self, accounts: Sequence[str]) -> None:
        with self._changed:
            self._in_flight.subtract(accounts)
            self._changed.notify_all()

    def exchange(self, login: Login, accounts: Sequence[str]) -> None:
        """Of each account the larger count is true: the smaller one did not see all tries."""
        other = self._beside
        if other is None:
            return
        other.exchange(login, accounts)
        for account in accounts:
            mine, its = self.known(account, login), other.known(account, login)
            if its is not None and (mine is None or its.tries > mine.tries):
                self.learn(account, login, its)
            elif mine is not None and (its is None or mine.tries > its.tries):
                other.learn(account, login, mine)

    def known(self, account: str, login: Login) -> _Refusal | None:
        """What is remembered of this password's tries."""
        with self._changed:
            self._refresh()
            return self._file.refusals.get(account, {}).get(self._fingerprint(login))

    def learn(self, account: str, login: Login, refusal: _Refusal) -> None:
        """Another guard saw these tries."""
        with self._changed, self._alone():
            refusals = self._file.refusals.setdefault(account, {})
            refusals[self._fingerprint(login)] = msgspec.structs.replace(refusal)
            self._save()

    def accepted(self, accounts: Sequence[str], login: Login) -> None:
        """Forget its wrong tries, here and beside."""
        if self._beside is not None:
            self._beside.accepted(accounts, login)
        with self._changed, self._alone():
            fingerprint = self._fingerprint(login)
            removed = [
                self._file.refusals[account].pop(fingerprint)
                for account in accounts
                if fingerprint in self._file.refusals.get(account, {})
            ]
            if removed:
                self._save()

    def _refused(self, accounts: Sequence[str], login: Login) -> int:
        """Count a wrong try; the number of tries of this password so far."""
        with self._changed, self._alone():
            now = self._clock.read()
            fingerprint = self._fingerprint(login)
            of_account = [self._file.refusals.setdefault(account, {}) for account in accounts]
            before = [each[fingerprint].tries for each in of_account if fingerprint in each]
            tries = max(before, default=0) + 1
            for refusals in of_account:
                refusals[fingerprint] = _Refusal(
                    tries, now.utc_s, _good(now), now.boot_id, now.mono_s
                )
                ages = {each: self._age_s(refusal, now) for each, refusal in refusals.items()}
                for old in sorted(ages, key=ages.__getitem__)[8:]:
                    del refusals[old]
            self._save()
            return tries

    def _pause_s(self, account: str, login: Login) -> float:
        refusals = self._file.refusals.get(account)
        if not refusals:
            return 0.0
        now = self._clock.read()
        mine = refusals.get(self._fingerprint(login))
        if mine is not None and mine.tries >= TRIES:
            return max(0.0, pause_after_s(mine.tries) - self._age_s(mine, now))
        recent = [r for r in refusals.values() if self._age_s(r, now) < PAUSE_S]
        if sum(min(r.tries, TRIES) for r in recent) >= MOST_WRONG_PER_PAUSE:
            return PAUSE_S - max(self._age_s(r, now) for r in recent)
        return 0.0

    def _allowance(self, account: str, login: Login) -> int:
        """How many tries may be on the wire at once."""
        refusals = self._file.refusals.get(account, {})
        mine = refusals.get(self._fingerprint(login))
        return max(1, TRIES - (mine.tries if mine else 0))

    def _age_s(self, refusal: _Refusal, now: ClockReading) -> float:
        """Seconds since; 0 when no clock can tell (another boot, UTC not set)."""
        if refusal.boot_id == now.boot_id:
            return max(0.0, now.mono_s - refusal.mono_s)
        return max(0.0, now.utc_s - refusal.utc_s) if _datable(refusal, now) else 0.0

    def _fingerprint(self, login: Login) -> str:
        """Tells passwords apart without keeping them: slow to guess back, salted per box."""
        if login not in self._fingerprints:
            digest = hashlib.scrypt(
                login.password.encode(),
                salt=bytes.fromhex(self._file.salt),
                n=2**13,
                r=8,
                p=1,
                dklen=8,
            )
            if len(self._fingerprints) >= 64:
                self._fingerprints.clear()
            self._fingerprints[login] = digest.hex()
        return self._fingerprints[login]

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """No other process reads or writes the file meanwhile; begins with what it holds."""
        if self._path is None or not self._writes:
            yield
            return
        try:
            # The folder is the service's, and root comes here: no link may lead it elsewhere.
            how = os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW
            lock = os.open(self._path.with_suffix(".lock"), how, 0o600)
        except OSError:  # a full or read-only disk: better counted here alone than not
            yield
            return
        try:
            _as_folder(self._path.with_suffix(".lock"))
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._refresh()
            yield
        finally:
            os.close(lock)

    def _refresh(self) -> None:
        """Take in what another process wrote."""
        if self._path is not None and _version(self._path) not in (None, self._version):
            self._file = self._load()
            self._fingerprints.clear()  # another salt

    def _load(self) -> _File:
        fresh = _File(os.urandom(16).hex(), {})
        if self._path is None or not self._path.exists():
            return fresh
        self._version = _version(self._path)
        try:
            file = msgspec.json.decode(self._path.read_bytes(), type=_File)
            bytes.fromhex(file.salt)
        except (OSError, ValueError) as error:
            log.warning("%s: cannot be read, wrong logins are counted anew: %s", self._path, error)
            return fresh
        self._rebase(file)
        return file

    def _rebase(self, file: _File) -> None:
        """What no clock can date happened just now: from here this boot's clock counts on."""
        now = self._clock.read()
        for refusals in file.refusals.values():
            if not self._writes:  # nobody forgets these: they count while a clock says how long
                for fingerprint in [f for f, r in refusals.items() if not _datable(r, now)]:
                    del refusals[fingerprint]
            for refusal in refusals.values():
                refusal.mono_s = now.mono_s - self._age_s(refusal, now)
                refusal.boot_id = now.boot_id

    def _save(self) -> None:
        if self._path is None or not self._writes:
            return
        try:
            write_atomically(self._path, msgspec.json.encode(self._file))
            _as_folder(self._path)
            self._version = _version(self._path)
        except StorageError as error:
            log.warning("wrong logins are not remembered over a restart: %s", error)


def _version(path: Path) -> tuple[int, ...] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _as_folder(path: Path) -> None:
    """What root's `probe` writes must stay the agent's."""
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def pause_after_s(tries: int) -> float:
    """No try for this long after the last of `tries` wrong ones."""
    return min(PAUSE_S * 2 ** min(tries - TRIES, 10), LONGEST_PAUSE_S) if tries >= TRIES else 0.0


def _datable(refusal: _Refusal, now: ClockReading) -> bool:
    return refusal.boot_id == now.boot_id or (refusal.utc_good and _good(now))


def _good(reading: ClockReading) -> bool:
    return reading.quality is not ClockQuality.UNSET


def _what_next(tries: int, now: ClockReading) -> str:
    if tries < TRIES:
        return f"try {tries} of {TRIES}; check username and password_file"
    return (
        f"no further try for {_words(pause_after_s(tries))}{_until(tries, now)}, so that the "
        "account is not locked; correct the password and it is tried at once"
    )


def _until(tries: int, now: ClockReading) -> str:
    """The pause's end as this machine's clock will show it, where that can be trusted."""
    if not _good(now):
        return ""
    end = dt.datetime.fromtimestamp(now.utc_s + pause_after_s(tries), dt.UTC).astimezone()
    return f" (until {end:%H:%M %Z})"


def _words(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
