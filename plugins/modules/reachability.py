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
    leases exist, that names resolve, and that traffic gets outside, if an address outside is given. Switches that are linked are one
    network, and so is a wire between two nodes.
  - VMs that the topology wants stopped or paused are left out.
  - It fails if one check fails, and returns a table in either case.
author: netvirt.lab authors (@netvirt)
extends_documentation_fragment:
  - netvirt.lab.attributes.info
options:
  share:
    description: What the lab host must have, as the inventory plugin P(netvirt.lab.topology#inventory) compiles it into C(netvirt_share).
    type: dict
    required: true
  private_key:
    description: The private SSH key that opens the guests, as text.
    type: str
  outside:
    description: A URL that every node must be able to fetch. Omitted or empty, nothing outside the lab is contacted.
    type: str
  timeout:
    description: How long the checks of all nodes together may take, in seconds.
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
"""

RETURN = r"""
table:
  description: The results as lines of text, a row for each node.
  returned: always
  type: list
  elements: str
  sample:
    - "from    switch   modern   lease"
    - "legacy  ok       ok       ok"
checks:
  description: All checks, with what is known of the failure of those that failed.
  returned: always
  type: list
  elements: dict
  sample: [{node: legacy, check: reach 192.168.100.1, problem: ''}]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.netvirt.lab.plugins.module_utils import _reach
from ansible_collections.netvirt.lab.plugins.module_utils._module import reported, require_root
from ansible_collections.netvirt.lab.plugins.module_utils.resources.dnsmasq import leases
from ansible_collections.netvirt.lab.plugins.module_utils.transport.shell import nodes_from, shells


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "share": {"type": "dict", "required": True},
            "private_key": {"type": "str", "no_log": True},
            "outside": {"type": "str"},
            "timeout": {"type": "float", "default": 60.0},
        },
        supports_check_mode=True,
    )
    share, options = module.params["share"], module.params
    with reported(module):
        require_root()
        nodes = [node for node in nodes_from(share) if node.kind in ("vm", "netns")]
        checks = _reach.expected(nodes, bool(share["dnsmasq"]), options["outside"] or None)
        with shells(options["private_key"]) as keys:
            results = _reach.run(checks, nodes, keys, options["timeout"])
        results.update(_reach.leased(nodes, {lease.mac for lease in leases(share["lab"])}))
    failures = [f"'{check.node}' cannot {check.meaning}: {problem}." for check, problem in results.items() if problem]
    outcome = {
        "table": _reach.table(results),
        "checks": [{"node": check.node, "check": check.meaning, "problem": problem} for check, problem in results.items()],
    }
    if failures:
        module.fail_json(msg="\n".join([*failures, "", *_reach.table(results)]), **outcome)
    module.exit_json(changed=False, **outcome)


if __name__ == "__main__":
    main()
