# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the fabrics are that join a switch with itself on other lab hosts: kinds of interface, and bytes around a frame."""

from __future__ import annotations

from dataclasses import dataclass

# By fabric, what stands between an IP header and the frame, in bytes.
_HEADERS = {
    "vxlan": 8 + 8,  # UDP's and VXLAN's (RFC 7348, section 5)
    "geneve": 8 + 8,  # UDP's and Geneve's (RFC 8926, section 3.1)
    "gre": 4 + 4,  # GRE's and its key (RFC 2890)
    "ovn": 8 + 8 + 8,  # as Geneve, and the option by which OVN says between which ports a packet is (ovn-architecture(7))
}
_IP, _FRAME = {4: 20, 6: 40}, 14
# What the kernel has for them, each with its fabric. Of those in PAIRED a device leads to one lab host only.
KINDS = {"vxlan": "vxlan", "geneve": "geneve", "gretap": "gre", "ip6gretap": "gre"}
PAIRED = frozenset({"geneve", "gre"})


@dataclass(frozen=True)
class Tunnel:
    """A port by which a switch on one lab host meets itself on another one, ``far``, or on all others if that is ''."""

    device: str
    altname: str
    far: str = ""


def headers(address: str, fabric: str) -> int:
    """Return how many bytes a tunnel between addresses of this family puts around a frame's content."""
    return _IP[6 if ":" in address else 4] + _HEADERS[fabric] + _FRAME


def kind_of(fabric: str, address: str) -> str:
    """Return the kind of interface that is such a tunnel between addresses of this family."""
    return {"gre": "ip6gretap" if ":" in address else "gretap"}.get(fabric, fabric)
