# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What names mean, and what own entries are refused for."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabError
from ansible_collections.netvirt.lab.plugins.module_utils.images.catalogue import CATALOGUE, find

SHA256 = "ab" * 32
SHA512 = "cd" * 64


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_every_entry_of_the_catalogue_is_usable(name: str) -> None:
    image = find(name)
    assert image.name == name
    assert image.size > 0
    assert (image.kind == "build") == (image.url is None)
    if image.url:
        assert image.url.startswith("https://")
        # A sum of its own only where the address says which release it is; else the publisher's list, from the same place.
        assert bool(image.checksum) != bool(image.checksum_url)
        if image.checksum_url:
            assert image.checksum_url.rpartition("/")[0] == image.url.rpartition("/")[0]


def test_the_two_built_images_are_what_the_labs_count_on() -> None:
    debian, tiny = find("debian-12"), find("tiny")
    facts = [(image.kind, image.boot, image.cloud_init, image.user, image.python) for image in (debian, tiny)]
    assert facts == [("build", "kernel", True, "debian", "/usr/bin/python3"), ("build", "kernel", False, "root", None)]


def test_own_entries() -> None:
    own: dict[str, Any] = {
        "firewall": {"url": "http://images.test/fw.qcow2.xz", "sha256": SHA256.upper(), "user": "admin", "memory": 2048, "python": None},
        "router": "/srv/router.raw",
        "tiny": {"path": "/srv/smaller.raw", "sha512": SHA512, "cloud_init": False},
    }
    firewall = find("firewall", own)
    assert (firewall.kind, firewall.checksum, firewall.user, firewall.memory) == ("download", f"sha256:{SHA256}", "admin", 2048)
    assert (find("router", own).kind, find("router", own).path) == ("file", "/srv/router.raw")
    assert (find("tiny", own).kind, find("tiny", own).checksum) == ("file", f"sha512:{SHA512}")


def test_an_image_with_more_packages_is_as_its_base() -> None:
    base, mine = find("debian-12"), find("mine", {"mine": {"from": "debian-12", "packages": ["tcpdump", "nmap", "nmap"], "memory": 1024}})
    assert (mine.kind, mine.recipe, mine.packages, mine.memory) == ("build", "debian-12", ("nmap", "tcpdump"), 1024)
    assert (mine.user, mine.boot, mine.cloud_init, mine.python) == (base.user, base.boot, base.cloud_init, base.python)
    assert find("plain", {"plain": {"from": "debian-12"}}).packages == ()


def test_an_absolute_path_is_an_image() -> None:
    image = find("/srv/images/switch.qcow2")
    assert (image.kind, image.path, image.boot) == ("file", "/srv/images/switch.qcow2", "disk")


def test_another_source_is_another_image() -> None:
    url, sums = "https://images.test/a.qcow2", "https://images.test/SUMS"
    entries: list[dict[str, Any]] = [
        {"url": url, "sha256": SHA256},
        {"url": url, "sha256": "cd" * 32},
        {"url": url, "checksum_url": sums},
        {"url": "https://images.test/b.qcow2", "checksum_url": sums},
        {"path": "/srv/a.qcow2"},
        {"path": "/srv/b.qcow2"},
    ]
    assert len({find("one", {"one": entry}).source for entry in entries}) == len(entries)
    moved = {"url": "https://mirror.test/a.qcow2", "sha256": SHA256, "user": "other"}
    assert find("one", {"one": moved}).source == find("one", {"one": entries[0]}).source, "the same content is the same image"


@pytest.mark.parametrize(
    ("name", "own", "message"),
    [
        ("debian12", {}, "did you mean 'debian-12'"),
        ("ubunto-24.04", {}, "did you mean 'ubuntu-24.04'"),
        ("firewal", {"firewall": "/srv/x"}, "did you mean 'firewall'"),
        ("qqq", {}, r"there are alpine-.*, tiny"),
        ("web", {"web": {"user": "x"}}, "needs one of 'url', 'path' and 'from'"),
        ("web", {"web": {"url": "https://a/b", "path": "/c"}}, "needs one of 'url', 'path' and 'from'"),
        ("web", {"web": {"url": "https://a/b"}}, "has a URL but no 'sha256', 'sha512' or 'checksum_url'"),
        ("web", {"web": {"url": "ftp://a/b", "sha256": SHA256}}, "neither http nor https"),
        ("web", {"web": {"url": "https://a/b", "checksum_url": "http://a/SUMS"}}, "not https"),
        ("web", {"web": {"url": "https://a/b", "sha256": "12345"}}, "not a sum of that kind: '12345'"),
        ("web", {"web": {"path": "srv/b.raw"}}, "not absolute: 'srv/b.raw'"),
        ("web", {"web": {"path": "/b", "sha": "x"}}, "has no key 'sha'; the keys are boot, "),
        ("web", {"web": 7}, "described by 7"),
        ("web", {"web": {"from": "debian-12", "path": "/b"}}, "needs one of 'url', 'path' and 'from'"),
        ("web", {"web": {"from": "tiny", "packages": ["nmap"]}}, "cannot be built from 'tiny'; only 'debian-12' takes packages"),
        ("web", {"web": {"from": "debian-12", "user": "x"}}, "is built from 'debian-12', so that it cannot have the key 'user'"),
        ("web", {"web": {"from": "debian-12", "packages": ["nmap", "?essential"]}}, "must be a list of names of Debian packages"),
        ("web", {"web": {"from": "debian-12", "packages": "nmap"}}, "must be a list of names of Debian packages"),
        ("web", {"web": {"path": "/b", "packages": ["nmap"]}}, "has packages but no 'from'"),
        ("../web", {"../web": "/b"}, "not usable"),
        (".web", {".web": "/b"}, "not usable"),
    ],
)
def test_what_is_refused(name: str, own: dict[str, Any], message: str) -> None:
    with pytest.raises(LabError) as raised:
        find(name, own)
    assert re.search(message, str(raised.value)), raised.value
    assert name in str(raised.value)
