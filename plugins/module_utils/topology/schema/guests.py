# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys of guests, their users and their images."""

from __future__ import annotations

from ...images.catalogue import BASES
from ..model import User
from ..values import Block, Key, ListOf, MapOf
from ..values.ip import GATEWAY, IP
from ..values.scalars import BOOLEAN, MAC, MAPPING, NODE, TEXT, TEXTS, USER, choice, matching, number
from .backends import BACKEND

# Which models there are, only the lab host's QEMU knows.
NIC_MODEL = matching("a NIC model as 'qemu-system-x86_64 -device help' lists them, such as e1000", r"[A-Za-z0-9][A-Za-z0-9_.-]*", 40)
QUEUES = number(1, 256)
# A NIC that a guest has without a link.
INTERFACE = Block(
    "a mapping",
    {
        "backend": Key(BACKEND, "What is behind the NIC.", "{type: user}", {"type": "none"}, "none"),
        "model": Key(NIC_MODEL, "The NIC model.", "e1000", None, "the node's model"),
        "mac": Key(MAC, "The interface's MAC address.", '"52:54:00:12:34:56"', None, "derived from the names of lab, node and interface"),
        "queues": Key(QUEUES, "How many queues the NIC has; more than one takes a virtio model.", "2", None, "1"),
        "vhost": Key(BOOLEAN, "Whether the lab host's kernel moves the packets.", "true", None, "with KVM, where the lab host can"),
        "ipv4": Key(IP[4], "Its address.", "192.168.7.1/24", None, "QEMU's DHCP with `user`, else not managed"),
        "ipv6": Key(IP[6], "The same for IPv6.", "auto", None, "not managed"),
        "gateway": Key(GATEWAY, "The default routes by this interface.", "192.168.7.254", None, "what QEMU's DHCP says with `user`"),
    },
    short=lambda value: {} if value is None else value,
)

USERS = Block(
    "a mapping with the key name",
    {
        "name": Key(USER, "The login name.", "ada", required=True),
        "sudo": Key(BOOLEAN, "Whether the user may become root without a password.", "true", False),
        "authorized_keys": Key(TEXTS, "Public SSH keys besides the lab's own.", '["ssh-ed25519 AAAA... ada@example.org"]', ()),
        "hashed_password": Key(TEXT, "A password for the console, as `openssl passwd -6` prints it.", '"$6$..."'),
    },
    make=User,
    short=lambda value: {"name": value} if isinstance(value, str) else value,
)

VM = {
    "image": Key(TEXT, "The guest's image: a name of the catalogue, or the absolute path of a file.", "debian-12", "debian-12"),
    "boot": Key(choice("kernel", "disk"), "Start the image's kernel directly, or its boot loader.", "disk", None, "what suits the image"),
    "memory": Key(number(32, 4194304, "MiB"), "The guest's memory.", "1024", None, "what the image needs"),
    "cpus": Key(number(1, 1024), "How many processors the guest has.", "2", 1),
    "disk": Key(number(1, 65536, "GiB"), "The size of the guest's disk.", "10", None, "the image's size"),
    "machine": Key(TEXT, "QEMU's machine type.", "pc", "q35"),
    "cpu_model": Key(TEXT, "QEMU's processor model.", "host", "max"),
    "accel": Key(choice("auto", "kvm", "tcg"), "How QEMU runs the guest; `auto` takes KVM where it works.", "tcg", "auto"),
    "model": Key(NIC_MODEL, "The NIC model of those of its interfaces that name none.", "e1000", "virtio-net-pci"),
    "interfaces": Key(
        MapOf("a mapping of interfaces by name", INTERFACE),
        "NICs that no link is for, by name.",
        "{eth0: {backend: {type: user, hostfwd: [tcp:127.0.0.1:2222-:22]}}}",
        {},
    ),
    "hostname": Key(NODE, "The name that the guest gives itself.", "web", None, "the node's name"),
    "user": Key(USER, "The user that Ansible and `ssh` log in as; the lab's key is theirs.", "ada", None, "the image's own user"),
    "hashed_password": Key(
        TEXT, "That user's password for the console, as `openssl passwd -6` prints it.", '"$6$..."', None, "no password"
    ),
    "authorized_keys": Key(TEXTS, "That user's public SSH keys besides the lab's own.", '["ssh-ed25519 AAAA... ada@example.org"]', ()),
    "users": Key(ListOf("a list of users", USERS), "Further users.", "[{name: ada, sudo: true}]", ()),
    "user_data": Key(MAPPING, "Settings for cloud-init, merged over the generated ones.", "{timezone: Europe/Berlin}", {}),
    "extra_args": Key(TEXTS, "Arguments for QEMU, added at the end.", '["-device", "virtio-rng-pci"]', ()),
    "state": Key(choice("running", "stopped", "paused"), "What the guest should be doing.", "stopped", "running"),
    "stop_timeout": Key(number(0, 3600, "seconds"), "How long the guest may take to power down before it is ended.", "60", 30),
    "on_change": Key(choice("report", "restart"), "What to do about a change that only a restart brings.", "restart", "report"),
}

IMAGE = Block(
    "a mapping or the path of a file",
    {
        "path": Key(TEXT, "Where the image lies on the lab host.", "/srv/mine.qcow2"),
        "url": Key(TEXT, "Where the image is downloaded from.", "https://example.org/mine.qcow2"),
        "from": Key(
            choice(*BASES),
            "The image of the catalogue that this one is built like, with `packages` added. Neither `path` nor `url` then.",
            "debian-12",
        ),
        "packages": Key(
            TEXTS,
            "Debian packages that an image with `from` has besides its own. Their services start, but no timer does.",
            "[openvswitch-switch, tcpdump]",
        ),
        "sha256": Key(TEXT, "The SHA-256 sum of the download, in hexadecimal digits.", '"9f86d081..."'),
        "sha512": Key(TEXT, "The SHA-512 sum of the download, in hexadecimal digits.", '"ee26b0dd..."'),
        "checksum_url": Key(TEXT, "Where the sum of the download stands, if it is not given.", "https://example.org/SHA256SUMS"),
        "boot": Key(choice("kernel", "disk"), "How the image is started.", "disk", None, "disk, or as `from`"),
        "cloud_init": Key(BOOLEAN, "Whether the image has cloud-init.", "true", None, "true"),
        "user": Key(USER, "The image's own login user.", "ada", None, "root, or as `from`"),
        "python": Key(TEXT, "The path of the image's Python.", "/usr/bin/python3", None, "/usr/bin/python3"),
        "memory": Key(number(32, 4194304, "MiB"), "What a guest of it needs at least.", "1024", None, "512, or as `from`"),
    },
    short=lambda value: {"path": value} if isinstance(value, str) else value,
)
