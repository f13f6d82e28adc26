"""The course of a setup: ask, try, ask again what was refused, choose, write, start, look.

    whole      everything, before there is a configuration
    one_step   one part of a configuration that is there

Nothing is written before everything is answered and tried, and then all of it or none.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from edge_agent.clock import Clock
from edge_agent.config import Config, load_config
from edge_agent.config.secrets import read_secret
from edge_agent.discovery import FoundCamera
from edge_agent.errors import ModelError, OperatorError
from edge_agent.language import _
from edge_agent.sources import CredentialGuard, Login, login_guard
from edge_agent.tools.doctor import DoctorVisit, examine
from edge_agent.tools.doctor.cameras import visit
from edge_agent.tools.doctor.findings import DoctorFinding
from edge_agent.tools.registry import FetchSettings
from edge_agent.tools.setup import choosing, dialogue, editing
from edge_agent.tools.setup.answers import Answers, CameraAnswers
from edge_agent.tools.setup.certificates import keep_certificates
from edge_agent.tools.setup.dialogue import GivenAnswers, Terminal
from edge_agent.tools.setup.drop_in import open_to_service
from edge_agent.tools.setup.trying import BROKER, Tried, tried
from edge_agent.tools.setup.writing import (
    camera_files,
    check,
    commit,
    existing_files,
    give_state_dir,
    secret_path,
    write,
)
from edge_agent.tools.sight import save_picture

#: What can be done alone, in the order of a whole setup.
STEPS = ("box", "broker", "cameras", "pictures", "model", "service", "check")


@dataclass(frozen=True, slots=True)
class Manner:
    """How to go about it. `fetch` None: no model comes from the network."""

    asks: bool  # a person is there
    tries: bool = True
    insists: bool = False  # write although something does not answer
    overwrites: bool = False
    pictures: Path | None = None
    fetch: FetchSettings | None = None
    search: Callable[[], Sequence[FoundCamera]] = tuple
    show: Callable[[DoctorFinding], None] = lambda finding: None
    start_service: Callable[[], None] = lambda: None


class Course:
    """One setup into one folder."""

    def __init__(self, terminal: Terminal, folder: Path, manner: Manner, clock: Clock) -> None:
        self._terminal = terminal
        self._folder = folder
        self.manner = self._manner = manner
        self.has_written = False
        self._clock = clock

    def whole(self, told: GivenAnswers) -> bool:
        """Whether it was written."""
        if not self._tried(told, None):
            return False
        told.answers = self._with_model(told.answers, len(told.answers.cameras))
        done = write(told.answers, told.secrets, self._folder, overwrite=self._manner.overwrites)
        self._say_written(done.files)
        for path in done.kept:
            self._terminal.say(_("kept as it was: {path}").format(path=path))
        self._hand_over(told)
        self._manner.start_service()
        self._look()
        return True

    def one_step(self, name: str, given: Answers | None, secrets: dict[str, str]) -> bool:
        """`given`: unattended. Raises ConfigError where nothing is configured yet."""
        config = load_config(self._folder).config
        told = GivenAnswers(given or editing.answers_of(config), secrets)
        steps: dict[str, Callable[[Config, GivenAnswers, bool], bool]] = {
            "box": self._box,
            "broker": self._broker,
            "cameras": self._cameras,
            "pictures": self._pictures,
            "model": self._model,
        }
        if name in steps:
            return steps[name](config, told, given is None)
        if name == "service":
            self._manner.start_service()
        else:
            self._look(cameras=True)
        return True

    # --- steps alone --------------------------------------------------------------------

    def _box(self, config: Config, told: GivenAnswers, asks: bool) -> bool:
        box = told.answers.box
        if asks:
            box = dialogue.ask_box(self._terminal, box)
        self._say_written(editing.edit(self._folder, editing.box_tables(box), {}))
        return True

    def _broker(self, config: Config, told: GivenAnswers, asks: bool) -> bool:
        """The password that is there stays when none is typed."""
        if asks:
            broker = dialogue.ask_broker(
                self._terminal, told.answers.mqtt, told.secrets, again=True
            )
            told.answers = msgspec.structs.replace(told.answers, mqtt=broker)
        before = config.mqtt.password_file
        kept = read_secret(before) if before else None
        if kept is not None and told.answers.mqtt.username:
            told.secrets.setdefault("mqtt", kept)
        told.answers = msgspec.structs.replace(told.answers, cameras=())
        if not self._tried(told, [BROKER]):
            return False
        secret = told.secrets.get("mqtt")
        new = {} if secret is None or secret == kept else {"mqtt": secret}
        own_file = str(self._folder / secret_path("mqtt")) if new else before
        mqtt, certificates = keep_certificates(told.answers.mqtt, self._folder)
        tables = editing.broker_tables(mqtt, own_file if secret else None)
        self._say_written(editing.edit(self._folder, tables, new, certificates))
        return True

    def _cameras(self, config: Config, told: GivenAnswers, asks: bool) -> bool:
        """More cameras beside those that are there."""
        there = [camera.id for camera in config.cameras]
        cameras: Sequence[CameraAnswers] = told.answers.cameras
        if asks:
            cameras = dialogue.ask_cameras(self._terminal, there, told.secrets, self._manner.search)
        for camera in cameras:
            if camera.id in there:
                path = self._folder / "cameras.d" / f"{camera.id}.toml"
                self._terminal.say(_("kept as it was: {path}").format(path=path))
        cameras = [camera for camera in cameras if camera.id not in there]
        told.answers = msgspec.structs.replace(told.answers, cameras=tuple(cameras))
        if not self._tried(told, [camera.id for camera in cameras]):
            return False
        files = camera_files(told.answers.cameras, told.secrets, self._folder)
        check({**existing_files(self._folder), **files}, self._folder)
        commit(files, self._folder)
        self._say_written([self._folder / path for path in files])
        self._hand_over(told)
        return True

    def _pictures(self, config: Config, told: GivenAnswers, asks: bool) -> bool:
        """Of the cameras that are configured."""
        guard = login_guard(Path(config.box.state_dir), self._clock)
        trials = []
        for camera in config.cameras:
            if camera.enabled:
                seen = visit(camera, guard, self._clock, None)
                trials.append(Tried(seen.camera, seen.findings, seen.picture))
                self._show(trials[-1])
        self._save_pictures(trials)
        return not any(trial.stands_in_the_way for trial in trials)

    def _model(self, config: Config, told: GivenAnswers, asks: bool) -> bool:
        count = sum(camera.enabled for camera in config.cameras)
        answers = msgspec.structs.replace(
            told.answers, model="auto" if asks else told.answers.model
        )
        model = self._with_model(answers, count).model
        self._say_written(editing.edit(self._folder, editing.model_tables(model), {}))
        return True

    # --- parts of both --------------------------------------------------------------------

    def _tried(self, told: GivenAnswers, only: Sequence[str] | None) -> bool:
        """Whether to go on. What was refused is asked once more, where a person is there."""
        if not self._manner.tries:
            return True
        if only is None or only:
            self._terminal.say(_("Trying the broker and the cameras ..."))
        guard = login_guard(Path(told.answers.box.state_dir), self._clock)
        trials: dict[str, Tried] = {}
        while True:
            for trial in tried(told.answers, told.secrets, guard, self._clock, only):
                trials[trial.camera] = trial
                self._show(trial)
            bad = [trial for trial in trials.values() if trial.stands_in_the_way]
            only = [trial.camera for trial in bad if self._mended(trial, told)]
            if not only:
                break
        if bad and not self._goes_on():
            return False
        self._save_pictures(list(trials.values()))
        return True

    def _mended(self, trial: Tried, told: GivenAnswers) -> bool:
        """Was something answered anew? Then it is tried again."""
        if not self._manner.asks:
            return False
        refused = any(each.code == "EA-CAM-002" for each in trial.findings)
        if trial.camera == BROKER:
            if not self._terminal.yes(_("Answer the broker's questions again?"), default=True):
                return False
            before = told.answers.mqtt
            broker = dialogue.ask_broker(self._terminal, before, told.secrets, again=True)
            told.answers = msgspec.structs.replace(told.answers, mqtt=broker)
            return True
        question = _("Type user and password of {camera} again?").format(camera=trial.camera)
        if not refused or not self._terminal.yes(question, default=True):
            return False
        cameras = [
            dialogue.ask_login_again(self._terminal, each, told.secrets)
            if each.id == trial.camera
            else each
            for each in told.answers.cameras
        ]
        told.answers = msgspec.structs.replace(told.answers, cameras=tuple(cameras))
        return True

    def _goes_on(self) -> bool:
        if self._manner.insists:
            return True
        if self._manner.asks:
            return self._terminal.yes(_("Write all the same?"), default=False)
        self._terminal.say(_("Nothing was written. Mend this, or write all the same with --yes."))
        return False

    def _show(self, trial: Tried) -> None:
        for finding in trial.findings:
            self._manner.show(finding)

    def _save_pictures(self, trials: Sequence[Tried]) -> None:
        pictures = {trial.camera: trial.picture for trial in trials if trial.picture is not None}
        folder = self._manner.pictures
        if not pictures or (folder is None and not self._manner.asks):
            return
        if folder is None:
            text = _("Save the pictures to look at? Folder (empty: no)")
            said = self._terminal.line(text)
            if not said:
                return
            folder = Path(said)
        for camera, picture in pictures.items():
            path = folder / f"{camera}.jpg"
            try:
                save_picture(picture, path)
            except OperatorError as error:
                self._terminal.say(str(error))
            else:
                self._terminal.say(
                    _(
                        "picture: {path} (only you can read it; delete it when you have seen it)"
                    ).format(path=path)
                )

    def _with_model(self, answers: Answers, cameras: int) -> Answers:
        """The named one, or what this box says."""
        if answers.model != "auto":
            return answers
        self._terminal.say(_("Measuring the detectors on this box ..."))
        try:
            choice = choosing.choose(cameras, self._manner.fetch, self._wants, self._terminal.say)
        except ModelError as error:
            self._terminal.say(str(error))
            return answers
        self._terminal.say(_("detector: {why}").format(why=choice.why))
        return msgspec.structs.replace(answers, model=choice.model)

    def _wants(self, offer: choosing.Offer) -> bool:
        """A better one: fetched unless a person says no."""
        model = offer.model
        text = _(
            "{model} sees more (AP {ap}), about {ms} ms a look; it is {mb} MB from the internet."
        ).format(
            model=model.name,
            ap=f"{model.ap:.2f}",
            ms=round(offer.expected_ms),
            mb=f"{model.bytes / 1e6:.1f}",
        )
        if self._manner.asks:
            return self._terminal.yes(f"{text} {_('Fetch it?')}", default=True)
        self._terminal.say(text)
        return True

    def _hand_over(self, told: GivenAnswers) -> None:
        """The agent goes on counting the wrong logins of this setup."""
        state_dir = Path(told.answers.box.state_dir)
        with contextlib.suppress(OSError):
            give_state_dir(state_dir)
            drop_in = open_to_service(state_dir, self._folder)
            if drop_in is not None:
                text = _("The service may write {folder} by {file}.")
                self._terminal.say(text.format(folder=state_dir, file=drop_in))
        guard: CredentialGuard = login_guard(state_dir, self._clock)
        for camera in told.answers.cameras:
            host = camera.host
            if camera.username and host:
                password = told.secrets.get(camera.id, "")
                guard.share(Login(host, camera.username, password), camera=camera.id)

    def _look(self, *, cameras: bool = False) -> None:
        """What was just tried is not tried again."""
        look = DoctorVisit(self._folder, cameras=cameras, broker=cameras)
        for finding in examine(look, self._clock):
            self._manner.show(finding)

    def _say_written(self, files: Sequence[Path]) -> None:
        self.has_written = self.has_written or bool(files)
        for path in files:
            self._terminal.say(_("written: {path}").format(path=path))
