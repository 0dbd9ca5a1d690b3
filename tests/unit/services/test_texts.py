# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The texts that programs are given: nftables, dnsmasq, DHCP clients."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabErrors
from ansible_collections.netvirt.lab.plugins.module_utils.resources import _dhcp_text as dhcp
from ansible_collections.netvirt.lab.plugins.module_utils.resources._dnsmasq_conf import (
    Lease,
    config_text,
    dnsmasq_from,
    parse_leases,
    plain,
)
from ansible_collections.netvirt.lab.plugins.module_utils.resources._nft_text import removal_text, table_text

Golden = Callable[[str, str], None]

NEAR = {
    "interface": "sw-near",
    "address": "10.71.0.1",
    "subnet": "10.71.0.0/24",
    "range": ["10.71.0.10", "10.71.0.99"],
    "lease": "12h",
    "router": "10.71.0.1",
    "dns": ["10.71.0.1", "192.0.2.53"],
    "options": {"ntp-server": "10.71.0.2", 119: ["grove.test", "copse.test"]},
    "hosts": [
        {"mac": "02:00:00:00:0B:02", "address": "10.71.0.77", "name": "birch"},
        {"mac": "02:00:00:00:0b:01", "address": "10.71.0.12", "name": "ash"},
    ],
}
CLOSED = {**NEAR, "interface": "br-closed", "range": None, "router": "", "dns": [], "options": {}, "lease": "infinite"}
NAMES_ONLY = {"interface": "zz-names", "address": "10.73.0.1", "subnet": "10.73.0.0/16"}
HUGE = {"interface": "wide", "address": "10.80.0.1", "subnet": "10.80.0.0/16", "range": ["10.80.0.2", "10.80.19.255"], "lease": "1h"}
RECORDS = [{"name": "birch", "addresses": ["10.71.0.77"]}, {"name": "ash", "addresses": ["10.71.0.12", "10.72.0.12"]}]

SERVED: dict[str, dict[str, Any]] = {
    "several": {"domain": "grove.test", "upstream": None, "networks": [NEAR, NAMES_ONLY, CLOSED], "records": RECORDS},
    "alone": {"domain": "", "upstream": [], "networks": [HUGE], "records": RECORDS[:1]},
    "upstream": {"domain": "grove.test", "upstream": ["192.0.2.53", "192.0.2.54#5353"], "networks": [NAMES_ONLY]},
}


@pytest.mark.parametrize("name", SERVED)
def test_dnsmasq(golden: Golden, name: str) -> None:
    golden(f"dnsmasq-{name}.conf", config_text(dnsmasq_from(SERVED[name], "maple"), Path("/run/netvirt/maple/dnsmasq"), "nobody"))


@pytest.mark.parametrize("name", SERVED)
def test_what_is_noted_means_the_same(name: str) -> None:
    wanted = dnsmasq_from(SERVED[name], "maple")
    assert dnsmasq_from(plain(wanted), "maple") == wanted


def test_the_order_of_what_is_asked_for_does_not_matter() -> None:
    other = {**SERVED["several"], "networks": [CLOSED, {**NEAR, "hosts": NEAR["hosts"][::-1]}, NAMES_ONLY], "records": RECORDS[::-1]}  # type: ignore[index]
    assert dnsmasq_from(other, "maple") == dnsmasq_from(SERVED["several"], "maple")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"subnet": "10.71.0.1/24"}, "10.71.0.1/24 has host bits set; write IPv4 addresses."),
        ({"address": "10.72.0.1"}, "10.72.0.1 is not in 10.71.0.0/24."),
        ({"range": ["10.71.0.10"]}, "a range is its first and its last address."),
        ({"range": ["10.71.0.10", "10.71.0.9"]}, "a range is its first and its last address."),
        ({"range": ["10.71.0.1", "10.71.0.9"]}, "the range has the lab host's own address 10.71.0.1 in it."),
        ({"hosts": [{"mac": "02:00:00:00:0b:01", "address": "10.9.0.1", "name": "ash"}]}, "10.9.0.1 is not in 10.71.0.0/24."),
    ],
)
def test_addresses_that_do_not_fit(change: dict[str, Any], problem: str) -> None:
    with pytest.raises(LabErrors) as caught:
        dnsmasq_from({"networks": [{**NEAR, **change}]}, "maple")
    assert caught.value.problems == (f"network 'sw-near': {problem}",)


def test_leases() -> None:
    text = "1795240388 02:00:00:00:0B:01 10.71.0.12 ash 01:02:00\n0 02:00:00:00:0b:09 10.71.0.13 * *\nduid 00:01:00:01\n17 half\n"
    assert parse_leases(text) == [
        Lease("02:00:00:00:0b:01", "10.71.0.12", "ash", 1795240388),
        Lease("02:00:00:00:0b:09", "10.71.0.13", "", 0),
    ]


@pytest.mark.parametrize(
    ("name", "subnets", "uplink"),
    [
        ("one", ["10.71.0.0/24"], "up0"),
        ("several", ["10.71.0.0/24", "10.72.0.0/16", "10.72.3.0/24"], "wlan0"),
        ("no-uplink", ["10.71.0.0/24"], ""),
    ],
)
def test_nftables(golden: Golden, name: str, subnets: list[str], uplink: str) -> None:
    golden(f"nft-{name}.nft", table_text("maple", subnets, uplink))


def test_nftables_removal(golden: Golden) -> None:
    golden("nft-removal.nft", removal_text("maple"))


@pytest.mark.parametrize("program", dhcp.PROGRAMS)
def test_dhcp_clients(golden: Golden, program: str) -> None:
    directory = Path("/run/netvirt/maple/dhcp/beech")
    parts = ["\n".join(dhcp.argv(program, "eth3", directory, f"/sbin/{program}"))]
    files = dhcp.files(program, "maple", "beech", "eth3", directory, f"/sbin/{program}")
    parts += [f"==> {name}\n{text}" for name, text in sorted(files.items())]
    golden(f"dhcp-{program}.txt", "\n".join(parts))


@pytest.mark.parametrize("program", dhcp.PROGRAMS)
def test_a_dhcp_client_asks_for_its_address_where_the_server_may_not_know_it_yet(program: str) -> None:
    told = ("eth3", Path("/run/netvirt/maple/dhcp/beech"), f"/sbin/{program}", "10.9.0.7")
    text = " ".join([*dhcp.argv(program, *told), *dhcp.files(program, "maple", "beech", *told).values()])
    assert {"udhcpc": " -r 10.9.0.7", "dhclient": "send dhcp-requested-address 10.9.0.7;", "dhcpcd": " -r 10.9.0.7 "}[program] in text


def test_a_text_cannot_bring_in_a_directive_of_its_own() -> None:
    network = {"interface": "sw", "address": "10.9.0.1", "subnet": "10.9.0.0/24", "options": {"ntp-server": "1\ndhcp-script=/bin/sh"}}
    with pytest.raises(LabErrors, match="has a control character"):
        dnsmasq_from({"networks": [network], "records": [{"name": "a\nb", "addresses": []}]}, "grove")
