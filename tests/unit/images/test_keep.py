# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what is wanted to what is in the store: plans, downloads, files, removal; and that it all happens once."""

from __future__ import annotations

import dataclasses
import lzma
import shutil
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabError, LabErrors
from ansible_collections.netvirt.lab.plugins.module_utils._plan import diff
from ansible_collections.netvirt.lab.plugins.module_utils.images import build, catalogue, download, keep, store
from ansible_collections.netvirt.lab.plugins.module_utils.images.catalogue import Image
from ansible_collections.netvirt.lab.plugins.module_utils.images.recipes import archive, kernel, programs
from ansible_collections.netvirt.lab.plugins.module_utils.images.store import Manifest

from .conftest import Publisher
from .test_store import overlay

QCOW2 = b"QFI\xfb" + b"disk" * 1000


def own(name: str, **entry: Any) -> Image:
    return catalogue.own_image(name, entry)


def run(*want: Image, absent: Sequence[str] = (), force: bool = False, check: bool = False) -> list[str]:
    """Converge and say what was done; the plan of a check must be that of the run."""
    planned = diff(keep.converge(want, absent, force, check=True))
    changes = keep.converge(want, absent, force, check)
    assert diff(changes) == planned
    return [f"{change.action} {change.key}" for change in changes]


def test_the_life_of_a_downloaded_image(images: Path, publisher: Publisher) -> None:
    sha256 = publisher.publish("/gw-1.qcow2", QCOW2)
    gateway = own("gateway", url=f"{publisher.url}/gw-1.qcow2", sha256=sha256, user="vyos")
    assert run(gateway, check=True) == ["create gateway"]
    assert not images.exists()
    assert run(gateway) == ["create gateway"]
    report = keep.report("gateway")
    assert report is not None
    assert Path(report["disk"]).read_bytes() == QCOW2
    assert (report["disk_format"], report["user"], report["boot"]) == ("qcow2", "vyos", "disk")
    publisher.requests.clear()
    assert run(gateway) == []
    assert publisher.requests == []
    assert run(gateway, force=True) == ["replace gateway"]
    newer = own("gateway", url=f"{publisher.url}/gw-2.qcow2", sha256=publisher.publish("/gw-2.qcow2", QCOW2 + b"2"))
    assert run(newer) == ["replace gateway"]
    assert [path.name for path in images.iterdir()] == ["gateway"]
    assert run(absent=["gateway"]) == ["remove gateway"]
    assert run(absent=["gateway"]) == []
    assert not images.exists()


def test_packed_images_are_unpacked(images: Path, publisher: Publisher) -> None:
    content = b"boot" + bytes(4 << 20)
    sha256 = publisher.publish("/switch.raw.xz", lzma.compress(content))
    run(own("switch", url=f"{publisher.url}/switch.raw.xz", sha256=sha256))
    found = store.artifacts("switch")
    assert found.disk is not None
    assert found.disk.read_bytes() == content
    assert found.disk_format == "raw"


def test_the_publishers_sums_are_asked_for(images: Path, publisher: Publisher, monkeypatch: pytest.MonkeyPatch) -> None:
    sha256 = publisher.publish("/latest/os.img", QCOW2)
    asked: list[str] = []

    def sums(url: str, what: str) -> str:
        asked.append(url)
        return f"{'0' * 64}  else.img\n{sha256}  os.img\n"

    monkeypatch.setattr(download, "fetch_text", sums)
    system = own("system", url=f"{publisher.url}/latest/os.img", checksum_url="https://images.test/latest/SHA256SUMS")
    assert run(system) == ["create system"]
    assert run(system) == []
    assert asked == ["https://images.test/latest/SHA256SUMS"]


def test_fetch_text(publisher: Publisher) -> None:
    publisher.publish("/SUMS", b"abc  file\n")
    assert download.fetch_text(f"{publisher.url}/SUMS", "the sums") == "abc  file\n"
    with pytest.raises(LabError, match=r"Cannot get the sums from .*: the server said 404"):
        download.fetch_text(f"{publisher.url}/none", "the sums")


def test_a_wrong_checksum_leaves_what_was_there(images: Path, publisher: Publisher) -> None:
    sha256 = publisher.publish("/a.img", QCOW2)
    run(own("edge", url=f"{publisher.url}/a.img", sha256=sha256))
    with pytest.raises(LabError, match="is not what it should be"):
        run(own("edge", url=f"{publisher.url}/a.img", sha256="9" * 64))
    assert keep.report("edge") is not None
    assert [path.name for path in images.iterdir()] == ["edge"]


def test_a_file_stays_where_it_is(images: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.qcow2"
    path.write_bytes(QCOW2)
    mine = own("mine", path=str(path), user="me")
    assert run(mine) == ["create mine"]
    assert run(mine) == []
    assert store.artifacts("mine").disk == path
    assert store.image("mine").user == "me"
    with pytest.raises(LabError, match=r"of image 'mine' has the sha256 .*, not 7777"):
        run(own("mine", path=str(path), sha256="7" * 64))
    run(absent=["mine"])
    assert path.read_bytes() == QCOW2
    with pytest.raises(LabError, match="No such file"):
        run(own("gone", path=str(tmp_path / "gone.qcow2")))


def test_an_image_in_use_is_not_removed(images: Path, publisher: Publisher) -> None:
    core = own("core", url=f"{publisher.url}/c.img", sha256=publisher.publish("/c.img", QCOW2))
    run(core)
    disk = images.parent / "course/vm1/disk.qcow2"
    overlay(disk, str(store.artifacts("core").disk))
    with pytest.raises(LabError, match=f"'core' is in use: '{disk}' is based on it"):
        run(absent=["core"])
    assert run(absent=["core"], force=True) == ["remove core"]


def test_a_half_removed_image_is_removed(images: Path) -> None:
    (images / "half").mkdir(parents=True)
    assert run(absent=["half"]) == ["remove half"]
    assert not images.exists()


def test_an_unfinished_download_is_removed_too(images: Path) -> None:
    images.mkdir(parents=True, exist_ok=True)
    keep.partial_file("slow").begin("http://192.0.2.1/slow.img", None)
    assert run(absent=["slow"]) == ["remove slow"]
    assert not images.exists()


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Builds that take a moment and one small file; which were done, run by run."""
    done: list[list[str]] = []

    def fake(wanted: Sequence[Image], work: Path) -> None:
        done.append([image.name for image in wanted])
        time.sleep(0.3)
        for image in wanted:
            (work / image.name).mkdir()
            (work / image.name / "vmlinux").write_bytes(b"kernel")
            store.publish(work / image.name, Manifest(image.name, build.digest(image), dataclasses.asdict(image)))

    monkeypatch.setattr(build, "build", fake)
    return done


def test_images_are_built_together_and_once(images: Path, builds: list[list[str]]) -> None:
    both = [catalogue.find("tiny"), catalogue.find("debian-12")]
    results: list[Any] = []
    runs = [threading.Thread(target=lambda: results.append(keep.converge(both, (), False, False))) for _run in range(3)]
    for each in runs:
        each.start()
    for each in runs:
        each.join(10)
    assert builds == [["tiny", "debian-12"]]
    assert sorted(len(changes) for changes in results) == [0, 0, 2], "only the run that built says so"


def test_another_recipe_is_another_image(images: Path, builds: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    tiny, debian = catalogue.find("tiny"), catalogue.find("debian-12")
    run(tiny, debian)
    assert run(tiny, debian) == []
    text = build.source
    monkeypatch.setattr(build, "source", lambda module: text(module) + (b"# changed" if module.endswith("tiny_files") else b""))
    assert run(tiny, debian) == ["replace tiny"]
    monkeypatch.setattr(build, "source", lambda module: text(module) + (b"# changed" if module.endswith(".kernel") else b""))
    assert run(tiny, debian) == ["replace tiny", "replace debian-12"]


def test_an_image_with_more_packages_is_built_again_if_they_or_the_recipe_change(
    images: Path, builds: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    base = catalogue.find("debian-12")
    assert run(base, own("mine", **{"from": "debian-12", "packages": ["tcpdump", "nmap"]})) == ["create debian-12", "create mine"]
    assert run(base, own("mine", **{"from": "debian-12", "packages": ["nmap", "tcpdump", "nmap"]})) == []
    assert store.image("mine") == own("mine", **{"from": "debian-12", "packages": ["nmap", "tcpdump"]})
    assert run(base, own("mine", **{"from": "debian-12", "packages": ["nmap"]})) == ["replace mine"]
    text = build.source
    monkeypatch.setattr(build, "source", lambda module: text(module) + (b"# changed" if module.endswith("debian_files") else b""))
    assert run(base, own("mine", **{"from": "debian-12", "packages": ["nmap"]})) == ["replace debian-12", "replace mine"]
    report = keep.report("mine")
    assert report is not None
    assert (report["user"], report["boot"], report["cloud_init"]) == ("debian", "kernel", True)


def test_what_a_later_version_notes_of_an_image_does_no_harm(images: Path, builds: list[list[str]]) -> None:
    run(catalogue.find("tiny"))
    path = images / "tiny/manifest.json"
    path.write_text(path.read_text().replace('"entry": {', '"entry": {"flavour": "mint",'))
    assert store.image("tiny") == catalogue.find("tiny")


def test_failures_of_builds_are_told_together(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "which", lambda program: None if program in ("mmdebstrap", "depmod") else program)
    with pytest.raises(LabError, match="depmod, mmdebstrap not found; install kmod, mmdebstrap, or use an image that is downloaded"):
        keep.converge([catalogue.find("tiny")], (), False, False)

    def fails(name: str) -> build.Recipe:
        def raising(shop: Any, image: Image, out: Path) -> Manifest:
            raise LabError(f"{name} failed")

        return build.Recipe((), raising, 0)

    monkeypatch.setattr(programs, "which", lambda program: program)
    monkeypatch.setattr(archive, "open_archive", lambda directory: None)
    monkeypatch.setattr(kernel, "fetch", lambda packages, work: None)
    monkeypatch.setattr(build, "_tools", lambda packages, work: None)
    monkeypatch.setattr(build, "RECIPES", {"tiny": fails("one"), "debian-12": fails("other")})
    with pytest.raises(LabErrors) as raised:
        keep.converge([catalogue.find("tiny"), catalogue.find("debian-12")], (), False, False)
    assert raised.value.problems == ("one failed", "other failed")
    assert not images.exists()


def test_too_little_room_to_build(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "require", lambda: None)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: type("Usage", (), {"free": 100 << 20}))
    with pytest.raises(LabError, match=r"Cannot build tiny: .* has 100 MiB free and building takes about 600 MiB"):
        keep.converge([catalogue.find("tiny")], (), False, False)
