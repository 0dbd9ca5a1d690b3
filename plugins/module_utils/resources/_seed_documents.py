# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documents of a seed that a user gives as structures, text or files, checked and as text."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .._errors import LabError, LabErrors
from ..transport import cloud_init
from . import _cloud_config
from ._seed_checks import meta_data_problems, network_config_problems, user_data_problems


def documents(options: Mapping[str, Any]) -> dict[str, str]:
    """Return the texts by the names that NoCloud gives them. Raise LabErrors with everything that is wrong."""
    own, meta, network = (_given(options, name) for name in ("user_data", "meta_data", "network_config"))
    own = {} if own is None else own
    texts = {"user-data": _cloud_config.text(own, _cloud_config.HEADER)}
    if network is not None:
        texts["network-config"] = _cloud_config.text(network)
    if not isinstance(meta, str):
        meta = {**_cloud_config.meta_data((texts["user-data"], texts.get("network-config", "")), options.get("hostname")), **(meta or {})}
    texts["meta-data"] = _cloud_config.text(meta)
    problems = [*user_data_problems(own), *meta_data_problems(meta), *network_config_problems(network)]
    for name in ("user-data", "network-config") if not problems else ():
        said = cloud_init.objection(name, texts[name]) if name in texts else None
        if said:
            problems.append(f"{name.replace('-', '_')}: cloud-init says: {said}")
    if problems:
        raise LabErrors(problems)
    return texts


def _given(options: Mapping[str, Any], name: str) -> Any:
    """Return a document: a structure or text as given, or the text of its file; None if there is none."""
    path = options.get(f"{name}_file")
    if path is None:
        value = options.get(name)
        if value is not None and not isinstance(value, (str, Mapping)):
            raise LabError(f"{name}: it must be a mapping or text, not {type(value).__name__}.")
        return value
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise LabError(f"Cannot read {name}_file '{path}': {error}.") from error
