"""Getting a known model: its bytes from the network or a file, checked, then its manifest."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge_agent.atomic_file import write_atomically
from edge_agent.detect import manifest_text, sha256_of
from edge_agent.errors import DownloadFailed, StorageError
from edge_agent.tools.registry.fetch import CHUNK_BYTES, FetchSettings, FileVersion, request
from edge_agent.tools.registry.known import KnownModel
from edge_agent.tools.registry.partial import PartialFile, PartialWriter, pull_lock

#: An interrupted transfer is continued at once, as long as each attempt brings something.
MAX_ATTEMPTS = 5
#: The agent's own files live on the same disk: a model must not fill it.
KEEP_FREE_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True)
class Pulled:
    """`fetched_bytes`: 0 when the file was there already."""

    path: Path
    fetched_bytes: int


def pull(
    model: KnownModel,
    folder: Path,
    settings: FetchSettings,
    *,
    source: Path | None = None,
    advance: Callable[[int], None] = lambda done: None,
) -> Pulled:
    """Put the model and its manifest into `folder`; neither is seen before the bytes are right.

    `source`: a copy of the file, or the folder that holds it, instead of the network. `advance` is
    told how many bytes are there. Raises DownloadFailed, StorageError.
    """
    target = folder / model.file
    with pull_lock(folder):
        if target.is_file() and sha256_of(target) == model.sha256:
            fetched = 0
        else:
            fetched = _Transfer(model, target, settings, source, advance).run()
        # Last: a manifest promises that its file is right.
        write_atomically(folder / f"{model.name}.toml", manifest_text(model.manifest()), 0o644)
    return Pulled(target, fetched)


class _Transfer:
    """One file from nothing, or from a beginning, to its name."""

    def __init__(
        self,
        model: KnownModel,
        target: Path,
        settings: FetchSettings,
        source: Path | None,
        advance: Callable[[int], None],
    ) -> None:
        self._model = model
        self._target = target
        self._settings = settings
        self._source = source
        self._advance = advance
        self._partial = PartialFile(target, model.bytes)
        self._fetched = 0

    def run(self) -> int:
        """Bytes that were transferred."""
        begun = self._partial.length()
        self._check_space(begun)
        self._complete()
        if begun and self._partial.sha256() != self._model.sha256:
            # The beginning was of another file: once more, without it.
            self._partial.discard()
            self._complete()
        found = self._partial.sha256()
        if found != self._model.sha256:
            self._partial.discard()
            raise DownloadFailed(
                f"{self._where()}: the file has the right size, but sha256 {found} instead of "
                f"{self._model.sha256}: it was changed or damaged, and is thrown away"
            )
        self._partial.reveal()
        return self._fetched

    def _complete(self) -> None:
        if self._source is not None:
            self._copy(self._source)
            return
        for attempt in range(1, MAX_ATTEMPTS + 1):
            before = self._fetched
            try:
                self._fetch()
            except DownloadFailed:
                if self._fetched == before or attempt == MAX_ATTEMPTS:
                    raise
            have = self._partial.length()
            if have == self._model.bytes:
                return
            if self._fetched == before:
                break
        raise DownloadFailed(
            f"{self._where()}: the connection ended after {have} of {self._model.bytes} bytes; "
            "they are kept: the next pull goes on from there"
        )

    def _fetch(self) -> None:
        start = self._partial.length()
        if start == self._model.bytes:
            return
        url = self._where()
        with request(url, start, self._partial.validator(url), self._settings) as body:
            if body is None:
                self._partial.discard()  # its file is shorter than our beginning
                raise DownloadFailed(f"{url}: has less than {start} bytes; try again")
            self._check_total(body.total, body.kind, url)
            with self._partial.writer(body.start, url, body.validator) as write:
                self._take(body.read, write)

    def _take(self, read: Callable[[], bytes], write: PartialWriter) -> None:
        while data := read():
            try:
                write(data)
            except DownloadFailed as error:
                self._partial.discard()
                raise DownloadFailed(f"{self._where()}: {error}; thrown away") from error
            self._fetched += len(data)
            self._advance(write.at)

    def _copy(self, source: Path) -> None:
        path = source / self._model.file if source.is_dir() else source
        try:
            size = path.stat().st_size
            self._check_total(size, "a file", str(path))
            with (
                path.open("rb") as file,
                self._partial.writer(0, str(path), FileVersion()) as write,
            ):
                self._take(lambda: file.read(CHUNK_BYTES), write)
        except OSError as error:
            raise DownloadFailed(f"{path}: cannot be read: {error.strerror or error}") from error

    def _check_total(self, total: int | None, kind: str, url: str) -> None:
        if total not in (None, self._model.bytes):
            page = ": a login page of this network?" if kind == "text/html" else ""
            raise DownloadFailed(
                f"{url}: offers {total} bytes ({kind}), {self._model.name} has "
                f"{self._model.bytes}{page}; nothing was fetched"
            )

    def _check_space(self, begun: int) -> None:
        needed = self._model.bytes - begun + KEEP_FREE_BYTES
        free = shutil.disk_usage(self._target.parent).free
        if free < needed:
            raise StorageError(
                f"{self._target.parent}: {free // 2**20} MiB are free, {needed // 2**20 + 1} are "
                "needed (some are kept for the agent); make room or choose another folder by --to"
            )

    def _where(self) -> str:
        if self._source is not None:
            return str(self._source)
        url = self._settings.url_of(self._model.url, self._model.file)
        if url is None:
            raise DownloadFailed(
                f"{self._model.name}: no URL is known: it comes with the agent; give a --mirror"
            )
        return url
