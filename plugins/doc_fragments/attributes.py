# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    # For modules that make things.
    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in check mode and tell what it would change, without changing anything.
    support: full
  diff_mode:
    description: Returns in diff mode what it has changed, or in check mode would change.
    support: full
  idempotent:
    description: Changes nothing when run again with the same options and nothing else has changed the machine.
    support: full
  platform:
    description: The operating systems that the module can change.
    support: full
    platforms: posix
    details: Linux only.
"""

    # For modules that only look.
    INFO = r"""
options: {}
attributes:
  check_mode:
    description: Can run in check mode and tell what it would change, without changing anything.
    support: full
    details: The module changes nothing in either mode.
  diff_mode:
    description: Returns in diff mode what it has changed, or in check mode would change.
    support: N/A
    details: The module changes nothing.
  idempotent:
    description: Changes nothing when run again with the same options and nothing else has changed the machine.
    support: full
    details: The module changes nothing.
  platform:
    description: The operating systems that the module can look at.
    support: full
    platforms: posix
    details: Linux only.
"""
