#!/usr/bin/python
# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: capture
short_description: Capture packets at links of a lab
version_added: "0.3.0"
description:
  - Starts C(tcpdump) in the background at any links of a lab, stops it, and removes what it has written. The module returns when every
    packet from then on is captured, and stops a capture when every packet that has come is in its file, which takes up to a second.
  - Files are in the format pcap with timestamps in nanoseconds, below C(/run/netvirt/LAB/captures), readable by root. They go with the lab.
  - A capture is no part of a topology, so that bringing the lab up again leaves it alone. It is stopped if its interface is removed.
  - At a guest's link its tap is listened at. What the guest sends is received there, so that is V(in) to O(direction).
  - At ports of Open vSwitch both directions are seen, with either datapath, before the switch decides and after. The userspace datapath
    only listens in at its ports, as tcpdump does, so that a frame is seen even if a flow drops it; and it passes on what is sent without
    its checksum, which tcpdump then calls wrong. Patch ports exist inside of the daemon only.
  - Frames larger than the MTU are such as the kernel leaves to the network card to segment.
author: netvirt.lab authors (@netvirt)
extends_documentation_fragment:
  - netvirt.lab.attributes
options:
  links:
    description:
      - Where to capture. With O(share), V(h1:eth0) is an end of a link, V(h1 sw) the first one's end of the link between two nodes,
        V(sw) a switch's own device, with what the lab host itself sends and receives there, and V(h1) the only end of a node.
      - Besides, V(tap0) is an interface of the lab host, and V(ns1/eth0) one of a network namespace.
      - A logical switch or router of OVN has no interface; V(sw h1) is the switch's port all the same.
      - Required to start captures. Else, if omitted, all captures of the lab are meant.
    type: list
    elements: str
    default: []
  name:
    description:
      - What the capture is called, to have several at one link. The default is the link's end, as in V(h1.eth0).
    type: str
  state:
    description:
      - With V(running), it runs with these options; one that was stopped, or had other options, starts anew and loses what it had written.
      - With V(stopped), its files are complete and stay.
      - With V(absent), it is stopped and its files are removed.
    type: str
    choices: [running, stopped, absent]
    default: running
  filter:
    description: Which packets, in the language of C(pcap-filter(7)). An empty one means all.
    type: str
    default: ''
  direction:
    description: Whether to capture what the interface receives, what it sends, or both.
    type: str
    choices: [in, out, inout]
    default: inout
  snaplen:
    description: How much of each packet is kept, in bytes.
    type: int
    default: 262144
  ring:
    description: Write several files in turn, so that the newest packets are kept in a limited space. Omitted, one file grows.
    type: dict
    suboptions:
      files:
        description: How many files there are.
        type: int
        required: true
      size:
        description: The size at which the next file is begun, in MB.
        type: int
        required: true
  via:
    description:
      - With V(interface), packets are seen as they pass the interface, in both directions.
      - With V(tap), the capture takes the place of the guest at a tap that nobody has open. It reads what the kernel sends out of the
        tap, and nobody else does. Only then does such a tap have a carrier, so that a bridge forwards to it. It knows no O(filter),
        O(direction) and O(ring).
    type: str
    choices: [interface, tap]
    default: interface
  share:
    description:
      - What the lab host must have, as the inventory plugin P(netvirt.lab.topology#inventory) compiles it into C(netvirt_share), or into
        C(netvirt_packed_share). It tells the lab, and where the ends of its links are.
    type: raw
  lab:
    description: The name of the lab that captures belong to, where there is no O(share).
    type: str
    default: adhoc
requirements:
  - tcpdump on the lab host, unless O(via=tap)
seealso:
  - module: netvirt.lab.replay
"""

EXAMPLES = r"""
- name: Capture at an interface of the lab host
  netvirt.lab.capture:
    links: [br0]

- name: Stop all captures that are no lab's
  netvirt.lab.capture:
    state: stopped
  register: stopped

- name: Fetch the files
  ansible.builtin.fetch:
    src: "{{ item }}"
    dest: captures/
    flat: true
  loop: "{{ stopped.captures | map(attribute='files') | flatten }}"

- name: Keep the last 30 MB of one direction, and of each packet what tells where it goes
  netvirt.lab.capture:
    links: [br0]
    name: heads
    filter: arp or icmp
    direction: in
    snaplen: 128
    ring: {files: 3, size: 10}

- name: Remove all captures that are no lab's, with their files
  netvirt.lab.capture:
    state: absent
"""

RETURN = r"""
captures:
  description:
    - The captures that the options mean, with their files, those that were begun first ahead. None that were removed.
    - Of each, C(packets) has how many were C(captured), C(received) (those of another direction included), and C(dropped) because the
      machine was too slow, once it was stopped; null before, and with O(via=tap).
    - A C(state) of V(stale) means that it listens at a former interface of that name.
  returned: success, and not in check mode
  type: list
  elements: dict
  sample:
    - name: h1.eth0
      netns: pair.h1
      interface: eth0
      via: interface
      filter: arp or icmp
      direction: inout
      snaplen: 262144
      ring: []
      state: stopped
      files: [/run/netvirt/pair/captures/h1.eth0/h1.eth0.pcap]
      packets: {captured: 12, received: 12, dropped: 0}
"""

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.netvirt.lab.plugins.module_utils._capture_options import captures
from ansible_collections.netvirt.lab.plugins.module_utils._module import reported, run
from ansible_collections.netvirt.lab.plugins.module_utils._plan import Goal
from ansible_collections.netvirt.lab.plugins.module_utils.resources.capture import CaptureDriver, described
from ansible_collections.netvirt.lab.plugins.module_utils.topology.packed import unpacked


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "links": {"type": "list", "elements": "str", "default": []},
            "name": {"type": "str"},
            "state": {"type": "str", "choices": ["running", "stopped", "absent"], "default": "running"},
            "filter": {"type": "str", "default": ""},
            "direction": {"type": "str", "choices": ["in", "out", "inout"], "default": "inout"},
            "snaplen": {"type": "int", "default": 262144},
            "ring": {"type": "dict", "options": {name: {"type": "int", "required": True} for name in ("files", "size")}},
            "via": {"type": "str", "choices": ["interface", "tap"], "default": "interface"},
            "share": {"type": "raw"},
            "lab": {"type": "str", "default": "adhoc"},
        },
        supports_check_mode=True,
    )
    names: list[str] = []
    with reported(module):
        share = unpacked(module.params["share"])
    module.params["lab"] = share.get("lab") or module.params["lab"]

    def goals(options: Mapping[str, Any]) -> list[Goal[Any]]:
        wanted = captures(options, share, options["lab"])
        names.extend(capture.name for capture in wanted)
        return [Goal(CaptureDriver(), absent=tuple(names)) if options["state"] == "absent" else Goal(CaptureDriver(), tuple(wanted))]

    run(module, goals, lambda changes: {} if module.check_mode else {"captures": described(module.params["lab"], names)})


if __name__ == "__main__":
    main()
