# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a flow names ports."""

from __future__ import annotations

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils.topology.flow_text import meter, with_ports

PORTS = {"oak": "p1", "oak:eth0": "p1", "elm": "p2", "drop": "p3", "normal": "p4"}


@pytest.mark.parametrize(
    ("text", "named", "unknown"),
    [
        ("in_port=oak,actions=output:elm", "in_port=p1,actions=output:p2", []),
        ("in_port=oak:eth0,ip actions=elm, oak:eth0", "in_port=p1,ip actions=output:p2, output:p1", []),
        ('in_port="oak",actions="elm"', "in_port=p1,actions=output:p2", []),
        ("actions=resubmit(,3),resubmit(oak,4),resubmit:elm", "actions=resubmit(,3),resubmit(p1,4),resubmit:p2", []),
        ("actions=enqueue:oak:1,enqueue:oak:eth0:2,enqueue(elm,3)", "actions=enqueue:p1:1,enqueue:p1:2,enqueue(p2,3)", []),
        ("actions=output(port=oak,max_len=64),clone(output:elm)", "actions=output(port=p1,max_len=64),clone(output:p2)", []),
        (
            "group_id=9,bucket=watch_port:oak,oak,bucket=elm",
            "group_id=9,bucket=watch_port:p1,output:p1,bucket=output:p2",
            [],
        ),
        # Words of ovs-ofctl mean what they mean there, whatever nodes are called; so do registers.
        ("in_port=LOCAL,actions=drop,normal,in_port", "in_port=LOCAL,actions=drop,normal,in_port", []),
        (
            "actions=output:reg0[],ct(commit,table=1),mod_tp_dst:80",
            "actions=output:reg0[],ct(commit,table=1),mod_tp_dst:80",
            [],
        ),
        ("in_port=ash,actions=output:fir,7", "in_port=ash,actions=output:fir,output:7", ["ash", "fir", "7"]),
    ],
)
def test_ports_by_other_names(text: str, named: str, unknown: list[str]) -> None:
    assert with_ports(text, PORTS.get) == (named, unknown)


def test_a_meter_as_it_is_written_and_as_it_is_dumped() -> None:
    written = meter("meter=4,burst,kbps,bands=type=drop,rate=5,burst_size=6,type=dscp_remark,burst_size=8,rate=7,prec_level=1")
    assert written == meter("meter=4 kbps burst bands=  type=drop rate=5 burst_size=6 type=dscp_remark rate=7 burst_size=8 prec_level=1")
    assert written[0] == "4"
