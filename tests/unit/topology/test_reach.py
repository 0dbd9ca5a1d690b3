# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection variables of nodes, and the inventory as Ansible sees it."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils.topology.compile import load
from ansible_collections.netvirt.lab.plugins.plugin_utils import reach

CHECKOUT = Path(__file__).resolve().parents[3]
REMOTE = {
    "ansible_host": "192.0.2.7",
    "ansible_port": 2222,
    "ansible_user": "op",
    "ansible_ssh_private_key_file": "/home/op/a key",
    "ansible_ssh_common_args": "-o StrictHostKeyChecking=no",
    "ansible_become": True,
}


def test_guests_of_a_remote_lab_host_are_reached_through_it() -> None:
    variables = reach.to_guests("mill", REMOTE, "/keys/lab")
    words = shlex.split(variables["ansible_ssh_common_args"])
    assert words[-1] == "ProxyCommand=ssh -W %h:%p -p 2222 -l op -i '/home/op/a key' -o StrictHostKeyChecking=no 192.0.2.7"
    assert variables["ansible_ssh_private_key_file"] == "/keys/lab"


def test_guests_of_this_machine_are_reached_directly() -> None:
    assert "ProxyCommand" not in reach.to_guests("mill", {"ansible_connection": "local"}, "/keys/lab")["ansible_ssh_common_args"]


def test_a_namespace_is_reached_as_its_lab_host_is() -> None:
    variables = reach.in_namespace("mill", reach.connection({**REMOTE, "other": 1}))
    assert variables["ansible_host"] == "192.0.2.7"
    assert variables["ansible_become_method"] == "netvirt.lab.netns"
    assert "other" not in variables
    assert reach.in_namespace("mill", {})["ansible_host"] == "mill"


def test_a_guest_is_reached_where_the_lab_host_is_too() -> None:
    topology = load(
        {
            "name": "paths",
            "nodes": {
                "dark": "ovs",
                "lit": {"kind": "ovs", "ipv4": "10.6.0.1/24"},
                "box": {"kind": "vm", "user": "grace"},
                "cave": {"kind": "vm", "image": "tiny"},
            },
            "links": [
                {"endpoints": ["box", "dark"], "ipv4": "172.30.0.5/24"},
                {"endpoints": ["box", "lit"], "ipv4": "10.6.0.5"},
                {"endpoints": ["cave", "dark"]},
            ],
        }
    )
    assert reach.guest(topology.nodes["box"], topology) == {
        "ansible_user": "grace",
        "ansible_host": "10.6.0.5",
        "ansible_python_interpreter": "/usr/bin/python3",
    }
    assert reach.guest(topology.nodes["cave"], topology) == {"ansible_user": "root"}


def inventory(source: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("ansible-inventory")
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(CHECKOUT / ".cache"),
        "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"),
        "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true",
        "XDG_DATA_HOME": "/keys",
    }
    return subprocess.run([program, "-i", source, "--list", *arguments], capture_output=True, text=True, check=False, env=environment)


def listed(source: Path, *arguments: str) -> Any:
    done = inventory(source, *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def plain(value: Any) -> Any:
    """Return a value without the wrapper that ansible-inventory puts around a text that is no template."""
    if isinstance(value, dict):
        return value.get("__ansible_unsafe") or {key: plain(part) for key, part in value.items()}
    return [plain(part) for part in value] if isinstance(value, list) else value


def test_the_default_labs_nodes_are_hosts() -> None:
    found = listed(CHECKOUT / "inventory" / "ovs_kvm")
    assert {group: sorted(found[group]["hosts"]) for group in ("lab_hosts", "vms", "namespaces", "switches")} == {
        "lab_hosts": ["localhost"],
        "vms": ["legacy", "modern"],
        "namespaces": ["ns1"],
        "switches": ["ovs-br"],
    }
    variables = found["_meta"]["hostvars"]
    assert variables["localhost"]["netvirt_lab"] == "ovs-kvm"
    assert plain(variables["localhost"]["netvirt_share"])["lab"] == "ovs-kvm"
    legacy = variables["legacy"]
    assert f"{legacy['ansible_host']}/24" == plain(legacy["netvirt_node"])["interfaces"][0]["addresses"][0]
    assert legacy["ansible_user"] == "debian"
    assert legacy["ansible_ssh_private_key_file"] == "/keys/netvirt/ovs-kvm/id_ed25519"
    assert variables["ns1"]["ansible_netns"] == "ns1"
    assert variables["ns1"]["netvirt_lab_host"] == "localhost"


def test_a_file_alone_is_a_lab_on_this_machine_and_takes_extra_variables(tmp_path: Path) -> None:
    source = tmp_path / "tiny.netvirt.yml"
    source.write_text('{plugin: netvirt.lab.topology, name: "{{ who }}-lab", nodes: {one: , two: {kind: bridge, ipv4: "{{ net }}.1/24"}}}')
    variables = listed(source, "-e", "who=ada net=10.66.0")["_meta"]["hostvars"]
    assert variables["localhost"]["ansible_connection"] == "local"
    assert variables["one"]["ansible_netns"] == "ada-lab.one"
    assert plain(variables["two"]["netvirt_node"])["interfaces"][0]["addresses"] == ["10.66.0.1/24"]


def test_nodes_are_reached_through_the_lab_host_that_carries_them(tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_text(
        "{lab_hosts: {hosts: {mill: {ansible_host: 192.0.2.1}, 'barn.example': {ansible_host: 192.0.2.2, ansible_user: ada}}}}"
    )
    (tmp_path / "topology.netvirt.yml").write_text(
        "{plugin: netvirt.lab.topology, name: farm, nodes: {yard: {kind: bridge, ipv4: 10.5.0.1/24, gateway: mill}, hen: {host: mill}, "
        "cow: {host: barn.example}, ox: {kind: vm, image: tiny, ipv4: 10.5.0.9, host: barn.example}, cat: }, "
        "links: [hen yard, cow yard, ox yard, cat yard], groups: {large: {members: [cow, ox], vars: {ansible_user: bob}}}}"
    )
    found = plain(listed(tmp_path))
    variables = found["_meta"]["hostvars"]
    assert {group: sorted(found[group]["hosts"]) for group in ("on_mill", "on_barn_example", "through_mill_vms")} == {
        "on_mill": ["cat", "hen", "yard"],
        "on_barn_example": ["cow", "ox"],
        "through_mill_vms": ["ox"],
    }
    assert [variables[name]["ansible_host"] for name in ("hen", "cow", "yard", "ox")] == ["192.0.2.1", "192.0.2.2", "192.0.2.1", "10.5.0.9"]
    assert variables["cow"]["netvirt_lab_host"] == "barn.example"
    assert variables["cow"]["ansible_user"] == "bob", "what the user says of a group is stronger"
    assert "192.0.2.1" in variables["ox"]["ansible_ssh_common_args"], "from where its network has an address"
    assert json.loads(variables["mill"]["netvirt_placement"]) == {"cat": "mill"}
    assert variables["mill"]["netvirt_placement_file"] == str(tmp_path / ".topology.placement.json")
    assert [vm["name"] for vm in variables["barn.example"]["netvirt_share"]["vms"]] == ["ox"]
    (tmp_path / ".topology.placement.json").write_text('{"cat": "barn.example"}')
    assert "cat" in plain(listed(tmp_path))["on_barn_example"]["hosts"]
    (tmp_path / ".topology.placement.json").write_text("cat: mill")
    assert "remove it, and nodes are placed anew" in " ".join(inventory(tmp_path).stderr.split())


def test_a_lab_host_alone_has_a_record_if_the_inventory_names_it(tmp_path: Path) -> None:
    source, record = tmp_path / "topology.netvirt.yml", tmp_path / ".topology.placement.json"
    source.write_text("{plugin: netvirt.lab.topology, name: farm, nodes: {hen: , cow: , sow: {host: mill}}}")
    hosts = "{lab_hosts: {vars: {ansible_user: ada}, hosts: {mill: {ansible_host: 192.0.2.1}%s}}}"
    (tmp_path / "hosts.yml").write_text(hosts % "")
    record.write_text("of no use, and no harm")
    alone = plain(listed(tmp_path))["_meta"]["hostvars"]["mill"]
    assert json.loads(alone["netvirt_placement"]) == {"hen": "mill", "cow": "mill"}
    assert alone["netvirt_placement_file"] == str(record)
    record.write_text(alone["netvirt_placement"])
    (tmp_path / "hosts.yml").write_text(hosts % ", barn: {ansible_host: 192.0.2.2}")
    assert sorted(plain(listed(tmp_path))["on_mill"]["hosts"]) == ["cow", "hen", "sow"]
    record.unlink()
    assert plain(listed(tmp_path))["on_barn"]["hosts"], "without the record a node would have moved"


def test_a_lab_host_that_no_inventory_names_has_no_record(tmp_path: Path) -> None:
    source = tmp_path / "topology.netvirt.yml"
    source.write_text("{plugin: netvirt.lab.topology, name: farm, nodes: {hen: }}")
    assert not [name for name in listed(source)["_meta"]["hostvars"]["localhost"] if "placement" in name]


def test_hashed_passwords_are_a_variable_of_their_own(tmp_path: Path) -> None:
    source = tmp_path / "small.netvirt.yml"
    source.write_text("{plugin: netvirt.lab.topology, name: small, nodes: {deep: {kind: vm, user: grace, hashed_password: $6$salt$hash}}}")
    host = listed(source)["_meta"]["hostvars"]["localhost"]
    assert plain(host.pop("netvirt_passwords")) == {"deep": {"grace": "$6$salt$hash"}}
    assert "$6$" not in str(host)


def test_texts_are_read_from_files_beside_the_topology(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "web.nft").write_text("table inet far {}\n")
    source = tmp_path / "walls.netvirt.yml"
    source.write_text("{plugin: netvirt.lab.topology, name: walls, nodes: {web: {firewall: {file: rules/web.nft}}}}")
    (item,) = plain(listed(source)["_meta"]["hostvars"]["localhost"]["netvirt_share"])["firewalls"]
    assert item == {"netns": "walls.web", "ruleset": "table inet far {}\n"}


@pytest.mark.parametrize(
    ("hosts", "text", "message"),
    [
        ("", "{nodes: {vms: }}", "nodes.vms: a group of the inventory has this name; choose another"),
        ("", "{nodes: {mill: }}", "nodes.mill: a host of the inventory has this name; choose another"),
        (
            "",
            "{nodes: {a: {kind: nets}}}",
            "nodes.a.kind: must be one of netns, container, vm, ovs, bridge, host, uplink, logical_router, "
            "not 'nets' (did you mean 'netns'?)",
        ),
        ("", "{nodes: {a: {firewall: {file: no.nft}}}}", "nodes.a.firewall: cannot read '"),
        (", barn: ", "{nodes: {a: {host: bran}}}", "nodes.a.host: no lab host 'bran' (did you mean 'barn'?)"),
        (
            ", barn: {netvirt_memory: much}",
            "{nodes: {a: }}",
            "lab host 'barn': netvirt_memory: must be a whole number",
        ),
        (", barn: ", "{nodes: {a: }}", "lab host 'barn': netvirt_underlay is missing"),
    ],
)
def test_a_mistake_fails_the_inventory(tmp_path: Path, hosts: str, text: str, message: str) -> None:
    (tmp_path / "hosts.yml").write_text(f"{{lab_hosts: {{hosts: {{mill: {hosts}}}}}}}")
    (tmp_path / "topology.netvirt.yml").write_text("{plugin: netvirt.lab.topology, name: wrong, " + text[1:])
    done = inventory(tmp_path)
    assert done.returncode != 0
    assert message in " ".join(done.stderr.split())
