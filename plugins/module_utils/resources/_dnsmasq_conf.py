# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a lab's dnsmasq serves, and the text of its configuration. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any, Literal, Union

from .._errors import LabErrors

Upstream = Union[tuple[str, ...], Literal["host"]]


@dataclass(frozen=True)
class Host:
    """A reservation: the address and the name of whoever has the MAC address."""

    mac: str
    address: str
    name: str


@dataclass(frozen=True)
class Network:
    """A switch that is served. No range and no hosts: no DHCP on it. Router or dns empty: they are not handed out."""

    interface: str
    address: str
    subnet: str
    range: tuple[str, str] | None = None
    lease: str = "1h"
    router: str = ""
    dns: tuple[str, ...] = ()
    options: tuple[tuple[str, str], ...] = ()
    hosts: tuple[Host, ...] = ()


@dataclass(frozen=True)
class Record:
    """A name and its addresses."""

    name: str
    addresses: tuple[str, ...]


@dataclass(frozen=True)
class Dnsmasq:
    """A lab's own dnsmasq. ``upstream`` answers what it does not know: addresses, 'host' for the lab host's resolvers, () for nobody."""

    lab: str
    domain: str = ""
    upstream: Upstream = "host"
    networks: tuple[Network, ...] = ()
    records: tuple[Record, ...] = ()
    state: Literal["running", "stopped", "stale"] = "running"
    blocked_by: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Return the lab: it has one."""
        return self.lab

    @property
    def interfaces(self) -> tuple[str, ...]:
        """Return the switches that are served."""
        return tuple(network.interface for network in self.networks)


def dnsmasq_from(item: Mapping[str, Any], lab: str) -> Dnsmasq:
    """Return what a share or a module's options ask for; what is left out has its default. Raise LabErrors."""
    problems = [f"network '{network['interface']}': {problem}" for network in item["networks"] for problem in _problems(network)]
    # A line break would begin another directive, and dnsmasq has some that run programs.
    problems += [f"{text!r} has a control character; write it without." for text in _texts(item) if not text.isprintable()]
    if problems:
        raise LabErrors(problems)
    upstream = item.get("upstream")
    return Dnsmasq(
        lab=lab,
        domain=item.get("domain") or "",
        upstream="host" if upstream is None else tuple(upstream),
        networks=tuple(sorted((_network(network) for network in item["networks"]), key=lambda network: network.interface)),
        records=tuple(
            sorted((Record(r["name"], tuple(r["addresses"])) for r in item.get("records") or ()), key=lambda record: record.name)
        ),
    )


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        value = [*value.keys(), *value.values()]
    if isinstance(value, (list, tuple)):
        for part in value:
            yield from _texts(part)
    elif isinstance(value, str):
        yield value


def _problems(item: Mapping[str, Any]) -> Iterator[str]:
    """Say what is wrong with the addresses of a network; dnsmasq would say it too late, or not at all."""
    try:
        subnet = IPv4Network(item["subnet"])
        own = IPv4Address(item["address"])
        bounds = [IPv4Address(bound) for bound in item.get("range") or ()]
        reserved = [IPv4Address(host["address"]) for host in item.get("hosts") or ()]
    except ValueError as error:
        yield f"{error}; write IPv4 addresses."
        return
    if bounds and (len(bounds) != 2 or bounds[0] > bounds[1]):
        yield "a range is its first and its last address."
    for address in (own, *bounds, *reserved):
        if address not in subnet:
            yield f"{address} is not in {subnet}."
    if len(bounds) == 2 and bounds[0] <= own <= bounds[1]:
        yield f"the range has the lab host's own address {own} in it."


def _network(item: Mapping[str, Any]) -> Network:
    known = {name: item[name] for name in ("interface", "address", "subnet") if name in item}
    return Network(
        **known,
        range=(item["range"][0], item["range"][1]) if item.get("range") else None,
        lease=item.get("lease") or Network.lease,
        router=item.get("router") or "",
        dns=tuple(item.get("dns") or ()),
        options=tuple(sorted((str(name), _words(value)) for name, value in (item.get("options") or {}).items())),
        hosts=tuple(sorted((Host(h["mac"].lower(), h["address"], h["name"]) for h in item.get("hosts") or ()), key=lambda h: h.address)),
    )


def _words(value: Any) -> str:
    return ",".join(str(part) for part in value) if isinstance(value, (list, tuple)) else str(value)


def plain(wanted: Dnsmasq) -> dict[str, Any]:
    """Return what dnsmasq_from() makes the same of."""
    item = dataclasses.asdict(wanted)
    for network in item["networks"]:
        network["options"] = dict(network["options"])
    return {**item, "upstream": None if wanted.upstream == "host" else wanted.upstream}


def config_text(wanted: Dnsmasq, directory: Path, user: str) -> str:
    """Return the whole configuration of a lab's dnsmasq, whose files are in directory and which runs as user."""
    return "\n".join(
        [
            f"# Lab {wanted.lab}; written by netvirt.lab, and again whenever it differs.",
            *_process(directory, user),
            *_listening(wanted),
            *_names(wanted),
            *(line for network in wanted.networks for line in _dhcp(network)),
            *_capacity(wanted),
            "",
        ]
    )


def _process(directory: Path, user: str) -> list[str]:
    return [
        f"pid-file={directory}/pid",
        f"log-facility={directory}/log",
        f"dhcp-leasefile={directory}/leases",
        f"user={user}",
    ]


def _listening(wanted: Dnsmasq) -> list[str]:
    # By address and not by the wildcard one, so that others can have the same ports on other interfaces; dynamic, because
    # a switch may get its address later.
    return ["bind-dynamic", "except-interface=lo", *(f"interface={name}" for name in wanted.interfaces)]


def _names(wanted: Dnsmasq) -> list[str]:
    # Names of the lab only: those of the lab host's /etc/hosts mean addresses that are the lab host's own.
    lines = ["no-hosts", "domain-needed"]
    if wanted.upstream == "host":
        # As it is, also where it names a resolver on a loopback address (systemd-resolved, another dnsmasq): this process
        # is on the lab host itself, and only that resolver knows of VPNs and of domains with servers of their own.
        lines.append("resolv-file=/etc/resolv.conf")
    else:
        lines += ["no-resolv", *(f"server={address}" for address in wanted.upstream)]
    if wanted.domain:
        lines += [f"domain={wanted.domain}", f"local=/{wanted.domain}/"]
    for record in wanted.records:
        full = [f"{record.name}.{wanted.domain}"] if wanted.domain else []
        # The first name is what the address resolves to. One line an address: a line has room for one of each family.
        lines += [f"host-record={','.join([*full, record.name, address])}" for address in record.addresses]
    return lines


def _dhcp(network: Network) -> Iterator[str]:
    name, mask = network.interface, str(IPv4Network(network.subnet).netmask)
    if not (network.range or network.hosts):
        yield f"no-dhcp-interface={name}"
        return
    yield f"# {name}"
    if network.range:
        yield f"dhcp-range={','.join(network.range)},{mask},{network.lease}"
    else:
        yield f"dhcp-range={IPv4Network(network.subnet).network_address},static,{mask},{network.lease}"
    # The tag is the interface's name, which dnsmasq gives to each request; an option without a value is not sent.
    for number, values in (("3", [network.router] if network.router else []), ("6", network.dns)):
        yield ",".join([f"dhcp-option=tag:{name}", number, *values])
    for option, value in network.options:
        yield ",".join([f"dhcp-option=tag:{name}", option if option.isdigit() else f"option:{option}", *([value] if value else [])])
    for host in network.hosts:
        yield f"dhcp-host={host.mac},{host.address},{host.name}"


def _capacity(wanted: Dnsmasq) -> Sequence[str]:
    if not any(network.range or network.hosts for network in wanted.networks):
        return []
    # The only server of its switches: a client that asks for an address it had before the lab was built anew gets its
    # answer at once, not after a timeout; and no offer waits 3 seconds for a ping to tell that the address is free.
    lines = ["dhcp-authoritative", "no-ping"]
    leases = sum(_size(network) for network in wanted.networks)
    return [*lines, f"dhcp-lease-max={leases}"] if leases > 1000 else lines


def _size(network: Network) -> int:
    first, last = network.range or ("0.0.0.0", "0.0.0.0")
    return int(IPv4Address(last)) - int(IPv4Address(first)) + 1 + len(network.hosts)


@dataclass(frozen=True)
class Lease:
    """A lease that was given out; expires in seconds since the epoch, 0 for never."""

    mac: str
    address: str
    name: str
    expires: int


def parse_leases(text: str) -> list[Lease]:
    """Read dnsmasq's lease file: expiry, MAC address, address, name or '*', client identifier."""
    rows = (line.split() for line in text.splitlines())
    return [Lease(row[1].lower(), row[2], "" if row[3] == "*" else row[3], int(row[0])) for row in rows if len(row) == 5 and ":" in row[1]]
