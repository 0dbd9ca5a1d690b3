#!/usr/bin/python
# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: shaping
short_description: Shape what an interface sends
version_added: "0.2.0"
description:
  - Limits the rate of what an interface sends, delays it and loses some of it, by the kernel's queueing disciplines, as C(tc) does.
  - The options are the whole shaping of the interface. What is omitted is not there, and with a change of the options it goes.
  - Other values are set in place, without losing what waits.
  - A rate alone is the discipline C(tbf), a queue alone C(pfifo). Anything else is C(netem), which takes the kernel's module C(sch_netem).
author: netvirt.lab authors (@netvirt)
extends_documentation_fragment:
  - netvirt.lab.lab
  - netvirt.lab.attributes
options:
  name:
    description: The interface. It exists.
    type: str
    required: true
    aliases: [interface]
  netns:
    description:
      - The network namespace that the interface is in, by its name below C(/run/netns).
      - Omitted or empty, it is the lab host's own.
    type: str
    default: ''
  state:
    description: Whether the interface is shaped.
    type: str
    choices: [present, absent]
    default: present
  rate:
    description: How fast it sends, in bit/s, or with a unit, such as V(10mbit) or V(1.5gbit). At least 1000 bit/s.
    type: str
  burst:
    description:
      - How much may be sent at once at a O(rate), in bytes, or with a unit, such as V(32kb) or V(64KiB).
      - Omitted, it is what passes in 4 ms, and 16 KiB at least.
      - It cannot be set together with delays or losses.
    type: str
  delay:
    description: By how much every packet is delayed, in microseconds, or with a unit, such as V(20ms).
    type: str
  jitter:
    description: By how much the O(delay) varies, as a time, 2 seconds at most.
    type: str
  loss:
    description: The share of packets that get lost, in percent, such as V(0.5%).
    type: str
  duplicate:
    description: The share of packets that arrive twice, in percent.
    type: str
  corrupt:
    description: The share of packets of which one bit is wrong, in percent.
    type: str
  reorder:
    description: The share of packets that are sent at once, before those that the O(delay) holds back, in percent.
    type: str
  queue:
    description:
      - How many packets wait before others are dropped. With a O(rate) alone, as many bytes as packets of 1514 bytes have.
      - Those that a O(delay) holds back do not count.
      - Omitted, it is 100 or what a O(rate) passes in 50 ms; with delays and losses 1000.
    type: int
  redirect:
    description:
      - The interface of kind ifb, in the same namespace, that what comes in at this interface passes first, so that its shaping
        holds for that.
      - This is how to shape what a guest sends, which comes in at its tap. It does not work at ports of Open vSwitch's userspace datapath.
    type: str
seealso:
  - module: netvirt.lab.veth
  - module: netvirt.lab.tap
"""

EXAMPLES = r"""
- name: Create a pair of interfaces
  netvirt.lab.veth:
    name: veth0
    up: true
    peer:
      name: veth1
      up: true

- name: Send 10 Mbit/s at most
  netvirt.lab.shaping:
    name: veth0
    rate: 10mbit

- name: Send faster, with a short queue
  netvirt.lab.shaping:
    name: veth0
    rate: 20mbit
    queue: 20

- name: Send as fast as the interface can again
  netvirt.lab.shaping:
    name: veth0
    state: absent
"""

RETURN = r"""
name:
  description: The interface's name.
  returned: success
  type: str
  sample: veth0
"""

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabErrors
from ansible_collections.netvirt.lab.plugins.module_utils._module import LAB_OPTIONS, run
from ansible_collections.netvirt.lab.plugins.module_utils._plan import Goal
from ansible_collections.netvirt.lab.plugins.module_utils._units import PERCENT, RATE, SIZE, TIME
from ansible_collections.netvirt.lab.plugins.module_utils.resources.shaping import ShapingDriver, shaping_from

UNITS = {"rate": RATE, "burst": SIZE, "delay": TIME, "jitter": TIME, **dict.fromkeys(("loss", "duplicate", "corrupt", "reorder"), PERCENT)}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True, "aliases": ["interface"]},
            "netns": {"type": "str", "default": ""},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            **{name: {"type": "str"} for name in UNITS},
            "queue": {"type": "int"},
            "redirect": {"type": "str"},
            **LAB_OPTIONS,
        },
        required_if=[("state", "present", [*UNITS, "queue", "redirect"], True)],
        supports_check_mode=True,
    )
    run(module, goals, lambda changes: {"name": module.params["name"]})


def goals(options: Mapping[str, Any]) -> list[Goal[Any]]:
    problems: list[str] = []
    item = {name: options[name] for name in ("name", "netns", "queue", "redirect")}
    item.update({name: unit.read(options[name], name, problems) for name, unit in UNITS.items() if options[name] is not None})
    if problems:
        raise LabErrors(problems)
    shaping = shaping_from(item, options["lab"])
    if options["state"] == "absent":
        return [Goal(ShapingDriver(), absent=(shaping.key,))]
    return [Goal(ShapingDriver(), want=(shaping,))]


if __name__ == "__main__":
    main()
