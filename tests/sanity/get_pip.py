# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for get-pip.py: the interpreter's own pip first, with which the wanted versions are installed."""

from __future__ import annotations

import subprocess
import sys

OPTIONS_OF_GET_PIP = ("--no-setuptools", "--no-wheel")

subprocess.run([sys.executable, "-m", "ensurepip", "--default-pip"], check=True, stdout=subprocess.DEVNULL)
packages = [argument for argument in sys.argv[1:] if argument not in OPTIONS_OF_GET_PIP]
sys.exit(subprocess.call([sys.executable, "-m", "pip", "install", *packages]))
