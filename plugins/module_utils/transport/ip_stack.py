# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the host's own IP stack takes part in what arrives at an interface, in the namespace that this thread is in."""

from __future__ import annotations

from pathlib import Path

# Documentation/networking/ip-sysctl.rst: answer no ARP request that arrives here, and speak no IPv6.
_SILENT = {"ipv4/conf/{}/arp_ignore": "8", "ipv6/conf/{}/disable_ipv6": "1"}


def silent(name: str) -> bool:
    """Say whether the host keeps quiet on an interface."""
    return all(_setting(key, name).read_text(encoding="ascii").strip() == value for key, value in _present(name).items())


def set_silent(name: str, on: bool) -> None:
    """Have the host keep quiet on an interface, or take part again."""
    for key, value in _present(name).items():
        _setting(key, name).write_text(value if on else "0", encoding="ascii")


def _present(name: str) -> dict[str, str]:
    return {key: value for key, value in _SILENT.items() if _setting(key, name).exists()}  # a kernel may lack IPv6


def _setting(key: str, name: str) -> Path:
    return Path("/proc/sys/net") / key.format(name)
