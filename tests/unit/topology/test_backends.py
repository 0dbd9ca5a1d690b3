# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is behind guests' NICs: forms, what is derived, and what is wrong with it."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabErrors
from ansible_collections.netvirt.lab.plugins.module_utils.topology.compile import compile_share, load
from ansible_collections.netvirt.lab.plugins.module_utils.topology.narrow import narrowed
from ansible_collections.netvirt.lab.plugins.module_utils.topology.schema.backends import BACKENDS
from ansible_collections.netvirt.lab.plugins.module_utils.topology.values import Problems
from ansible_collections.netvirt.lab.plugins.plugin_utils import reach


def share(text: str) -> dict[str, Any]:
    return compile_share(load({"name": "pond", **yaml.safe_load(text)}))


def nics(text: str) -> dict[str, Any]:
    """Return the NICs by guest and name."""
    return {f"{vm['name']}:{nic['id']}": nic for vm in share(text)["vms"] for nic in vm["nics"]}


def problems(text: str) -> list[str]:
    with pytest.raises(LabErrors) as caught:
        share(text)
    return list(caught.value.problems)


@pytest.mark.parametrize("kind", BACKENDS)
def test_the_example_of_each_key_is_a_value_of_it(kind: str) -> None:
    found: Problems = []
    for name, key in BACKENDS[kind].keys.items():
        key.type.read(yaml.safe_load(key.example), name, found)
    assert found == []


FORMS = {
    "a type alone": "{eth0: {backend: user}}",
    "a mapping": "{eth0: {backend: {type: user}}}",
    "an empty rule": "{eth0: {backend: {type: user, hostfwd: []}}}",
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_one_backend(form: str) -> None:
    found = nics(f"{{nodes: {{a: {{kind: vm, interfaces: {FORMS[form]}}}}}}}")["a:eth0"]
    assert found["backend"] == {"type": "user", "hostfwd": [], "guestfwd": [], "dnssearch": [], "restrict": False}
    assert found["tap"] is None


def test_an_interface_without_a_backend() -> None:
    for form in ("", "{}", "{backend: none}"):
        assert nics(f"{{nodes: {{a: {{kind: vm, interfaces: {{x1: {form}}}}}}}}}")["a:x1"]["backend"] == {"type": "none"}


def test_a_user_network_says_where_the_guest_is_and_how_one_gets_in() -> None:
    text = """
      nodes: {a: {kind: vm, interfaces: {eth0: {backend: {type: user, net: 10.9.0.0/24, hostfwd: ["udp::53-:53", "tcp::2255-:22"]}}}}}
    """
    found = share(text)
    (node,) = found["nodes"]
    assert (node["interfaces"][0]["method"], node["interfaces"][0]["addresses"]) == ("user", ["10.9.0.15/24"])
    assert node["ssh"] == {"address": "127.0.0.1", "port": 2255}
    assert found["vms"][0]["network"][0]["method"] == "dhcp"
    assert (found["links"], found["dnsmasq"]) == ([], None)
    topology = load({"name": "pond", **yaml.safe_load(text)})
    variables = reach.guest(topology.nodes["a"], topology)
    assert (variables["ansible_host"], variables["ansible_port"]) == ("127.0.0.1", 2255)


def test_addresses_of_a_wide_user_network_are_qemus_own() -> None:
    found = share("{nodes: {a: {kind: vm, interfaces: {eth0: {backend: {type: user, net: 10.0.0.0/8}}}}}}")
    assert found["nodes"][0]["interfaces"][0]["addresses"] == ["10.0.2.15/8"]


def test_a_guest_that_nobody_gets_into() -> None:
    found = share("{nodes: {a: {kind: vm, interfaces: {eth0: {backend: user}}}}}")
    assert found["nodes"][0]["ssh"] is None


def test_a_user_network_is_not_where_the_nodes_address_goes() -> None:
    text = (
        "{nodes: {a: {kind: vm, ipv4: 10.1.0.7, interfaces: {eth0: {backend: user}}}, s: {kind: bridge, ipv4: 10.1.0.1/24}}, links: [a s]}"
    )
    found = {entry["name"]: entry["addresses"] for entry in share(text)["nodes"][0]["interfaces"]}
    assert found == {"eth1": ["10.1.0.7/24"], "eth0": ["10.0.2.15/24"]}


def test_nics_are_in_the_order_of_their_numbers() -> None:
    text = "{nodes: {a: {kind: vm, interfaces: {eth0: {backend: user}, eth2: }}, s: bridge}, links: [a s]}"
    assert list(nics(text)) == ["a:eth0", "a:eth1", "a:eth2"]


@pytest.mark.parametrize("kind", ["socket", "stream"])
def test_the_guest_that_comes_first_in_the_file_listens(kind: str) -> None:
    text = f"{{nodes: {{a: vm, b: vm}}, links: [{{endpoints: [b, a], backend: {kind}}}, {{endpoints: [a, b], backend: {kind}}}]}}"
    found = nics(text)
    addresses = {found[f"a:eth{number}"]["backend"]["listen"] for number in (0, 1)}
    assert addresses == {found[f"b:eth{number}"]["backend"]["connect"] for number in (0, 1)}
    assert len(addresses) == 2
    assert all(address.startswith("127.0.0.1:2") for address in addresses)


@pytest.mark.parametrize("kind", ["udp", "dgram"])
def test_datagrams_go_where_the_other_one_is(kind: str) -> None:
    found = nics(f"{{nodes: {{a: vm, b: vm}}, links: [{{endpoints: [a, b], backend: {kind}}}]}}")
    first, second = found["a:eth0"]["backend"], found["b:eth0"]["backend"]
    assert (first["local"], first["remote"]) == (second["remote"], second["local"])
    assert first["local"] != first["remote"]


def test_a_tunnel_has_two_ends() -> None:
    found = nics("{nodes: {a: vm, b: vm}, links: [{endpoints: [a, b], backend: l2tpv3}]}")
    first, second = found["a:eth0"]["backend"], found["b:eth0"]["backend"]
    assert (first["srcport"], first["dstport"]) == (second["dstport"], second["srcport"])


def test_who_shares_a_medium_is_in_one_network() -> None:
    each = "{kind: vm, interfaces: {eth0: {ipv4: auto, backend: {type: mcast, group: '239.4.4.4:4004'}}}}"
    found = share(f"{{nodes: {{a: {each}, b: {each}, c: {each}}}}}")
    networks = {node["interfaces"][0]["network"] for node in found["nodes"]}
    subnets = {node["interfaces"][0]["addresses"][0].rpartition(".")[0] for node in found["nodes"]}
    assert (len(networks), len(subnets)) == (1, 1)


def test_a_tap_that_qemu_makes_is_no_link_of_the_labs() -> None:
    text = "{nodes: {a: vm, s: {kind: ovs}}, links: [{endpoints: [a, s], device: tap-a, backend: {type: tap, script: /etc/up}}]}"
    found = share(text)
    assert found["links"] == []
    assert found["bridges"][0]["ports"] == []
    assert found["vms"][0]["nics"][0]["backend"] == {"type": "tap", "device": "tap-a", "script": "/etc/up"}


def test_a_plain_tap_is_the_labs() -> None:
    plain = "{nodes: {a: vm, s: bridge}, links: [{endpoints: [a, s], queues: 2}]}"
    said = "{nodes: {a: vm, s: bridge}, links: [{endpoints: [a, s], queues: 2, backend: tap}]}"
    assert share(plain) == share(said)
    assert [link["multi_queue"] for link in share(plain)["links"] if link["kind"] == "tap"] == [True]


def test_the_bridge_of_the_helper_is_the_switch() -> None:
    text = "{nodes: {a: vm, s: {kind: bridge, device: br7}}, links: [{endpoints: [a, s], backend: bridge}]}"
    assert nics(text)["a:eth0"]["backend"]["bridge"] == "br7"


def test_a_port_of_two_addresses_or_protocols_is_two_ports() -> None:
    each = [
        "{type: socket, listen: '127.0.0.1:77'}",
        "{type: stream, listen: '127.0.0.2:77'}",
        "{type: user, hostfwd: ['udp::77-:77']}",
        "{type: stream, listen: 'unix:/run/77'}",
    ]
    interfaces = ", ".join(f"eth{number}: {{backend: {backend}}}" for number, backend in enumerate(each))
    assert len(nics(f"{{nodes: {{a: {{kind: vm, interfaces: {{{interfaces}}}}}}}}}")) == 4


def test_some_nodes_come_with_their_backends() -> None:
    whole = share("{nodes: {a: vm, b: vm, c: }, links: [{endpoints: [a, b], backend: socket}, [a, c]]}")
    narrow, _part = narrowed(whole, ["a"], [])
    assert [vm["name"] for vm in narrow["vms"]] == ["a"]
    assert [nic["id"] for nic in narrow["vms"][0]["nics"]] == ["eth0", "eth1"]


def lone(backend: str, more: str = "") -> str:
    return f"{{nodes: {{a: {{kind: vm, interfaces: {{eth0: {{backend: {backend}{more}}}}}}}}}}}"


PLACE = "nodes.a.interfaces.eth0.backend"
MISTAKES = {
    "no such type": (lone("usr"), [f"{PLACE}.type: no type 'usr' (did you mean 'user'?)"]),
    "a type that is none": (lone("{type: {a: 1}}"), [f"{PLACE}.type: no type a mapping (known: none, user"]),
    "no type": (lone("{net: 10.7.0.0/24}"), [f"{PLACE}: must be a type of backend"]),
    "no such key": (lone("{type: user, hostfw: []}"), [f"{PLACE}: unknown key 'hostfw' (did you mean 'hostfwd'?)"]),
    "not a rule": (lone("{type: user, hostfwd: ['2222:22']}"), [f"{PLACE}.hostfwd[0]: must be a rule such as"]),
    "a port too high": (
        lone("{type: user, hostfwd: ['tcp::70000-:22']}"),
        [f"{PLACE}.hostfwd[0]: ':70000' has a port above 65535"],
    ),
    "a rule that is one for the other way": (
        lone("{type: user, guestfwd: ['tcp::99-:22']}"),
        [f"{PLACE}.guestfwd[0]: must be a rule such as"],
    ),
    "octets of forwards": (
        lone("{type: user, hostfwd: ['tcp:300.1.1.1:99-:22', 'tcp::98-10.0.2.256:22'], guestfwd: ['tcp:10.0.2:80-cmd:cat']}"),
        [
            f"{PLACE}.hostfwd[0]: '300.1.1.1' is no IPv4 address",
            f"{PLACE}.hostfwd[1]: '10.0.2.256' is no IPv4 address",
            f"{PLACE}.guestfwd[0]: '10.0.2' is no IPv4 address",
        ],
    ),
    "the far ends of forwards": (
        lone(
            "{type: user, guestfwd: ['tcp:10.0.2.9:80-tcp:1.2.3.400:80', 'tcp:10.0.2.9:81-udp:web:99999', 'tcp:10.0.2.9:82-unix:run', "
            "'tcp:10.0.2.9:83-tcp:web:8080', 'tcp:10.0.2.9:84-ssh:web']}"
        ),
        [
            f"{PLACE}.guestfwd[0]: '1.2.3.400' is no IPv4 address",
            f"{PLACE}.guestfwd[1]: 'web:99999' has a port above 65535",
            f"{PLACE}.guestfwd[2]: must be a rule such as",
            f"{PLACE}.guestfwd[4]: must be a rule such as",
        ],
    ),
    "guests of forwards that are elsewhere": (
        lone(
            "{type: user, net: 10.7.0.0/24, hostfwd: ['tcp::99-10.0.2.15:22', 'udp::98-10.7.0.255:22'], "
            "guestfwd: ['tcp:10.0.2.100:80-cmd:cat', 'tcp:10.7.0.2:80-cmd:cat']}"
        ),
        [
            f"{PLACE}.guestfwd[0]: 10.0.2.100 is no address of a node in 10.7.0.0/24",
            f"{PLACE}.guestfwd[1]: 10.7.0.2 is that of host; choose another one",
            f"{PLACE}.hostfwd[0]: 10.0.2.15 is no address of a node in 10.7.0.0/24",
            f"{PLACE}.hostfwd[1]: 10.7.0.255 is no address of a node in 10.7.0.0/24",
        ],
    ),
    "octets of sockets": (
        lone("{type: socket, listen: '300.1.1.1:4001'}"),
        [f"{PLACE}.listen: '300.1.1.1' is no IPv4 address"],
    ),
    "octets of streams": (lone("{type: stream, connect: '10.0.0.1.1:4001'}"), [f"{PLACE}.connect: '10.0.0.1.1' is no IPv4 address"]),
    "octets of udp": (
        lone("{type: udp, local: '127.0.0.256:4001', remote: '127.0.0:4002'}"),
        [f"{PLACE}.local: '127.0.0.256' is no IPv4 address", f"{PLACE}.remote: '127.0.0' is no IPv4 address"],
    ),
    "octets of dgram": (
        lone("{type: dgram, local: '300.1.1.1:4001', remote: '300.1.1.2:4001'}"),
        [f"{PLACE}.local: '300.1.1.1' is no IPv4 address", f"{PLACE}.remote: '300.1.1.2' is no IPv4 address"],
    ),
    "octets of a group": (lone("{type: mcast, group: '239.1.2.300:4001'}"), [f"{PLACE}.group: '239.1.2.300' is no IPv4 address"]),
    "a port of zero": (lone("{type: socket, connect: '127.0.0.1:0'}"), [f"{PLACE}.connect: must be an address and a port such as"]),
    "a relative socket": (
        lone("{type: stream, listen: 'unix:run/x'}"),
        [f"{PLACE}.listen: must be an address and a port such as 127.0.0.1:4001, or"],
    ),
    "no network": (lone("{type: user, net: 10.7.0.1/24}"), [f"{PLACE}.net: '10.7.0.1/24' has bits behind its prefix"]),
    "a network of none": (lone("{type: user, net: 10.7.0.0}"), [f"{PLACE}.net: must be an IPv4 network"]),
    "a network too wide": (lone("{type: user, net: 0.0.0.0/0}"), [f"{PLACE}.net: 0.0.0.0/0 is too wide; from /4 to /30"]),
    "a network too narrow": (lone("{type: user, net: 10.7.0.0/31}"), [f"{PLACE}.net: 10.7.0.0/31 is too narrow; from /4 to /30"]),
    "a name server outside": (lone("{type: user, dns: 10.7.0.53}"), [f"{PLACE}.dns: 10.7.0.53 is no address of a node in 10.0.2.0/24"]),
    "a name server at the gateway": (lone("{type: user, dns: 10.0.2.2}"), [f"{PLACE}.dns: 10.0.2.2 is that of host; choose another one"]),
    "a name server that is a name": (lone("{type: user, dns: ns1}"), [f"{PLACE}.dns: must be an IPv4 address"]),
    "a gateway at the name server": (lone("{type: user, host: 10.0.2.3}"), [f"{PLACE}.dns: 10.0.2.3 is that of host; choose another one"]),
    "a guest at the gateway": (lone("{type: user, dhcpstart: 10.0.2.2}"), [f"{PLACE}.dhcpstart: 10.0.2.2 is that of host; choose"]),
    "names of a user network": (
        lone("{type: user, hostname: a_b, domainname: .lab, dnssearch: [ok.test, 'b c'], bootfile: 7}"),
        [
            f"{PLACE}.hostname: must be a host name, not 'a_b'",
            f"{PLACE}.domainname: must be a domain such as",
            f"{PLACE}.dnssearch[1]: must be a domain such as",
            f"{PLACE}.bootfile: must be text, not 7",
        ],
    ),
    "a long host name": (lone(f"{{type: user, hostname: {'h' * 64}}}"), [f"{PLACE}.hostname: '{'h' * 64}' has 64 characters"]),
    "switches and paths of a user network": (
        lone("{type: user, restrict: maybe, ipv6: 6, tftp: srv/tftp}"),
        [
            f"{PLACE}.restrict: must be true or false, not 'maybe'",
            f"{PLACE}.ipv6: must be true or false, not 6",
            f"{PLACE}.tftp: must be an absolute path, not 'srv/tftp'",
        ],
    ),
    "a switch of VDE": (
        lone("{type: vde, sock: run/vde, port: 65536, mode: rw, group: []}"),
        [
            f"{PLACE}.sock: must be an absolute path, not 'run/vde'",
            f"{PLACE}.port: must be a whole number from 0 to 65535, not 65536",
            f"{PLACE}.mode: must be an octal number such as 0660, not 'rw'",
            f"{PLACE}.group: must be text, not a list",
        ],
    ),
    "a mode that YAML reads": (lone("{type: vde, sock: /run/vde, mode: 0660}"), [f"{PLACE}.mode: must be an octal number such as"]),
    "no path of vhost-user": (lone("vhost-user"), [f"{PLACE}: the key 'path' is missing; it must be an absolute path"]),
    "a relative path of vhost-user": (lone("{type: vhost-user, path: vm.sock}"), [f"{PLACE}.path: must be an absolute path"]),
    "outside of the network": (lone("{type: user, host: 10.7.0.1}"), [f"{PLACE}.host: 10.7.0.1 is no address of a node in 10.0.2.0/24"]),
    "too small": (lone("{type: user, net: 10.7.0.0/28}"), [f"{PLACE}.dhcpstart: is missing; 10.7.0.0/28 has no 15th address"]),
    "a port twice": (lone("{type: user, hostfwd: ['tcp::99-:22', 'tcp:127.0.0.1:99-:23']}"), [f"{PLACE}.hostfwd[1]: port 99/tcp"]),
    "neither": (lone("socket"), [f"{PLACE}.listen: give either listen or connect"]),
    "both": (
        lone("{type: stream, listen: 127.0.0.1:1, connect: 127.0.0.1:2}"),
        [f"{PLACE}.connect: give either listen or connect, not both"],
    ),
    "no remote": (lone("dgram"), [f"{PLACE}.remote: is missing"]),
    "no local": (lone("{type: dgram, remote: 127.0.0.1:9}"), [f"{PLACE}.local: is missing"]),
    "two kinds": (lone("{type: dgram, local: 'unix:/a', remote: 127.0.0.1:9}"), [f"{PLACE}.local: must be of the same kind as remote"]),
    "no group": (lone("mcast"), [f"{PLACE}.group: is missing"]),
    "no multicast": (lone("{type: mcast, group: 10.0.0.1:9}"), [f"{PLACE}.group: must be a multicast address and a port"]),
    "half a tunnel": (lone("{type: l2tpv3, src: 10.0.0.1, srcport: 9}"), [f"{PLACE}.dst: is missing", f"{PLACE}.dstport: is missing"]),
    "half a cookie": (
        lone("{type: l2tpv3, udp: false, src: 10.0.0.1, dst: 10.0.0.2, rxcookie: 1}"),
        [f"{PLACE}.rxcookie: goes with txcookie"],
    ),
    "no socket": (lone("vde"), [f"{PLACE}: the key 'sock' is missing"]),
    "no bridge": (lone("bridge"), [f"{PLACE}.bridge: is missing"]),
    "no script": (lone("{type: tap, script: kvm-ifup}"), [f"{PLACE}.script: a script's text begins with #!"]),
    "in the hub": (lone("{type: hubport, uplink: socket}"), [f"{PLACE}.uplink.listen: give either"]),
    "a hub in a hub": (lone("{type: hubport, uplink: hubport}"), [f"{PLACE}.uplink.type: no type 'hubport'"]),
    "queues of an old card": (
        lone("user", ", model: e1000, queues: 2"),
        ["nodes.a.interfaces.eth0.queues: a NIC of model 'e1000' has one queue"],
    ),
    "queues of QEMU's own": (lone("user", ", queues: 2"), ["nodes.a.interfaces.eth0.queues: a NIC with the backend 'user' has one queue"]),
    "the kernel's help for an old card": (
        "{nodes: {a: vm, s: bridge}, links: [{endpoints: [a, s], model: e1000, vhost: true}]}",
        ["links[0].endpoints[0].vhost: is for virtio models, not for 'e1000'"],
    ),
    "the kernel's help for what is no guest": (
        "{nodes: {a: , s: bridge}, links: [{endpoints: [a, s], vhost: true}]}",
        ["links[0].vhost: is for a vm; this link has no such end"],
    ),
    "the kernel's help": (lone("user", ", vhost: true"), ["nodes.a.interfaces.eth0.vhost: is for taps that the lab makes"]),
    "a name": (
        "{nodes: {a: {kind: vm, interfaces: {0x: }}}}".replace(": }", ": {}}"),
        ["nodes.a.interfaces.0x: '0x' cannot be a NIC's name"],
    ),
    "the name of a linked one": (
        "{nodes: {a: vm, s: bridge}, links: ['a:lo s', 'a:wan.5 s', 'a:wan-5 s']}",
        [
            "links[0].endpoints[0]: 'lo' cannot be a NIC's name: a letter, then letters, digits, '-' and '_', 15 at most, and not lo",
            "links[1].endpoints[0]: 'wan.5' cannot be a NIC's name",
        ],
    ),
    "the name of a link's": (
        "{nodes: {a: {kind: vm, interfaces: {eth0: {backend: user}}}, s: bridge}, links: ['a:eth0 s']}",
        ["nodes.a.interfaces.eth0: interface 'a:eth0' is taken by links[0].endpoints[0]"],
    ),
    "one port for two": (
        "{nodes: {a: {kind: vm, interfaces: {eth0: {backend: {type: user, hostfwd: ['tcp:127.0.0.1:77-:22']}}}}, "
        "b: {kind: vm, interfaces: {eth0: {backend: {type: user, hostfwd: ['tcp::77-:22']}}}}}}",
        ["nodes.b.interfaces.eth0.backend.hostfwd[0]: port 77/tcp of the lab host is taken by nodes.a.interfaces.eth0.backend.hostfwd"],
    ),
    "one place to wait for a hub and a NIC": (
        "{nodes: {a: {kind: vm, interfaces: {eth0: {backend: {type: hubport, uplink: {type: socket, listen: ':77'}}}}}, "
        "b: {kind: vm, interfaces: {eth0: {backend: {type: hubport, uplink: {type: user, hostfwd: 'tcp::77-:22'}}}}}}}",
        ["nodes.b.interfaces.eth0.backend.uplink.hostfwd[0]: port 77/tcp of the lab host is taken by nodes.a."],
    ),
    "one place to wait for two": (
        "{nodes: {a: {kind: vm, interfaces: {eth0: {backend: {type: socket, listen: ':77'}}}}, "
        "b: {kind: vm, interfaces: {eth0: {backend: {type: socket, listen: ':77'}}}}}}",
        ["nodes.b.interfaces.eth0.backend.listen: port 77/tcp of the lab host is taken by nodes.a.interfaces.eth0.backend.listen"],
    ),
    "user in a link": (
        "{nodes: {a: vm, s: bridge}, links: [{endpoints: [a, s], backend: user}]}",
        ["links[0].backend: 'user' cannot be the backend here; it has its place in nodes.a.interfaces"],
    ),
    "a wire at a switch": (
        "{nodes: {a: vm, s: bridge}, links: [{endpoints: [a, s], backend: socket}]}",
        ["links[0].backend: 'socket' cannot be the backend here; it has its place in a link between guests"],
    ),
    "the helper at an Open vSwitch": (
        "{nodes: {a: vm, s: ovs}, links: [{endpoints: [a, s], backend: bridge}]}",
        ["links[0].backend: 'bridge' cannot be the backend here; it has its place in a link with a bridge"],
    ),
    "two backends of a wire": (
        "{nodes: {a: vm, b: vm}, links: [{endpoints: [a, b], backend: {a: socket, b: stream}}]}",
        ["links[0].backend: must be the same at both ends"],
    ),
    "ends that do not meet": (
        "{nodes: {a: vm, b: vm}, links: [{endpoints: [a, b], backend: "
        "{a: {type: socket, listen: ':71'}, b: {type: socket, connect: '127.0.0.1:72'}}}]}",
        ["links[0].backend: the two ends do not meet"],
    ),
    "what only a port has": (
        "{nodes: {a: vm, s: bridge}, links: [{endpoints: [a, s], tag: 5, backend: bridge}]}",
        ["links[0]: tag is for what the lab makes, and not with the backend 'bridge'; leave it out"],
    ),
    "a backend of a namespace": (
        "{nodes: {a: , s: bridge}, links: [{endpoints: [{node: a, backend: user}, s]}]}",
        ["links[0].endpoints[0].backend: is for a vm; node 'a' is of kind netns"],
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_are_named_with_their_places(case: str) -> None:
    text, expected = MISTAKES[case]
    found = problems(text)
    assert len(found) == len(expected), found
    for problem, start in zip(found, expected):
        assert problem.startswith(start), found
