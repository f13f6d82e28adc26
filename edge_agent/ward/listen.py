"""`edge-agent ward listen`: the subscriber with a terminal."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edge_agent.clock import Clock, SystemClock, rfc3339
from edge_agent.config import MqttConfig, TlsConfig
from edge_agent.contract import encode_gap
from edge_agent.foreign_text import printable
from edge_agent.runtime import StopToken
from edge_agent.ward.alarms import WardAlarm
from edge_agent.ward.cameras import IGNORE_GAPS_S
from edge_agent.ward.intake import BoxChanged, CameraChanged, NewEvent, NewGap, News
from edge_agent.ward.printing import box_line, camera_line, event_line, gap_line, local
from edge_agent.ward.subscriber import WardSetup, WardSubscriber

_TLS_PORT, _PLAIN_PORT = 8883, 1883

Write = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class WardListenOptions:
    """The command's options. `port` None: 8883, or 1883 without TLS."""

    database: Path
    ward: str
    host: str = "localhost"
    port: int | None = None
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    username: str | None = None
    password_file: str | None = None
    insecure: bool = False
    version: Literal["auto", "5", "3.1.1"] = "auto"
    json: bool = False
    client_id: str = ""
    keep_images: bool = False
    replay_after_s: float = 600.0
    ignore_gaps_s: float = IGNORE_GAPS_S
    reconnect_max_s: float = 30.0

    def mqtt(self) -> MqttConfig:
        port = self.port
        if port is None:
            port = _PLAIN_PORT if self.insecure else _TLS_PORT
        return MqttConfig(
            host=self.host,
            port=port,
            version=self.version,
            username=self.username,
            password_file=self.password_file,
            tls=TlsConfig(ca_file=self.ca_file, cert_file=self.cert_file, key_file=self.key_file),
            allow_insecure=self.insecure,
            reconnect_max_s=self.reconnect_max_s,
        )


def run_listen(
    options: WardListenOptions,
    stop: StopToken,
    *,
    write: Write | None = None,
    clock: Clock | None = None,
) -> None:
    """Until told to stop, or until nobody reads what is written.

    Raises ConfigError, StorageError when the database cannot be opened, OperatorError.
    """
    moments = clock or SystemClock()
    printer = Printer(write or _print, moments, as_json=options.json)

    def emit(news: Sequence[News]) -> None:
        try:
            printer.emit(news)
        except BrokenPipeError:
            stop.stop()

    WardSubscriber(
        WardSetup(
            ward=options.ward,
            database=options.database,
            config=options.mqtt(),
            clock=moments,
            emit=emit,
            client_id=options.client_id,
            keep_images=options.keep_images,
            replay_after_s=options.replay_after_s,
            ignore_gaps_s=options.ignore_gaps_s,
        )
    ).run(stop)


class Printer:
    """Turns news into lines, or into JSON: events as they came, `_gap` with its source."""

    def __init__(self, write: Write, clock: Clock, *, as_json: bool) -> None:
        self._write, self._clock, self._as_json = write, clock, as_json

    def emit(self, news: Sequence[News]) -> None:
        for item in news:
            line = self._json(item) if self._as_json else self._line(item)
            if line is not None:
                # Names come from boxes: nothing in them may command the reader's terminal.
                self._write(printable(line))

    def _line(self, item: News) -> str | None:
        now_utc_s = self._clock.read().utc_s
        match item:
            case NewEvent(header, message, _, redated_utc_s):
                if message is None:
                    return f"{local(now_utc_s)}  {header.source}  a message of a later version"
                return event_line(header.source, message, redated_utc_s=redated_utc_s)
            case NewGap(source, gap):
                return gap_line(source, gap, now_utc_s)
            case BoxChanged(source, state):
                return box_line(source, state, now_utc_s)
            case CameraChanged(source, camera, state, _, reason):
                return camera_line(source, camera, state, reason, now_utc_s)
            case WardAlarm(source, kind, text, count):
                often = f" ({count} times)" if count > 1 else ""
                return f"{local(now_utc_s)}  {source}  ALARM {kind}: {text}{often}"

    def _json(self, item: News) -> str | None:
        match item:
            case NewEvent(payload=payload):
                text = payload.decode(errors="replace").replace("\n", " ")
                # JSON has escapes of its own, which its readers undo.
                return text if text.isprintable() else json.dumps(json.loads(text))
            case NewGap(source, gap):
                return json.dumps({"gap": json.loads(encode_gap(gap)), "source": source})
            case CameraChanged(source, camera, state, since_utc_s, reason):
                since = rfc3339(since_utc_s)
                told = {"source": source, "camera": camera, "since": since, "reason": reason}
                return json.dumps({"camera_state": str(state), **told})
            case WardAlarm(source, kind, text, count):
                return json.dumps({"alarm": kind, "source": source, "text": text, "count": count})
        return None


def _print(line: str) -> None:
    print(line, flush=True)
