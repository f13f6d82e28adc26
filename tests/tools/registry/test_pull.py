"""Real transfers from a real server on loopback that breaks off, lies, hangs or redirects."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import socket
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from http_files import Site, folder_names, proxying, serving
from pki import Authority

from edge_agent.detect import ModelInput, read_manifest
from edge_agent.errors import DownloadFailed, StorageError
from edge_agent.tools.registry import FetchSettings, KnownModel, pull

DATA = bytes(range(256)) * 1200  # several reads long
HTTP = FetchSettings(allow_http=True, timeout_s=5)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever proxies the machine has are not meant for loopback."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def site() -> Iterator[Site]:
    with serving(Site({"/m/tiny.onnx": DATA})) as running:
        yield running


def model(url: str | None, data: bytes = DATA, **changes: object) -> KnownModel:
    known = KnownModel(
        name="tiny",
        file="tiny.onnx",
        sha256=hashlib.sha256(data).hexdigest(),
        bytes=len(data),
        licence="Apache-2.0",
        decoder="yolox",
        input=ModelInput(width=64, height=64),
        strides=(8, 16, 32),
        candidate_threshold=0.1,
        confirm_threshold=0.5,
        url=url,
        downloaded=False,
    )
    return msgspec.structs.replace(known, **changes)


def fetch(site: Site, folder: Path, settings: FetchSettings = HTTP) -> Path:
    return pull(model(f"{site.url}/m/tiny.onnx"), folder, settings).path


def begun(folder: Path, data: bytes) -> Path:
    """A transfer that ended early."""
    folder.mkdir(exist_ok=True)
    path = folder / ".tiny.onnx.part"
    path.write_bytes(data)
    return path


def test_a_model_and_its_manifest_are_there_when_all_is_right(site: Site, tmp_path: Path) -> None:
    done: list[int] = []
    known = model(f"{site.url}/m/tiny.onnx")
    pulled = pull(known, tmp_path / "models", HTTP, advance=done.append)
    assert pulled.path.read_bytes() == DATA
    assert pulled.fetched_bytes == len(DATA) == done[-1]
    assert folder_names(tmp_path / "models") == {"tiny.onnx", "tiny.toml"}
    assert read_manifest(tmp_path / "models" / "tiny.toml") == known.manifest()
    assert pull(known, tmp_path / "models", HTTP).fetched_bytes == 0
    assert len(site.asked) == 1


def test_it_goes_on_where_the_connection_broke(site: Site, tmp_path: Path) -> None:
    site.cut_after = 100_000
    assert fetch(site, tmp_path).read_bytes() == DATA
    starts = [asked and asked.removeprefix("bytes=") for _, asked, _ in site.asked]
    assert starts == [None, "100000-", "200000-", "300000-"]
    assert [if_range for _, _, if_range in site.asked[1:]] == ['"one"'] * 3


def test_a_later_pull_goes_on_and_nothing_is_seen_before(site: Site, tmp_path: Path) -> None:
    site.cut_after = 10_000  # five attempts do not suffice
    with pytest.raises(DownloadFailed, match=r"50000 of 307200 bytes.*goes on from there"):
        fetch(site, tmp_path)
    assert folder_names(tmp_path) == set()
    site.cut_after, site.asked = None, []
    assert fetch(site, tmp_path).read_bytes() == DATA
    assert site.asked == [("/m/tiny.onnx", "bytes=50000-", '"one"')]


def test_a_server_that_knows_no_ranges_sends_all_of_it_again(site: Site, tmp_path: Path) -> None:
    begun(tmp_path, DATA[:1000])
    site.ranges = False
    assert fetch(site, tmp_path).read_bytes() == DATA


def test_a_beginning_of_another_file_is_found_out_by_its_etag(site: Site, tmp_path: Path) -> None:
    site.cut_after, site.etag = 10_000, '"old"'
    site.files["/m/tiny.onnx"] = bytes(len(DATA))
    with pytest.raises(DownloadFailed):
        fetch(site, tmp_path)
    site.cut_after, site.etag, site.asked = None, '"new"', []
    site.files["/m/tiny.onnx"] = DATA
    assert fetch(site, tmp_path).read_bytes() == DATA
    assert len(site.asked) == 1


def test_a_beginning_of_another_file_is_found_out_by_its_hash(site: Site, tmp_path: Path) -> None:
    begun(tmp_path, b"x" * 1000)
    assert fetch(site, tmp_path).read_bytes() == DATA
    assert [asked for _, asked, _ in site.asked] == ["bytes=1000-", None]


@pytest.mark.parametrize("beginning", [DATA, DATA + b"more", b""])
def test_a_whole_too_long_or_empty_beginning_is_no_trouble(
    site: Site, tmp_path: Path, beginning: bytes
) -> None:
    begun(tmp_path, beginning)
    assert fetch(site, tmp_path).read_bytes() == DATA


def test_wrong_bytes_are_thrown_away(site: Site, tmp_path: Path) -> None:
    site.files["/m/tiny.onnx"] = bytes(len(DATA))
    with pytest.raises(DownloadFailed, match=r"right size, but sha256 [0-9a-f]{64} instead of"):
        fetch(site, tmp_path)
    assert folder_names(tmp_path) == set()
    assert not list(tmp_path.glob(".*.part"))


def test_a_damaged_file_is_replaced(site: Site, tmp_path: Path) -> None:
    (tmp_path / "tiny.onnx").write_bytes(b"damaged")
    assert fetch(site, tmp_path).read_bytes() == DATA


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        ({"status": 403}, "403 Forbidden: the server refuses"),
        ({"files": {}}, "404 Not Found: the server has no such file"),
        ({"status": 503}, "503 .*try again later"),
        ({"files": {"/m/tiny.onnx": DATA + b"x"}}, r"offers 307201 bytes .* tiny has 307200"),
        (
            {"files": {"/m/tiny.onnx": b"<html>"}, "kind": "text/html"},
            "offers 6 bytes .*login page",
        ),
        ({"redirect": "ftp://127.0.0.1/x"}, "redirects to ftp://.* refused"),
        ({"redirect": "file:///etc/hostname"}, "302 .*file:///etc/hostname. is not allowed"),
    ],
)
def test_a_server_that_has_something_else_says_so(
    site: Site, tmp_path: Path, trouble: dict[str, object], words: str
) -> None:
    for key, value in trouble.items():
        setattr(site, key, value)
    with pytest.raises(DownloadFailed, match=words):
        fetch(site, tmp_path)
    assert folder_names(tmp_path) == set()


def test_never_more_bytes_than_stated(site: Site, tmp_path: Path) -> None:
    """A server that tells no length beforehand must be counted."""
    site.files["/m/tiny.onnx"] = DATA + bytes(10_000_000)
    site.content_length = False
    with pytest.raises(DownloadFailed, match="more than the 307200 bytes"):
        fetch(site, tmp_path)
    assert not list(tmp_path.glob(".*.part"))


def test_a_silent_server_is_given_up(site: Site, tmp_path: Path) -> None:
    site.hang = threading.Event()
    try:
        with pytest.raises(DownloadFailed, match="no answer in time"):
            fetch(site, tmp_path, replace(HTTP, timeout_s=0.2))
    finally:
        site.hang.set()


def test_offline_is_told_in_words(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed = listener.getsockname()[1]
    cases = {
        f"http://127.0.0.1:{closed}/tiny.onnx": "the connection was refused",
        "http://models.invalid/tiny.onnx": "models.invalid .*is not known: no internet, or no DNS",
    }
    for url, words in cases.items():
        with pytest.raises(DownloadFailed, match=words):
            pull(model(url), tmp_path, HTTP)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://127.0.0.1/x.onnx", "is not https; allow it with --allow-http"),
        ("file:///etc/hostname", "is no https URL"),
        (None, "no URL is known: it comes with the agent"),
    ],
)
def test_only_https_unless_allowed(tmp_path: Path, url: str | None, words: str) -> None:
    with pytest.raises(DownloadFailed, match=words):
        pull(model(url), tmp_path, FetchSettings())


def test_a_mirrors_password_is_refused_and_not_repeated() -> None:
    with pytest.raises(DownloadFailed, match="no user or password") as told:
        FetchSettings.of("https://joe:s3cret@mirror.example/", None, False, 5.0)
    assert "s3cret" not in str(told.value)


def test_a_mirror_has_the_file_under_its_own_name(site: Site, tmp_path: Path) -> None:
    settings = replace(HTTP, mirror=f"{site.url}/m/")
    pulled = pull(model("https://models.invalid/else.onnx"), tmp_path, settings)
    assert pulled.path.read_bytes() == DATA


def test_tls_is_verified_and_never_left_for_plain_http(
    tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path / "pki")
    with serving(Site({"/tiny.onnx": DATA}), authority.issue("127.0.0.1")) as safe:
        known = model(f"{safe.url}/tiny.onnx")
        with pytest.raises(DownloadFailed, match="certificate is not trusted"):
            pull(known, tmp_path / "models", FetchSettings())
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca))
        assert pull(known, tmp_path / "models", FetchSettings()).fetched_bytes == len(DATA)
        safe.redirect = f"{site.url}/m/tiny.onnx"
        with pytest.raises(DownloadFailed, match=r"redirects to http://.* not https; refused"):
            pull(known, tmp_path / "other", HTTP)
    assert site.asked == []


def test_a_proxy_is_used_and_its_refusal_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path / "pki")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca))
    with serving(Site({"/tiny.onnx": DATA}), authority.issue("127.0.0.1")) as safe:
        known = model(f"{safe.url}/tiny.onnx")
        with proxying() as (proxy, seen):
            pull(known, tmp_path / "a", FetchSettings(proxy=proxy))
            monkeypatch.setenv("https_proxy", proxy)
            pull(known, tmp_path / "b", FetchSettings())
        assert [line.split()[0] for line in seen] == ["CONNECT", "CONNECT"]
        with (
            proxying("407 Proxy Authentication Required") as (proxy, _),
            pytest.raises(DownloadFailed, match="the proxy does not let us through: 407"),
        ):
            pull(known, tmp_path / "c", FetchSettings(proxy=proxy))


def test_a_proxy_password_does_not_belong_on_the_command_line() -> None:
    with pytest.raises(DownloadFailed, match="belongs into the environment") as caught:
        FetchSettings.of(None, "http://me:secret@proxy:3128", False, 5)
    assert "secret" not in str(caught.value)


def test_two_pulls_do_not_meet(site: Site, tmp_path: Path) -> None:
    with (tmp_path / ".pull.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(DownloadFailed, match="another `models pull` is at work"):
            fetch(site, tmp_path)
    assert fetch(site, tmp_path).is_file()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_not_ours_says_what_to_do(site: Site, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(
            StorageError, match=r"as root .* or choose a folder of your own by --to"
        ):
            fetch(site, tmp_path / "models")
    finally:
        tmp_path.chmod(0o700)


def test_a_folder_that_cannot_be_made_says_what_to_do(site: Site, tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file")
    with pytest.raises(StorageError, match="models: cannot be written"):
        fetch(site, tmp_path / "models")


def test_a_full_disk_gets_its_space_back(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.fsync

    def fsync(descriptor: int) -> None:
        if Path(f"/proc/self/fd/{descriptor}").readlink().suffix == ".part":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(StorageError, match="No space left on device"):
        fetch(site, tmp_path)
    assert not list(tmp_path.glob(".*.part*"))


def test_too_little_room_is_told_before_anything_is_fetched(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = sys.modules[pull.__module__]
    monkeypatch.setattr(module, "KEEP_FREE_BYTES", 2**60)
    with pytest.raises(StorageError, match="MiB are free"):
        fetch(site, tmp_path)
    assert site.asked == []


def test_a_usb_stick_serves_as_well_as_the_network(tmp_path: Path) -> None:
    stick = tmp_path / "stick"
    stick.mkdir()
    (stick / "tiny.onnx").write_bytes(DATA)
    for source in (stick, stick / "tiny.onnx"):
        folder = tmp_path / f"models-{source.name}"
        assert pull(model(None), folder, HTTP, source=source).path.read_bytes() == DATA
    (stick / "tiny.onnx").write_bytes(DATA[:-1])
    with pytest.raises(DownloadFailed, match="offers 307199 bytes"):
        pull(model(None), tmp_path / "short", HTTP, source=stick)
    with pytest.raises(DownloadFailed, match=r"none\.onnx: cannot be read"):
        pull(model(None), tmp_path / "none", HTTP, source=stick / "none.onnx")
