"""What the machine itself says of its clock: the kernel, systemd-timesyncd and chrony.

timesyncd, ntpd and chrony (with `rtcsync`, as Debian sets it up) tell the kernel that they
discipline the clock. chrony without `rtcsync` does not, and is asked itself. Whoever sets the
clock in another way, by hand or by the date of a TLS or HTTP answer, makes the kernel take its word
back: clock_settime(2) calls ntp_clear(), which raises STA_UNSYNC (kernel/time/timekeeping.c).
"""

from __future__ import annotations

import ctypes
import subprocess
from dataclasses import dataclass
from pathlib import Path

_STA_UNSYNC = 0x0040  # linux/timex.h
_TIME_ERROR = 5  # adjtimex(2): clock not synchronised

_CHRONYD = (Path("/run/chrony/chronyd.pid"), Path("/run/chronyd.pid"))
#: `-c`: one line of comma-separated values. It asks over loopback or chronyd's own socket.
_CHRONYC = ("chronyc", "-n", "-c", "tracking")
_CHRONYC_TIMEOUT_S = 2.0
#: Columns of `tracking`: reference id, address, stratum, ..., root delay, root dispersion, ...,
#: leap status last (client.c, process_cmd_tracking).
_STRATUM, _OFFSET, _ROOT_DELAY, _ROOT_DISPERSION, _COLUMNS = 2, 4, 10, 11, 14
#: chronyd's own clock without any server (directive `local`): 127.127.1.1.
_LOCAL_REFERENCE = "7F7F0101"


class _Timeval(ctypes.Structure):
    _fields_ = (("tv_sec", ctypes.c_long), ("tv_usec", ctypes.c_long))


class _Timex(ctypes.Structure):
    """struct timex of adjtimex(2), up to the fields that we read; padded to its full size."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("constant", ctypes.c_long),
        ("precision", ctypes.c_long),
        ("tolerance", ctypes.c_long),
        ("time", _Timeval),
        ("tick", ctypes.c_long),
        ("_rest", ctypes.c_long * 32),
    )


@dataclass(frozen=True, slots=True)
class ServiceTime:
    """What a time service says; `err_ms` is how wrong the clock may be."""

    synced: bool
    err_ms: int | None = None


def kernel_sync() -> tuple[bool, int | None]:
    """(disciplined by NTP, maximum error in ms), from adjtimex(2) with no change asked."""
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        timex = _Timex()
        state = libc.adjtimex(ctypes.byref(timex))
    except (OSError, AttributeError):
        return False, None
    if state < 0 or state == _TIME_ERROR or timex.status & _STA_UNSYNC:
        return False, None
    return True, int(timex.maxerror // 1000)


def ask_chrony() -> ServiceTime | None:
    """chrony's word; None where none runs. Takes up to two seconds: not for a hot path."""
    if not any(path.exists() for path in _CHRONYD):
        return None
    try:
        done = subprocess.run(
            _CHRONYC, capture_output=True, text=True, timeout=_CHRONYC_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return read_tracking(done.stdout) if done.returncode == 0 else None


def read_tracking(line: str) -> ServiceTime | None:
    """The answer of `chronyc -c tracking`; None for what is none."""
    columns = line.strip().split(",")
    if len(columns) < _COLUMNS:
        return None
    try:
        stratum = int(columns[_STRATUM])
        offset_s, delay_s = float(columns[_OFFSET]), float(columns[_ROOT_DELAY])
        dispersion_s = float(columns[_ROOT_DISPERSION])
    except ValueError:
        return None
    # Not synchronised: stratum 0, leap status "Not synchronised". Its own clock proves nothing.
    if not 1 <= stratum <= 15 or columns[-1] == "Not synchronised":
        return ServiceTime(False)
    if columns[0] == _LOCAL_REFERENCE:
        return ServiceTime(False)
    # chrony's own bound of the error: offset + dispersion + half of the delay (chronyc(1)).
    return ServiceTime(True, round((abs(offset_s) + dispersion_s + delay_s / 2) * 1000))
