#!/usr/bin/python
# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: replay
short_description: Send captured frames into a lab
version_added: "0.3.0"
description:
  - Sends Ethernet frames at any link of a lab, those of a capture in the format pcap or pcapng, or some given as text. They are sent in
    the time that they were captured in, or in another.
  - At an interface there are two ways to send a frame, which lead to opposite ends of its cable. See O(via).
  - Frames that are longer than the interface allows, and those of which the capture holds a part only, are skipped and counted.
  - To follow what becomes of the frames, capture at other links meanwhile, or look at the tables of switches afterwards.
author: netvirt.lab authors (@netvirt)
extends_documentation_fragment:
  - netvirt.lab.attributes
attributes:
  check_mode:
    details: Options and the capture are read, and nothing is sent.
  diff_mode:
    support: none
    details: Nothing of the machine changes.
  idempotent:
    support: none
    details: Each run sends the frames.
options:
  link:
    description:
      - Where to send. With O(share), V(h1:eth0) is an end of a link, V(h1 sw) the first one's end of the link between two nodes,
        V(sw) a switch's own device, and V(h1) the only end of a node. A guest's end is its tap.
      - Besides, V(tap0) is an interface of the lab host, and V(ns1/eth0) one of a network namespace.
      - A logical switch or router of OVN has no interface; V(sw h1) is the switch's port all the same.
    type: str
    required: true
  path:
    description: The capture, a file on the lab host.
    type: path
  frames:
    description: Frames in hexadecimal digits, from the destination's MAC address on and without a checksum. Spaces and colons are left out.
    type: list
    elements: str
  via:
    description:
      - With V(interface), frames are sent out of the interface, as its own network stack does it. At a veth pair they arrive at the
        other end, at a guest's tap they arrive in the guest. So they do not come to the switch that the tap is a port of.
      - With V(tap), frames are written to a tap that nobody has open. They arrive at the tap, as if a guest had sent them, and the switch
        that it is a port of forwards them and learns where their source is. The module waits until the switch's port forwards. When
        it ends, the tap loses its carrier, and a Linux bridge forgets what it has learned there, unless M(netvirt.lab.capture) holds
        the tap meanwhile, with its option C(via=tap).
    type: str
    choices: [interface, tap]
    default: interface
  speed:
    description: How many times faster than captured the frames are sent. With V(0) none waits. Frames given as text have no time.
    type: float
    default: 1.0
  rate:
    description: How many frames are sent per second, whatever time they have.
    type: float
  loops:
    description: How often the frames are sent, without a pause in between.
    type: int
    default: 1
  source_mac:
    description: The source's MAC address that all frames get.
    type: str
  destination_mac:
    description: The destination's MAC address that all frames get.
    type: str
  share:
    description:
      - What the lab host must have, as the inventory plugin P(netvirt.lab.topology#inventory) compiles it into C(netvirt_share), or into
        C(netvirt_packed_share). It tells where the ends of the lab's links are.
    type: raw
seealso:
  - module: netvirt.lab.capture
"""

EXAMPLES = r"""
- name: Broadcast a frame of a type that is there for experiments, out of an interface
  netvirt.lab.replay:
    link: br0
    frames: ["ffffffffffff 020000000001 88b5 68656c6c6f"]

- name: Send it ten times, two a second, as if the guest at the tap had sent it
  netvirt.lab.replay:
    link: tap0
    via: tap
    frames: ["ffffffffffff 020000000001 88b5 68656c6c6f"]
    loops: 10
    rate: 2
"""

RETURN = r"""
frames:
  description: How many frames were sent.
  returned: success
  type: int
  sample: 10
bytes:
  description: How many bytes they had together.
  returned: success
  type: int
  sample: 190
skipped:
  description: How many frames were not sent, because they are too long, too short, or not captured whole.
  returned: success
  type: int
  sample: 0
seconds:
  description: How long it took, in seconds.
  returned: success
  type: float
  sample: 4.503
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.netvirt.lab.plugins.module_utils._module import reported, require_root
from ansible_collections.netvirt.lab.plugins.module_utils._replay import replay_from, replayed
from ansible_collections.netvirt.lab.plugins.module_utils.topology.packed import unpacked


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "link": {"type": "str", "required": True},
            "path": {"type": "path"},
            "frames": {"type": "list", "elements": "str"},
            "via": {"type": "str", "choices": ["interface", "tap"], "default": "interface"},
            "speed": {"type": "float", "default": 1.0},
            "rate": {"type": "float"},
            "loops": {"type": "int", "default": 1},
            "source_mac": {"type": "str"},
            "destination_mac": {"type": "str"},
            "share": {"type": "raw"},
        },
        mutually_exclusive=[("path", "frames")],
        required_one_of=[("path", "frames")],
        supports_check_mode=True,
    )
    with reported(module):
        require_root("This module sends frames")
        replay = replay_from(module.params, unpacked(module.params["share"]))
        result = replayed(replay, module.check_mode)
    module.exit_json(changed=True, **result)


if __name__ == "__main__":
    main()
