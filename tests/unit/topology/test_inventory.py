# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab of several files, shapes and groups, as Ansible sees it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

CHECKOUT = Path(__file__).resolve().parents[3]
LAB = """
plugin: netvirt.lab.topology
name: campus
include:
  - rack.part.netvirt.yml
  - .parts/wing.yml
  - {containerlab: ../edge.clab.yml, prefix: e-}
  - {graphml: .parts/net.graphml, ipv4: none}
generate:
  - {shape: tree, depth: 1, fanout: 3, host: {ipv4: none}}
groups:
  pupils: {members: "h[1:2]", vars: {ansible_user: ada, course: {name: net1, rooms: [a]}}}
  app: {members: [h3, guest], vars: {ansible_become_method: other}}
nodes:
  guest: {kind: vm, image: tiny}
links:
  - guest s1
"""
FILES = {
    "hosts.yml": "{lab_hosts: {hosts: {mill: {ansible_connection: local}}}, app: {vars: {colour: blue}}}",
    "topology.netvirt.yml": LAB,
    "rack.part.netvirt.yml": "{plugin: netvirt.lab.topology, nodes: ['r[1:2]'], links: ['r1 r2']}",
    ".parts/wing.yml": "{nodes: ['{{ who }}-desk'], include: [deeper/attic.yml]}",
    ".parts/deeper/attic.yml": "{nodes: {attic: {firewall: {file: own.nft}, services: {w: {command: x, files: {a/b: {file: ../b.txt}}}}}}}",
    ".parts/deeper/own.nft": "table ip own {}",
    ".parts/b.txt": "{{ not a template }}",
    ".parts/net.graphml": '<graphml><graph edgedefault="undirected"><node id="x"/><node id="y"/><edge source="x" target="y"/>'
    "</graph></graphml>",
    "../edge.clab.yml": "{topology: {nodes: {c: {kind: linux, image: '{{ tag }}'}}}}",
    "group_vars/pupils.yml": "{floor: 3}",
    # What a topology may read and Ansible must not.
    "own.nft": "table ip own {}",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / "campus" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path / "campus"


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(CHECKOUT / ".cache"),
        "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"),
        "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true",
        "ANSIBLE_NOCOLOR": "1",
        "COLUMNS": "500",
        "XDG_DATA_HOME": "/keys",
    }
    program = Path(sys.executable).with_name("ansible-inventory")
    command = [str(program), "-i", str(folder), "-e", "who=ada", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def test_the_graph_of_the_inventory(folder: Path) -> None:
    pytest.importorskip("networkx")
    done = run(folder, "--graph", "nodes")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n") == [
        "@nodes:",
        "  |--@switches:",
        "  |  |--s1",
        "  |--@namespaces:",
        *(f"  |  |--{name}" for name in ("h1", "h2", "h3", "e-c", "x", "y", "r1", "r2", "ada-desk", "attic")),
        "  |--@vms:",
        "  |  |--guest",
        "  |--@at_s1:",
        *(f"  |  |--{name}" for name in ("h1", "h2", "h3", "guest")),
        "  |--@pupils:",
        "  |  |--h1",
        "  |  |--h2",
        "  |--@app:",
        "  |  |--h3",
        "  |  |--guest",
        "",
    ]
    assert "../edge.clab.yml: these keys of containerlab have no meaning here and were ignored: image" in done.stderr


def test_the_variables_of_groups(folder: Path) -> None:
    pytest.importorskip("networkx")
    variables = json.loads(run(folder, "--host", "h2").stdout)
    assert (variables["ansible_user"], variables["course"], variables["floor"]) == ("ada", {"name": "net1", "rooms": ["a"]}, 3)
    # A group of the user's outranks that of the kind, whatever their names, and may be known to another source.
    variables = json.loads(run(folder, "--host", "guest").stdout)
    assert (variables["colour"], variables["netvirt_node"]["kind"]) == ("blue", "vm")
    assert json.loads(run(folder, "--host", "h3").stdout)["ansible_become_method"] == "other"


def test_texts_are_read_from_files_beside_the_part_that_names_them(folder: Path) -> None:
    pytest.importorskip("networkx")
    share = json.loads(run(folder, "--list", "--export").stdout)["_meta"]["hostvars"]["mill"]["netvirt_share"]
    assert plain(share["firewalls"])[0]["ruleset"] == "table ip own {}"
    assert plain(share["services"])[0]["files"] == {"a/b": "{{ not a template }}"}


def plain(value: Any) -> Any:
    """Return a value without the marks of what is no template."""
    if isinstance(value, dict):
        return value["__ansible_unsafe"] if "__ansible_unsafe" in value else {key: plain(part) for key, part in value.items()}
    return [plain(part) for part in value] if isinstance(value, list) else value


MISTAKES = {
    "an import beside the lab": (
        "{containerlab: net.clab.yml}",
        {"net.clab.yml": "{}"},
        "net.clab.yml as an inventory of its own, because it is in the inventory's folder; put it elsewhere, or in a folder whose name "
        "begins with a dot; a part of a topology may stay if it is called NAME.part.netvirt.yml and has the key plugin",
    ),
    "no file": (".parts/none.yml", {}, "include[0]: there is no file "),
    "not YAML": (".parts/bad.yml", {".parts/bad.yml": "{nodes: [a, b}"}, ".parts/bad.yml:1:14"),
    "not a graph": (
        "{graphml: .parts/bad.gml}",
        {".parts/bad.gml": "graph ["},
        "include[0]: .parts/bad.gml: GML that networkx cannot read: ",
    ),
    "no text": (
        ".parts/part.yml",
        {".parts/part.yml": "{nodes: {b: {firewall: {file: no.nft}}}}"},
        ".parts/part.yml: nodes.b.firewall: cannot read '",
    ),
    "a folder": (".parts", {".parts/x": ""}, "include[0]: there is no file "),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_in_an_include(tmp_path: Path, name: str) -> None:
    pytest.importorskip("networkx")
    item, files, message = MISTAKES[name]
    lab = f"{{plugin: netvirt.lab.topology, name: x, include: [{item}], nodes: [a]}}"
    for path, text in {**files, "lab.netvirt.yml": lab}.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    done = run(tmp_path, "--graph")
    assert done.returncode != 0 or "Unable to parse" in done.stderr
    assert message in done.stderr


def test_a_group_and_a_host_of_one_name(tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_text("{all: {hosts: {pear: }}}", encoding="utf-8")
    (tmp_path / "lab.netvirt.yml").write_text(
        "{plugin: netvirt.lab.topology, name: x, nodes: [a], groups: {pear: {members: a}}}", encoding="utf-8"
    )
    assert "groups.pear: a host of the inventory has this name; choose another" in run(tmp_path, "--graph").stderr
