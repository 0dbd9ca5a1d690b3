# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    # What every interface has. An omitted option is not managed.
    DOCUMENTATION = r"""
options:
  netns:
    description:
      - The network namespace that the interface is in, by its name below C(/run/netns).
      - Omitted or empty, it is the lab host's own.
    type: str
    default: ''
  mac:
    description: The hardware address, six pairs of hexadecimal digits with colons. Omitted, the kernel chooses one.
    type: str
  mtu:
    description: The largest packet that the interface sends, in bytes.
    type: int
  up:
    description: Whether the interface is up. Omitted, a new interface stays down, as with C(ip link add).
    type: bool
  addresses:
    description:
      - All addresses that the interface has, each with its prefix length.
      - An empty list removes all. Addresses that a DHCP client leased are left alone.
    type: list
    elements: str
  altname:
    description: A longer, alternative name of up to 127 characters. An empty one removes it.
    type: str
  tx_offload:
    description:
      - Whether checksums of sent packets are left to the interface.
      - On a switch with Open vSwitch's userspace datapath this must be V(false) at the node's end of a veth pair, or TCP stalls
        while ping works.
    type: bool
"""

    # For modules that look at interfaces.
    INFO = r"""
options:
  netns:
    description: The network namespace to look into, by its name below C(/run/netns). Omitted or empty, it is the lab host's own.
    type: str
    default: ''
"""
