# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/TOPOLOGY.md says what the schema says, and its examples work. UPDATE_GOLDEN=1 writes the tables anew."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.netvirt.lab.plugins.module_utils.images.catalogue import CATALOGUE
from ansible_collections.netvirt.lab.plugins.module_utils.topology.compile import compile_share, load
from ansible_collections.netvirt.lab.plugins.module_utils.topology.schema import file as schema
from ansible_collections.netvirt.lab.plugins.module_utils.topology.schema.expand import BLOCKS
from ansible_collections.netvirt.lab.plugins.module_utils.topology.values import Key, Problems

CHECKOUT = Path(__file__).resolve().parents[3]
PAGE = CHECKOUT / "docs" / "TOPOLOGY.md"
TABLE = re.compile(r"<!-- schema: (?P<name>.+?) -->\n(?P<table>.*?)<!-- end -->", re.DOTALL)


def rendered(keys: list[dict[str, Any]]) -> str:
    rows = [("key", "meaning", "value", "default", "example"), ("---",) * 5]
    rows += [
        (f"`{key['key']}`", key["text"] + (" Required." if key["required"] else ""), key["type"], key["default"], f"`{key['example']}`")
        for key in keys
    ]
    return "".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |\n" for row in rows)


def test_every_key_is_on_the_page() -> None:
    blocks = schema.describe()
    text = PAGE.read_text(encoding="utf-8")
    expected = TABLE.sub(lambda found: f"<!-- schema: {found['name']} -->\n{rendered(blocks[found['name']])}<!-- end -->", text)
    if os.environ.get("UPDATE_GOLDEN"):
        PAGE.write_text(expected, encoding="utf-8")
    assert {found["name"] for found in TABLE.finditer(text)} == blocks.keys()
    assert PAGE.read_text(encoding="utf-8") == expected


def test_every_image_is_on_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    lines = ["| image | is | about | user | memory at least | cloud-init | Python |", "| --- | --- | --- | --- | --- | --- | --- |"]
    lines += [
        f"| `{name}` | {'built' if image.kind == 'build' else 'downloaded'} | {image.size >> 20} MiB | `{image.user}` | {image.memory} MiB "
        f"| {'yes' if image.cloud_init else 'no'} | {'yes' if image.python else 'no'} |"
        for name, image in CATALOGUE.items()
    ]
    table = "\n".join(lines)
    expected = re.sub(r"(?<=<!-- images -->\n)(?:.*?\n)??(?=<!-- end -->)", lambda _found: f"{table}\n", text, count=1, flags=re.DOTALL)
    if os.environ.get("UPDATE_GOLDEN"):
        PAGE.write_text(expected, encoding="utf-8")
    assert f"<!-- images -->\n{table}\n<!-- end -->" in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("example", re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL))
def test_the_examples_compile(example: str) -> None:
    assert compile_share(load(yaml.safe_load(example)))["lab"]


def keys() -> Mapping[str, Key]:
    blocks = {
        "topology": schema.TOP,
        "link": schema.LINK,
        "endpoint": schema.ENDPOINT,
        "image": schema.IMAGE,
        "dhcp": schema.DHCP,
        **schema.NODES,
        **BLOCKS,
    }
    return {f"{name}.{key}": value for name, block in blocks.items() for key, value in block.keys.items()}


@pytest.mark.parametrize("name", keys())
def test_the_example_of_a_key_is_a_value_of_it(name: str) -> None:
    problems: Problems = []
    key = keys()[name]
    key.type.read(yaml.safe_load(key.example), name, problems)
    assert problems == []


def test_the_documentation_of_the_plugin_has_every_key_of_the_file() -> None:
    source = (CHECKOUT / "plugins" / "inventory" / "topology.py").read_text(encoding="utf-8")
    documentation = yaml.safe_load(source.split('DOCUMENTATION = r"""')[1].split('"""')[0])
    assert documentation["options"].keys() == schema.TOP.keys.keys()
