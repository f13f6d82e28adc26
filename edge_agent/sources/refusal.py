"""A camera that answers, and says no: for the technician and, without any address, the ward."""

from __future__ import annotations

from edge_agent.errors import CredentialRefused, OperatorError, SourceStalled, SourceUnreachable


class CameraRefuses(SourceUnreachable):
    """`told` is what the ward may know; it never names addresses or users."""

    def __init__(self, message: str, told: str) -> None:
        super().__init__(message)
        self.told = told


class StreamConfused(SourceStalled):
    """Packets come, but they are not those that were agreed. `told`: as above."""

    def __init__(self, message: str, told: str) -> None:
        super().__init__(message)
        self.told = told


class GivenUp(OperatorError):
    """Memory was short, and this camera's pictures took most of it."""

    def __init__(self, camera: str) -> None:
        super().__init__(
            f"{camera}: given up for a minute, because its pictures take more memory than this "
            "box has; use the camera's sub-stream"
        )
        self.told = "given up: its pictures take more memory than the box has"


class LoginWithheld(CredentialRefused):
    """No login was sent that was called wrong: no try is counted."""

    def __init__(self, message: str, told: str) -> None:
        super().__init__(message)
        self.told = told
