# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a container is besides its network: namespaces of the other kinds, a tree of files, limits."""

from __future__ import annotations

from ..._paths import enter_script
from ..model import Node, Space, Topology
from ..plain import Item, given

_ALWAYS = ("uts", "mnt", "pid", "net", "ipc", "cgroup")


def namespace_item(space: Space) -> Item:
    """Return the network namespace of a node."""
    return given(name=space.netns, source=space.adopt, held=True if space.container else None)


def containers(topology: Topology) -> Item:
    """Return the containers, if there are any."""
    found = [_container(node, node.space) for node in topology.nodes.values() if node.space and node.space.container]
    return {"containers": found} if found else {}


def entry(node: Node, topology: Topology) -> Item:
    """Return how what runs in a node gets into all its namespaces; nothing for one that has a network namespace only."""
    inside = node.space is not None and node.space.container is not None
    return {"enter": str(enter_script(topology.name, node.netns or ""))} if inside else {}


def _container(node: Node, space: Space) -> Item:
    own = space.container
    if own is None:
        raise ValueError(node.name)
    kinds = [*_ALWAYS, *(["user"] if own.uid_map else []), *(["time"] if own.clocks else [])]
    return {
        "name": space.netns,
        "kinds": kinds,
        "hostname": own.hostname or node.name,
        **given(
            rootfs=own.rootfs,
            overlay=own.overlay if own.rootfs else None,
            mounts=dict(own.mounts) or None,
            uid_map=list(own.uid_map) or None,
            gid_map=list(own.gid_map) or None,
            cpus=0 if own.cpus == "" else own.cpus,
            memory=0 if own.memory == "" else own.memory,
            **(own.clocks or {}),
        ),
    }
