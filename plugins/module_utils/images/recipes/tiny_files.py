# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files inside the guest "tiny". They are shell for busybox and run as they stand.

The guest is told what it needs on its kernel command line:
netvirt.hostname=NAME, netvirt.key=BASE64 of an authorized_keys file, for each NIC that is not called eth and its place
netvirt.name=MAC,NAME, for each static address netvirt.address=MAC,ADDRESS/PREFIX,GATEWAY (the gateway may be empty), for each route
netvirt.route=MAC,NETWORK,GATEWAY.
A NIC without an address asks by DHCP, and one that has netvirt.dhcp=MAC behind it.
"""

from __future__ import annotations

INIT = r"""#!/bin/busybox sh
# The kernel starts this as process 1; busybox's init takes over once the system's own file systems are there.
export PATH=/bin
mount -t devtmpfs dev /dev
mkdir -p /dev/pts
mount -t devpts devpts /dev/pts
mount -t proc proc /proc
mount -t sysfs sys /sys
exec init
"""

INITTAB = """\
::sysinit:/etc/rc
::respawn:/etc/power-button
::respawn:dropbear -F -R -s
ttyS0::askfirst:-/bin/bash
::ctrlaltdel:/bin/poweroff
"""

RC = r"""#!/bin/sh
export PATH=/bin
cmdline=$(cat /proc/cmdline)

# Twice: only the driver of a PCI device makes the virtio device behind it known.
for bus in pci virtio; do
    modprobe -a $(cat /sys/bus/$bus/devices/*/modalias 2>/dev/null) 2>/dev/null
done

# Drivers come up in any order: NICs have their names from the command line, or by their places on the bus, as on QEMU's command line.
name_nics() {
    place=0
    for path; do
        ip link set "${path##*/}" name "~$place"
        place=$((place + 1))
    done
    for word in $cmdline; do
        case $word in netvirt.name=*) ;; *) continue ;; esac
        given=${word#*=}
        for nic in /sys/class/net/~*; do
            [ "$(cat "$nic/address" 2>/dev/null)" != "${given%%,*}" ] || ip link set "${nic##*/}" name "${given#*,}"
        done
    done
    # The name of one that was plugged in later may be taken.
    for nic in /sys/class/net/~*; do
        place=${nic##*/~}
        while [ -e "$nic" ] && ! ip link set "${nic##*/}" name "eth$place" 2>/dev/null; do
            place=$((place + 1))
        done
    done
}
name_nics $(cd /sys/bus/pci/devices && ls -d */net/* */virtio*/net/* 2>/dev/null | sort)

ip link set lo up
hostname tiny
for word in $cmdline; do
    case $word in
    netvirt.hostname=*) hostname "${word#*=}" ;;
    netvirt.key=*) echo "${word#*=}" | base64 -d > /root/.ssh/authorized_keys ;;
    esac
done
printf '127.0.0.1 localhost\n127.0.1.1 %s\n' "$(hostname)" > /etc/hosts

for nic in /sys/class/net/*; do
    mac=$(cat "$nic/address")
    nic=${nic##*/}
    [ "$nic" != lo ] || continue
    ip link set "$nic" up
    dhcp=yes
    for word in $cmdline; do
        case $word in
        netvirt.address=$mac,*)
            dhcp=no
            address=${word#*,}
            gateway=${address#*,}
            address=${address%%,*}
            ip address add "$address" dev "$nic"
            [ -z "$gateway" ] || ip route replace default via "$gateway"
            echo "netvirt: $nic has $address" > /dev/console
            ;;
        netvirt.route=$mac,*)
            route=${word#*,}
            ip route replace "${route%%,*}" via "${route#*,}"
            ;;
        netvirt.dhcp=$mac) dhcp=yes ;;
        esac
    done
    [ $dhcp = no ] || udhcpc -b -S -i "$nic" -x "hostname:$(hostname)" -O mtu -t 10 -T 1 -A 2 -s /etc/udhcpc > /dev/null 2>&1 &
done
"""

UDHCPC = r"""#!/bin/sh
export PATH=/bin
case $1 in
deconfig)
    ip -4 address flush dev "$interface" scope global
    ;;
bound | renew)
    [ -z "$mtu" ] || ip link set "$interface" mtu "$mtu"
    ip address replace "$ip/$mask" dev "$interface"
    [ -z "$router" ] || ip route replace default via "${router%% *}" dev "$interface"
    {
        [ -z "$domain" ] || echo "search $domain"
        for server in $dns; do
            echo "nameserver $server"
        done
    } > /etc/resolv.conf
    [ "$(hostname)" != tiny ] || [ -z "$hostname" ] || hostname "$hostname"
    [ "$1" = renew ] || echo "netvirt: $interface has $ip/$mask" > /dev/console
    ;;
esac
exit 0
"""

# busybox's acpid would need a daemon and two files for the one thing that this does: the first event is the button's.
POWER_BUTTON = r"""#!/bin/sh
export PATH=/bin
modprobe -a button evdev
for name in /sys/class/input/event*/device/name; do
    if [ "$(cat "$name")" = "Power Button" ]; then
        event=${name#/sys/class/input/}
        head -c 24 "/dev/input/${event%%/*}" > /dev/null && exec poweroff -f
    fi
done
sleep 60
"""

SCRIPTS = {"init": INIT, "etc/rc": RC, "etc/udhcpc": UDHCPC, "etc/power-button": POWER_BUTTON}

TEXTS = {
    "etc/inittab": INITTAB,
    # Not busybox's shell: that one prefers its own small ip to the real one.
    "etc/passwd": "root:*:0:0:root:/root:/bin/bash\n",
    "etc/group": "root:x:0:\n",
    "etc/shells": "/bin/bash\n",
    "etc/nsswitch.conf": "passwd: files\nhosts: files dns\n",
}
