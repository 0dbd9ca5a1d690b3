# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: benchmark_table
short_description: Show what was measured as a table
version_added: "0.4.0"
author: netvirt.lab authors (@netvirt)
description:
  - Returns the results of M(netvirt.lab.throughput), those of several lab hosts together, as lines of text.
options:
  _input:
    description: The RV(netvirt.lab.throughput#module:results) of all lab hosts, one after the other.
    type: list
    elements: dict
    required: true
seealso:
  - module: netvirt.lab.throughput
"""

EXAMPLES = r"""
- name: Show what all lab hosts have measured
  ansible.builtin.debug:
    msg: "{{ groups.lab_hosts | map('extract', hostvars, ['measured', 'results']) | flatten(1) | netvirt.lab.benchmark_table }}"
"""

RETURN = r"""
_value:
  description: The lines.
  type: list
  elements: str
  sample:
    - "node  on  to        model       there         back"
    - "a1    m1  lab host  veth   900.1 Mbit/s  910.7 Mbit/s"
    - "a1    m1  b1        veth   410.3 Mbit/s  402.9 Mbit/s"
"""

from collections.abc import Callable

from ansible_collections.netvirt.lab.plugins.module_utils.measure.table import table


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., list[str]]]:
        """Return them by name."""
        return {"benchmark_table": table}
