# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What 'make lab' says at its end is about the lab that it has brought up."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]


def what_next(*arguments: str) -> list[str]:
    environment = {name: value for name, value in os.environ.items() if name not in ("LAB", "ARGS", "MAKEFLAGS")}
    command = ["make", "--no-print-directory", "--dry-run", "lab", *arguments]  # as by make itself
    planned = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=True).stdout
    script = planned[planned.index("printf '  ") :]
    said = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout
    return [line.strip().partition("  ")[0] for line in said.splitlines()]


def test_it_names_the_lab_and_repeats_the_arguments() -> None:
    assert what_next("LAB=inventory/orchard", "ARGS=-e '{a: b}'") == [
        "ansible-inventory -i inventory/orchard --graph",
        "ansible-playbook -i inventory/orchard -e '{a: b}' playbooks/benchmark.yml",
        "ansible-playbook -i inventory/orchard -e '{a: b}' playbooks/site.yml --check --diff",
        "make teardown LAB=inventory/orchard ARGS='-e '\\''{a: b}'\\'''",
    ]


def test_nothing_is_named_that_goes_without_saying() -> None:
    assert what_next()[-1] == "make teardown"
