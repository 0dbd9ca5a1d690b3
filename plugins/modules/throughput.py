#!/usr/bin/python
# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: throughput
short_description: Measure throughput and round trips between nodes of a lab and their lab host
version_added: "0.1.0"
description:
  - Runs C(iperf3) from every node in turn to a server that the module starts on the lab host, at the address of the node's switch,
    and returns medians with their spread. All interfaces are measured once before any is measured again.
  - A guest on QEMU's own network (backend V(user)) is measured against a server on the loopback interface, unless it is kept from
    that (C(restrict)).
  - Beside the model of a guest's NIC the results say V(user) if the guest is on QEMU's own network, and V(vhost) if the lab host's
    kernel moves its packets, as seen from the QEMU that runs.
  - Other interfaces whose switch has no address are left out, and so are VMs that the topology wants stopped or paused.
  - With O(others), nodes are measured against nodes on other lab hosts instead. That takes two calls on all lab hosts, the first of
    which, with O(serve=true), starts the servers. A network on two lab hosts has one such pair, one on more of them a ring.
author: netvirt.lab authors (@netvirt)
extends_documentation_fragment:
  - netvirt.lab.nodes.share
  - netvirt.lab.nodes
  - netvirt.lab.attributes.info
options:
  others:
    description: The shares of the lab's other lab hosts, in either form.
    type: list
    elements: raw
    default: []
    version_added: "0.4.0"
  serve:
    description: Only start the servers that the other lab hosts need for what they measure. They end by themselves.
    type: bool
    default: false
    version_added: "0.4.0"
  methods:
    description:
      - What to measure. V(tcp) and V(udp) are throughput in both directions by C(iperf3), V(udp) also says how much was lost;
        V(ping) is the mean round trip of ten pings.
    type: list
    elements: str
    choices: [tcp, udp, ping]
    default: [tcp]
  udp_rate:
    description: How much is sent when measuring V(udp), in Mbit/s, at most 1000000; V(0) is as much as the sender can.
    type: int
    default: 100
  seconds:
    description: How long one measurement of throughput takes, in seconds, from 1 to 86400.
    type: int
    default: 5
  repeats:
    description: How often each measurement is taken, from 1 to 1000 times.
    type: int
    default: 1
  port:
    description: The TCP port of the server, with O(others) the first one of the servers.
    type: int
    default: 5201
requirements:
  - iperf3 on the lab host and in the guests
"""

EXAMPLES = r"""
- name: Compare the nodes' interfaces
  netvirt.lab.throughput:
    share: "{{ netvirt_share }}"
    private_key: "{{ lookup('netvirt.lab.lab_key', netvirt_lab, part='private') }}"
"""

RETURN = r"""
results:
  description: For each interface on a switch with an address what was measured, with unit (Mbit/s, % or ms), least, most and all values.
  returned: success
  type: list
  elements: dict
  sample:
    - node: legacy
      interface: eth0
      # machine: m1, where there are several lab hosts
      # to: lab host m1, or the node that it was measured against: then this is the host of to_host and from_host
      model: e1000
      measures:
        tcp_to_host: {median: 218.4, least: 218.4, most: 218.4, unit: Mbit/s, values: [218.4]}
        tcp_from_host: {median: 424.1, least: 424.1, most: 424.1, unit: Mbit/s, values: [424.1]}
table:
  description: The medians as lines of text, with half the way from least to most in percent if there are several values.
  returned: success
  type: list
  elements: str
  sample:
    - "node    model  to the lab host  from the lab host"
    - "legacy  e1000     218.4 Mbit/s       424.1 Mbit/s"
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.netvirt.lab.plugins.module_utils._module import reported, require_root
from ansible_collections.netvirt.lab.plugins.module_utils.measure.iperf import SPARE
from ansible_collections.netvirt.lab.plugins.module_utils.measure.pairs import pairs
from ansible_collections.netvirt.lab.plugins.module_utils.measure.run import METHODS, Plan, connections, measure, plan_from
from ansible_collections.netvirt.lab.plugins.module_utils.measure.servers import serve
from ansible_collections.netvirt.lab.plugins.module_utils.measure.table import table
from ansible_collections.netvirt.lab.plugins.module_utils.measure.targets import between, nics_of, targets
from ansible_collections.netvirt.lab.plugins.module_utils.resources._vm_report import reports
from ansible_collections.netvirt.lab.plugins.module_utils.topology.packed import unpacked
from ansible_collections.netvirt.lab.plugins.module_utils.transport.shell import Shells, nodes_from, shells


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "share": {"type": "raw", "required": True},
            "private_key": {"type": "str", "no_log": True},
            "others": {"type": "list", "elements": "raw", "default": []},
            "serve": {"type": "bool", "default": False},
            "methods": {"type": "list", "elements": "str", "choices": list(METHODS), "default": ["tcp"]},
            "udp_rate": {"type": "int", "default": 100},
            "seconds": {"type": "int", "default": 5},
            "repeats": {"type": "int", "default": 1},
            "port": {"type": "int", "default": 5201},
        },
        supports_check_mode=True,
    )
    options = module.params
    with reported(module):
        plan = plan_from(options)
        if module.check_mode:
            module.exit_json(changed=False, results=[], table=[])
        require_root()
        share = unpacked(options["share"])
        with shells(options["private_key"]) as keys:
            results = _measured(share, [unpacked(other) for other in options["others"]], keys, plan, serve_only=options["serve"])
    module.exit_json(changed=False, results=results, table=table(results))


def _measured(share: dict[str, Any], others: list[dict[str, Any]], keys: Shells, plan: Plan, serve_only: bool) -> list[dict[str, Any]]:
    machine = share.get("machine") or ""
    wanted = pairs([share, *others], plan.port) if others else []
    if serve_only:
        here = [pair for pair in wanted if pair.server["access"] == machine]
        # They all wait until it is their turn.
        serve(share["lab"], machine, here, keys, connections(plan), len(wanted) * connections(plan) * (plan.seconds + SPARE) + SPARE)
        return []
    nodes, nics = nodes_from(share), nics_of(share, reports(share["lab"]))
    results = measure(between(nodes, wanted, nics) if others else targets(nodes, nics), keys, plan)
    # A guest may be measured from a lab host that it is not on.
    homes = {item["name"]: item["home"] for item in (*share["nodes"], *(share.get("visitors") or ())) if machine}
    return [{"to": f"lab host {machine}", **result, "machine": homes[result["node"]]} for result in results] if machine else results


if __name__ == "__main__":
    main()
