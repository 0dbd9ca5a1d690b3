#!/usr/bin/python
# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: reachability
short_description: Check that the nodes of a lab reach what they should
version_added: "0.1.0"
description:
  - Checks from inside every node at once that nodes in one network and subnet reach each other, that they reach their gateway, that
    leases exist, that names resolve where a node is told of the lab's name server, and that traffic gets outside, if an address outside is
    given. Switches that are linked are one network, and so is a wire between two nodes.
  - Of a network over several lab hosts the largest packets that its interfaces take must get uncut from each lab host to each other one. A
    namespace sends them, so a lab host that has guests only is just reached.
  - What the topology file says under C(expect), and what O(expect) adds, is checked besides; an expectation may also be that something
    cannot be reached. Without a topology O(expect) alone is checked, from any network namespaces of the machine.
  - A TCP port counts as reached if it is open; a refusal does not. A UDP port counts as reached if it answers, or is silent while its host
    answers a ping; where O(expect[].reach=false) silence counts as not reached.
  - Namespaces and the lab host are checked by one process without starting programs; 200 namespaces, each with each, take some seconds.
    Guests are checked over SSH.
  - For what fails the message names the links on the way and the likely cause; what has the same cause is told once, with the number of
    checks. Where the way leads over another lab host that does not answer in the underlay, that is the cause.
  - VMs that the topology wants stopped or paused are left out.
  - It fails if one check fails, and returns a table in either case. In that C(apart) is what must not be reached, and is not.
author: netvirt.lab authors (@netvirt)
extends_documentation_fragment:
  - netvirt.lab.nodes
  - netvirt.lab.attributes.info
options:
  share:
    description:
      - What the lab host must have, as the inventory plugin P(netvirt.lab.topology#inventory) compiles it into C(netvirt_share),
        or into C(netvirt_packed_share).
      - One of O(share) and O(expect) is required.
    type: raw
  others:
    description:
      - The shares of the lab's other lab hosts, in either form. Their nodes are reached from the nodes that are worked with from here; what
        they themselves reach is checked on their own lab hosts.
    type: list
    elements: raw
    default: []
    version_added: "0.3.0"
  lost:
    description:
      - The lab hosts that were not reached, by their names in the inventory.
      - That is then the likely cause of what fails over them.
    type: list
    elements: str
    default: []
    version_added: "0.4.0"
  pairs:
    description:
      - Which of the nodes in one network and subnet are checked against each other.
      - V(all) means each with each, V(ring) each with the next one, V(none) none of them; V(auto) means V(all) up to 40,000 pairs and
        V(ring) beyond.
      - So it is with the lab hosts that a network's largest packets must get to.
    type: str
    choices: [auto, all, ring, none]
    default: auto
  expect:
    description: What must be so besides, and besides what the topology file expects.
    type: list
    elements: dict
    suboptions:
      from:
        description:
          - Who sends; ranges such as V(h[1:4]) are several.
          - A node of the lab, else a network namespace of that name, or V(localhost).
        type: raw
        required: true
      to:
        description: Who is to be reached. Nodes of the lab, C(node:interface), addresses, or names that the sender resolves.
        type: raw
        required: true
      icmp:
        description: Ask for an echo, which is what is done where no other way is given.
        type: bool
      tcp:
        description: Connect to these TCP ports.
        type: raw
      udp:
        description: Send a datagram to these UDP ports.
        type: raw
      mtu:
        description: Echo requests of this size in bytes, headers included, must get there without fragments.
        type: int
      family:
        description: Use this version of IP only. Without it, of a node both are used.
        type: int
        choices: [4, 6]
      reach:
        description: Whether it is to succeed; V(false) means that it must fail.
        type: bool
        default: true
  outside:
    description: A URL that every node must be able to fetch. Omitted or empty, nothing outside the lab is contacted.
    type: str
  timeout:
    description: How long the checks of all nodes together may take, in seconds. To explain failures takes a few more.
    type: float
    default: 60
seealso:
  - module: netvirt.lab.ready
"""

EXAMPLES = r"""
- name: Check the lab
  netvirt.lab.reachability:
    share: "{{ netvirt_share }}"
    private_key: "{{ lookup('netvirt.lab.lab_key', netvirt_lab, part='private') }}"

- name: Check a firewall between two namespaces that no lab manages
  netvirt.lab.reachability:
    expect:
      - {from: red, to: 10.0.0.2, tcp: [80, 443]}
      - {from: red, to: 10.0.0.2, tcp: 22, reach: false}
      - {from: [red, blue], to: 10.0.0.1, mtu: 1500}
"""

RETURN = r"""
table:
  description: The results as lines of text. A row for each node, or for more than 24 nodes a count and the pairs that failed.
  returned: always
  type: list
  elements: str
  sample:
    - "from    gateway  modern   lease"
    - "legacy  ok       ok       ok"
checks:
  description:
    - All checks; where some failed, and of more than 2,000, only the failed ones.
    - Failed ones also have the C(path) of links and a list of likely C(causes).
  returned: always
  type: list
  elements: dict
  sample: [{node: legacy, to: gateway, check: reach 192.168.100.1, problem: ''}]
counts:
  description: How many checks there were, how many failed, and how many seconds they took.
  returned: always
  type: dict
  sample: {checks: 12, failed: 0, seconds: 0.1}
"""

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabErrors
from ansible_collections.netvirt.lab.plugins.module_utils._module import reported, require_root
from ansible_collections.netvirt.lab.plugins.module_utils.reach.grouped import told
from ansible_collections.netvirt.lab.plugins.module_utils.reach.lab import Lab, checked
from ansible_collections.netvirt.lab.plugins.module_utils.reach.table import records, table
from ansible_collections.netvirt.lab.plugins.module_utils.topology import expect
from ansible_collections.netvirt.lab.plugins.module_utils.topology.packed import unpacked
from ansible_collections.netvirt.lab.plugins.module_utils.transport.shell import shells

_EXPECT: dict[str, Any] = {
    "from": {"type": "raw", "required": True},
    "to": {"type": "raw", "required": True},
    "icmp": {"type": "bool"},
    "tcp": {"type": "raw"},
    "udp": {"type": "raw"},
    "mtu": {"type": "int"},
    "family": {"type": "int", "choices": [4, 6]},
    "reach": {"type": "bool", "default": True},
}
_MOST = 2000


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "share": {"type": "raw"},
            "others": {"type": "list", "elements": "raw", "default": []},
            "private_key": {"type": "str", "no_log": True},
            "lost": {"type": "list", "elements": "str", "default": []},
            "pairs": {"type": "str", "choices": ["auto", "all", "ring", "none"], "default": "auto"},
            "expect": {"type": "list", "elements": "dict", "options": _EXPECT},
            "outside": {"type": "str"},
            "timeout": {"type": "float", "default": 60.0},
        },
        required_one_of=[("share", "expect")],
        supports_check_mode=True,
    )
    options, start = module.params, time.monotonic()
    with reported(module):
        require_root()
        problems: list[str] = []
        more = expect.read(options["expect"] or [], problems)
        if problems:
            raise LabErrors(problems)
        lab = Lab(unpacked(options["share"]), more, [unpacked(share) for share in options["others"]], options["lost"])
        checks = lab.checks(options["pairs"], options["outside"] or None)
        with shells(options["private_key"]) as keys:
            results, reasons = checked(lab, checks, keys, options["timeout"])
    shown = table(results)
    everything = records(results, reasons.causes, reasons.paths)
    failed = [record for record in everything if record["problem"]]
    outcome = {
        "table": shown,
        "checks": everything if len(everything) <= _MOST and not failed else failed,
        "counts": {"checks": len(everything), "failed": len(failed), "seconds": round(time.monotonic() - start, 1)},
    }
    if failed:
        module.fail_json(msg=told(results, reasons.causes, reasons.paths, lab.networks()), **outcome)
    module.exit_json(changed=False, **outcome)


if __name__ == "__main__":
    main()
