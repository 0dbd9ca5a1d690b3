# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run shell scripts on the nodes of a lab: in a namespace, or over SSH in a guest."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from . import namespaces

# Guests come and go under the same address, so there is no host key to hold on to.
SSH_OPTIONS = (
    "-oBatchMode=yes",
    "-oStrictHostKeyChecking=no",
    "-oUserKnownHostsFile=/dev/null",
    "-oLogLevel=ERROR",
    "-oConnectTimeout=5",
    "-oServerAliveInterval=5",
    "-oServerAliveCountMax=3",
)


@dataclass(frozen=True)
class Node:
    """A node of the share, as far as one talks to it. A guest without an address is one that the lab host has no way to.

    here says that it is on this lab host, near that it is reached from this one: a guest is, where its network has an address.
    """

    name: str
    kind: str
    netns: str
    user: str
    address: str
    interfaces: tuple[Mapping[str, Any], ...]
    cloud_init: bool
    port: int = 22
    enter: str = ""  # the script that enters all namespaces of a container
    here: bool = True
    near: bool = True
    home: str = ""  # the lab host that it is on, where there are several

    @property
    def addresses(self) -> tuple[str, ...]:
        """Return all the node's addresses, without prefix lengths."""
        return tuple(address.partition("/")[0] for interface in self.interfaces for address in interface["addresses"])


def node_from(item: Mapping[str, Any], machine: str = "") -> Node:
    """Return the node of a share's mapping; machine is the lab host that this is, where there are several."""
    interfaces = tuple(item["interfaces"])
    addresses = [address.partition("/")[0] for interface in interfaces for address in interface["addresses"]]
    way = item.get("ssh") or {"address": "" if "ssh" in item else addresses[0] if addresses else "", "port": 22}
    return Node(
        name=item["name"],
        kind=item["kind"],
        netns=item.get("netns") or "",
        user=item.get("user") or "root",
        address=way["address"],
        port=way["port"],
        interfaces=interfaces,
        cloud_init=bool(item.get("cloud_init")),
        enter=item.get("enter") or "",
        here=item.get("home", machine) == machine,
        near=item.get("access", machine) == machine,
        home=item.get("home", machine),
    )


def nodes_from(share: Mapping[str, Any]) -> list[Node]:
    """Return the nodes of a share that are meant to run: a VM that is to be stopped or paused answers nobody."""
    items = [*share["nodes"], *(share.get("visitors") or ())]
    return [node_from(item, share.get("machine") or "") for item in items if item["state"] in (None, "running")]


@dataclass(frozen=True)
class Shells:
    """Where to find the key to the guests."""

    key_file: str

    def argv(self, node: Node, script: str) -> list[str]:
        """Return the command that runs a POSIX shell script on the node."""
        if node.kind == "vm":
            options = ["-i", self.key_file, "-p", str(node.port), "-oIdentitiesOnly=yes", *SSH_OPTIONS]
            return ["ssh", *options, f"{node.user}@{node.address}", script]
        if node.netns:
            return [*namespaces.entry(node.netns, node.enter), "sh", "-c", script]
        return ["sh", "-c", script]

    def start(self, node: Node, script: str) -> subprocess.Popen[str]:
        """Start a POSIX shell script on the node."""
        # A session of its own, so that what the script runs ends with it.
        return subprocess.Popen(
            self.argv(node, script),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )


def stop(process: subprocess.Popen[str]) -> None:
    """End a started script and all that it runs, if it still does."""
    with suppress(ProcessLookupError):
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextmanager
def shells(private_key: str | None) -> Iterator[Shells]:
    """Keep the lab's private key in memory, where ssh finds it as a file, while the body runs."""
    descriptor = os.memfd_create("key", os.MFD_CLOEXEC)
    try:
        os.fchmod(descriptor, 0o600)  # ssh takes no key that others could read
        os.write(descriptor, (private_key or "").rstrip().encode() + b"\n")
        yield Shells(f"/proc/{os.getpid()}/fd/{descriptor}")
    finally:
        os.close(descriptor)
