# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Simulated lab hosts cannot fetch packages: 'make test' has to install what the role host_prep will look for in them."""

from __future__ import annotations

from pathlib import Path

import yaml

CHECKOUT = Path(__file__).resolve().parents[2]


def test_the_tests_packages_include_those_of_a_lab_host() -> None:
    role = yaml.safe_load((CHECKOUT / "roles/host_prep/vars/debian.yml").read_text())
    listed = {line for line in (CHECKOUT / "tests/packages.txt").read_text().splitlines() if not line.startswith("#")}
    needed = (role[f"__host_prep_{purpose}"] for purpose in ("packages", "frr_packages", "capture_packages", "ovn_packages"))
    assert {package for packages in needed for package in packages} - listed == set()
