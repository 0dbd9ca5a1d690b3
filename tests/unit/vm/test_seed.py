# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Seeds: what a diff shows of them, and what is wrong with their documents."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabError, LabErrors
from ansible_collections.netvirt.lab.plugins.module_utils._plan import Change, diff
from ansible_collections.netvirt.lab.plugins.module_utils.resources._seed_documents import documents
from ansible_collections.netvirt.lab.plugins.module_utils.resources.seed import seed
from ansible_collections.netvirt.lab.plugins.module_utils.transport import cloud_init

HASH = "$6$rounds=5000$salt$AbCd./"


@pytest.fixture(autouse=True)
def no_cloud_init(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloud_init, "which", lambda program: None)


def shown(user_data: str) -> Any:
    return seed("/x", "lab", {"user-data": user_data}).user_data


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("#cloud-config\n" + json.dumps({"hostname": "h"}), {"hostname": "h"}),
        (
            "#cloud-config\n"
            + json.dumps({"users": [{"name": "k", "hashed_passwd": HASH, "lock_passwd": False}], "x": {"api_token": "t"}}),
            {"users": [{"name": "k", "hashed_passwd": "********", "lock_passwd": False}], "x": {"api_token": "********"}},
        ),
        ("#cloud-config\n" + json.dumps({"runcmd": [f"usermod -p '{HASH}' k"]}), {"runcmd": ["usermod -p '********' k"]}),
        ("#!/bin/sh\necho hello\n", ("#!/bin/sh", "echo hello")),
        ("#cloud-config\nhostname: h\n", ("#cloud-config", "hostname: h")),
        ("#cloud-config\npassword: open\n", ("********",)),
        (f"#!/bin/sh\nusermod -p {HASH} k\n", ("#!/bin/sh", "usermod -p ******** k")),
    ],
)
def test_secrets_are_masked(text: str, expected: Any) -> None:
    assert shown(text) == expected


def test_a_changed_secret_is_a_change_that_shows_nothing() -> None:
    def holding(password: str) -> Any:
        return seed("/x", "lab", {"user-data": "#cloud-config\n" + json.dumps({"password": password})})

    change = Change("seed", holding("one"), holding("two"))
    assert change.differing == {"secrets"}
    assert diff([change]) == {"before": {"seed": {"/x": {"secrets": "********"}}}, "after": {"seed": {"/x": {"secrets": "********"}}}}
    assert not Change("seed", holding("one"), holding("one")).differing


def test_the_smallest_seed() -> None:
    assert documents({}) == {"user-data": "#cloud-config\n{}\n", "meta-data": documents({})["meta-data"]}
    assert json.loads(documents({})["meta-data"])["instance-id"].startswith("iid-")


def test_structures_text_and_files(tmp_path: Path) -> None:
    script, network = (
        "#!/bin/sh\ntrue\n",
        {"version": 2, "ethernets": {"lan": {"match": {"macaddress": "52:54:00:00:00:05"}, "dhcp4": True}}},
    )
    (tmp_path / "script").write_text(script)
    given = documents(
        {"user_data_file": str(tmp_path / "script"), "network_config": network, "meta_data": {"local-hostname": "web"}, "hostname": "no"}
    )
    assert given["user-data"] == script
    assert json.loads(given["network-config"]) == network
    assert json.loads(given["meta-data"])["local-hostname"] == "web"
    own = "instance-id: mine\n"
    assert documents({"meta_data": own})["meta-data"] == own


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no header": ({"user_data": "hostname: x"}, "user_data: its first line does not say what it is"),
    "list": ({"user_data": [1]}, "user_data: it must be a mapping or text, not list"),
    "types": ({"user_data": {"runcmd": "ls"}}, "user_data.runcmd: it must be a list, not text"),
    "nameless user": ({"user_data": {"users": ["default", {"sudo": True}]}}, r"user_data.users\[1\]: it has no name"),
    "pathless file": ({"user_data": {"write_files": [{"content": "x"}]}}, r"user_data.write_files\[0\]: it has no path"),
    "no id": ({"meta_data": "local-hostname: x\n"}, "meta_data: it has no instance-id"),
    "empty id": ({"meta_data": {"instance-id": ""}}, "meta_data.instance-id: it is empty"),
    "version": ({"network_config": {"version": 3}}, "network_config.version: it must be 1 or 2, not 3"),
    "wrapped": ({"network_config": {"network": {"version": 1}}}, "network_config.config: version 1 has a list"),
    "MAC": (
        {"network_config": {"version": 2, "ethernets": {"lan": {"match": {"macaddress": "52-54"}}}}},
        "network_config.ethernets.lan.match.macaddress: '52-54' is no MAC address",
    ),
    "set-name": ({"network_config": {"version": 2, "ethernets": {"lan": {"set-name": "x"}}}}, "ethernets.lan.set-name: it needs a match"),
    "dhcp": ({"network_config": {"version": 2, "ethernets": {"lan": {"dhcp4": "maybe"}}}}, "ethernets.lan.dhcp4: it must be true or false"),
    "file": ({"user_data_file": "/none/such"}, "Cannot read user_data_file '/none/such'"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_documents(case: str) -> None:
    options, message = BAD[case]
    with pytest.raises(LabError, match=message):
        documents(options)


def test_cloud_inits_own_opinion_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloud_init, "objection", lambda name, text: "users.0: no" if name == "user-data" else None)
    with pytest.raises(LabErrors, match=r"user_data: cloud-init says: users.0: no"):
        documents({})


def test_a_mode_is_octal() -> None:
    assert seed("/x", "lab", {}, mode="600").mode == "0600"
    with pytest.raises(LabError, match="is no octal number"):
        seed("/x", "lab", {}, mode="u=rw")
