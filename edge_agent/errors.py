"""Every failure the agent expects, and who has to act on it.

    AgentError
    ├── OperatorError              a person must change something; retrying cannot help
    │   ├── ConfigError            exit 78: the configuration is wrong (all problems listed)
    │   ├── ModelError             a detector file or its manifest is wrong
    │   ├── CredentialRefused      a camera refused our user or password
    │   ├── BrokerRefused          the broker refused protocol, name, certificate or login
    │   ├── StateOfNewerAgent      exit 78: an older version cannot read what a newer one wrote
    │   ├── StateDirLocked         another agent owns the state directory
    │   ├── MediaError             a clip that cannot be read: truncated, empty, no video
    │   └── LabelError             labelled pictures that cannot be read: which file, which line
    ├── RetryableError             the world may heal by itself; back off and try again
    │   ├── SourceUnreachable      no connection to the camera
    │   ├── SourceStalled          connected, but no packets
    │   ├── SourceEnded            the stream closed (a recording's regular end is not an error)
    │   ├── BrokerUnreachable      no connection to the broker
    │   ├── DownloadFailed         a model could not be fetched: network, server, wrong bytes
    │   └── StorageError           disk full, read-only or failing
    ├── CarryOverRefused           what a recording left for the next cannot be used; begin anew
    ├── ContractError              a message from outside breaks the MQTT contract; it is refused
    └── InvariantBroken            a bug: the process must not go on as if nothing happened

Adapters translate library errors into these at their edge, so that the rest of the
code handles only this tree. Messages say what was tried, what was found and what to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge_agent.foreign_text import printable

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_CONFIG = 78  # EX_CONFIG of sysexits.h; systemd does not restart on it


class AgentError(Exception):
    """Base of every expected failure. `exit_code` is what a command returns for it."""

    exit_code = EXIT_FAILED


class OperatorError(AgentError):
    """A person has to change something."""


@dataclass(frozen=True, slots=True)
class ConfigProblem:
    """One thing wrong in the configuration.

    `path` is dotted, as a technician would search it: `zones[0].polygon`.
    """

    file: str
    path: str
    found: str
    fix: str

    def __str__(self) -> str:
        where = f"{self.file}: {self.path}" if self.path else self.file
        text = f"{where}: {self.found}; {self.fix}" if self.fix else f"{where}: {self.found}"
        return printable(text)


class ConfigError(OperatorError):
    """The configuration cannot be used; carries every problem found, not only the first."""

    exit_code = EXIT_CONFIG

    def __init__(self, problems: Sequence[ConfigProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class ModelError(OperatorError):
    """A model file or manifest that does not fit; says what was expected and found."""

    exit_code = EXIT_CONFIG


class CredentialRefused(OperatorError):
    """The camera answered 401/403. More tries would lock the recorder's account.

    `stage` is what happens next: "" tried again, "pause" no try for some time.
    """

    def __init__(self, message: str, stage: str = "") -> None:
        super().__init__(message)
        self.stage = stage
        self.told = ""  # for the ward: no address, no user
        if stage:
            self.told = (
                "refused: the camera does not accept the login; tries pause, so that the account "
                "is not locked"
            )


class BrokerRefused(OperatorError):
    """The broker answered and said no (protocol version, identity, certificate, ACL)."""


class StateOfNewerAgent(OperatorError):
    """The state directory was written by a newer version; starting again does not cure it."""

    exit_code = EXIT_CONFIG


class StateDirLocked(OperatorError):
    """Another process holds the state directory; the message names its pid."""


class MediaError(OperatorError):
    """A file that is not a usable recording."""


class LabelError(OperatorError):
    """Labels or labelled pictures that cannot be used; names the file and the line."""


class RetryableError(AgentError):
    """Back off, then try again."""


class SourceUnreachable(RetryableError):
    """The camera did not answer."""


class SourceStalled(RetryableError):
    """The camera is connected but sends nothing."""


class SourceEnded(RetryableError):
    """A live stream was closed by the other side."""


class BrokerUnreachable(RetryableError):
    """The broker did not answer, or the connection broke."""


class DownloadFailed(RetryableError):
    """A model's file did not come, or is not the right one; nothing of it is visible."""


class StorageError(RetryableError):
    """The state directory cannot be written: full, read-only or failing."""


class CarryOverRefused(AgentError):
    """What an earlier recording left behind is of another version, another picture or damaged.

    Nothing of it was used: the pipeline is as new, and may go on so.
    """


class ContractError(AgentError):
    """Bytes or a topic that the MQTT contract (docs/mqtt.md) forbids. Refuse and count it."""


class InvariantBroken(AgentError):
    """A promise inside the agent was broken; this is a bug to report."""
