# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: topology
short_description: A lab's topology file as an inventory source
version_added: "0.1.0"
author: netvirt.lab authors (@netvirt)
description:
  - Reads a topology file, checks it as a whole, and makes every node of the lab an Ansible host.
  - The name of the file ends in C(.netvirt.yml) or C(.netvirt.yaml). The documentation of the collection, C(docs/TOPOLOGY.md), describes
    every key of it.
  - The lab hosts are the hosts of the group C(lab_hosts), which another source of the same inventory defines, such as a C(hosts.yml)
    beside the topology file (sources in a folder are read in the order of their names). Without such a group the machine that Ansible
    runs on carries the lab.
  - Nodes are in the group C(nodes) and in the group of their kind, C(vms), C(namespaces) or C(switches). A group C(lab_hosts) with its
    variables C(netvirt_lab), C(netvirt_share) and C(netvirt_passwords) holds what each lab host must have; C(netvirt_packed_share) is
    the share as a word, which Ansible passes on faster, and C(netvirt_bare_share) the same without the names that several lab hosts
    have in common. Module M(netvirt.lab.topology) takes the share, and the hashed passwords of
    guests' users apart from it, as it does not log them.
  - The nodes that are linked with a switch are in the group C(at_SWITCH), those on one of several lab hosts in C(on_HOST); in these names
    an underscore stands for what is no letter or digit.
  - Every node has the variables C(netvirt_lab), C(netvirt_lab_host) and C(netvirt_node), and those by which Ansible reaches it. Guests are
    reached by SSH, through the lab host where that is remote; namespaces by way of the lab host and the become plugin
    P(netvirt.lab.netns#become); switches are the lab host itself.
  - The key C(groups) of the file makes further groups. Their variables outrank those of the groups above.
  - Values may be templates over extra variables (C(-e)).
options:
  plugin:
    description: Says that the file is one for this plugin.
    type: str
    required: true
    choices: [netvirt.lab.topology]
  name:
    description: The lab's name, which is part of every name and mark on the lab hosts.
    type: raw
    required: true
  include:
    description:
      - Further files of the lab, relative to this one. Each has some of the keys C(include), C(generate), C(groups), C(nodes) and
        C(links); or it is of another tool, given as a mapping with the key C(containerlab) or C(graphml).
      - Ansible reads every file of an inventory folder, so these lie elsewhere, or in a folder whose name begins with a dot. One that
        lies beside this file has a name that ends in C(.part.netvirt.yml), and the key O(plugin).
    type: raw
    version_added: "0.2.0"
  generate:
    description: Nodes and links by their shape, such as a star, a tree or a random graph.
    type: raw
    version_added: "0.2.0"
  groups:
    description: Keys for several nodes at once; each group is a group of the inventory too, with its C(vars).
    type: raw
    version_added: "0.2.0"
  pools:
    description: The networks that addresses are taken from where the file says V(auto).
    type: raw
    version_added: "0.2.0"
  nodes:
    description: The nodes by name, or a list of names, in which there may be ranges. Required without O(generate) and O(include).
    type: raw
  links:
    description: The links; each joins two nodes.
    type: raw
  persist:
    description: Whether the lab comes back when the lab host has been started anew, without Ansible.
    type: raw
    version_added: "0.3.0"
  fabric:
    description: What joins the switches of several lab hosts, C(vxlan), C(geneve), C(gre) or C(ovn).
    type: raw
    version_added: "0.4.0"
  expect:
    description: What the playbook C(verify.yml) must find besides what any lab must do.
    type: raw
  defaults:
    description: Keys for every node of a kind.
    type: raw
  images:
    description: Images besides those of the catalogue, by name.
    type: raw
  domain:
    description: The DNS domain of the nodes. The default is the lab's name followed by C(.internal).
    type: raw
  resolvers:
    description: The name servers that are asked for other names. The default is those of the lab host.
    type: raw
  uplink:
    description: The lab host's interface that traffic leaves by. The default, V(auto), is the one of its default route.
    type: raw
seealso:
  - module: netvirt.lab.topology
  - plugin: netvirt.lab.netns
    plugin_type: become
"""

EXAMPLES = r"""
# lab.netvirt.yml: two namespaces on a switch, in the subnet 10.0.0.0/24
plugin: netvirt.lab.topology
name: pair
nodes:
  sw: {kind: bridge, ipv4: 10.0.0.1/24, dhcp: true}
  left: {kind: netns}
  right: {kind: netns}
links:
  - [left, sw]
  - [right, sw]

---
# A tree of switches with guests as its leaves, which is also the group 'leaves', and one more host at its root
plugin: netvirt.lab.topology
name: tree
generate:
  - {shape: tree, depth: 2, fanout: 2, switch: ovs}
nodes:
  probe:
groups:
  leaves: {members: "h[1:4]", kind: vm, image: tiny, vars: {purpose: traffic}}
links:
  - probe s1

---
# Two guests with different NICs and a namespace on an Open vSwitch bridge, with a way out
plugin: netvirt.lab.topology
name: ovs-kvm
defaults: {vm: {image: debian-12, memory: 512}}
nodes:
  ovs-br:
    kind: ovs
    ipv4: 192.168.100.1/24
    dhcp: {range: [192.168.100.2, 192.168.100.200], lease: 12h}
    nat: true
  legacy: {kind: vm}
  modern: {kind: vm}
  ns1: {kind: netns}
links:
  - endpoints: [legacy:eth0, ovs-br]
    model: e1000
    mac: "52:54:00:12:34:56"
  - endpoints: [modern:eth0, ovs-br]
    model: virtio-net-pci
  - [ns1:eth0, ovs-br]
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible import context
from ansible.errors import AnsibleParserError
from ansible.inventory.group import Group
from ansible.inventory.helpers import get_group_vars
from ansible.inventory.host import Host
from ansible.plugins.inventory import BaseInventoryPlugin
from ansible.utils.vars import combine_vars
from ansible.vars.plugins import get_vars_from_inventory_sources
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabError, LabErrors
from ansible_collections.netvirt.lab.plugins.module_utils.topology.compile import compile_share, compile_shares, load
from ansible_collections.netvirt.lab.plugins.module_utils.topology.machines import VARIABLES
from ansible_collections.netvirt.lab.plugins.module_utils.topology.model import Topology
from ansible_collections.netvirt.lab.plugins.module_utils.topology.packed import packed, packed_apart
from ansible_collections.netvirt.lab.plugins.module_utils.topology.place import recorded
from ansible_collections.netvirt.lab.plugins.module_utils.topology.resolve.guest import passwords
from ansible_collections.netvirt.lab.plugins.plugin_utils import payloads, reach
from ansible_collections.netvirt.lab.plugins.plugin_utils.files import PARTS, LabFiles
from ansible_collections.netvirt.lab.plugins.plugin_utils.keys import private_key
from ansible_collections.netvirt.lab.plugins.plugin_utils.memory import lasting
from ansible_collections.netvirt.lab.plugins.plugin_utils.placement import machines, read_record, record_path, record_text
from ansible_collections.netvirt.lab.plugins.plugin_utils.texts import with_texts

try:
    from ansible.template import trust_as_template
except ImportError:  # ansible-core 2.18 trusts all

    def trust_as_template(value: str) -> str:
        """Return the value."""
        return value


_LAB_HOSTS = "lab_hosts"
_NODES = "nodes"
_GROUPS = {
    "vm": "vms",
    "netns": "namespaces",
    "container": "containers",
    "ovs": "switches",
    "bridge": "switches",
    "host": _NODES,
    "uplink": _NODES,
    "logical_router": _NODES,
}
_HERE = {"ansible_connection": "local", "ansible_python_interpreter": "/usr/bin/python3"}


def _group(relation: str, name: str) -> str:
    """Return the name of the group of the nodes that are so related to a host of the inventory."""
    return f"{relation}_{re.sub(r'[^A-Za-z0-9_]', '_', name)}"


def _trusted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _trusted(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_trusted(part) for part in value]
    return trust_as_template(value) if isinstance(value, str) else value


class InventoryModule(BaseInventoryPlugin):
    """A topology file as an inventory source."""

    NAME = "netvirt.lab.topology"

    def verify_file(self, path: str) -> bool:
        """Say whether a file is a topology, by its name."""
        return bool(super().verify_file(path)) and path.endswith((".netvirt.yml", ".netvirt.yaml"))

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        """Add the nodes of a topology file to the inventory, or, if anything is wrong with it, nothing."""
        super().parse(inventory, loader, path, cache)
        with lasting():
            self._parse(path, loader)

    def _parse(self, path: str, loader: Any) -> None:
        payloads.keep()
        if path.endswith(PARTS):
            return  # the file that includes it reads it
        self.templar.available_variables = self._vars
        data = self._plain(self._read_config_data(path))
        try:
            files = LabFiles(path, loader, self._plain, context.CLIARGS.get("inventory") or ())
            hosts = self._lab_hosts(path)
            record = self._record(path, hosts)
            known = read_record(record) if record and len(hosts) > 1 else {}
            topology = load(with_texts(data, Path(path).parent), files, machines(hosts), known)
            self._check_names(topology)
        except LabErrors as error:
            raise AnsibleParserError("\n".join((f"The topology {path} has mistakes:", *error.problems))) from None
        except LabError as error:
            raise AnsibleParserError(str(error)) from None
        for notice in topology.notices:
            self.display.warning(notice)
        self._add(topology, {name: reach.connection(variables) for name, variables in hosts.items()})
        if record:
            placement = record_text(recorded(topology))
            for name in hosts:
                self._set_plain(name, {"netvirt_placement": placement, "netvirt_placement_file": str(record)})

    def _record(self, path: str, hosts: Mapping[str, Any]) -> Path | None:
        """Return where the record of placement is. Of one lab host there is none if no inventory names it, or nobody may write it."""
        record = record_path(path)
        if len(hosts) > 1:
            return record
        return record if hosts.keys() <= self.inventory.hosts.keys() and os.access(record.parent, os.W_OK) else None

    def _plain(self, value: Any, templates: bool = True) -> Any:
        """Return what the file holds in plain types, its templates resolved."""
        if isinstance(value, Mapping):
            return {str(key) if isinstance(key, str) else key: self._plain(part, templates) for key, part in value.items()}
        if isinstance(value, list):
            return [self._plain(part, templates) for part in value]
        if not isinstance(value, str):
            return value
        if templates and ("{{" in value or "{%" in value):
            return self._plain(self.templar.template(value), templates=False)
        return str(value)

    def _check_names(self, topology: Topology) -> None:
        """Refuse nodes that have the name of something else in the inventory. Raise LabErrors."""
        taken = {
            "host": {*self.inventory.hosts, "localhost"},
            "group": {*self.inventory.groups, *_GROUPS.values(), _NODES, _LAB_HOSTS},
        }
        problems = [
            f"nodes.{name}: a {what} of the inventory has this name; choose another"
            for what, names in taken.items()
            for name in topology.nodes
            if name in names
        ]
        problems += [
            f"groups.{name}: a host of the inventory has this name; choose another" for name in topology.groups if name in taken["host"]
        ]
        of_switches = {_group("at", node.name) for node in topology.nodes.values() if node.switch}
        problems += [
            f"groups.{name}: the nodes that are linked with a switch are a group of this name; choose another"
            for name in topology.groups
            if name in of_switches
        ]
        if problems:
            raise LabErrors(problems)

    def _lab_hosts(self, path: str) -> dict[str, dict[str, Any]]:
        """Return the lab hosts, each with its variables that say how it is reached and what it can take."""
        group = self.inventory.groups.get(_LAB_HOSTS)
        hosts = group.get_hosts() if group else []
        if not hosts:
            # In the inventory only when nothing is wrong with the file.
            hosts = [Host("localhost")]
            hosts[0].vars.update(_HERE)
            for name in ("all", _LAB_HOSTS):
                hosts[0].add_group(Group(name))
        for host in hosts:
            if "netvirt_lab" in host.vars:
                raise AnsibleParserError(
                    f"The lab host {host.name} carries lab {host.vars['netvirt_lab']} of another topology file; run one lab at a time."
                )
        sources = [*getattr(self.inventory, "processed_sources", ()), path]
        return {host.name: self._variables(host, sources) for host in hosts}

    def _variables(self, host: Any, sources: list[str]) -> dict[str, Any]:
        variables: dict[str, Any] = {}
        for entities, own in ((host.get_groups(), get_group_vars(host.get_groups())), ([host], host.get_vars())):
            for layer in (own, get_vars_from_inventory_sources(self.loader, sources, entities, "all")):
                variables = combine_vars(variables, layer)
        # Jumping through the lab host takes the values themselves, as its templates mean nothing to another host.
        self.templar.available_variables = combine_vars(variables, self._vars)
        return {name: self.templar.template(value) for name, value in variables.items() if name.startswith("ansible_") or name in VARIABLES}

    def _add(self, topology: Topology, hosts: Mapping[str, Mapping[str, Any]]) -> None:
        if hosts.keys() - self.inventory.hosts.keys():
            self.inventory.add_group(_LAB_HOSTS)
            self.inventory.add_host("localhost", group=_LAB_HOSTS)
            self._set("localhost", _HERE)
        shares = compile_shares(topology) if topology.carriers else {next(iter(hosts)): compile_share(topology)}
        self._add_group(_NODES, {"netvirt_lab": topology.name})
        for kind in ("switches", "namespaces", "vms"):
            self._add_group(kind, {}, _NODES)
        if any(node.kind == "container" for node in topology.nodes.values()):
            self._add_group("containers", {}, "namespaces")
        hashes = passwords(topology)
        bare, names = packed_apart(shares) if topology.carriers else ({name: packed(share) for name, share in shares.items()}, "")
        if topology.carriers:
            self.inventory.groups[_LAB_HOSTS].set_variable("netvirt_packed_names", names)
        for name, variables in hosts.items():
            share = shares[name]
            secrets = {vm["name"]: hashes[vm["name"]] for vm in share["vms"] if vm["name"] in hashes}
            self._set(name, {"netvirt_lab": topology.name})
            self._set_plain(name, {"netvirt_share": share, "netvirt_bare_share": bare[name], "netvirt_passwords": secrets})
            if topology.carriers and share["dnsmasq"]:
                self._set(name, {"netvirt_packed_share": "{{ netvirt_bare_share }} {{ netvirt_packed_names }}"})
            else:
                self._set_plain(name, {"netvirt_packed_share": bare[name]})
            self._add_nodes(share, topology, name, variables)

        for name, group in topology.groups.items():
            self._add_group(name, group.variables, _NODES)
            if "ansible_group_priority" not in group.variables:
                self.inventory.groups[name].set_priority(2)  # what the user says outranks the groups of kinds
            for member in group.members:
                self.inventory.add_child(name, member)

    def _add_nodes(self, share: Mapping[str, Any], topology: Topology, lab_host: str, variables: Mapping[str, Any]) -> None:
        """Add the nodes of a lab host; with several lab hosts, what is said of all nodes of a kind holds for one host's only."""
        carried, through = _group("on", lab_host), _group("through", lab_host)
        alone = not topology.carriers
        here = reach.through_host(lab_host, variables)
        ways = {
            "switches": here,
            "namespaces": reach.in_namespace(lab_host, variables),
            "vms": reach.to_guests(lab_host, variables, str(private_key(topology.name))),
        }
        self._add_group(_NODES if alone else carried, {"netvirt_lab_host": lab_host}, None if alone else _NODES)
        for kind, way in ways.items():
            # Beside the others and not below: a group of the user's is to outrank it.
            self._add_group(kind if alone else f"{through}_{kind}", way, _NODES)
        for described in share.get("visitors", ()):
            self.inventory.add_host(described["name"], group=f"{through}_vms")
        for described in share["nodes"]:
            if described.get("home", lab_host) != lab_host:
                continue
            node = topology.nodes[described["name"]]
            kind = _GROUPS[node.kind]
            self.inventory.add_host(node.name, group=kind)
            if not alone:
                self.inventory.add_child(carried, node.name)
                alike = "namespaces" if node.space else kind
                if alike in ways and described["access"] == lab_host:
                    self.inventory.add_child(f"{through}_{alike}", node.name)
            for name in {_group("at", interface["switch"]): None for interface in described["interfaces"] if interface["switch"]}:
                if name not in self.inventory.groups:
                    self._add_group(name, {}, _NODES)
                self.inventory.add_child(name, node.name)
            self._set_plain(node.name, {"netvirt_node": described})
            if node.space:
                self._set(node.name, reach.space(described))
            elif node.kind == "vm":
                self._set(node.name, reach.guest(node, topology))
            elif node.kind in ("host", "uplink", "logical_router"):
                self._set(node.name, here)

    def _add_group(self, name: str, variables: Mapping[str, Any], parent: str | None = None) -> None:
        self.inventory.add_group(name)
        if parent:
            self.inventory.add_child(parent, name)
        self._set(name, variables)

    def _set(self, name: str, variables: Mapping[str, Any]) -> None:
        # What is not trusted as a template, ansible-inventory wraps in its output, and other programs cannot read how to connect.
        for variable, value in variables.items():
            self.inventory.set_variable(name, variable, _trusted(value))

    def _set_plain(self, host: str, variables: Mapping[str, Any]) -> None:
        # Data, never templates; and the inventory would walk through it to tag each value, half the time of a large lab.
        for variable, value in variables.items():
            self.inventory.hosts[host].set_variable(variable, value)
