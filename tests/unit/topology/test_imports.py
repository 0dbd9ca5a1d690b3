# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of other tools: what they become, what is left out, what is refused."""

from __future__ import annotations

import copy
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.netvirt.lab.plugins.filter.from_containerlab import from_containerlab as containerlab_filter
from ansible_collections.netvirt.lab.plugins.filter.from_graphml import from_graphml as graph_filter
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabError
from ansible_collections.netvirt.lab.plugins.module_utils.topology.compile import compile_share, load
from ansible_collections.netvirt.lab.plugins.module_utils.topology.expand.imports.containerlab import from_containerlab
from ansible_collections.netvirt.lab.plugins.module_utils.topology.expand.imports.graph import fragment, from_graph
from ansible_collections.netvirt.lab.plugins.module_utils.topology.layers import Made
from ansible_collections.netvirt.lab.plugins.plugin_utils import graphs

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "topology" / "imports"


def imported(text: str, prefix: str = "") -> Made:
    problems: list[str] = []
    made = from_containerlab(yaml.safe_load(text), "x.clab.yml", prefix, problems)
    assert problems == []
    assert made
    return made


def refused(text: str) -> list[str]:
    problems: list[str] = []
    assert from_containerlab(yaml.safe_load(text), "x.clab.yml", "", problems) is None
    return problems


def test_a_topology_of_containerlab_compiles() -> None:
    data = yaml.safe_load((GOLDEN / "edge.clab.yml").read_text(encoding="utf-8"))
    share = compile_share(load({"name": data["name"], **containerlab_filter(data)}))
    expected = GOLDEN / "edge.json"
    if os.environ.get("UPDATE_GOLDEN"):
        expected.write_text(json.dumps(share, indent=2) + "\n", encoding="utf-8")
    assert share == json.loads(expected.read_text(encoding="utf-8"))


def test_commands_and_kinds_come_from_four_places() -> None:
    made = imported(
        "mgmt: {ipv4-subnet: 172.20.0.0/24}\n"
        "topology: {defaults: {kind: linux, exec: [a]}, kinds: {linux: {exec: [b], cpu: 2}, bridge: {exec: [no]}},"
        " groups: {g: {exec: [c], image: i}, h: {kind: bridge}},"
        " nodes: {n: {group: g, exec: [d], image: j}, m: , s: {group: h}, o: {kind: ovs-bridge}}}"
    )
    assert {name: layer.values for name, layer in made.nodes.items()} == {
        "n": {"kind": "netns", "exec": ["a", "b", "c", "d"]},
        "m": {"kind": "netns", "exec": ["a", "b"]},
        "s": {"kind": "bridge"},
        "o": {"kind": "ovs"},
    }
    assert made.nodes["n"].path == "x.clab.yml: topology.nodes.n"
    assert made.notices == ["x.clab.yml: these keys of containerlab have no meaning here and were ignored: cpu (2 times), image, mgmt"]


def test_links_of_containerlab() -> None:
    made = imported(
        "topology: {nodes: {a_1: {kind: linux}, b: {kind: linux}, s: {kind: bridge}}, links: ["
        "{endpoints: ['a_1:eth1', 'b:eth1'], mtu: 1400, labels: {x: y}},"
        "{endpoints: ['a_1:eth2', 's:eth1'], ipv4: [10.7.0.1/24, ''], ipv6: ['', 'fd00::1/64']},"
        "{type: veth, endpoints: [{node: b, interface: eth2, mac: '02:00:00:00:00:09', vars: {}}, {node: s, interface: eth2, mac: x}]},"
        "{type: host, endpoint: {node: b, interface: eth3}, host-interface: out},"
        "{endpoints: ['host:out2', 'b:eth4']}]}",
        "q-",
    )
    assert [link.value for link in made.links] == [
        {"endpoints": [{"node": "q-a-1", "interface": "eth1"}, {"node": "q-b", "interface": "eth1"}], "mtu": 1400},
        {"endpoints": [{"node": "q-a-1", "interface": "eth2", "ipv4": "10.7.0.1/24"}, {"node": "q-s"}]},
        {"endpoints": [{"node": "q-b", "interface": "eth2", "mac": "02:00:00:00:00:09"}, {"node": "q-s"}]},
        {"endpoints": [{"node": "q-b", "interface": "eth3"}, {"node": "q-host", "interface": "out"}]},
        {"endpoints": [{"node": "q-host", "interface": "out2"}, {"node": "q-b", "interface": "eth4"}]},
    ]
    assert made.nodes["q-host"].values == {"kind": "host"}
    assert made.links[2].path == "x.clab.yml: topology.links[2]"
    assert made.notices == ["x.clab.yml: names of nodes were changed into valid ones: 'a_1' is q-a-1"]


def test_what_containerlab_has_and_labs_have_not() -> None:
    assert refused(
        "topology: {nodes: {a: {kind: srl}, b: {kind: ceos}, c: {kind: srl}, d: , e: 7, f: {kind: linux}}, links: ["
        "{type: macvlan, endpoint: {node: f, interface: e}}, 7, {endpoints: ['f:x']}, {endpoints: ['f:x', 'g:y']},"
        " {endpoints: ['f:x', 7]}]}"
    ) == [
        "x.clab.yml: topology.nodes.e: must be a mapping, not 7",
        "x.clab.yml: topology.links[0].type: links of type 'macvlan' cannot be imported; veth and host can",
        "x.clab.yml: topology.links[1]: must be a mapping, not 7",
        "x.clab.yml: topology.links[2].endpoints: must be two endpoints as in ['a:eth1', 'b:eth1']",
        "x.clab.yml: topology.links[3].endpoints[1]: the file has no node 'g'",
        "x.clab.yml: topology.links[4].endpoints[1]: must be 'node:interface' or a mapping, not 7",
        "x.clab.yml: topology.nodes: these kinds cannot be imported: srl (a, c), ceos (b), none given (d); those that can: linux, bridge,"
        " ovs-bridge",
    ]
    assert refused("{topology: {nodes: {a: {kind: linux}}, links: 7}}") == ["x.clab.yml: topology.links: must be a list, not 7"]
    with pytest.raises(AnsibleFilterError, match="containerlab: is no topology of containerlab"):
        containerlab_filter({"topology": []})
    with pytest.raises(AnsibleFilterError, match="containerlab: must be a mapping, not a list"):
        containerlab_filter([])


NONSENSE: tuple[Any, ...] = (None, 7, "x", "a:b", [], [None], ["a", "b"], {}, {3: 4}, {None: 1}, {"kind": []}, b"bytes")


def places(data: Any) -> list[tuple[Any, Any]]:
    """Return every container of some data with each of its keys."""
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [place for key, part in items for place in ((data, key), *places(part))]


def test_nonsense_never_ends_in_a_traceback() -> None:
    whole = yaml.safe_load((GOLDEN / "edge.clab.yml").read_text(encoding="utf-8"))
    for number in range(len(places(whole))):
        for nonsense in NONSENSE:
            data = copy.deepcopy(whole)
            container, key = places(data)[number]
            container[key] = nonsense
            problems: list[str] = []
            made = from_containerlab(data, "x.clab.yml", "", problems)
            assert (made is None) == bool(problems)
            assert all(problem.startswith("x.clab.yml: ") for problem in problems)


GRAPH: dict[str, Any] = {
    "directed": False,
    "nodes": [("0", {"label": "Zürich"}), ("1", {"label": "St. Gallen"}), ("2", {"label": "Zurich"}), ("3", {}), ("4", {"label": "None"})],
    "edges": [
        ("0", "1", {"LinkSpeedRaw": "1000000000.0"}),
        ("0", "1", {"LinkSpeed": "45", "LinkSpeedUnits": "M"}),
        ("1", "2", {"bandwidth": "2.5 Gbit/s"}),
        ("2", "2", {}),
        ("2", "3", {"capacity": 100, "LinkSpeed": "fast", "LinkSpeedUnits": "G"}),
        ("3", "4", {"bandwidth": "1500bps", "LinkSpeedRaw": "nan"}),
    ],
}


def graph(data: dict[str, Any], **options: Any) -> Made:
    made = from_graph(data, "net.gml", "include[0]", {"prefix": "", "link": {}, **options}, {"kind": "netns"}, [])
    assert made
    return made


def test_a_graph_becomes_nodes_and_links() -> None:
    made = graph(GRAPH, link={"mtu": 1400})
    assert list(made.nodes) == ["Zurich", "St-Gallen", "Zurich-2", "3", "4"]
    assert {id(layer): layer.values for layer in made.nodes.values()} == {id(made.nodes["3"]): {"kind": "netns"}}
    assert [link.value for link in made.links] == [
        {"rate": "1gbit", "mtu": 1400, "endpoints": ["Zurich", "St-Gallen"]},
        {"rate": "45mbit", "mtu": 1400, "endpoints": ["Zurich", "St-Gallen"]},
        {"rate": "2500mbit", "mtu": 1400, "endpoints": ["St-Gallen", "Zurich-2"]},
        {"mtu": 1400, "endpoints": ["Zurich-2", "3"]},
        {"mtu": 1400, "endpoints": ["3", "4"]},
    ]
    assert made.notices == [
        "net.gml: 1 edges from a node to itself were left out",
        "net.gml: names of nodes were changed into valid ones: 'Zürich' is Zurich, 'St. Gallen' is St-Gallen, 'Zurich' is Zurich-2",
    ]
    assert graph(GRAPH, link={"rate": "7mbit"}).links[0].value["rate"] == "7mbit"


def test_a_directed_graph_links_two_nodes_once() -> None:
    edges: list[Any] = [("0", "1", {}), ("1", "0", {}), ("1", "2", {}), ("1", "2", {})]
    made = graph({**GRAPH, "directed": True, "edges": edges})
    assert [link.value["endpoints"] for link in made.links] == [
        ["Zurich", "St-Gallen"],
        ["St-Gallen", "Zurich-2"],
        ["St-Gallen", "Zurich-2"],
    ]
    assert made.notices[0] == "net.gml: 1 pairs of edges that run both ways are one link each"


def test_a_graph_without_nodes_is_refused() -> None:
    problems: list[str] = []
    empty = {"directed": False, "nodes": [], "edges": []}
    assert from_graph(empty, "net.gml", "include[0]", {"prefix": "", "link": {}}, {}, problems) is None
    assert problems == ["net.gml: the graph has no nodes"]


GRAPHML = """<?xml version="1.0" encoding="utf-8"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
  <key id="k0" for="node" attr.name="label" attr.type="string"/>
  <key id="k1" for="edge" attr.name="LinkSpeedRaw" attr.type="double"/>
  <graph edgedefault="undirected">
    <node id="0"><data key="k0">Bergen</data></node>
    <node id="1"><data key="k0">Oslo</data></node>
    <edge source="0" target="1"/>
    <edge source="0" target="1"><data key="k1">5000000</data></edge>
  </graph>
</graphml>
"""
GML = """graph [ multigraph 1
  node [ id 0 label "Bergen" ]
  node [ id 1 label "Oslo" ]
  edge [ source 0 target 1 key 0 ]
  edge [ source 0 target 1 key 1 LinkSpeedRaw 5000000.0 ]
]
"""


@pytest.mark.parametrize("text", [GRAPHML, GML], ids=["graphml", "gml"])
def test_files_of_graphs(text: str) -> None:
    pytest.importorskip("networkx")
    expected = {
        "nodes": {"b-Bergen": {"kind": "bridge"}, "b-Oslo": {"kind": "bridge"}},
        "links": [{"mtu": 1400, "endpoints": ["b-Bergen", "b-Oslo"]}, {"rate": "5mbit", "mtu": 1400, "endpoints": ["b-Bergen", "b-Oslo"]}],
    }
    assert graph_filter(text, node={"kind": "bridge"}, link={"mtu": 1400}, prefix="b-") == expected
    gml = graphs.graph_of(text, gml=text is GML)
    assert fragment(graph(gml))["nodes"].keys() == {"Bergen", "Oslo"}


@pytest.mark.parametrize(
    ("text", "message"), [("<x", "GraphML that networkx cannot read: "), ("graph ] [", "GML that networkx cannot read: ")]
)
def test_a_broken_graph_is_one_error(text: str, message: str) -> None:
    pytest.importorskip("networkx")
    with pytest.raises(AnsibleFilterError, match=message):
        graph_filter(text)


def test_without_networkx_the_error_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "networkx", None)
    with pytest.raises(LabError, match=r"has no library 'networkx'.* install the package python3-networkx"):
        graphs.graph_of(GRAPHML)
