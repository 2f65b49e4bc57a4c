import hashlib
import os
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from spikeloom.data.download import RemoteFile, cache_folder, fetch
from spikeloom.data.mnist import _FASHION, _MNIST

CONTENT = bytes(range(256)) * 4096  # 1 MB


@dataclass
class Server:
    """What the local server does; its folders are mirrors that behave differently."""

    url: str = ""
    ranges: bool = True
    requests: list[tuple[str, str | None]] = field(default_factory=list)

    def mirror(self, behaviour: str) -> str:
        return f"{self.url}/{behaviour}/"

    def folders(self) -> list[str]:
        return [path.split("/")[1] for path, _ in self.requests]


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            behaviour = self.path.split("/")[1]
            wanted = self.headers.get("Range")
            state.requests.append((self.path, wanted))
            if behaviour == "missing":
                self.send_error(404)
                return
            body = {"wrong": CONTENT[::-1], "long": CONTENT * 2}.get(behaviour, CONTENT)
            start = 0
            if wanted and state.ranges:
                start = int(wanted.removeprefix("bytes=").removesuffix("-"))
                self.send_response(206)
                sent_start = start + 1 if behaviour == "shifted" else start
                self.send_header("Content-Range", f"bytes {sent_start}-{len(body) - 1}/{len(body)}")
            else:
                self.send_response(200)
            rest = body[start:]
            self.send_header("Content-Length", str(len(rest)))
            self.end_headers()
            # "broken" promises the rest and stops after at most 300 kB.
            self.wfile.write(rest[:300_000] if behaviour == "broken" else rest)

        def log_message(self, format, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http_server:
        state.url = f"http://127.0.0.1:{http_server.server_port}"
        thread = threading.Thread(target=http_server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield state
        http_server.shutdown()
        thread.join()


def remote(*mirrors: str) -> RemoteFile:
    return RemoteFile("x.gz", hashlib.sha256(CONTENT).hexdigest(), len(CONTENT), mirrors)


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock")


def test_fetched_once_into_a_new_folder(server, tmp_path):
    folder = tmp_path / "a" / "b"
    for _ in range(2):
        assert fetch(remote(server.mirror("good")), folder).read_bytes() == CONTENT
    assert len(server.requests) == 1
    assert left_in(folder) == ["x.gz"]


@pytest.mark.parametrize("bad", ["missing", "wrong", "long", "broken"])
def test_next_mirror_takes_over(server, tmp_path, bad):
    path = fetch(remote(server.mirror(bad), server.mirror("good")), tmp_path)
    assert path.read_bytes() == CONTENT
    assert server.folders() == [bad, "good"]
    assert left_in(tmp_path) == ["x.gz"]


def test_mirror_that_does_not_answer(server, tmp_path):
    path = fetch(remote("http://127.0.0.1:9/", server.mirror("good")), tmp_path)
    assert path.read_bytes() == CONTENT


def test_broken_connection_is_resumed_where_it_stopped(server, tmp_path):
    assert fetch(remote(server.mirror("broken")), tmp_path).read_bytes() == CONTENT
    assert [wanted for _, wanted in server.requests] == [
        None,
        "bytes=300000-",
        "bytes=600000-",
        "bytes=900000-",
    ]


def test_interrupted_download_is_resumed_by_the_next_call(server, tmp_path):
    (tmp_path / "x.gz.part").write_bytes(CONTENT[:1000])
    assert fetch(remote(server.mirror("good")), tmp_path).read_bytes() == CONTENT
    assert server.requests[0][1] == "bytes=1000-"
    assert left_in(tmp_path) == ["x.gz"]


def test_ctrl_c_keeps_what_arrived_under_another_name(server, tmp_path, monkeypatch):
    def interrupted(file, digest):
        raise KeyboardInterrupt

    monkeypatch.setattr("hashlib.file_digest", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fetch(remote(server.mirror("good")), tmp_path)
    assert left_in(tmp_path) == ["x.gz.part"]
    monkeypatch.undo()
    assert fetch(remote(server.mirror("missing")), tmp_path).read_bytes() == CONTENT


def test_server_without_ranges_starts_over(server, tmp_path):
    server.ranges = False
    (tmp_path / "x.gz.part").write_bytes(CONTENT[:1000])
    assert fetch(remote(server.mirror("good")), tmp_path).read_bytes() == CONTENT
    assert len(server.requests) == 1


def test_wrong_range_is_not_appended(server, tmp_path):
    (tmp_path / "x.gz.part").write_bytes(CONTENT[:1000])
    path = fetch(remote(server.mirror("shifted"), server.mirror("good")), tmp_path)
    assert path.read_bytes() == CONTENT
    assert server.folders() == ["shifted", "good"]


@pytest.mark.parametrize("stale", [b"\1" * 1000, b"\1" * len(CONTENT), b"\1" * 2 * len(CONTENT)])
def test_spoilt_remainder_is_thrown_away(server, tmp_path, stale):
    (tmp_path / "x.gz.part").write_bytes(stale)
    assert fetch(remote(server.mirror("good")), tmp_path).read_bytes() == CONTENT


def test_wrong_content_is_never_kept(server, tmp_path):
    with pytest.raises(ConnectionError, match=r"served other content \(sha256"):
        fetch(remote(server.mirror("wrong")), tmp_path)
    assert left_in(tmp_path) == []


def test_every_mirror_is_named_when_all_fail(server, tmp_path):
    mirrors = [server.mirror("missing"), server.mirror("wrong"), "http://127.0.0.1:9/"]
    with pytest.raises(ConnectionError) as caught:
        fetch(remote(*mirrors), tmp_path)
    for mirror, answer in zip(mirrors, ["404", "other content", "refused"], strict=True):
        line = next(line for line in str(caught.value).splitlines() if mirror in line)
        assert answer in line
    assert f"into {tmp_path}" in str(caught.value)
    assert "--data DIR" in str(caught.value)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a Linux device")
def test_full_disk_leaves_no_half_written_file(server, tmp_path):
    (tmp_path / "x.gz.part").symlink_to("/dev/full")
    with pytest.raises(OSError, match=r"x\.gz \(1\.0 MB\) cannot be stored.*disk is full.*--data"):
        fetch(remote(server.mirror("good")), tmp_path)
    assert left_in(tmp_path) == []


@pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() == 0, reason="the administrator may write anywhere"
)
def test_unwritable_folder_by_permission(server, tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError, match=r"cannot be stored.*XDG_CACHE_HOME=DIR"):
        fetch(remote(server.mirror("good")), tmp_path)


def test_folder_that_cannot_be_made(server, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match=r"cannot be stored.*XDG_CACHE_HOME=DIR"):
        fetch(remote(server.mirror("good")), tmp_path / "file" / "below")
    assert server.requests == []


def test_two_at_once_download_once(server, tmp_path):
    file, paths = remote(server.mirror("good")), []

    def fetch_too() -> None:
        paths.append(fetch(file, tmp_path))

    threads = [threading.Thread(target=fetch_too) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [path.read_bytes() == CONTENT for path in paths] == [True] * 4
    assert len(server.requests) == 1


@pytest.mark.parametrize("dataset", [_MNIST, _FASHION])
def test_tables_are_well_formed(dataset):
    assert len(dataset.files) == 4
    assert len({sha256 for _, sha256 in dataset.files.values()}) == 4
    for name in dataset.files:
        file = dataset.remote(name)
        assert file.name == f"{name}.gz"
        assert len(bytes.fromhex(file.sha256)) == 32
        assert len(file.mirrors) >= 2
        assert all(mirror.startswith("http") and mirror.endswith("/") for mirror in file.mirrors)


def test_cache_folder_follows_the_variable(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "spikeloom" / "data"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder().is_relative_to(Path.home())
