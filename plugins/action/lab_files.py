# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.netvirt.lab.plugins.module_utils.topology.values.scalars import LAB
from ansible_collections.netvirt.lab.plugins.plugin_utils.keys import private_key
from ansible_collections.netvirt.lab.plugins.plugin_utils.placement import unfinished, write_record


class ActionModule(ActionBase):
    """Write or remove what this machine keeps of a lab; a module that is sent somewhere would take ten times as long."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return what was changed."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        options = {
            "lab": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "absent"},
            "placement": {"type": "json"},
            "placement_file": {"type": "path"},
        }
        needed = [("state", "present", ("placement", "placement_file"))]
        _checked, arguments = self.validate_argument_spec(options, required_if=needed)
        problems: list[str] = []
        LAB.read(arguments["lab"], "lab", problems)  # it becomes part of a path that is removed
        if problems:
            raise AnsibleActionFail("\n".join(problems))
        return {**result, **(self._written(arguments) if arguments["state"] == "present" else self._removed(arguments))}

    def _written(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        path = arguments["placement_file"]
        try:
            placement = json.loads(arguments["placement"])
            if not isinstance(placement, dict):
                raise ValueError("placement must be a mapping of lab hosts by node")
            before, after = write_record(Path(path), placement, self._task.check_mode)
        except (OSError, ValueError) as error:
            raise AnsibleActionFail(f"Cannot write the record of placement {path} of lab '{arguments['lab']}': {error}") from error
        diff = {"before": before, "after": after, "before_header": path, "after_header": path}
        return {"changed": before != after, "removed": [], "diff": diff}

    def _removed(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        keys = private_key(arguments["lab"]).parent
        record = Path(arguments["placement_file"]) if arguments["placement_file"] else None
        records = [record, unfinished(record)] if record else []
        try:
            there = [path for path in (keys, *records) if path.exists()]
            for path in () if self._task.check_mode else there:
                (shutil.rmtree if path == keys else Path.unlink)(path)
        except OSError as error:
            raise AnsibleActionFail(f"Cannot remove what is kept of lab '{arguments['lab']}': {error}") from error
        names = list(map(str, there))
        return {"changed": bool(names), "removed": names, "diff": {"before": "".join(f"{name}\n" for name in names), "after": ""}}
