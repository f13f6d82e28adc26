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
from edge_agent.demo.rtsp_login import ViewerLogin
from edge_agent.demo.rtsp_media import Media
from edge_agent.demo.rtsp_server import RtspServer
from edge_agent.demo.scene import render_clip
from edge_agent.detect import find_model
from edge_agent.domain import Label, Phase
from edge_agent.errors import EXIT_FAILED, EXIT_OK, AgentError, OperatorError
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
#: How soon an agent that ended is noticed.
_LOOK_EVERY_S = 0.25


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
    _make_folder(options.out)
    _say(f"detector: {model.manifest.name} ({model.path.stat().st_size / 1e6:.1f} MB)")
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="edge-agent-demo-")))
        camera = stack.enter_context(_camera(options, folder))
        broker = stack.enter_context(demo_broker())
        _say(f"broker: {broker.name} on 127.0.0.1:{broker.port}")
        audience = stack.enter_context(_ward(folder, broker))
        log_path = folder / "agent.log"
        _write_config(folder, broker, camera, str(model.path))
        agent = stack.enter_context(_agent(folder, log_path))
        _say("what reaches the ward's subscriber:")
        _wait(audience, agent, options.seconds)
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
    login = ViewerLogin("viewer", "demo")
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


class _AgentProcess:
    """`edge-agent run` in a process of its own."""

    def __init__(self, folder: Path, log_path: Path) -> None:
        command = [sys.executable, "-m", "edge_agent", "run", "--config", str(folder)]
        self._log_path = log_path
        with log_path.open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)

    def check(self) -> None:
        """Raises AgentError, with the log, when it is gone."""
        code = self._process.poll()
        if code is not None:
            log = self._log_path.read_text(errors="replace").strip()
            raise AgentError(f"the agent ended by itself ({_ending(code)}):\n{log}")

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _ending(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"


@contextlib.contextmanager
def _agent(folder: Path, log_path: Path) -> Iterator[_AgentProcess]:
    agent = _AgentProcess(folder, log_path)
    try:
        yield agent
        agent.check()
    finally:
        agent.stop()


def _wait(audience: _Audience, agent: _AgentProcess, seconds: float) -> None:
    """Until the person has come and gone, or the time is over. Raises AgentError when the
    agent ends before."""
    clock = SystemClock()
    deadline_s = clock.mono_s() + seconds
    while not audience.went.wait(_LOOK_EVERY_S) and clock.mono_s() < deadline_s:
        agent.check()


def _make_folder(path: Path) -> None:
    """Before anything is started: nobody should wait for a picture that cannot be kept."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise OperatorError(f"{path}: no picture can be put there ({error.strerror})") from error


def _keep_picture(folder: Path, person: EventMessage | None, out: Path) -> Path | None:
    """The best picture of the person, out of the agent's state directory."""
    name = f"{person.event.event_id}.jpg" if person else ""
    found = list((folder / "state" / "snapshots").rglob(name)) if name else []
    if not found:
        return None
    try:
        return Path(shutil.copy(found[0], out / "person.jpg"))
    except OSError as error:
        raise OperatorError(f"{out}: the picture cannot be put there ({error.strerror})") from error


def _say(text: str) -> None:
    print(text, flush=True)
