# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.netvirt.lab.plugins.plugin_utils.keys import private_key


class ActionModule(ActionBase):
    """Remove what this machine keeps of a lab; a module that is sent somewhere would take ten times as long."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return what was removed."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        options = {"lab": {"type": "str", "required": True}, "placement_file": {"type": "path"}}
        _checked, arguments = self.validate_argument_spec(options)
        files = [private_key(arguments["lab"]).parent]
        if arguments["placement_file"]:
            files.append(Path(arguments["placement_file"]))
        there = [path for path in files if path.exists()]
        try:
            for path in () if self._task.check_mode else there:
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink()
        except OSError as error:
            raise AnsibleActionFail(f"Cannot remove '{error.filename}' of lab '{arguments['lab']}': {error.strerror}.") from error
        names = [str(path) for path in there]
        result.update(changed=bool(there), removed=names, diff={"before": "".join(f"{name}\n" for name in names), "after": ""})
        return result
