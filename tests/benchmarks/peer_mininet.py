# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Mininet (Debian package mininet) needs for a star or a tree on Open vSwitch's userspace datapath, as JSON.

In seconds, and in seconds of CPU: those of its hosts' shells count when they end. Start it with 'star N' or
'tree DEPTH FANOUT' by the distribution's Python in a simulated lab host whose Open vSwitch runs.
"""

from __future__ import annotations

import json
import sys
from functools import partial

from clock import Moment  # type: ignore[import-not-found]
from mininet.net import Mininet
from mininet.node import OVSSwitch
from mininet.topo import SingleSwitchTopo
from mininet.topolib import TreeTopo

SHAPES = {"star": SingleSwitchTopo, "tree": TreeTopo}


def main() -> None:
    topology = SHAPES[sys.argv[1]](*map(int, sys.argv[2:]))
    switch = partial(OVSSwitch, datapath="user", failMode="standalone", batch=True)
    start = Moment()
    net = Mininet(topo=topology, controller=None, switch=switch, build=False)
    net.build()
    net.start()
    there = Moment()
    net.stop()
    print(json.dumps({**start.until(there, "up"), **there.until(Moment(), "down")}))


if __name__ == "__main__":
    main()
