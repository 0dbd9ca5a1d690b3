# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab's Linux bridges in the words of the programs that set up a machine's network when it starts. Pure: share -> files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_interface
from typing import Any

from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabErrors

Files = dict[str, str]
_HEAD = "# Made from the topology of the lab {lab}.\n"
_SETTINGS = frozenset(("stp", "forward_delay", "hello_time", "max_age", "ageing_time", "priority"))


@dataclass(frozen=True)
class HostBridge:
    """A Linux bridge, its addresses, the interfaces of the machine that are its ports, and its settings, times in seconds."""

    name: str
    mac: str | None
    addresses: tuple[str, ...]
    ports: tuple[str, ...]
    settings: Mapping[str, Any]


def bridges(share: Mapping[str, Any]) -> list[HostBridge]:
    """Return the Linux bridges of a share. Raise LabErrors for what no such program could do."""
    addresses = {item["name"]: tuple(item.get("addresses") or ()) for item in share["addresses"] if not item["netns"]}
    ports: dict[str, list[str]] = {}
    for item in share["members"]:
        ports.setdefault(item.get("master", ""), []).append(item["name"])
    moved = [
        f"The addresses of the uplink '{item['name']}' are the machine's own, and move to '{item['to']}' (move_addresses): "
        "who keeps them in its network configuration has to say there that they are the bridge's."
        for item in share.get("uplinks") or ()
    ]
    found = []
    for item in share["links"]:
        if item["kind"] == "bridge":
            name = item["name"]
            own = addresses.get(name, ()), tuple(ports.get(name, ()))
            found.append(HostBridge(name, item.get("mac"), *own, item.get("bridge") or {}))
    strange = [
        f"The bridge '{one.name}' has the setting {key}, which is not written into the machine's network configuration; leave it out, "
        "or use persist instead."
        for one in found
        for key in sorted(set(one.settings) - _SETTINGS)
    ]
    if moved or strange:
        raise LabErrors([*moved, *strange])
    return found


def rendered(share: Mapping[str, Any], form: str) -> Files:
    """Return the files of a form, a key of FORMS, by their paths."""
    head = _HEAD.format(lab=share["lab"])
    return {path: head + text for path, text in FORMS[form](share["lab"], bridges(share)).items()}


def _networkd(lab: str, found: list[HostBridge]) -> Files:
    files = {}
    names = {
        "stp": "STP",
        "forward_delay": "ForwardDelaySec",
        "hello_time": "HelloTimeSec",
        "max_age": "MaxAgeSec",
        "ageing_time": "AgeingTimeSec",
        "priority": "Priority",
    }
    for one in found:
        start = f"/etc/systemd/network/50-netvirt-{lab}-{one.name}"
        device = {"Name": one.name, "Kind": "bridge", **({"MACAddress": one.mac} if one.mac else {})}
        settings = {names[key]: _word(value) for key, value in one.settings.items()}
        files[f"{start}.netdev"] = _ini({"NetDev": device, **({"Bridge": settings} if settings else {})})
        # Without a port, or with none that is up, it has no carrier and is there all the same.
        lines = ["ConfigureWithoutCarrier=yes", *(f"Address={address}" for address in one.addresses)]
        files[f"{start}.network"] = f"[Match]\nName={one.name}\n\n[Network]\n" + "\n".join(lines) + "\n\n[Link]\nRequiredForOnline=no\n"
        for port in one.ports:
            files[f"{start}-{port}.network"] = _ini({"Match": {"Name": port}, "Network": {"Bridge": one.name}})
    return files


def _netplan(lab: str, found: list[HostBridge]) -> Files:
    lines = ["network:", "  version: 2"]
    ports = [port for one in found for port in one.ports]
    if ports:
        lines += ["  ethernets:", *(f"    {port}: {{dhcp4: false, dhcp6: false}}" for port in ports)]
    lines += ["  bridges:"] if found else []
    names = {"stp": "stp", "forward_delay": "forward-delay", "hello_time": "hello-time", "max_age": "max-age"}
    names.update({"ageing_time": "ageing-time", "priority": "priority"})
    for one in found:
        lines += [f"    {one.name}:", "      optional: true", f"      interfaces: [{', '.join(one.ports)}]"]
        lines += [f'      macaddress: "{one.mac}"'] if one.mac else []
        lines += ["      addresses:", *(f'        - "{address}"' for address in one.addresses)] if one.addresses else []
        # Its default is on, and the kernel's is off.
        settings = {"stp": False, **one.settings}
        lines += ["      parameters:", *(f"        {names[key]}: {_word(value, 'true', 'false')}" for key, value in settings.items())]
    return {f"/etc/netplan/60-netvirt-{lab}.yaml": "\n".join(lines) + "\n"}


def _ifupdown(lab: str, found: list[HostBridge]) -> Files:
    text = ""
    for one in found:
        options = "".join(f" {key} {_ticks(key, value)}" for key, value in _kernel(one).items())
        mac = f" address {one.mac}" if one.mac else ""
        make = [f"pre-up ip link show {one.name} >/dev/null 2>&1 || ip link add name {one.name}{mac} type bridge{options}"]
        make += [f"up ip link set {port} up master {one.name}" for port in one.ports]
        first, *rest = one.addresses or ("",)
        method = f"inet{'6' if ':' in first else ''} {'static' if first else 'manual'}"
        make += [f"address {first}"] if first else [f"up ip link set {one.name} up"]
        make += [f"up ip addr add {address} dev {one.name}" for address in rest]
        make += [f"down ip link set {port} nomaster" for port in one.ports] + [f"post-down ip link del {one.name}"]
        text += f"\nauto {one.name}\niface {one.name} {method}\n" + "".join(f"    {line}\n" for line in make)
    return {f"/etc/network/interfaces.d/netvirt-{lab}": text}


def _keyfile(lab: str, found: list[HostBridge]) -> Files:
    files = {}
    names = {key: key.replace("_", "-") for key in _SETTINGS}
    for one in found:
        bridge = {"stp": "false", **{names[key]: _word(value, "true", "false") for key, value in one.settings.items()}}
        parts = {"connection": {"id": f"netvirt-{lab}-{one.name}", "type": "bridge", "interface-name": one.name}, "bridge": bridge}
        parts["bridge"].update({"mac-address": one.mac.upper()} if one.mac else {})
        for family, version in (("ipv4", 4), ("ipv6", 6)):
            own = [address for address in one.addresses if ip_interface(address).version == version]
            addresses = {f"address{number}": address for number, address in enumerate(own, 1)}
            parts[family] = {"method": "manual", **addresses} if own else {"method": "disabled"}
        files[f"/etc/NetworkManager/system-connections/netvirt-{lab}-{one.name}.nmconnection"] = _ini(parts)
        for port in one.ports:
            held = {"id": f"netvirt-{lab}-{port}", "type": "ethernet", "interface-name": port, "master": one.name, "slave-type": "bridge"}
            files[f"/etc/NetworkManager/system-connections/netvirt-{lab}-{port}.nmconnection"] = _ini({"connection": held})
    return files


def _ifcfg(lab: str, found: list[HostBridge]) -> Files:
    files = {}
    folder = "/etc/sysconfig/network-scripts/ifcfg-"
    for one in found:
        values = {"DEVICE": one.name, "TYPE": "Bridge", "ONBOOT": "yes", "BOOTPROTO": "none", **({"MACADDR": one.mac} if one.mac else {})}
        own = {version: [text for text in one.addresses if ip_interface(text).version == version] for version in (4, 6)}
        for number, address in enumerate(own[4]):
            ip, _slash, prefix = address.partition("/")
            values.update({f"IPADDR{number or ''}": ip, f"PREFIX{number or ''}": prefix})
        if own[6]:
            values.update({"IPV6INIT": "yes", "IPV6_AUTOCONF": "no", "IPV6ADDR": own[6][0]})
            values.update({"IPV6ADDR_SECONDARIES": f'"{" ".join(own[6][1:])}"'} if own[6][1:] else {})
        options = {key: value for key, value in one.settings.items() if key not in ("stp", "forward_delay")}
        values.update({"STP": "yes" if one.settings.get("stp") else "no"})
        values.update({"DELAY": str(one.settings["forward_delay"])} if "forward_delay" in one.settings else {})
        words = " ".join(f"{key}={_ticks(key, value)}" for key, value in options.items())
        values.update({"BRIDGING_OPTS": f'"{words}"'} if words else {})
        files[folder + one.name] = "".join(f"{key}={value}\n" for key, value in values.items())
        for port in one.ports:
            files[folder + port] = f"DEVICE={port}\nTYPE=Ethernet\nONBOOT=yes\nBOOTPROTO=none\nBRIDGE={one.name}\n"
    return files


FORMS: dict[str, Callable[[str, list[HostBridge]], Files]] = {
    "networkd": _networkd,
    "netplan": _netplan,
    "ifupdown": _ifupdown,
    "networkmanager": _keyfile,
    "ifcfg": _ifcfg,
}


def _ini(parts: Mapping[str, Mapping[str, str]]) -> str:
    return "\n".join(f"[{name}]\n" + "".join(f"{key}={value}\n" for key, value in values.items()) for name, values in parts.items())


def _word(value: Any, on: str = "yes", off: str = "no") -> str:
    return (on if value else off) if isinstance(value, bool) else str(value)


def _kernel(one: HostBridge) -> dict[str, Any]:
    """Return a bridge's settings by the names that ip-link(8) has for them."""
    return {("stp_state" if key == "stp" else key): value for key, value in one.settings.items()}


def _ticks(key: str, value: Any) -> str:
    """Return a setting as the kernel counts it: times in hundredths of a second."""
    return str(round(value * 100)) if key.endswith(("_time", "_delay", "_age")) else str(int(value))
