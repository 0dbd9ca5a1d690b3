# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps a service running: a shell script per service. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from shlex import quote

from ..transport.namespaces import entry

ENDED = "ended"  # there while the command has ended and is not running again yet

# The pause doubles up to half a minute while the command ends within ten seconds, and is a second else.
_SCRIPT = r"""#!/bin/sh
# Keeps @NAME@ running in namespace @NETNS@ of lab @LAB@. Written by netvirt.lab.
cd @DIRECTORY@ || exit
pause=1
while :; do
    begin=$(date +%s)
    @COMMAND@
    code=$?
    echo "netvirt.lab: $(date '+%F %T') it has ended with exit code $code"
    echo "$code" >@ENDED@
    @RESTART@
    [ $(($(date +%s) - begin)) -lt 10 ] || pause=1
    sleep "$pause"
    rm -f @ENDED@
    pause=$((pause < 16 ? pause * 2 : 30))
done
"""


def script(
    lab: str,
    netns: str,
    name: str,
    home: Path,
    command: Sequence[str],
    environment: Mapping[str, str],
    directory: str,
    user: str,
    restart: bool,
    enter: str = "",
) -> str:
    """Return the script; it is run inside the network namespace, and home is the service's own directory.

    enter is a script that leads into all namespaces of a container.
    """
    # Each start sees the files of /etc/netns anew: a DHCP client may have written a resolv.conf since.
    words = [*map(quote, entry(netns, enter))]
    if enter:  # a directory in there
        words += ["sh", "-c", quote('cd "$0" && exec "$@"'), quote(directory)]
        directory = "/"
    if user:
        words += ["setpriv", f"--reuid={quote(user)}", f'--regid="$(id -g {quote(user)})"', "--init-groups", "--"]
    if environment:
        words += ["env", *(quote(f"{key}={value}") for key, value in sorted(environment.items()))]
    values = {
        "@LAB@": lab,
        "@NETNS@": netns,
        "@NAME@": name,
        "@DIRECTORY@": quote(directory),
        "@ENDED@": quote(f"{home}/{ENDED}"),
        "@RESTART@": ":" if restart else "exit",
        "@COMMAND@": " ".join((*words, *map(quote, command))),
    }
    text = _SCRIPT
    for word, value in values.items():
        text = text.replace(word, value)
    return text
