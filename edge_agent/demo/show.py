"""`edge-agent demo`: the real agent between a rendered courtyard and a ward's subscriber.

    scene --RTSP--> `edge-agent run` --MQTT--> broker --MQTT--> ward subscriber --> terminal

Nothing is faked but the scene: the agent is the installed command in a process of its own,
with configuration files as a technician would write them.
"""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_agent.clock import SystemClock
from edge_agent.config import MqttConfig
from edge_agent.contract import EventMessage
from edge_agent.demo.broker import DemoBroker, demo_broker
from edge_agent.demo.rtsp_login import Login
from edge_agent.demo.rtsp_media import Media
from edge_agent.demo.rtsp_server import RtspServer
from edge_agent.demo.scene import render_clip
from edge_agent.detect import find_model
from edge_agent.domain import Label, Phase
from edge_agent.errors import EXIT_FAILED, EXIT_OK, AgentError
from edge_agent.runtime import StopToken
from edge_agent.sources import probe_source
from edge_agent.ward import NewEvent, News, Printer, WardSetup, WardSubscriber

_WARD, _BOX, _CAMERA = "demo-ward", "demo-box", "courtyard"

_AGENT_TOML = """\
[box]
ward = "{ward}"
id = "{box}"
state_dir = "{state_dir}"

[mqtt]
host = "127.0.0.1"
port = {port}
version = "{version}"
allow_insecure = true      # the broker listens on this machine only
backlog_jitter_s = 0

[detector]
model = "{model}"

[snapshots]
enabled = true             # off by default: the picture stays on this box
draw_boxes = true

[defaults.motion]
quiet_s = 3
"""

#: How long the agent may take to stop in order before it is killed.
_STOP_TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What to show. `source` None: the rendered scene."""

    source: str | None = None
    username: str | None = None
    password_file: str | None = None
    model: str = "auto"
    seconds: float = 40.0
    out: Path = Path("out/demo")


class _Audience:
    """Prints what the ward's side receives, and knows when a person came and went."""

    def __init__(self, printer: Printer) -> None:
        self._printer = printer
        self.came = threading.Event()
        self.went = threading.Event()
        self.person: EventMessage | None = None
        self.messages = 0

    def emit(self, news: Sequence[News]) -> None:
        self._printer.emit(news)
        for item in news:
            if not isinstance(item, NewEvent) or item.message is None:
                continue
            self.messages += 1
            event = item.message.event
            if event.label is Label.PERSON:
                self.person = item.message
                (self.went if event.phase is Phase.END else self.came).set()


def run_demo(options: DemoOptions) -> int:
    """0 only when a person came through MQTT. Raises AgentError where something is missing."""
    model = find_model(options.model)
    _say(f"detector: {model.manifest.name} ({model.path.stat().st_size / 1e6:.1f} MB)")
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="edge-agent-demo-")))
        camera = stack.enter_context(_camera(options, folder))
        broker = stack.enter_context(demo_broker())
        _say(f"broker: {broker.name} on 127.0.0.1:{broker.port}")
        audience = stack.enter_context(_ward(folder, broker))
        log_path = folder / "agent.log"
        _write_config(folder, broker, camera, str(model.path))
        stack.enter_context(_agent(folder, log_path))
        _say("what reaches the ward's subscriber:")
        _wait(audience, options)
        if not audience.came.is_set():
            _say("no person came through; the agent's log:")
            print(log_path.read_text(), file=sys.stderr)
            return EXIT_FAILED
        picture = _keep_picture(folder, audience.person, options.out)
    _say(f"{audience.messages} messages, each stored once by the subscriber and acknowledged")
    if picture is not None:
        _say(f"annotated picture: {picture}")
    return EXIT_OK


# --- the parts ------------------------------------------------------------------------


@contextlib.contextmanager
def _camera(options: DemoOptions, folder: Path) -> Iterator[str]:
    """The camera's configuration file, its stream being up."""
    if options.source is not None:
        yield _own_source(options)
        return
    _say("rendering a courtyard in which somebody rings at the door ...")
    clip = folder / "courtyard.mp4"
    render_clip(clip)
    login = Login("viewer", "demo")
    password = folder / "camera-password"
    password.write_text(login.password)
    password.chmod(0o600)
    with RtspServer({_CAMERA: Media.load(clip)}, login=login) as server:
        url = server.url(_CAMERA)
        _say(f"camera: {url} (H.264, digest login)")
        yield _source_table(kind="rtsp", url=url, username=login.user, password_file=str(password))


def _own_source(options: DemoOptions) -> str:
    source = probe_source(
        str(options.source), username=options.username, password_file=options.password_file
    )
    _say(f"camera: {options.source}")
    kind = type(source).__struct_config__.tag
    names = ("url", "username", "password_file", "device")
    values = {name: getattr(source, name, None) for name in names}
    if hasattr(source, "path"):
        values["path"] = str(Path(source.path).absolute())
    return _source_table(kind=str(kind), **{k: v for k, v in values.items() if v is not None})


def _source_table(**values: str) -> str:
    quoted = (f"{name} = {_toml_text(value)}" for name, value in values.items())
    return f'id = "{_CAMERA}"\n\n[source]\n' + "\n".join(quoted) + "\n"


def _toml_text(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _write_config(folder: Path, broker: DemoBroker, camera: str, model: str) -> None:
    (folder / "cameras.d").mkdir()
    (folder / "cameras.d" / f"{_CAMERA}.toml").write_text(camera)
    state_dir = folder / "state"
    text = _AGENT_TOML.format(
        ward=_WARD,
        box=_BOX,
        state_dir=state_dir,
        port=broker.port,
        version=broker.mqtt_version,
        model=model,
    )
    (folder / "agent.toml").write_text(text)


@contextlib.contextmanager
def _ward(folder: Path, broker: DemoBroker) -> Iterator[_Audience]:
    """The reference subscriber, in a thread."""
    clock = SystemClock()
    audience = _Audience(Printer(lambda line: _say("  " + line), clock, as_json=False))
    subscriber = WardSubscriber(
        WardSetup(
            ward=_WARD,
            database=folder / "ward.sqlite",
            config=MqttConfig(
                host=broker.host,
                port=broker.port,
                version=broker.mqtt_version,
                allow_insecure=True,
            ),
            clock=clock,
            emit=audience.emit,
        )
    )
    stop = StopToken()
    thread = threading.Thread(target=subscriber.run, args=(stop,), name="ward", daemon=True)
    thread.start()
    try:
        yield audience
    finally:
        stop.stop()
        thread.join(10)


@contextlib.contextmanager
def _agent(folder: Path, log_path: Path) -> Iterator[None]:
    """`edge-agent run` in a process of its own."""
    command = [sys.executable, "-m", "edge_agent", "run", "--config", str(folder)]
    with log_path.open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield
        if process.poll() is not None:
            raise AgentError(f"the agent ended by itself:\n{log_path.read_text()}")
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(audience: _Audience, options: DemoOptions) -> None:
    """Until the person has come and gone, or the time is over."""
    clock = SystemClock()
    deadline_s = clock.mono_s() + options.seconds
    if audience.came.wait(options.seconds):
        audience.went.wait(max(0.0, deadline_s - clock.mono_s()))


def _keep_picture(folder: Path, person: EventMessage | None, out: Path) -> Path | None:
    """The best picture of the person, out of the agent's state directory."""
    name = f"{person.event.event_id}.jpg" if person else ""
    found = list((folder / "state" / "snapshots").rglob(name)) if name else []
    if not found:
        return None
    out.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy(found[0], out / "person.jpg"))


def _say(text: str) -> None:
    print(text, flush=True)
