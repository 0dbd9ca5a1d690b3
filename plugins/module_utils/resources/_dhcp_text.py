# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How each DHCP client is started, and what it runs when its lease changes. Pure."""

from __future__ import annotations

from pathlib import Path
from shlex import quote

PROGRAMS = ("udhcpc", "dhclient", "dhcpcd")  # the smallest first: there may be hundreds of namespaces

_MARK = "# By the DHCP client of lab "

# The same script for all three: udhcpc says what happened by an argument, the others by a variable; the names differ too.
_SCRIPT = r"""#!/bin/sh
# What the DHCP client in namespace @NETNS@ of lab @LAB@ does when its lease changes. Written by netvirt.lab.
resolver=/etc/netns/@NETNS@/resolv.conf
# Not beside it: 'ip netns exec' mounts whatever is there.
fresh=/etc/netns/.@NETNS@.resolv.conf
if [ -n "$reason" ]; then
    event=$reason ip=$new_ip_address mask=$new_subnet_mask router=$new_routers dns=$new_domain_name_servers
    domain=$new_domain_name mtu=$new_interface_mtu lease=$new_dhcp_lease_time
else
    event=$1 mask=$subnet
fi
# Says that the interface is to have an address.
bound=@BASE@.bound

resolve() {
    # A file that somebody else has put there stays.
    if [ -e "$resolver" ] && ! grep -qs '^@MARK@' "$resolver"; then return; fi
    mkdir -p "${resolver%/*}"
    {
        echo '@MARK@@LAB@'
        [ -z "$domain" ] || echo "search $domain"
        for server in $dns; do echo "nameserver $server"; done
    } >"$fresh" && mv "$fresh" "$resolver"
}

case $event in
PREINIT | deconfig)
    rm -f "$bound"
    ip link set "$interface" up
    [ "$event" = PREINIT ] || ip -4 addr flush dev "$interface" dynamic
    ;;
BOUND | RENEW | REBIND | REBOOT | TIMEOUT | bound | renew)
    # dhcpcd sets address and route itself.
    if [ -z "$if_configured" ]; then
        [ -z "$mtu" ] || ip link set "$interface" mtu "$mtu"
        case $(ip -4 -o addr show dev "$interface") in *" $ip/"*) ;; *) ip -4 addr flush dev "$interface" dynamic ;; esac
        # With the lease's lifetime, so that the kernel drops the address though the client may be dead by then.
        ip -4 addr replace "$ip/${mask:-32}" dev "$interface" valid_lft "${lease:-forever}" preferred_lft "${lease:-forever}"
        [ -z "$router" ] || ip -4 route replace default via "${router%% *}" dev "$interface" proto dhcp
    fi
    resolve
    : >"$bound"
    ;;
EXPIRE | FAIL | RELEASE | STOP)
    rm -f "$bound"
    [ -n "$if_configured" ] || ip -4 addr flush dev "$interface" dynamic
    ;;
esac
exit 0
"""

_DHCLIENT_CONF = """# Nothing of the lab host's own: no host name is sent, and the first packet goes out at once.
request subnet-mask, broadcast-address, routers, domain-name, domain-name-servers, interface-mtu;
initial-delay 0;
initial-interval 1;
backoff-cutoff 2;
retry 2;
"""

_DHCPCD_CONF = """# Nothing of the lab host's own; no search for others with the address, which takes 5 seconds.
option subnet_mask, routers, domain_name, domain_name_servers, interface_mtu
noarp
noipv4ll
ipv4only
"""

# dhcpcd names its files by the interface alone, and two namespaces may each have an eth0; so it gets directories of its
# own. It overwrites its arguments: the shell around it is the process by which it is found, and takes it with it.
_DHCPCD_RUN = r"""# Runs dhcpcd on @INTERFACE@ in namespace @NETNS@ of lab @LAB@. Written by netvirt.lab.
trap 'kill "$child" 2>/dev/null' TERM INT
setpriv --pdeathsig TERM -- unshare --mount -- sh -c '
    cd "$1" && exec 9<. && mount -t tmpfs -o mode=755 tmpfs /run && mount -t tmpfs -o mode=755 tmpfs /var/lib || exit 1
    mkdir -p "$1" /run/dhcpcd /var/lib/dhcpcd && mount -c --bind /proc/self/fd/9 "$1" || exit 1
    shift; exec 9<&-; exec "$@"' sh @DIRECTORY@ @COMMAND@ &
child=$!
while kill -0 "$child" 2>/dev/null; do wait "$child"; done
"""


def files(program: str, lab: str, netns: str, interface: str, directory: Path, path: str, request: str = "") -> dict[str, str]:
    """Return the files that a client needs, by name in directory; path is where the program is, request the address that it asks for."""
    base = f"{directory}/{interface}"
    words = {"@LAB@": lab, "@NETNS@": netns, "@INTERFACE@": interface, "@MARK@": _MARK, "@BASE@": quote(base)}
    texts = {f"{interface}.script": _SCRIPT}
    if program == "dhclient":
        texts[f"{interface}.conf"] = _DHCLIENT_CONF + (f"send dhcp-requested-address {request};\n" if request else "")
    elif program == "dhcpcd":
        texts[f"{interface}.conf"] = _DHCPCD_CONF
        texts[f"{interface}.run"] = _DHCPCD_RUN
        command = [path, "-B", "-4", "-f", f"{base}.conf", "-c", f"{base}.script", *(("-r", request) if request else ()), interface]
        words.update({"@DIRECTORY@": quote(str(directory)), "@COMMAND@": " ".join(map(quote, command))})
    for word, value in words.items():
        texts = {name: text.replace(word, value) for name, text in texts.items()}
    return texts


def argv(program: str, interface: str, directory: Path, path: str, request: str = "") -> list[str]:
    """Return how a client is started, to stay in the foreground; path is where the program is, and request the address that it asks for."""
    base = f"{directory}/{interface}"
    if program == "udhcpc":
        wish = ["-r", request] if request else []
        return [path, "-f", "-i", interface, "-p", f"{base}.pid", "-s", f"{base}.script", "-t", "5", "-T", "1", "-A", "1", *wish]
    if program == "dhclient":
        # Debian's and Ubuntu's AppArmor profile keeps it from these files: it is started outside of the profile, as by aa-exec(1).
        free = ["sh", "-c", 'echo "exec unconfined" 2>/dev/null >/proc/self/attr/exec; exec "$@"', "sh"]
        own = ["-cf", f"{base}.conf", "-lf", f"{base}.lease", "-pf", f"{base}.pid", "-sf", f"{base}.script"]
        return [*free, path, "-4", "-d", *own, interface]
    return ["sh", f"{base}.run"]


def is_ours(resolver: str) -> bool:
    """Say whether the text of a resolv.conf is of a lab's DHCP client."""
    return resolver.startswith(_MARK)
