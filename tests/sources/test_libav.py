"""libav's errors in our words, and nothing of a login in them."""

from __future__ import annotations

import errno
import os

import av.error
import pytest

from edge_agent.errors import MediaError, SourceStalled, SourceUnreachable
from edge_agent.sources.libav import Target, file_failure, open_failure, read_failure

URL = "rtsp://admin:canary@10.0.0.5/x"
TARGET = Target("front", "rtsp://10.0.0.5/x", 8.0, "admin")


def libav_error(number: int) -> av.error.FFmpegError:
    with pytest.raises(av.error.FFmpegError) as caught:
        av.error.err_check(-number, filename=URL)
    assert "canary" in str(caught.value), "libav no longer repeats the URL: the test shows nothing"
    return caught.value


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ECONNREFUSED, "refused the connection; is the port right"),
        (errno.EHOSTUNREACH, "cannot be reached; is it switched on"),
        (errno.ENETUNREACH, "has this box a network"),
        (errno.ENODEV, "is gone; is it plugged in"),
        (errno.EBUSY, "is used by another program"),
        (errno.EACCES, "add it to the group `video`"),
        (errno.ETIMEDOUT, "gave no answer within 8 s"),
        (errno.EIO, f"cannot be opened ({os.strerror(errno.EIO)})"),
    ],
)
def test_refusal_to_open_says_what_to_check(number: int, words: str) -> None:
    failure = open_failure(libav_error(number), TARGET)
    assert isinstance(failure, SourceUnreachable)
    assert words in str(failure)
    assert str(failure).startswith("front: rtsp://10.0.0.5/x ")
    assert "canary" not in str(failure)


@pytest.mark.parametrize(
    ("number", "kind", "words"),
    [
        (errno.ETIMEDOUT, SourceStalled, "sent nothing for 5 s"),
        (errno.ECONNRESET, SourceUnreachable, "closed the connection"),
        (errno.ENODEV, SourceUnreachable, "is gone"),
        (errno.EIO, SourceUnreachable, "broke off"),
    ],
)
def test_error_in_the_middle_says_what_happened(number: int, kind: type, words: str) -> None:
    failure = read_failure(libav_error(number), TARGET, 5.0)
    assert isinstance(failure, kind)
    assert words in str(failure)
    assert "canary" not in str(failure)


def test_file_that_cannot_be_read_says_why() -> None:
    failure = file_failure(libav_error(errno.EACCES), Target("yard", "/a.mp4"))
    assert isinstance(failure, MediaError)
    assert str(failure) == f"yard: /a.mp4 cannot be read ({os.strerror(errno.EACCES)})"
