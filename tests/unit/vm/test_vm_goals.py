# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VM records, and what is wrong with them."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabError, LabErrors
from ansible_collections.netvirt.lab.plugins.module_utils._vm_options import VM_OPTIONS, records
from ansible_collections.netvirt.lab.plugins.module_utils.images import store
from ansible_collections.netvirt.lab.plugins.module_utils.images.store import Artifacts
from ansible_collections.netvirt.lab.plugins.module_utils.resources.disk import virtual_size
from ansible_collections.netvirt.lab.plugins.module_utils.resources.vm_goals import Source, restart_needed, vm_goals

TAP = [{"tap": "t1"}]
MICRO = Source(kernel=Path("/img/vmlinux"), initrd=Path("/img/initrd"), cmdline="console=ttyS0", boot="kernel", cloud_init=False)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    image = tmp_path / "base.raw"
    image.touch()
    os.truncate(image, 3 << 30)
    return image


def wanted(record: dict[str, Any], source: Source, **how: Any) -> Any:
    return vm_goals([record], "yard", look_up=lambda image: source, **how)


def test_a_guest_without_cloud_init_is_told_by_its_kernel() -> None:
    record = {
        "name": "fox",
        "image": "micro",
        "nics": [{"tap": "t1", "mac": "52:54:00:AA:00:01"}, {"tap": "t2", "mac": "52:54:00:aa:00:02"}],
        "users": [{"name": "root", "authorized_keys": ["ssh-ed25519 one"]}],
        "network": [{"interface": "eth1", "method": "static", "addresses": ["10.9.0.2/24"], "gateway": "10.9.0.1"}],
    }
    disks, seeds, vms = wanted(record, MICRO, authorized_keys=["ssh-ed25519 two", "ssh-ed25519 one"])
    assert (disks.want, seeds.want) == ((), ())
    (vm,) = vms.want
    words = vm.cmdline.split()
    assert words[:2] == ["console=ttyS0", "netvirt.hostname=fox"]
    assert base64.b64decode(words[2].partition("=")[2]) == b"ssh-ed25519 one\nssh-ed25519 two\n"
    assert words[3:] == ["netvirt.address=52:54:00:aa:00:02,10.9.0.2/24,10.9.0.1"]
    assert (vm.kernel, vm.initrd, vm.disk, vm.seed, vm.accel, vm.state) == ("/img/vmlinux", "/img/initrd", "", "", None, "running")


def test_a_guest_without_cloud_init_is_told_names_that_do_not_follow_from_places() -> None:
    record = {
        "name": "fox",
        "image": "micro",
        "nics": [{"id": "eth0", "tap": "t1"}, {"id": "wan", "tap": "t2"}, {"id": "eth1", "tap": "t3"}],
    }
    vm = wanted(record, MICRO)[2].want[0]
    assert vm.cmdline.split()[2:] == [f"netvirt.name={nic.mac},{name}" for name, nic in zip(("wan", "eth1"), vm.nics[1:], strict=True)]


def test_too_long_a_command_line() -> None:
    with pytest.raises(LabErrors, match=r"The kernel command line of VM 'fox' has \d{4} characters, more than 2047"):
        wanted({"name": "fox", "image": "micro", "nics": TAP}, MICRO, authorized_keys=["ssh-rsa " + "A" * 1600])


def test_a_disk_and_a_seed_come_before_their_vm(base: Path) -> None:
    disks, seeds, vms = wanted({"name": "owl", "image": "big", "disk_size": 4, "nics": TAP}, Source(disk=base))
    assert [goal.driver.kind for goal in (disks, seeds, vms)] == ["disk", "seed", "vm"]
    (disk,), (seed,), (vm,) = disks.want, seeds.want, vms.want
    assert (disk.key, disk.size, disk.base_format) == (vm.disk, 4 << 30, "raw")
    assert vm.disk == "/var/lib/netvirt/yard/owl/disk.qcow2"
    assert vm.seed == seed.key == "/var/lib/netvirt/yard/owl/seed.iso"
    assert (vm.kernel, vm.cmdline) == ("", "")


def test_a_seed_of_the_users_own_is_left_alone(base: Path) -> None:
    _disks, seeds, vms = wanted({"name": "owl", "image": "big", "seed": "/srv/own.iso", "nics": TAP}, Source(disk=base))
    assert (seeds.want, vms.want[0].seed) == ((), "/srv/own.iso")


def test_another_content_of_the_base_is_another_base(base: Path) -> None:
    first = wanted({"name": "owl", "image": "big"}, Source(disk=base))[0].want[0]
    os.utime(base, (5, 5))
    assert wanted({"name": "owl", "image": "big"}, Source(disk=base))[0].want[0].base_version != first.base_version


def test_nics_without_a_mac_differ_and_stay() -> None:
    def macs(lab: str, name: str) -> list[str]:
        return [nic.mac for nic in vm_goals([{"name": name, "nics": [{"tap": "a"}, {"tap": "b"}]}], lab)[2].want[0].nics]

    found = [*macs("yard", "fox"), *macs("yard", "owl"), *macs("farm", "fox")]
    assert len(set(found)) == 6
    assert all(mac.startswith("52:54:00:") for mac in found)
    assert macs("yard", "fox") == found[:2]


def test_absent_vms_are_only_named() -> None:
    goals = vm_goals([{"name": "fox", "state": "absent", "image": "unheard-of"}], "yard", purge=True)
    assert [(goal.want, goal.absent, goal.purge) for goal in goals] == [((), (), False), ((), (), False), ((), ("fox",), True)]
    assert restart_needed(goals) == {}


BAD: dict[str, tuple[list[dict[str, Any]], str]] = {
    "path as name": ([{"name": "../fox"}], "The VM name '../fox' cannot be used"),
    "same name": ([{"name": "fox"}, {"name": "fox"}], "The VM 'fox' is given 2 times"),
    "same MAC": (
        [
            {"name": "fox", "nics": [{"tap": "a", "mac": "52:54:00:00:00:AA"}]},
            {"name": "owl", "nics": [{"tap": "b", "mac": "52:54:00:00:00:aa"}]},
        ],
        "The MAC address 52:54:00:00:00:aa is used twice, by 'fox:eth0' and 'owl:eth0'",
    ),
    "multicast MAC": ([{"name": "fox", "nics": [{"tap": "a", "mac": "01:54:00:00:00:aa"}]}], "is none of a single station"),
    "no backend": ([{"name": "fox", "nics": [{"model": "e1000"}]}], "The NIC 'fox:eth0' must have either a tap or a backend"),
    "two backends": ([{"name": "fox", "nics": [{"tap": "a", "user": {}}]}], "The NIC 'fox:eth0' must have either a tap or a backend"),
    "same id": (
        [{"name": "fox", "nics": [{"id": "x", "tap": "a"}, {"id": "x", "tap": "b", "mac": "52:54:00:00:00:01"}]}],
        "have the same id",
    ),
    "odd id": ([{"name": "fox", "nics": [{"id": "x,y", "tap": "a"}]}], "The NIC name 'fox:x,y' cannot be used"),
    "unknown interface": ([{"name": "fox", "nics": TAP, "network": [{"interface": "eth7"}]}], "names 'eth7', which is none of its NICs"),
    "no kernel": ([{"name": "fox", "image": "disk-only", "boot": "kernel"}], "is to boot by a kernel, but its image 'disk-only' has none"),
    "small disk": ([{"name": "fox", "image": "disk-only", "disk_size": 2}], "cannot have a disk of 2 GiB: its base image .* has 3 GiB"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_records(case: str, base: Path) -> None:
    given, message = BAD[case]
    with pytest.raises(LabError, match=message):
        vm_goals(given, "yard", look_up=lambda image: Source(disk=base))


def test_an_image_of_the_users_own(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Artifacts(base, "raw", Path("/img/vmlinux"), None, "root=/dev/vda")
    monkeypatch.setattr(store, "artifacts", lambda name: {"mine": made}[name])
    entry = {"mine": {"path": str(base), "boot": "kernel", "cloud_init": False}}
    vm = vm_goals([{"name": "fox", "image": "mine"}], "yard", images=entry)[2].want[0]
    assert (vm.kernel, vm.cmdline, vm.seed) == ("/img/vmlinux", "root=/dev/vda netvirt.hostname=fox", "")
    with pytest.raises(LabError, match="There is no image 'mine' in the catalogue"):
        vm_goals([{"name": "fox", "image": "mine"}], "yard")


def test_a_missing_base_is_named() -> None:
    with pytest.raises(LabError, match=r"Cannot read the base image '/none.img' of VM 'fox': No such file or directory"):
        wanted({"name": "fox", "image": "x"}, Source(disk=Path("/none.img")))


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(LabErrors) as caught:
        vm_goals([{"name": "a b"}, {"name": "fox", "nics": [{}]}], "yard")
    assert len(caught.value.problems) == 2


def options(**given: Any) -> dict[str, Any]:
    return {**{name: spec.get("default") for name, spec in VM_OPTIONS.items()}, "vms": None, **given}


def test_entries_of_vms_have_what_they_do_not_say_from_the_module() -> None:
    masked: set[str] = set()
    entries = [{"name": "fox"}, {"name": "owl", "memory": "96", "users": [{"name": "kim", "hashed_password": "$y$hash"}]}]
    fox, owl = records(options(vms=entries, memory=128, state="paused"), masked)
    assert (fox["memory"], fox["state"], owl["memory"]) == (128, "paused", 96)
    assert masked == {"$y$hash"}


def test_entries_of_vms_are_checked() -> None:
    with pytest.raises(LabErrors) as caught:
        records(options(vms=[{"memory": 5}, {"name": "owl", "state": "flying"}, {"name": "fox", "colour": "red"}]), set())
    assert [problem.partition(":")[0] for problem in caught.value.problems] == ["vms[0]", "vms[1]", "vms[2]"]


def test_sizes_are_read_from_the_image(base: Path, tmp_path: Path) -> None:
    assert virtual_size(base) == ("raw", 3 << 30)
    overlay = tmp_path / "o.qcow2"
    overlay.write_bytes(b"QFI\xfb" + bytes(20) + (7 << 30).to_bytes(8, "big") + bytes(100))
    assert virtual_size(overlay) == ("qcow2", 7 << 30)
