# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of module topology: what is kept out of logs, and what reaches the engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.netvirt.lab.plugins.modules import topology


def started(monkeypatch: pytest.MonkeyPatch, **options: Any) -> Any:
    """Return the module as it would run with these options."""
    seen: list[Any] = []
    monkeypatch.setattr(topology, "run", lambda module, goals, *_rest: seen.append((module, goals)))
    with patch_module_args(options):
        topology.main()
    return seen[0]


def test_passwords_stay_out_of_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    passwords = {"deep": {"grace": "$6$salt$hash"}}
    given: list[Any] = []

    def goals_of(share: Any, lab: str, keys: Any, uplink: Any, hashes: Mapping[str, Any]) -> list[Any]:
        given.append(hashes)
        return []

    monkeypatch.setattr(topology, "share_goals", goals_of)
    module, goals = started(monkeypatch, share={"lab": "square"}, passwords=passwords)
    goals(module.params)
    assert given == [passwords]
    assert module.no_log_values == {"$6$salt$hash"}


@pytest.mark.parametrize("adopt", [False, True])
def test_adopt_is_an_option(monkeypatch: pytest.MonkeyPatch, adopt: bool) -> None:
    module, _goals = started(monkeypatch, share={"lab": "square"}, **({"adopt": True} if adopt else {}))
    assert module.params["adopt"] is adopt
    assert module.params["passwords"] == {}
