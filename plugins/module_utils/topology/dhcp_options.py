# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DHCP options in the words of OVN (ovn-nb(5), table DHCP_Options), by those of dnsmasq, which the file uses, or by their number."""

from __future__ import annotations

from collections.abc import Mapping

_SECONDS = {"m": 60, "h": 3600, "d": 86400, "w": 604800}
_FOREVER = 2**32 - 1
# Number, dnsmasq's name ('dnsmasq --help dhcp'), OVN's, whether it is a list of addresses or a text in quotation marks.
_KNOWN = (
    (1, "netmask", "netmask", ""),
    (3, "router", "router", ""),
    (6, "dns-server", "dns_server", "list"),
    (9, "lpr-server", "lpr_server", "list"),
    (12, "hostname", "hostname", "text"),
    (15, "domain-name", "domain_name", "text"),
    (19, "ip-forward-enable", "ip_forward_enable", ""),
    (23, "default-ttl", "default_ttl", ""),
    (26, "mtu", "mtu", ""),
    (28, "broadcast", "broadcast_address", ""),
    (31, "router-discovery", "router_discovery", ""),
    (33, "static-route", "policy_filter", "list"),
    (35, "arp-timeout", "arp_cache_timeout", ""),
    (36, "ethernet-encap", "ethernet_encap", ""),
    (37, "tcp-ttl", "tcp_ttl", ""),
    (42, "ntp-server", "ntp_server", "list"),
    (58, "T1", "T1", ""),
    (59, "T2", "T2", ""),
    (66, "tftp-server", "tftp_server", "text"),
    (67, "bootfile-name", "bootfile_name", "text"),
    (121, "classless-static-route", "classless_static_route", "list"),
    (150, "tftp-server-address", "tftp_server_address", "list"),
    (252, "wpad", "wpad", "text"),
)
_BY_WORD = {word: (name, form) for number, title, name, form in _KNOWN for word in (str(number), title, f"option:{title}")}


def unknown_options(options: Mapping[str, str]) -> list[str]:
    """Say which options OVN cannot tell: the option, and what is wrong."""
    known = ", ".join(title for _number, title, _name, _form in _KNOWN)
    return [f"{word}: OVN's DHCP cannot tell this option (known: {known})" for word in options if word not in _BY_WORD]


def in_ovn(options: Mapping[str, str]) -> dict[str, str]:
    """Return options as OVN has them."""
    return {name: _value(value, form) for word, value in options.items() for name, form in [_BY_WORD[word]]}


def _value(value: str, form: str) -> str:
    if form == "list" and "," in value:
        return "{" + ", ".join(part.strip() for part in value.split(",")) + "}"
    return f'"{value}"' if form == "text" else value


def seconds(lease: str) -> int:
    """Return how long a lease lasts that the file writes as dnsmasq does."""
    if lease == "infinite":
        return _FOREVER
    return int(lease) if lease.isdigit() else int(lease[:-1]) * _SECONDS[lease[-1]]
