# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The resolv.conf files of nodes."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabError, LabErrors

from .conftest import Hamlet, shell, within

FILE = Path("/etc/netns/forge/resolv.conf")


def lab(*dns: str, **more: Any) -> dict[str, Any]:
    return {
        "namespaces": [{"name": "forge"}],
        "resolvers": [{"netns": "forge", "dns": list(dns), **more}] if dns else [],
    }


def shown() -> list[str]:
    return within("forge", "cat /etc/resolv.conf").splitlines()[1:]


def test_it_is_written_changed_mended_and_gone(hamlet: Hamlet) -> None:
    hamlet.changed(lab("192.0.2.1", search=["smith.example", "example"]))
    assert shown() == ["search smith.example example", "nameserver 192.0.2.1"]
    inode = FILE.stat().st_ino
    told = hamlet.changed(lab("192.0.2.1", "fd00::53"))
    assert told["before"] == {"resolver": {"forge": {"lines": ["search smith.example example", "nameserver 192.0.2.1"]}}}
    assert shown() == ["nameserver 192.0.2.1", "nameserver fd00::53"]
    FILE.write_text(FILE.read_text() + "nameserver 192.0.2.9\n")
    assert "192.0.2.9" in str(hamlet.changed(lab("192.0.2.1"))["before"])
    # A shell in the namespace, which has the file mounted, sees that too.
    assert FILE.stat().st_ino == inode
    FILE.unlink()
    hamlet.changed(lab("192.0.2.1"))
    assert shown() == ["nameserver 192.0.2.1"]
    hamlet.changed(lab())
    assert not Path("/etc/netns").exists()


def test_a_service_that_runs_sees_it_come_and_go(hamlet: Hamlet) -> None:
    service = {"netns": "forge", "name": "bellows", "command": ["sh", "-c", "cat /etc/resolv.conf; sleep infinity"], "environment": {}}

    log = Path("/run/netvirt/hamlet/services/forge/bellows/log")
    hamlet.changed({**lab(), "services": [service]})
    told = hamlet.changed({**lab("192.0.2.1"), "services": [service]})
    assert told["before"] == {"service": {"forge/bellows": {"state": "stale"}}}
    assert log.read_text().endswith("nameserver 192.0.2.1\n")
    hamlet.changed({**lab(), "services": [service]})
    assert "192.0.2.1" not in log.read_text()


def test_a_file_of_somebody_elses_stays(hamlet: Hamlet) -> None:
    FILE.parent.mkdir(parents=True)
    FILE.write_text("nameserver 192.0.2.9\n")
    try:
        with pytest.raises(LabErrors, match=r"The file /etc/netns/forge/resolv\.conf exists and was not made by netvirt\.lab; move"):
            hamlet.bring(lab("192.0.2.1"))
        assert FILE.read_text() == "nameserver 192.0.2.9\n"
        assert "forge" not in shell("ip netns")
    finally:
        shutil.rmtree("/etc/netns")


def test_what_cannot_be_read_is_in_the_way_only_where_a_file_is_wanted(hamlet: Hamlet) -> None:
    FILE.mkdir(parents=True)
    try:
        hamlet.changed(lab())
        with pytest.raises(LabError, match=r"Cannot read /etc/netns/forge/resolv\.conf: Is a directory; move it out of the way"):
            hamlet.bring(lab("192.0.2.1"))
        hamlet.changed({})
        assert FILE.is_dir()
    finally:
        shutil.rmtree("/etc/netns")
