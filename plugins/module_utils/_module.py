# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one way from a module's options to its result: lock the lab, converge, report."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ._errors import LabError, LabErrors
from ._lock import lab_lock
from ._plan import Change, Goal, Scope, converge, diff
from .topology.values.scalars import LAB
from .transport import reader

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

# Options of every module that makes things; documented in the fragment netvirt.lab.lab.
LAB_OPTIONS: dict[str, Any] = {
    "lab": {"type": "str", "default": "adhoc"},
    "adopt": {"type": "bool", "default": False},
}


@contextmanager
def reported(module: AnsibleModule) -> Iterator[None]:
    """Turn the collection's own errors, and what the operating system refuses, into the module's failure."""
    reader.end_without()
    try:
        yield
    except LabError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        about = f" about '{os.fsdecode(error.filename)}'" if isinstance(error.filename, (str, bytes)) else ""
        module.fail_json(msg=f"The operating system said{about}: {error.strerror or error}; -vvv shows at which step.")


def require_root(reason: str = "This module changes the machine's network") -> None:
    """Raise LabError unless this process is root's; the reason is the beginning of a sentence."""
    if os.geteuid() != 0:
        raise LabError(f"{reason} and must run as root; add 'become: true' to the play or task.")


def _checked_lab(name: str) -> str:
    """Return a lab's name, which becomes part of paths that are removed with the lab. Raise LabError."""
    problems: list[str] = []
    LAB.read(name, "lab", problems)
    if problems:
        raise LabErrors(problems)
    return name


def run(
    module: AnsibleModule,
    goals: Callable[[Mapping[str, Any]], Sequence[Goal[Any]]],
    result: Callable[[Sequence[Change[Any]]], Mapping[str, Any]] = lambda changes: {},
    afterwards: Callable[[Sequence[Change[Any]]], Sequence[Change[Any]]] = lambda changes: (),
) -> None:
    """Bring the machine to the goals that the module's options mean, and what is not the lab's to what follows from it; and exit."""
    gc.disable()  # what is read of a machine is needed to the end: to look for garbage in it takes a sixth of the time
    with reported(module):
        require_root()
        # What is no lab's has a name, set by the module itself, that no lab can have.
        lab = _checked_lab(module.params["lab"]) if "lab" in module.argument_spec else module.params["lab"]
        scope = Scope(lab, module.params.get("adopt", False), module.check_mode)
        with lab_lock(scope):
            changes = converge(goals(module.params), scope)
            changes += afterwards(changes)
            extra = dict(result(changes))
            if module._diff:  # a thousand new nodes are more to tell than to make
                extra["diff"] = diff(changes)
        module.exit_json(changed=bool(changes), **extra)
