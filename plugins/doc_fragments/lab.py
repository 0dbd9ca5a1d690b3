# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  lab:
    description:
      - The name of the lab that the things belong to. Everything the module makes carries it as a mark, and only what carries it is
        changed or removed.
      - Several labs live side by side on one machine.
    type: str
    default: adhoc
  adopt:
    description:
      - Take over things that exist and belong to nobody or to another lab.
      - Without it the module fails and names the thing, so that nothing foreign is ever changed.
    type: bool
    default: false
"""
