# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the running kernel can do, asked in a way that changes nothing: of a namespace that nobody else sees."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Collection, Mapping
from functools import cache

from .._errors import LabError
from . import genetlink, kvm, qemu
from .bridge import settings_data
from .namespaces import nameless
from .netlink import Netlink
from .rtnetlink import create_bridge, link_attributes, probe_link
from .tc import probe_qdisc, set_redirect

# Kernel option and module of what a distribution's small kernels leave out.
_OPTIONS = {
    "vlan": ("CONFIG_VLAN_8021Q", "8021q"),
    "vxlan": ("CONFIG_VXLAN", "vxlan"),
    "geneve": ("CONFIG_GENEVE", "geneve"),
    "gretap": ("CONFIG_NET_IPGRE", "ip_gre"),
    "ip6gretap": ("CONFIG_IPV6_GRE", "ip6_gre"),
    "macvlan": ("CONFIG_MACVLAN", "macvlan"),
    "macvtap": ("CONFIG_MACVTAP", "macvtap"),
    "ifb": ("CONFIG_IFB", "ifb"),
    "vlan_filtering": ("CONFIG_BRIDGE_VLAN_FILTERING", ""),
    "netem": ("CONFIG_NET_SCH_NETEM", "sch_netem"),
    "htb": ("CONFIG_NET_SCH_HTB", "sch_htb"),
    "hfsc": ("CONFIG_NET_SCH_HFSC", "sch_hfsc"),
    "tbf": ("CONFIG_NET_SCH_TBF", "sch_tbf"),
    "redirect": ("CONFIG_NET_SCH_INGRESS, CONFIG_NET_CLS_U32 and CONFIG_NET_ACT_MIRRED", "act_mirred"),
}
_LO = 1


def lacking(feature: str, user: str) -> str:
    """Say that the kernel has not what somebody needs, and what to do."""
    option, module = _OPTIONS[feature]
    load = f"load the module {module} ('modprobe {module}'; Fedora and RHEL have it in kernel-modules-extra), or " if module else ""
    return f"This kernel lacks {option}, which {user} needs; {load}run a kernel that has it."


def present(names: Collection[str]) -> dict[str, bool]:
    """Say of each of these features, keys of PROBES, whether this machine has it."""
    return {name: PROBES[name]() for name in names}


@cache
def has_link_kind(kind: str) -> bool:
    """Say whether the kernel knows a kind of interface. Asking loads its module."""
    with nameless(), Netlink() as kernel:
        return kernel.refusal(probe_link(kind)) != errno.EOPNOTSUPP


@cache
def has_vlan_filtering() -> bool:
    """Say whether Linux bridges know VLANs."""
    with nameless(), Netlink() as kernel:
        return kernel.refusal(create_bridge(link_attributes("probe"), "probe", settings_data({"vlan_filtering": True}))) == 0


@cache
def has_qdisc(kind: str) -> bool:
    """Say whether the kernel knows a queueing discipline that cannot do without parameters."""
    with nameless(), Netlink() as kernel:
        return kernel.refusal(probe_qdisc(_LO, kind)) != errno.ENOENT


@cache
def has_redirect() -> bool:
    """Say whether the kernel can send on what comes in at an interface."""
    with nameless(), Netlink() as kernel:
        refusals = [kernel.refusal(request) for request in set_redirect(_LO, "lo", _LO, "probe")]
        return not any(refusals)


def has_kvm() -> bool:
    """Say whether a guest runs on KVM, which QEMU and the user that it runs as must be there for."""
    try:
        return kvm.probe(qemu.program(), qemu.account()).works
    except LabError:
        return False


PROBES: Mapping[str, Callable[[], bool]] = {
    "vlan": lambda: has_link_kind("vlan"),
    "vlan_filtering": has_vlan_filtering,
    "ifb": lambda: has_link_kind("ifb"),
    "netem": lambda: has_qdisc("netem"),
    "tbf": lambda: has_qdisc("tbf"),
    "redirect": has_redirect,
    "openvswitch": lambda: genetlink.available("ovs_datapath"),
    "vhost_net": lambda: os.path.exists("/dev/vhost-net"),
    "kvm": has_kvm,
}
