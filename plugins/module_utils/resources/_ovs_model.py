# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Open vSwitch bridges and their ports as values, and what is wrong with a wanted one.

None is "not managed", the empty value "none": '' for a word or number, () for a list. A map manages the keys that it
has; a key with the value '' is removed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Union

# external_ids key of Bridge and Port rows
MARK = "netvirt-lab"

Number = Union[int, Literal[""], None]
Strings = Union[Mapping[str, str], None]
Purge = Literal["none", "own", "all"]


@dataclass(frozen=True)
class Queue:
    """A queue of a port: what it may send at most and is sure to send (bit/s), its burst (bit), and how early it is served (0 first)."""

    number: int
    rate: Number = ""
    min_rate: Number = ""
    burst: Number = ""
    priority: Number = ""


@dataclass(frozen=True)
class Port:
    """A port: one interface of the same name, or a bond of several ``interfaces``. ``fault`` says why it carries nothing."""

    name: str
    lab: str | None = None
    bridge: str = ""
    interfaces: tuple[str, ...] | None = None
    type: str | None = None
    options: Strings = None
    tag: Number = None
    trunks: tuple[int, ...] | None = None
    vlan_mode: str | None = None
    protected: bool | None = None
    bond_mode: str | None = None
    lacp: str | None = None
    mac: str | None = None
    mtu_request: Number = None
    ofport_request: Number = None
    external_ids: Strings = None
    other_config: Strings = None
    interface_external_ids: Strings = None
    # The type of the port's queueing; 'linux-noop' leaves it to others. qos_rate is in bit/s. own_qos: the row is one of ours.
    qos: str | None = None
    qos_rate: Number = None
    queues: tuple[Queue, ...] | None = None
    fault: str = ""
    own_qos: bool = field(default=False, metadata={"hidden": True})

    @property
    def key(self) -> str:
        """Return the name, which is unique within a database."""
        return self.name


@dataclass(frozen=True)
class Qos:
    """A row of table QoS or Queue that carries a lab's mark; such rows do not go with the ports that use them."""

    name: str
    lab: str | None = None
    row: Any = field(default=None, compare=False, metadata={"hidden": True})

    @property
    def key(self) -> str:
        """Return the type, and the port unless it is one for all."""
        return self.name


@dataclass(frozen=True)
class Controller:
    """An OpenFlow controller; inactivity_probe and max_backoff in milliseconds."""

    target: str
    connection_mode: str | None = None
    inactivity_probe: Number = None
    max_backoff: Number = None


@dataclass(frozen=True)
class Mirror:
    """Copies of packets: the selected ones go to output_port, or into the VLAN output_vlan."""

    name: str
    select_all: bool | None = None
    select_src_port: tuple[str, ...] | None = None
    select_dst_port: tuple[str, ...] | None = None
    select_vlan: tuple[int, ...] | None = None
    output_port: str | None = None
    output_vlan: Number = None


@dataclass(frozen=True)
class Bridge:
    """A bridge. ``existing`` is somebody else's that only lends room for ports; ``purge`` is whose unlisted ports go."""

    name: str
    lab: str | None = None
    datapath_type: str | None = None
    fail_mode: str | None = None
    controllers: tuple[Controller, ...] | None = None
    protocols: tuple[str, ...] | None = None
    stp: bool | None = None
    rstp: bool | None = None
    mcast_snooping: bool | None = None
    external_ids: Strings = None
    other_config: Strings = None
    mirrors: tuple[Mirror, ...] | None = None
    # Ports are changes of their own, so that a diff names the one attribute of the one port.
    ports: tuple[Port, ...] = field(default=(), metadata={"hidden": True})
    absent_ports: tuple[str, ...] = field(default=(), metadata={"hidden": True})
    purge: Purge = field(default="none", metadata={"hidden": True})
    existing: bool = field(default=False, metadata={"hidden": True})

    @property
    def key(self) -> str:
        """Return the name."""
        return self.name
