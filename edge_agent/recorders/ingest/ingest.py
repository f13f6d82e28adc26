"""The ingest thread: takes clips from the ledger and makes events of them, one clip at a time.

    found -> ledger -> planner -> open, resume(carry) -> frames -> events, carry_over
                          ^                                             |
                          +---------- one transaction <-----------------+

A clip's messages, its ledger row and what the next clip goes on with are one transaction, and
every clip begins with nothing but that. So a clip that a crash cut short is analysed again with
the same result.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import takewhile
from pathlib import Path

from edge_agent.clock import Clock
from edge_agent.config import CameraConfig
from edge_agent.domain import CameraId
from edge_agent.errors import StorageError
from edge_agent.outbox import Also, Draft
from edge_agent.pipeline.stages import Detector
from edge_agent.recorders.find import shown_path
from edge_agent.recorders.ingest.arrivals import Arrivals
from edge_agent.recorders.ingest.clip_work import (
    ClipOutcome,
    ClipWork,
    IngestCamera,
    PutOff,
    told_part,
)
from edge_agent.recorders.ingest.notes import Storing
from edge_agent.recorders.ingest.planner import ClipPlanner
from edge_agent.recorders.ingest.runs import OpenRuns, update_all
from edge_agent.recorders.ingest.shown import LEFT_ALONE, STILL_MARGIN_S, shown_before
from edge_agent.recorders.ingest.tidying import Tidying
from edge_agent.recorders.ledger import ClipProgress, LedgerClip, LedgerReader, RunHead
from edge_agent.recorders.ledger import rows as ledger
from edge_agent.runtime import Attempts, StopToken
from edge_agent.sources import CameraFeed
from edge_agent.writer.drafting import EventDrafter
from edge_agent.writer.writer import DatedSnapshot, Together

log = logging.getLogger(__name__)

#: How often the ledger is looked at when nobody says that there is news.
_LOOK_EVERY_S = 1.0
_WAKE_S = 0.25
_STORAGE_RETRY_S = 5.0
#: So often in a row a batch waits in vain for an analysis that was busy, three minutes each time.
_PUT_OFFS = 3
_SHOWN_BY_VIDEO = f"{LEFT_ALONE}a video shows this moment"


class Ingest:
    """`run` belongs to the ingest thread; `wake` may be called from any."""

    def __init__(
        self,
        cameras: Mapping[CameraId, IngestCamera],
        detector: Detector,
        drafter: EventDrafter,
        storing: Storing,
        *,
        open_reader: Callable[[], LedgerReader],
        clock: Clock,
        attempts: Attempts | None = None,
    ) -> None:
        attempts = attempts or Attempts()
        self._cameras = dict(cameras)
        self._work = {
            name: ClipWork(camera, detector, drafter, clock, attempts)
            for name, camera in cameras.items()
        }
        self._arrivals = Arrivals(cameras, clock)
        self._storing = storing
        self._open_reader = open_reader
        self._clock = clock
        self._news = threading.Event()
        self._renew: deque[Callable[[], None]] = deque()
        self._started_utc_s = clock.read().utc_s
        self._found_lost = False

    @property
    def feeds(self) -> Mapping[CameraId, CameraFeed]:
        """What decodes a clip now. Safe from any thread."""
        feeds = {name: camera.analysis.feed for name, camera in self._cameras.items()}
        return {name: feed for name, feed in feeds.items() if feed is not None}

    def wake(self) -> None:
        """Something was found."""
        self._news.set()

    def apply(
        self, configs: Mapping[CameraId, CameraConfig], default_fps: float, detector: Detector
    ) -> None:
        """Analyse these cameras' clips with other settings, from the next clip on. What changes
        in their folders is nothing for this. Safe from any thread."""

        def renew() -> None:
            for name, config in configs.items():
                self._work[name].apply(config, default_fps, detector)

        self._renew.append(renew)

    def run(self, stop: StopToken) -> None:
        """Until told to stop. A clip that is not finished then is analysed again later."""
        with self._open_reader() as reader:
            planner = ClipPlanner(tuple(self._cameras), reader, self._clock)
            tidying = Tidying(self._max_age_s, self._is_seen, reader, self._clock)
            while not stop.stopped:
                self._news.clear()
                while self._renew:
                    self._renew.popleft()()
                try:
                    self._find_lost(planner.runs, stop)
                    self._arrivals.look()
                    self._end_runs(planner, reader, stop)
                    busy = self._next(planner, reader, stop)
                    if not busy and (forgetting := tidying.due()) is not None:
                        self._store([], [], forgetting, stop)
                except StorageError as error:
                    log.warning("recorder folders wait: %s", error)
                    stop.wait(_STORAGE_RETRY_S)
                    continue
                if not busy:
                    self._wait(stop)
            if (rest := planner.runs.settle()) is not None:
                self._store([], [], rest, stop)
        self._keep_views()

    def finish(self, stop: StopToken) -> None:
        """For folders that are complete: analyse all that waits, then end what is open.

        Clips that the analysis put off are waited for; a share that does not answer is not.
        """
        with self._open_reader() as reader:
            planner = ClipPlanner(tuple(self._cameras), reader, self._clock, complete=True)
            self._find_lost(planner.runs, stop)
            self._arrivals.none()
            self._analyse_all(planner, reader, stop)
            for camera in self._cameras:
                for head in planner.runs.heads(camera):
                    if not stop.stopped and not reader.goes_on(head):
                        self._end(head, planner.runs, reader, stop)
            if (rest := planner.runs.settle()) is not None:
                self._store([], [], rest, stop)
        self._keep_views()

    def _analyse_all(self, planner: ClipPlanner, reader: LedgerReader, stop: StopToken) -> None:
        fewest, patience = float("inf"), _PUT_OFFS
        while not stop.stopped:
            if self._next(planner, reader, stop):
                self._end_runs(planner, reader, stop)
                continue
            wait_s = planner.wait_for_analysis_s(self._here)
            waiting = sum(n for (_, state), n in reader.counts().items() if state == "waiting")
            if waiting < fewest:
                fewest, patience = waiting, _PUT_OFFS
            if wait_s is None or not patience:
                return
            patience -= 1
            stop.wait(wait_s)

    def _find_lost(self, runs: OpenRuns, stop: StopToken) -> None:
        """Once, before anything is planned."""
        if self._found_lost:
            return
        lost = runs.lost(tuple(self._cameras))
        if lost:
            self._store([], [], lambda db: update_all(db, lost), stop)
        self._found_lost = True

    def faults(self, camera: CameraId) -> tuple[str, ...]:
        """What was wrong with its pictures at the end of its newest clip. From any thread."""
        return self._work[camera].eyes.faults

    def _keep_views(self) -> None:
        for work in self._work.values():
            work.eyes.keep()

    @property
    def _max_age_s(self) -> float:
        return max((camera.max_age_s for camera in self._cameras.values()), default=0.0)

    def _is_seen(self, path: Path) -> bool:
        """Whether the folder that this file lay in can be seen, if a camera has it still."""
        return not any(
            camera.folder.lost
            for camera in self._cameras.values()
            if path.is_relative_to(camera.folder.path)
        )

    def _wait(self, stop: StopToken) -> None:
        waited_s = 0.0
        while not stop.stopped and waited_s < _LOOK_EVERY_S:
            if self._news.wait(_WAKE_S):
                return
            waited_s += _WAKE_S

    # --- clips ---

    @property
    def _here(self) -> list[CameraId]:
        """The cameras whose folder can be seen."""
        return [name for name, camera in self._cameras.items() if not camera.folder.lost]

    def _next(self, planner: ClipPlanner, reader: LedgerReader, stop: StopToken) -> bool:
        """Analyse what is next, if any waits; False when there is none."""
        clips = planner.next(self._here)
        if not clips:
            return False
        if self._arrivals.before(clips[0]):
            planner.put_off(clips[0].camera, _WAKE_S)
            return True
        clips = tuple(takewhile(lambda clip: not self._arrivals.before(clip), clips))
        try:
            if clips[0].kind == "still" and _shown_by_video(clips[0], reader):
                self._leave_alone(clips[0], _SHOWN_BY_VIDEO, stop)
                planner.plan_anew(clips[0].camera)
            elif clips[0].kind == "still":
                burst = tuple(takewhile(lambda clip: not _shown_by_video(clip, reader), clips))
                self._burst(burst, planner.runs, reader, stop)
                if len(burst) < len(clips):
                    planner.plan_anew(clips[0].camera)
            else:
                self._video(clips[0], planner.runs, reader, stop)
        except PutOff as reason:
            log.warning("%s: %s waits: %s", clips[0].camera, shown_path(clips[0].path), reason)
            planner.put_off(clips[0].camera, reason.delay_s, by_analysis=reason.by_analysis)
        except StorageError:
            planner.plan_anew(clips[0].camera)
            raise
        return True

    def _video(
        self, clip: LedgerClip, runs: OpenRuns, reader: LedgerReader, stop: StopToken
    ) -> None:
        work, shown, run = self._work[clip.camera], shown_before(clip, reader), runs.before(clip)
        if shown.covers(clip) and not clip.told:
            self._leave_alone(clip, f"{LEFT_ALONE}{shown.by} shows the same moments", stop)
            return
        if shown.grown_from is not None:
            run = runs.run(shown.grown_from.key)
        prepared = work.resumed(clip, run, shown) if run else None
        if run and prepared is None:
            self._end(run.head, runs, reader, stop)
            run = None
        prepared = prepared or work.begun(clip, shown)
        messages = prepared.messages

        def store_part() -> None:
            if messages.part_is_due(self._clock.mono_s()):
                part = told_part(clip, messages)
                self._store(*messages.take(), lambda db: ledger.update_clip(db, part), stop)

        outcome = work.play(clip, prepared, store_part, stop)
        if not stop.stopped:
            _tell(outcome)
            drafts, pictures = messages.take()
            change = runs.change([outcome], run, quiet=not messages.count)
            self._store(drafts, pictures, change, stop)

    def _burst(
        self, clips: Sequence[LedgerClip], runs: OpenRuns, reader: LedgerReader, stop: StopToken
    ) -> None:
        """Stills that follow each other, in one transaction: each is too little for its own.
        Each begins with nothing but what the one before carries over, as clips do."""
        work = self._work[clips[0].camera]
        drafts: list[Draft] = []
        pictures: list[DatedSnapshot] = []
        outcomes: list[ClipOutcome] = []
        run = before = runs.before(clips[0])
        for clip in clips:
            prepared = work.resumed(clip, run) if run else None
            if run and prepared is None:
                if outcomes:
                    break  # the next transaction begins with ending this run
                self._end(run.head, runs, reader, stop)
                before = None
            prepared = prepared or work.begun(clip)
            outcome = work.play(clip, prepared, lambda: None, stop)
            if stop.stopped:
                return
            _tell(outcome)
            more_drafts, more_pictures = prepared.messages.take()
            drafts += more_drafts
            pictures += more_pictures
            outcomes.append(outcome)
            run = outcome.after or run
        change = runs.change(outcomes, before, quiet=False)
        self._store(drafts, pictures, change, stop)

    def _leave_alone(self, clip: LedgerClip, reason: str, stop: StopToken) -> None:
        """What another file shows is told once."""
        log.info("%s: %s: %s", clip.camera, shown_path(clip.path), reason)
        done = replace(clip, state=ClipProgress.DONE, reason=reason)
        self._store([], [], lambda db: ledger.update_clip(db, done), stop)

    # --- the end of a run ---

    def _end_runs(self, planner: ClipPlanner, reader: LedgerReader, stop: StopToken) -> None:
        """End the events of runs that no clip continues any more."""
        now_s = self._clock.read().utc_s
        for name, camera in self._cameras.items():
            if not self._arrivals.scanned(name):
                continue  # the next clip may lie there already
            for head in planner.runs.heads(name):
                due_s = max(head.found_s, self._started_utc_s) + camera.next_clip_s
                # Uploads come in the order of time: later clips were found, so none is missing.
                passed = planner.newest_s(name) > head.end_s + camera.next_clip_s
                over = passed or now_s >= due_s
                if over and not self._arrivals.after(head) and not reader.goes_on(head):
                    self._end(head, planner.runs, reader, stop)

    def _end(self, head: RunHead, runs: OpenRuns, reader: LedgerReader, stop: StopToken) -> None:
        run, clip = runs.run(head.clip), reader.clip(head.clip)
        if run is not None and clip is not None:
            drafts, pictures = self._work[run.camera].last_messages(run, clip).take()
            self._store(drafts, pictures, runs.delete(run), stop)

    # --- storing ---

    def _store(
        self,
        drafts: Sequence[Draft],
        pictures: Sequence[DatedSnapshot],
        also: Also,
        stop: StopToken,
    ) -> None:
        """Stored when it returns, or it is time to stop: then it is all done again later."""
        while True:
            items = Together(drafts, also, pictures)
            self._storing.together(items)
            while not items.done.wait(_WAKE_S):
                if stop.stopped:
                    return
            if items.stored or stop.wait(_STORAGE_RETRY_S):
                return


def _shown_by_video(clip: LedgerClip, reader: LedgerReader) -> bool:
    return reader.video_shows(clip.camera, clip.start_s, STILL_MARGIN_S)


def _tell(outcome: ClipOutcome) -> None:
    clip = outcome.clip
    if clip.reason:
        log.warning("%s: %s: %s", clip.camera, shown_path(clip.path), clip.reason)
