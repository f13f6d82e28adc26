"""What set-up has to know, asked in the terminal or read from a file.

[box]
ward = "phuong-5"
id = "box-0017"

[mqtt]
host = "mqtt.phuong-5.example"
password_from = "/media/usb/mqtt.txt"      # read once, and kept as a secret file

[[cameras]]
id = "gate"
brand = "hikvision"
address = "192.168.1.64"
username = "viewer"
password_from = "/media/usb/gate.txt"
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from edge_agent.config.schema import DEFAULT_STATE_DIR
from edge_agent.errors import ConfigError, ConfigProblem


class BoxAnswers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    ward: str
    id: str
    timezone: str = ""  # empty: the system's
    state_dir: str = DEFAULT_STATE_DIR


class BrokerAnswers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    host: str
    port: int = 8883
    username: str = ""
    password_from: str = ""
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    allow_insecure: bool = False


class CameraAnswers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Either `brand` and `address`, or a whole `url`."""

    id: str
    name: str = ""
    brand: str = ""
    address: str = ""
    channel: int = 1
    url: str = ""
    main_url: str = ""
    ca_file: str = ""  # of rtsps://
    username: str = ""
    password_from: str = ""
    identity: str = ""  # serial number or hardware address: what stays when the address changes

    @property
    def host(self) -> str:
        """Whom it is asked of, as the count of wrong logins calls it."""
        url = self.url or f"rtsp://{self.address}"
        try:
            return (urlsplit(url).hostname or "").lower()
        except ValueError:
            return ""


class Answers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything. Passwords are read from the named files when the configuration is written."""

    box: BoxAnswers
    mqtt: BrokerAnswers
    cameras: tuple[CameraAnswers, ...] = ()
    model: str = "auto"
    pictures: str = ""  # a folder to save each camera's picture in, for whoever runs this


def read_answers(path: Path, before: Answers | None = None) -> Answers:
    """`before` stands in for the tables that the file leaves out.

    Raises ConfigError naming file and key.
    """
    try:
        given = msgspec.toml.decode(path.read_bytes())
        if before is not None:
            given = {"box": before.box, "mqtt": before.mqtt} | given
        return msgspec.convert(given, Answers)
    except OSError as error:
        raise _problem(
            path, f"cannot be read: {error.strerror}", "name the answers' file"
        ) from None
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise _problem(path, str(error), "see `edge-agent setup --example`") from None


def _problem(path: Path, found: str, fix: str) -> ConfigError:
    return ConfigError([ConfigProblem(str(path), "", found, fix)])
