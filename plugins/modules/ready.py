#!/usr/bin/python
# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ready
short_description: Wait until the nodes of a lab are ready
version_added: "0.1.0"
description:
  - Waits for all nodes of a lab host's share together, within one budget.
  - A namespace with a DHCP client is ready when it has its address. A guest is ready when QEMU runs, its interfaces have their leases,
    it answers SSH, and cloud-init has finished, where the image has it.
  - A router that runs FRR is ready when its neighbours of OSPF and IS-IS are there, its sessions of BGP are established, and it has a route
    to every network that the routers of its routing protocol announce. What must be is known of routers whose protocols are declared in
    the topology file, at both ends; what their own lines of configuration bring about is not waited for.
  - Routing may be wrong on purpose, to learn from it. So what is missing after 90 seconds, or after O(timeout) if that is less, is a
    warning that names router, protocol, neighbour and state, and no failure.
  - Of a lab with logical switches (C(fabric=ovn)) the lab host that runs OVN's databases waits first until all of O(machines) have carried
    out what these say; the message names those that have not.
  - Switches that run a spanning tree are waited for first, until each of their ports forwards or is blocked. That takes two of their
    forward delays, half a minute with the kernel's own.
  - VMs that the topology wants stopped or paused are not waited for.
  - What cannot come without a lab host that was not reached (O(lost)) is a warning at once. One that was left out (neither in O(machines)
    nor in O(lost)) may be there all the same, so the addresses that it gives are waited for as long as routing.
  - On failure the message names for each node the stage that it is stuck at, with the last lines of its console.
  - What waiting does not mend fails at once. A QEMU, a DHCP client, or the lab's dnsmasq that has ended is such a thing; the message quotes
    or names its log.
author: netvirt.lab authors (@netvirt)
extends_documentation_fragment:
  - netvirt.lab.nodes.share
  - netvirt.lab.nodes
  - netvirt.lab.attributes.info
options:
  timeout:
    description: The budget for all nodes together, in seconds.
    type: float
    default: 300
  machines:
    description:
      - The lab hosts that take part, by their names in the inventory. Guests on others are not waited for, though reached from here; nor,
        after 90 seconds, are addresses that others give. A warning names those that are missing then.
      - The default is all of the lab's.
    type: list
    elements: str
    version_added: "0.3.0"
  lost:
    description:
      - The lab hosts that take part and were not reached, by their names in the inventory.
      - The addresses that they give, their guests, guests that are reached over them, and neighbours of their routers are not waited for. A
        warning names those that are missing.
    type: list
    elements: str
    default: []
    version_added: "0.4.0"
seealso:
  - module: netvirt.lab.topology
"""

EXAMPLES = r"""
- name: Wait until the lab is ready
  netvirt.lab.ready:
    share: "{{ netvirt_share }}"
    private_key: "{{ lookup('netvirt.lab.lab_key', netvirt_lab, part='private') }}"
    timeout: 120
"""

RETURN = r"""
seconds:
  description:
    - After how many seconds each node was ready, counted from the start of the wait.
    - Routers are ready together; one whose neighbours are missing counts as ready when it is no longer waited for.
  returned: success
  type: dict
  sample: {legacy: 31.2, modern: 30.8, ns1: 0.4}
"""

import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.netvirt.lab.plugins.module_utils._adjacency import routers
from ansible_collections.netvirt.lab.plugins.module_utils._fabric import wait_for_fabric
from ansible_collections.netvirt.lab.plugins.module_utils._lost import LEFT_OUT, left_out, missed, remaining, spared
from ansible_collections.netvirt.lab.plugins.module_utils._module import reported, require_root
from ansible_collections.netvirt.lab.plugins.module_utils._ready import Watch, addressed, wait_until_ready
from ansible_collections.netvirt.lab.plugins.module_utils._routing import PATIENCE, Routing
from ansible_collections.netvirt.lab.plugins.module_utils._spanning import wait_for_trees
from ansible_collections.netvirt.lab.plugins.module_utils.topology.packed import unpacked
from ansible_collections.netvirt.lab.plugins.module_utils.transport.shell import Node, nodes_from, shells


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "share": {"type": "raw", "required": True},
            "private_key": {"type": "str", "no_log": True},
            "timeout": {"type": "float", "default": 300.0},
            "machines": {"type": "list", "elements": "str"},
            "lost": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    if module.check_mode:
        module.exit_json(changed=False, seconds={})
    with reported(module):
        require_root()
        options = module.params
        whole, timeout, lost = unpacked(options["share"]), options["timeout"], options["lost"]
        share = remaining(whole, lost)
        deadline = time.monotonic() + timeout
        served = [network["subnet"] for network in (share.get("dnsmasq") or {}).get("networks") or ()]
        wait_for_fabric(share.get("ovn"), options["machines"], timeout)
        wait_for_trees(share, _left(deadline))
        patience = min(_left(deadline), PATIENCE)
        routing = Routing(share["lab"], routers(share), patience)
        with shells(module.params["private_key"]) as keys:
            missing = {node["name"] for node in share.get("visitors") or () if node["home"] not in (options["machines"] or [node["home"]])}
            nodes = [node for node in nodes_from(share) if node.name not in missing]
            waited, away = spared(nodes, lost), left_out(whole, options["machines"], lost)
            fallback = {less.name: less for node, less in zip(waited, spared(waited, away)) if less != node}
            watch = Watch(share["lab"], keys, routing, served, fallback, patience)
            seconds = wait_until_ready(waited, watch, _left(deadline))
            late = [node for node in nodes if node.name in watch.given_up]
            warnings = [*routing.warnings, *missed(nodes, whole, lost, _lacks)]
            warnings += missed(late, {**whole, "routers": []}, away, _lacks, LEFT_OUT)
    for warning in warnings:
        module.warn(warning)
    module.exit_json(changed=False, seconds=seconds)


def _left(deadline: float) -> float:
    """Return the whole seconds until then, and one at least."""
    return max(1.0, float(round(deadline - time.monotonic())))


def _lacks(node: Node) -> bool:
    return any(addressed(node))


if __name__ == "__main__":
    main()
