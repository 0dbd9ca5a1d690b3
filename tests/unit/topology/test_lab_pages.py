# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each lab of inventory/ has its page, its row in the index and its test; what a page shows of a topology file is in that file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[3]
PAGES = CHECKOUT / "docs" / "labs"
LABS = sorted(folder.name for folder in (CHECKOUT / "inventory").iterdir() if folder.is_dir() and folder.name != "ovs_kvm")
SECTIONS = ["What it shows", "The picture", "Try", "Observe", "By hand, and by the topology file"]


def test_there_is_a_page_for_each_lab_and_no_other() -> None:
    assert sorted(page.stem for page in PAGES.glob("*.md") if page.stem != "README") == LABS
    assert sorted(re.findall(r"\[`?(\w+)`?\]\(\1\.md\)", (PAGES / "README.md").read_text(encoding="utf-8"))) == LABS


@pytest.mark.parametrize("lab", LABS)
def test_a_page_has_its_sections_and_shows_lines_of_the_labs_own_file(lab: str) -> None:
    page = (PAGES / f"{lab}.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (.+)$", page, re.MULTILINE)[: len(SECTIONS)] == SECTIONS
    own = {
        line.partition(" #")[0].strip()
        for path in (CHECKOUT / "inventory" / lab).glob("*.yml")
        for line in path.read_text(encoding="utf-8").splitlines()
    }
    shown = [line for block in re.findall(r"^```yaml\n(.*?)^```", page, re.DOTALL | re.MULTILINE) for line in block.splitlines()]
    assert shown
    assert [line for line in shown if line.partition(" #")[0].strip() not in own] == []


@pytest.mark.parametrize("lab", LABS)
def test_what_is_to_be_observed_is_tested(lab: str) -> None:
    assert (CHECKOUT / "tests" / "kernel" / "labs" / f"test_{lab}.py").is_file()
