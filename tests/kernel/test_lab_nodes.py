# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Some nodes of a lab by the playbooks: up, changed, removed."""

from __future__ import annotations

import copy
import json
import subprocess

from .playbooks import TOPOLOGY, Lab
from .test_lab import LAB, lab

__all__ = ["lab"]


def there() -> list[str]:
    said = subprocess.run(["ip", "-j", "netns"], capture_output=True, text=True, check=True).stdout
    return sorted(one["name"] for one in json.loads(said or "[]") if one["name"].startswith("orchard."))


def test_some_nodes_by_playbooks(lab: Lab) -> None:
    data = copy.deepcopy(LAB) | {"groups": {"sour": {"members": ["plum"]}}}
    lab.write(data)
    assert lab.changed("netvirt.lab.site", "-e", "netvirt_nodes=pear,sour") > 0
    assert there() == ["orchard.pear", "orchard.plum"]
    lab.changed(*TOPOLOGY)
    assert lab.changed("netvirt.lab.teardown", "-e", "netvirt_nodes=apple") == 1
    assert there() == ["orchard.pear", "orchard.plum"]
    del data["nodes"]["plum"], data["groups"], data["links"][2]
    lab.write(data)
    assert lab.changed(*TOPOLOGY, "-e", '{"netvirt_nodes": ["plum"]}') == 1
    assert there() == ["orchard.pear"]
    assert lab.changed(*TOPOLOGY, "-e", "netvirt_nodes=apple") == 1
    assert lab.changed("netvirt.lab.site") == 0
