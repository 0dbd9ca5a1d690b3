# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Labs of several files: what they are together, and what is wrong with one of them."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabError, LabErrors
from ansible_collections.netvirt.lab.plugins.module_utils.topology.parse import parse


class Files:
    """Files that are texts in a table."""

    name = "main.netvirt.yml"

    def __init__(self, files: dict[str, str]) -> None:
        self.files = files

    def topology(self, path: str) -> Any:
        if path not in self.files:
            raise LabError(f"there is no file {path}")
        return yaml.safe_load(self.files[path])

    yaml = topology

    def graph(self, path: str) -> Any:
        return self.topology(path)


def problems_of(main: str, files: dict[str, str]) -> list[str]:
    with pytest.raises(LabErrors) as caught:
        parse({"name": "whole", **yaml.safe_load(main)}, Files(files))
    return list(caught.value.problems)


def test_parts_add_up() -> None:
    files = {
        "parts/rack.yml": "{plugin: netvirt.lab.topology, include: [more.yml, ../top.yml], nodes: {sw: bridge, 'r[1:2]': {ipv4: none}},"
        " links: ['r[1:2] sw'], groups: {rack: {members: 'r[1:2]', netns: }}}",
        "parts/more.yml": "{nodes: [more], links: [more sw], generate: [{shape: line, nodes: 2}]}",
        "top.yml": "{nodes: [top], groups: {tops: {members: [top, own, n2], gateway: none}}}",
    }
    topology = parse({"name": "whole", "include": ["parts/rack.yml"], "nodes": ["own"], "links": ["own sw"]}, Files(files))
    assert list(topology.nodes) == ["n1", "n2", "own", "sw", "r1", "r2", "more", "top"]
    assert [(link.path, str(link.ends[0])) for link in topology.links] == [
        ("parts/more.yml: generate[0].link", "n1:eth0"),
        ("links[0]", "own:eth0"),
        ("parts/rack.yml: links[0]", "r1:eth0"),
        ("parts/rack.yml: links[0]", "r2:eth0"),
        ("parts/more.yml: links[0]", "more:eth0"),
    ]
    assert {name: group.members for name, group in topology.groups.items()} == {"rack": ("r1", "r2"), "tops": ("top", "own", "n2")}
    assert [name for name, node in topology.nodes.items() if node.gateway == ()] == ["n2", "own", "top"]


MISTAKES: dict[str, tuple[str, dict[str, str], list[str]]] = {
    "no such file": ("{include: [a.yml]}", {}, ["include[0]: there is no file a.yml"]),
    "not even a file": (
        "{include: [7, {file: x}], nodes: [a]}",
        {},
        [
            "include[0]: must be a file's name, or a mapping with the key containerlab or graphml, not 7",
            "include[1]: must be a file's name, or a mapping with the key containerlab or graphml, not a mapping",
        ],
    ),
    "cycle": (
        "{include: [a.yml]}",
        {"a.yml": "{include: [d/b.yml]}", "d/b.yml": "{include: [../c.yml]}", "c.yml": "{include: [a.yml]}"},
        ["c.yml: include[0]: the files include each other: a.yml > d/b.yml > c.yml > a.yml"],
    ),
    "the lab itself": (
        "{include: [a.yml]}",
        {"a.yml": "{include: [main.netvirt.yml]}"},
        ["a.yml: include[0]: the files include each other: main.netvirt.yml > a.yml > main.netvirt.yml"],
    ),
    "twice": (
        "{include: [a.yml, b.yml]}",
        {"a.yml": "{nodes: [x]}", "b.yml": "{include: [./a.yml]}"},
        ["b.yml: include[0]: a.yml is included by include[0] already"],
    ),
    "a node in two files": (
        "{include: [a.yml, b.yml], nodes: ['n[1:3]']}",
        {"a.yml": "{nodes: {n2: vm}}", "b.yml": "{nodes: ['n[3:4]']}"},
        [
            "a.yml: nodes.n2: node 'n2' is defined in nodes.n[1:3] already",
            "b.yml: nodes.n[3:4]: node 'n3' is defined in nodes.n[1:3] already",
        ],
    ),
    "a group in two files": (
        "{include: [a.yml], nodes: [x], groups: {g: {members: x}}}",
        {"a.yml": "{groups: {g: {members: x}}}"},
        ["a.yml: groups.g: is defined in groups.g already"],
    ),
    "mistakes in all files": (
        "{include: [a.yml], nodes: {x: {ipv4: 7}}, links: [x y]}",
        {"a.yml": "{nodes: {y: {ipv4: 8}}, links: [y z], groups: {g: {members: zz}}}"},
        [
            "a.yml: groups.g.members: no node 'zz'",
            "nodes.x.ipv4: must be 'dhcp', 'auto', 'none', or IPv4 addresses such as 192.168.100.7/24, not 7",
            "a.yml: nodes.y.ipv4: must be 'dhcp', 'auto', 'none', or IPv4 addresses such as 192.168.100.7/24, not 8",
            "a.yml: links[0].endpoints[1]: no node 'z'",
        ],
    ),
    "keys of a part": (
        "{include: [a.yml, b.yml, c.yml]}",
        {"a.yml": "{name: other, defaults: {}, lniks: []}", "b.yml": "[x]", "c.yml": "{nodes: 7}"},
        [
            "a.yml: the key 'name' belongs into main.netvirt.yml itself",
            "a.yml: the key 'defaults' belongs into main.netvirt.yml itself",
            "a.yml: unknown key 'lniks' (did you mean 'links'?)",
            "b.yml: must be a mapping with some of the keys plugin, include, generate, groups, nodes, links, not a list",
            "c.yml: nodes: must be nodes by name, or a list of names, not 7",
        ],
    ),
    "an import's option": (
        "{include: [{containerlab: a.yml, perfix: b}, {graphml: b.yml, prefix: 7}]}",
        {},
        ["include[0]: unknown key 'perfix' (did you mean 'prefix'?)", "include[1].prefix: must be text, not 7"],
    ),
    "an import that is none": (
        "{include: [{containerlab: a.yml}]}",
        {"a.yml": "{}"},
        ["a.yml: is no topology of containerlab; it has no topology.nodes"],
    ),
    "an import meets a shape": (
        "{include: [{containerlab: a.yml}], generate: [{shape: line, nodes: 2}]}",
        {"a.yml": "{topology: {nodes: {n2: {kind: linux}}}}"},
        ["a.yml: generate[0] makes a node 'n2' already; give one of both a prefix, as in b-"],
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_in_several_files(name: str) -> None:
    main, files, expected = MISTAKES[name]
    assert problems_of(main, files) == expected


def test_an_imported_node_can_be_refined() -> None:
    files = Files(
        {"x.clab.yml": "{topology: {nodes: {left: {kind: linux}, right: {kind: linux}}, links: [{endpoints: ['left:e1', 'right:e1']}]}}"}
    )
    topology = parse(
        {
            "name": "whole",
            "include": [{"containerlab": "x.clab.yml"}, {"containerlab": "x.clab.yml", "prefix": "b-"}],
            "groups": {"both": {"members": ["left", "right"], "gateway": "none"}},
            "nodes": {"right": {"netns": "r"}},
            "links": ["b-left left"],
        },
        files,
    )
    assert [(name, node.netns, node.gateway) for name, node in topology.nodes.items()] == [
        ("left", None, ()),
        ("right", "r", ()),
        ("b-left", None, None),
        ("b-right", None, None),
    ]
    assert [str(link.ends[0]) for link in topology.links] == ["left:e1", "b-left:e1", "b-left:eth0"]
