#!/usr/bin/env bash
# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The default lab by hand: the commands that a tutorial has its readers paste. It is what default_lab.py measures site.yml against.
#
#   tutorial.sh up DIRECTORY UPLINK      DIRECTORY gets the overlays, seeds, sockets and the key
#   tutorial.sh down DIRECTORY UPLINK
set -eu
work=$2 uplink=$3 images=/var/lib/netvirt/images/debian-12
base=$(ls "$images"/disk-*.raw) kernel=$(ls "$images"/vmlinux-*) initrd=$(ls "$images"/initrd-*)

guest() {  # NAME MODEL MAC TAP
    qemu-img create -q -f qcow2 -b "$base" -F raw "$work/$1.qcow2"
    cat >"$work/user-data" <<END
#cloud-config
hostname: $1
manage_etc_hosts: true
users:
  - name: debian
    sudo: ALL=(ALL) NOPASSWD:ALL
    shell: /bin/bash
    ssh_authorized_keys: ["$(cat "$work/key.pub")"]
END
    printf 'instance-id: %s\nlocal-hostname: %s\n' "$1" "$1" >"$work/meta-data"
    cat >"$work/network-config" <<END
version: 2
ethernets: {nic0: {match: {macaddress: "$3"}, dhcp4: true}}
END
    genisoimage -quiet -output "$work/$1.iso" -volid cidata -joliet -rock "$work/user-data" "$work/meta-data" "$work/network-config"
    qemu-system-x86_64 -name "$1" -accel tcg -M q35 -cpu max -smp 1 -m 512 -display none -nodefaults -daemonize \
        -kernel "$kernel" -initrd "$initrd" -append "root=LABEL=netvirt-root console=ttyS0 quiet" \
        -drive "file=$work/$1.qcow2,if=virtio,cache=unsafe" -drive "file=$work/$1.iso,if=virtio,format=raw,readonly=on" \
        -netdev "tap,id=net0,ifname=$4,script=no,downscript=no" -device "$2,netdev=net0,mac=$3" \
        -serial "file:$work/$1.log" -pidfile "$work/$1.pid"
}

up() {
    mkdir -p "$work"
    ssh-keygen -q -t ed25519 -N '' -f "$work/key"
    ovs-vsctl add-br tut-br -- set bridge tut-br datapath_type=netdev
    ip address add 192.168.77.1/24 dev tut-br
    ip link set tut-br up
    for tap in tut-tap1 tut-tap2; do
        ip tuntap add "$tap" mode tap
        ip link set "$tap" up
        ovs-vsctl add-port tut-br "$tap"
    done
    ip netns add tut-ns1
    ip link add tut-veth type veth peer name eth0 netns tut-ns1
    ip link set tut-veth up
    ovs-vsctl add-port tut-br tut-veth
    ip -n tut-ns1 link set lo up
    ip -n tut-ns1 link set eth0 address 02:00:00:00:77:13
    ip -n tut-ns1 link set eth0 up
    # Without it TCP from the namespace stalls on the userspace datapath, unless userspace-tso-enable is set.
    [ "$(ovs-vsctl --if-exists get Open_vSwitch . other_config:userspace-tso-enable)" = '"true"' ] ||
        ip netns exec tut-ns1 ethtool -K eth0 tx off >/dev/null
    sysctl -q -w net.ipv4.ip_forward=1
    nft add table ip tutorial
    nft add chain ip tutorial postrouting '{ type nat hook postrouting priority srcnat; }'
    nft add rule ip tutorial postrouting ip saddr 192.168.77.0/24 oifname "$uplink" masquerade
    dnsmasq --conf-file=/dev/null --interface=tut-br --bind-interfaces --except-interface=lo --pid-file="$work/dnsmasq.pid" \
        --dhcp-leasefile="$work/leases" --dhcp-range=192.168.77.2,192.168.77.200,12h --no-ping \
        --dhcp-host=52:54:00:00:77:11,192.168.77.11,legacy --dhcp-host=52:54:00:00:77:12,192.168.77.12,modern \
        --dhcp-host=02:00:00:00:77:13,192.168.77.13,ns1
    guest legacy e1000 52:54:00:00:77:11 tut-tap1
    guest modern virtio-net-pci 52:54:00:00:77:12 tut-tap2
    ip netns exec tut-ns1 udhcpc -q -n -i eth0 >/dev/null 2>&1
}

down() {
    for name in legacy modern dnsmasq; do
        pid=$(cat "$work/$name.pid")
        kill "$pid"
        while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
    done
    nft delete table ip tutorial
    ip netns del tut-ns1
    ovs-vsctl del-br tut-br
    ip link del tut-tap1
    ip link del tut-tap2
    rm -rf "$work"
}

"$1"
