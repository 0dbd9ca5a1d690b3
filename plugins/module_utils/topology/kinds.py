# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of nodes that are alike."""

from __future__ import annotations

SWITCHES = frozenset(("ovs", "bridge"))
SPACES = frozenset(("netns", "container"))
