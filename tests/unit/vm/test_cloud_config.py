# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The generated configuration of guests."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabErrors
from ansible_collections.netvirt.lab.plugins.module_utils.resources import _cloud_config
from ansible_collections.netvirt.lab.plugins.module_utils.resources._vm_model import Nic
from ansible_collections.netvirt.lab.plugins.module_utils.resources.vm_goals import seed_files

HASH = "$6$salt$abcdefghijklmnop"
RECORDS: dict[str, dict[str, Any]] = {
    "default-user": {"name": "alpha"},
    "users": {
        "name": "beta",
        "hostname": "web",
        "domain": "course.test",
        "users": [
            {"name": "ada", "sudo": True, "authorized_keys": ["ssh-ed25519 AAAAada ada@desk"]},
            {"name": "bob", "sudo": False, "hashed_password": HASH},
        ],
        "network": [
            {
                "interface": "eth0",
                "method": "static",
                "addresses": ["10.7.0.9/24", "fd00:7::9/64"],
                "gateway": "10.7.0.1",
                "dns": ["10.7.0.1"],
                "mtu": 1400,
            },
            {"interface": "eth1", "method": "none"},
        ],
        "user_data": {"packages": ["tcpdump"], "users": [{"name": "ada", "shell": "/bin/zsh"}, {"name": "eve"}], "manage_etc_hosts": None},
    },
}
NICS = tuple(Nic(f"eth{number}", "e1000", f"52:54:00:0A:00:0{number}", tap=f"t{number}") for number in range(3))


@pytest.mark.parametrize("case", RECORDS)
def test_documents_are_as_agreed(case: str, golden: Callable[[str, str], None]) -> None:
    documents = seed_files(RECORDS[case], NICS, ["ssh-ed25519 AAAAlab lab"])
    golden(f"seed-{case}.txt", "".join(f"--- {name}\n{text}" for name, text in documents.items()))


def test_documents_are_json_which_is_yaml() -> None:
    documents = seed_files(RECORDS["users"], NICS, [])
    for name, text in documents.items():
        assert json.loads(text.replace("#cloud-config\n", "")), name
        assert text.isascii() or "\\u" not in text


def test_letters_beyond_ascii_stay_what_they_are() -> None:
    assert "Žofie 🖧" in _cloud_config.text({"gecos": "Žofie 🖧"})


@pytest.mark.parametrize("password", ["secret", "x" * 40, "$six$"])
def test_a_plain_password_is_refused(password: str) -> None:
    with pytest.raises(LabErrors, match=r"hashed_password of user 'kim' of VM 'alpha' is no hash") as caught:
        _cloud_config.user_data({"name": "alpha", "users": [{"name": "kim", "hashed_password": password}]})
    assert password not in str(caught.value)


def test_only_a_user_with_a_password_opens_ssh_to_passwords() -> None:
    assert "ssh_pwauth" not in _cloud_config.user_data({"name": "alpha", "users": [{"name": "kim"}]})
    config = _cloud_config.user_data({"name": "alpha", "users": [{"name": "kim", "hashed_password": HASH}, {"name": "lea"}]})
    assert config["ssh_pwauth"] is True
    assert [user["lock_passwd"] for user in config["users"]] == [False, True]


@pytest.mark.parametrize(
    ("generated", "own", "expected"),
    [
        ({"a": 1}, {}, {"a": 1}),
        ({"a": 1}, {"a": 2, "b": 3}, {"a": 2, "b": 3}),
        ({"a": 1, "b": 2}, {"a": None}, {"b": 2}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 9}}, {"a": {"b": 9, "c": 2}}),
        ({"a": [1, 2]}, {"a": [2, 3]}, {"a": [1, 2, 3]}),
        ({"a": [{"name": "x", "k": 1}]}, {"a": [{"name": "x", "k": 2}, {"name": "y"}]}, {"a": [{"name": "x", "k": 2}, {"name": "y"}]}),
        ({"a": [1]}, {"a": "text"}, {"a": "text"}),
    ],
)
def test_merging(generated: dict[str, Any], own: dict[str, Any], expected: dict[str, Any]) -> None:
    assert _cloud_config.merged(generated, own) == expected


ETHERNETS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "DHCP beside IPv6": (
        {"method": "dhcp", "addresses": ["fd00::7/64"], "routes": [{"to": "default", "via": "fd00::1"}]},
        {"dhcp4": True, "addresses": ["fd00::7/64"], "routes": [{"to": "::/0", "via": "fd00::1"}]},
    ),
    "both families": (
        {
            "method": "static",
            "addresses": ["10.1.0.7/24", "fd00::7/64"],
            "gateway": "10.1.0.1",
            "routes": [{"to": "10.2.0.0/16", "via": "10.1.0.2"}],
        },
        {
            "dhcp4": False,
            "addresses": ["10.1.0.7/24", "fd00::7/64"],
            "routes": [{"to": "0.0.0.0/0", "via": "10.1.0.1"}, {"to": "10.2.0.0/16", "via": "10.1.0.2"}],
        },
    ),
    "nothing": ({"method": "none"}, {"dhcp4": False}),
}


@pytest.mark.parametrize("case", ETHERNETS)
def test_addresses_and_routes_of_an_interface(case: str) -> None:
    entry, expected = ETHERNETS[case]
    config = _cloud_config.network_config([{"interface": "lan", "mac": "52:54:00:00:00:17", **entry}])["ethernets"]["lan"]
    assert {key: config[key] for key in config if key not in ("match", "set-name")} == expected


def test_the_instance_id_follows_what_matters() -> None:
    first = _cloud_config.meta_data(("user", "network"), "alpha")
    assert first == _cloud_config.meta_data(("user", "network"), "alpha")
    others = [
        _cloud_config.meta_data(texts, name)
        for texts, name in [
            (("user2", "network"), "alpha"),
            (("user", ""), "alpha"),
            (("usern", "etwork"), "alpha"),
            (("user", "network"), "beta"),
        ]
    ]
    assert len({first["instance-id"], *(other["instance-id"] for other in others)}) == 5
