# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names of packages: each family of distributions gets all that a lab host needs, and nothing else."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.netvirt.lab.plugins.modules import host_info

FILES = {path.stem: path for path in (Path(__file__).parents[3] / "roles/host_prep/vars").glob("*.yml") if path.stem != "main"}
FAMILIES = ("debian", "fedora", "rhel", "suse", "arch")
LIBRARIES = ("ovs", "pycdlib")

# Acceptable names, in the order of FAMILIES; | separates alternatives, "" is a library that the family does not package.
NAMES = {
    "ip": ("iproute2", "iproute", "iproute", "iproute2", "iproute2"),
    "ping": ("iputils-ping", "iputils", "iputils", "iputils", "iputils"),
    "nft": ("nftables",) * 5,
    "dnsmasq": ("dnsmasq-base|dnsmasq", "dnsmasq", "dnsmasq", "dnsmasq", "dnsmasq"),
    "DHCP client": ("udhcpc|dhcpcd-base", "dhcpcd|dhcp-client", "dhcpcd", "busybox-udhcpc", "dhcpcd|dhclient"),
    "QEMU": ("qemu-system-x86", "qemu-system-x86-core|qemu-kvm", "qemu-kvm-core|qemu-kvm", "qemu-x86", "qemu-base|qemu-system-x86"),
    "qemu-img": ("qemu-utils", "qemu-img", "qemu-img", "qemu-img|qemu-tools", "qemu-base|qemu-img"),
    "Open vSwitch": ("openvswitch-switch", "openvswitch", "openvswitch3.5", "openvswitch", "openvswitch"),
    "ssh": ("openssh-client", "openssh-clients", "openssh-clients", "openssh-clients|openssh", "openssh"),
    "mkfs.ext4": ("e2fsprogs",) * 5,
    "depmod": ("kmod",) * 5,
    "image builder": ("mmdebstrap", "", "", "", ""),
    "socat": ("socat",) * 5,
    "iperf3": ("iperf3", "iperf3", "iperf3", "iperf", "iperf3"),
    "ovs": ("python3-openvswitch", "python3-openvswitch", "python3-openvswitch3.5", "python3-ovs", ""),
    "pycdlib": ("python3-pycdlib", "python3-pycdlib", "", "python3-pycdlib", ""),
}

# ID, ID_LIKE and the file whose names fit.
RELEASES = [
    ("debian", None, "debian"),
    ("ubuntu", "debian", "debian"),
    ("linuxmint", '"ubuntu debian"', "debian"),
    ("fedora", None, "fedora"),
    ("nobara", '"fedora"', "fedora"),
    ('"rhel"', '"fedora"', "rhel"),
    ('"centos"', '"rhel fedora"', "rhel"),
    ('"rocky"', '"rhel centos fedora"', "rhel"),
    ('"almalinux"', '"rhel centos fedora"', "rhel"),
    ('"opensuse-leap"', '"suse opensuse"', "suse"),
    ('"opensuse-tumbleweed"', '"opensuse suse"', "suse"),
    ("arch", None, "arch"),
    ("manjaro", "arch", "arch"),
]


def names(family: str) -> dict[str, Any]:
    return dict(yaml.safe_load(FILES[family].read_text(encoding="utf-8")))


def accepted(purpose: str, family: str) -> set[str]:
    return set(NAMES[purpose][FAMILIES.index(family)].split("|")) - {""}


def test_the_families_are_those_of_the_table() -> None:
    assert set(FILES) == set(FAMILIES)
    assert all(len(row) == len(FAMILIES) for row in NAMES.values())


@pytest.mark.parametrize("family", FAMILIES)
def test_a_file_has_its_keys_and_names_nothing_twice(family: str) -> None:
    found = names(family)
    assert set(found) - {"__host_prep_command", "__host_prep_unpackaged"} == {
        "__host_prep_packages",
        "__host_prep_frr_packages",
        "__host_prep_capture_packages",
        "__host_prep_ovn_packages",
    }
    assert set(found.get("__host_prep_unpackaged", [])) == {library for library in LIBRARIES if not accepted(library, family)}
    packages = found["__host_prep_packages"]
    assert all(isinstance(package, str) for package in packages)
    assert len(packages) == len(set(packages))
    assert found["__host_prep_frr_packages"] == ["frr"]
    assert found["__host_prep_capture_packages"] == ["tcpdump"]
    assert all(package.startswith("ovn") for package in found["__host_prep_ovn_packages"])


@pytest.mark.parametrize("family", FAMILIES)
def test_each_purpose_has_one_package_and_each_package_a_purpose(family: str) -> None:
    packages = set(names(family)["__host_prep_packages"])
    for purpose in NAMES:
        if accepted(purpose, family):
            assert len(accepted(purpose, family) & packages) == 1, purpose
    assert packages <= set().union(*(accepted(purpose, family) for purpose in NAMES))


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_not_packaged_is_a_library_and_is_said(family: str) -> None:
    absent = {purpose for purpose in NAMES if not accepted(purpose, family)} - {"image builder"}
    assert absent <= set(LIBRARIES)
    comments = "\n".join(line for line in FILES[family].read_text(encoding="utf-8").splitlines() if line.startswith("#"))
    assert all(f" {library} " in comments for library in absent)


@pytest.mark.parametrize(("identity", "like", "family"), RELEASES)
def test_a_distribution_gets_the_names_of_its_family(monkeypatch: pytest.MonkeyPatch, identity: str, like: str | None, family: str) -> None:
    text = f"NAME=x\nID={identity}\n" + (f"ID_LIKE={like}\n" if like else "")
    monkeypatch.setattr(host_info, "open", lambda *_args, **_options: io.StringIO(text), raising=False)
    assert next(word for word in host_info.families() if word in FILES) == family
