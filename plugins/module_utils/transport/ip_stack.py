# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the host's own IP stack takes part in what arrives at an interface, in the namespace that this thread is in."""

from __future__ import annotations

_SILENT = {"ipv4/conf/{}/arp_ignore": "8", "ipv6/conf/{}/disable_ipv6": "1"}


def silent(name: str) -> bool:
    """Say whether the host keeps quiet on an interface."""
    return all(_read(key.format(name)) in (None, value) for key, value in _SILENT.items())


def set_silent(name: str, on: bool) -> None:
    """Have the host keep quiet on an interface, or take part again."""
    for key, value in _SILENT.items():
        _write(key.format(name), value if on else "0")


def give_link_local(name: str) -> None:
    """Have the kernel give an interface an IPv6 address by itself, as it does unless it is told not to."""
    _write(f"ipv6/conf/{name}/addr_gen_mode", "0")


# A kernel may lack IPv6. pathlib would take half of the time that a thousand switch ports take.
def _read(setting: str) -> str | None:
    try:
        with open(f"/proc/sys/net/{setting}", encoding="ascii") as file:
            return file.read().strip()
    except FileNotFoundError:
        return None


def _write(setting: str, value: str) -> None:
    try:
        with open(f"/proc/sys/net/{setting}", "r+", encoding="ascii") as file:
            file.write(value)
    except FileNotFoundError:
        if not setting.startswith("ipv6/"):
            raise
