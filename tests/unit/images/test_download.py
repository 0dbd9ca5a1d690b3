# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Downloads from a server that behaves, and from ones that do not."""

from __future__ import annotations

import gzip
import hashlib
import json
import lzma
import os
import resource
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabError
from ansible_collections.netvirt.lab.plugins.module_utils.images.download import Partial, fetch, unpack

from .conftest import Publisher

CONTENT = bytes(range(256)) * 4096 * 3  # 3 MiB
QUICK = (0.0, 0.0, 0.0)


def get(publisher: Publisher, partial: Partial, content: bytes = CONTENT) -> None:
    checksum = publisher.publish("/disk.img", content)
    fetch(f"{publisher.url}/disk.img", f"sha256:{checksum}", partial, QUICK)


@pytest.fixture
def partial(tmp_path: Path) -> Partial:
    return Partial(tmp_path / "unfinished")


def test_whole(publisher: Publisher, partial: Partial) -> None:
    get(publisher, partial)
    assert partial.path.read_bytes() == CONTENT
    assert publisher.requests == [("/disk.img", None)]


def test_truncated_transfers_go_on_where_they_broke_off(publisher: Publisher, partial: Partial) -> None:
    publisher.cuts = [1_000_000, 500_000, 0]
    get(publisher, partial)
    assert partial.path.read_bytes() == CONTENT
    assert [asked for _path, asked in publisher.requests] == [None, "bytes=1000000-", "bytes=1500000-", "bytes=1500000-"]


def test_the_next_run_goes_on(publisher: Publisher, partial: Partial) -> None:
    publisher.cuts = [700_000]
    publisher.status = [0, 503, 503, 503, 503]
    checksum = publisher.publish("/disk.img", CONTENT)
    with pytest.raises(LabError, match=r"the server said 503 .*; 0 MiB are kept, the next run goes on from there"):
        fetch(f"{publisher.url}/disk.img", f"sha256:{checksum}", partial, QUICK)
    assert partial.size == 700_000
    publisher.status, publisher.requests = [], []
    get(publisher, Partial(partial.path))
    assert publisher.requests == [("/disk.img", "bytes=700000-")]
    assert partial.path.read_bytes() == CONTENT


@pytest.mark.parametrize("ranges", [True, False])
def test_a_server_that_cannot_go_on_or_has_a_new_version_begins_anew(publisher: Publisher, partial: Partial, ranges: bool) -> None:
    publisher.cuts, publisher.ranges = [700_000], ranges
    publisher.status = [0, 404]
    publisher.publish("/disk.img", b"old" + CONTENT)
    with pytest.raises(LabError):
        fetch(f"{publisher.url}/disk.img", "sha256:00", partial, QUICK)
    publisher.etag = '"v2"' if ranges else publisher.etag
    get(publisher, partial)
    assert publisher.requests[-1] == ("/disk.img", "bytes=700000-")
    assert partial.path.read_bytes() == CONTENT


@pytest.mark.parametrize("etag", [None, 'W/"weak"'])
def test_without_a_strong_validator_there_is_no_going_on(publisher: Publisher, partial: Partial, etag: str | None) -> None:
    publisher.cuts, publisher.etag = [700_000], etag
    get(publisher, partial)
    assert [asked for _path, asked in publisher.requests] == [None, None]


def test_bytes_of_another_address_are_not_gone_on_from(publisher: Publisher, partial: Partial) -> None:
    partial.begin("http://elsewhere.test/disk.img", '"v1"')
    partial.path.write_bytes(b"wrong")
    get(publisher, partial)
    assert publisher.requests == [("/disk.img", None)]


def test_a_finished_file_is_only_checked(publisher: Publisher, partial: Partial) -> None:
    get(publisher, partial)
    publisher.requests.clear()
    get(publisher, partial)
    assert publisher.requests == [("/disk.img", f"bytes={len(CONTENT)}-")]
    assert partial.path.read_bytes() == CONTENT


def test_a_wrong_checksum_names_both_and_removes_the_file(publisher: Publisher, partial: Partial) -> None:
    found, wanted = publisher.publish("/disk.img", CONTENT), "0f" * 32
    with pytest.raises(LabError) as raised:
        fetch(f"{publisher.url}/disk.img", f"sha256:{wanted}", partial, QUICK)
    assert found in str(raised.value)
    assert wanted in str(raised.value)
    assert not partial.path.exists()
    assert not partial.notes.exists()


def test_what_is_not_there_is_not_asked_for_twice(publisher: Publisher, partial: Partial) -> None:
    with pytest.raises(LabError, match=r"/none\.img: the server said 404"):
        fetch(f"{publisher.url}/none.img", "sha256:00", partial, QUICK)
    assert len(publisher.requests) == 1


def test_nobody_listens(partial: Partial) -> None:
    with pytest.raises(LabError, match="Connection refused"):
        fetch("http://127.0.0.1:9/disk.img", "sha256:00", partial, (0.0,))


def test_passing_errors_pass(publisher: Publisher, partial: Partial) -> None:
    publisher.status = [503, 429]
    get(publisher, partial)
    assert partial.path.read_bytes() == CONTENT


def test_proxies_of_the_environment_are_used(publisher: Publisher, partial: Partial, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", publisher.url)
    monkeypatch.setattr(urllib.request, "_opener", None)  # made at a process's first request, with the environment of then
    checksum = publisher.publish("http://images.test/disk.img", CONTENT)
    fetch("http://images.test/disk.img", f"sha256:{checksum}", partial, QUICK)
    assert publisher.requests == [("http://images.test/disk.img", None)]


def test_too_little_room_is_seen_before_anything_is_written(
    publisher: Publisher, partial: Partial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: type("Usage", (), {"free": 2 << 20}))
    with pytest.raises(LabError, match=r"3 MiB are to come and .* has 2 MiB free; make room"):
        get(publisher, partial)
    assert partial.size == 0


def test_a_limit_that_the_transfer_hits(publisher: Publisher, partial: Partial) -> None:
    """A disk that fills up meanwhile: here the limit of a process for its files, which fails the same way."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, before[1]))
        with pytest.raises(LabError, match="is on is full; make room"):
            get(publisher, partial)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert not partial.path.exists(), "what is there is of no use and in the way"
    assert not partial.notes.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system, in a mount namespace of its own")
def test_a_full_disk(publisher: Publisher, tmp_path: Path) -> None:
    checksum = publisher.publish("/disk.img", CONTENT)
    code = f"""
import sys
sys.path[:0] = {sys.path!r}
from ansible_collections.netvirt.lab.plugins.module_utils.images import download
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabError
from pathlib import Path
download._require_room = lambda *arguments: None  # somebody else takes the room after that
try:
    download.fetch({publisher.url + "/disk.img"!r}, {"sha256:" + checksum!r}, download.Partial(Path({str(tmp_path)!r}, "disk")), ())
except LabError as error:
    print(error, list(Path({str(tmp_path)!r}).iterdir()))
"""
    script = 'mount -t tmpfs -o size=1m full "$1" && exec "$2" -c "$3"'
    argv = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", str(tmp_path), sys.executable, code]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert "is on is full; make room, then run again. []" in done.stdout, done.stderr


@pytest.mark.parametrize(("suffix", "pack"), [(".xz", lzma.compress), (".gz", gzip.compress)])
def test_unpacking(tmp_path: Path, suffix: str, pack: object) -> None:
    content = b"head" + bytes(8 << 20) + b"tail" + bytes(1 << 20)
    (tmp_path / "packed").write_bytes(pack(content))  # type: ignore[operator]
    unpack(tmp_path / "packed", suffix, tmp_path / "disk")
    assert (tmp_path / "disk").read_bytes() == content
    assert (tmp_path / "disk").stat().st_blocks * 512 < 4 << 20, "holes are holes"


@pytest.mark.parametrize("suffix", [".xz", ".gz"])
def test_what_cannot_be_unpacked(tmp_path: Path, suffix: str) -> None:
    (tmp_path / "packed").write_bytes(b"not packed at all")
    with pytest.raises(LabError, match=rf"Cannot decompress the image 'packed' \({suffix}\)"):
        unpack(tmp_path / "packed", suffix, tmp_path / "disk")


def test_notes_are_readable(publisher: Publisher, partial: Partial) -> None:
    get(publisher, partial)
    assert json.loads(partial.notes.read_text()) == {"url": f"{publisher.url}/disk.img", "validator": '"v1"'}
    assert hashlib.sha256(partial.path.read_bytes()).hexdigest() == hashlib.sha256(CONTENT).hexdigest()
