# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is refused before anything changes, and what is left when the system refuses later."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabError, LabErrors
from ansible_collections.netvirt.lab.plugins.module_utils._module import reported
from ansible_collections.netvirt.lab.plugins.module_utils._plan import Goal, Scope, converge
from ansible_collections.netvirt.lab.plugins.module_utils.resources.link import Link, LinkDriver
from ansible_collections.netvirt.lab.plugins.module_utils.transport import iso, namespaces
from ansible_collections.netvirt.lab.plugins.modules import netns, tap, veth

LAB = "refusals"
UNSET = dict.fromkeys(("mac", "mtu", "up", "addresses", "altname", "tx_offload", "owner", "group", "multi_queue", "vnet_hdr"))


def options(name: str, **given: Any) -> dict[str, Any]:
    """Return a module's parameters as AnsibleModule completes them."""
    return {**UNSET, "name": name, "netns": "", "state": "present", "lab": LAB, "peer": None, **given}


@pytest.mark.parametrize("name", ["../x", "/tmp/x", "a/b", ".", "..", "", "two words", "n" * 101])
@pytest.mark.parametrize("state", ["present", "absent"])
def test_a_namespaces_name_leads_nowhere_else(name: str, state: str) -> None:
    with pytest.raises(LabErrors, match=r"^name: .*(must be a namespace's name|has 101 characters)"):
        netns.goals({"name": name, "state": state, "lab": LAB})


def make(name: str) -> None:
    with namespaces.fresh(name):
        pass


@pytest.mark.parametrize("use", [make, namespaces.remove])
def test_nothing_outside_is_touched_whoever_asks(use: Callable[[str], None], tmp_path: Path) -> None:
    bystander = tmp_path / "bystander"
    bystander.write_text("kept")
    with pytest.raises(LabError, match="netns: must be a namespace's name"):
        use(f"../..{bystander}")
    assert bystander.read_text() == "kept"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"name": "sixteen-letters0"}, "name: 'sixteen-letters0' has 16 characters; at most 15 are possible"),
        ({"name": "a/b"}, "name: must be an interface's name: .*, not 'a/b'"),
        ({"name": "a b"}, "name: must be an interface's name: .*, not 'a b'"),
        ({"name": ""}, "name: must be an interface's name: .*, not ''"),
        ({"netns": "../x"}, "netns: must be a namespace's name: .*, not '../x'"),
        ({"mac": "02:00:00:00:00"}, "mac: must be a MAC address such as .*, not '02:00:00:00:00'"),
        ({"mac": "03:00:00:00:00:01"}, "mac: '03:00:00:00:00:01' is a group address"),
        ({"mtu": 67}, r"mtu: must be a whole number from 68 to 65535 \(bytes\), not 67"),
        ({"mtu": 0}, r"mtu: must be a whole number from 68 to 65535 \(bytes\), not 0"),
        ({"mtu": 65536}, r"mtu: must be a whole number from 68 to 65535 \(bytes\), not 65536"),
        ({"altname": "a" * 128}, "altname: 'a+' has 128 characters; at most 127 are possible"),
        ({"addresses": ["10.1.0.1/24", "10.1.0.300/24"]}, r"addresses\[1\]: must be an address with .*, not '10.1.0.300/24'"),
    ],
)
def test_wrong_options_are_named_with_their_value(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(LabErrors, match=f"^{message}"):
        tap.goals(options(**{"name": "tin0", **wrong}))
    with pytest.raises(LabErrors, match=rf"^peer\.{message}"):
        veth.goals(options("tin0", peer=options(**{"name": "tin1", **wrong})))


def test_all_wrong_options_are_named_at_once() -> None:
    with pytest.raises(LabErrors) as caught:
        veth.goals(options("tin/0", mtu=1, addresses=["x"], peer=options("tin1", mac="y", netns="..")))
    named = [problem.partition(":")[0] for problem in caught.value.problems]
    assert named == ["name", "mtu", "addresses[0]", "peer.netns", "peer.mac"]


def test_the_ends_of_a_pair_differ() -> None:
    with pytest.raises(LabErrors, match=r"peer\.name: must not be 'tin0', the name of the near end"):
        veth.goals(options("tin0", netns="blue", peer=options("tin0", netns="blue")))
    assert veth.goals(options("tin0", peer=options("tin0", netns="blue")))


def test_options_are_read_in_the_kernels_spelling() -> None:
    [link] = tap.goals(options("tin0", mac="02-00-00-00-00-AB"))[0].want
    assert (link.mac, link.mtu) == ("02:00:00:00:00:ab", None)
    [link] = tap.goals(options("tin0", mac="", altname=""))[0].want
    assert (link.mac, link.altname) == (None, "")


def test_links_of_a_share_are_checked_before_anything_is_made() -> None:
    ends = Link("copper0", "", LAB, "bridge"), Link("copper1", "", LAB, "bridge", mtu=70000)
    with pytest.raises(LabErrors, match=r"the link 'copper1': mtu: must be a whole number from 68 to 65535 \(bytes\), not 70000"):
        converge([Goal(LinkDriver(), ends)], Scope(LAB))
    assert not Path("/sys/class/net/copper0").exists()


class Failure(Exception):
    """What this module's fail_json raises."""


class Module:
    """Fails as AnsibleModule does."""

    def fail_json(self, msg: str) -> None:
        raise Failure(msg)


@pytest.mark.parametrize(
    ("error", "expected", "message"),
    [
        (LabError("One sentence."), Failure, r"^One sentence\.$"),
        (OSError(28, "No space left on device", "/srv/full"), Failure, "about '/srv/full': No space left on device;"),
        (OSError(28, "No space left on device"), Failure, "The operating system said: No space left on device;"),
        (OSError("Of its own kind"), Failure, "The operating system said: Of its own kind;"),
        (KeyError("a mistake of ours"), KeyError, "a mistake of ours"),
    ],
)
def test_what_the_system_refuses_is_reported_and_our_mistakes_are_not_hidden(
    error: Exception, expected: type[Exception], message: str
) -> None:
    with pytest.raises(expected, match=message), reported(cast(AnsibleModule, Module())):
        raise error


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """Give a file system with room for two pages."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "small", str(tmp_path)], check=True)
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_full_disk_is_named_and_nothing_is_left_on_it(small: Path) -> None:
    image = small / "seed.iso"
    iso.replace(image, b"old", 0, 0, 0o600)
    with pytest.raises(LabError, match=rf"Cannot write the image '{image}': No space left on device\."):
        iso.replace(image, bytes(1 << 16), 0, 0, 0o600)
    assert [path.name for path in small.iterdir()] == ["seed.iso"]
    assert image.read_bytes() == b"old"
