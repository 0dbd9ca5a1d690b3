# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files inside the guest "debian-12". What is done here to boot fast was measured one by one on an emulated processor."""

from __future__ import annotations

INIT = r"""#!/bin/busybox sh
# Process 1 of the initramfs: load the disk's driver, mount the root file system, go there.
export PATH=/bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
while read -r module; do
    insmod "/modules/$module"
done < /modules/order
for word in $(cat /proc/cmdline); do
    case $word in
    root=*) root=${word#root=} ;;
    esac
done

# A larger disk gets a larger partition here, before it is in use; cloud-init then grows the file system.
# The boot record holds the length of the first partition in sectors as four bytes, least significant first.
grow() {
    partition=/sys/class/block/${1#/dev/}
    [ -e "$partition/partition" ] || return 0
    disk=$(readlink -f "$partition/..")
    room=$(($(cat "$disk/size") - $(cat "$partition/start")))
    [ $room -gt "$(cat "$partition/size")" ] || return 0
    for byte in 0 1 2 3; do
        printf "\\x$(printf %x $((room >> 8 * byte & 255)))"
    done | dd of="/dev/${disk##*/}" bs=1 seek=458 conv=notrunc 2>/dev/null
    blockdev --rereadpt "/dev/${disk##*/}"
}

tries=0
until device=$(findfs "$root" 2>/dev/null || echo "$root") && grow "$device" && mount -t ext4 -o rw,noatime "$device" /mnt 2>/dev/null; do
    tries=$((tries + 1))
    if [ $tries -gt 100 ]; then
        echo "netvirt: no root file system $root; the disk must be a virtio disk" > /dev/console
        exec sh
    fi
    sleep 0.1
done
mount -o move /dev /mnt/dev
umount /proc /sys
exec switch_root /mnt /sbin/init
"""

CLOUD_CFG = """\
# Debian's own list without what a lab never uses, and without what takes seconds on an emulated processor though it has
# nothing to do: growpart (the initramfs does it) and apt-configure.
users: [default]
disable_root: true
preserve_hostname: false
# Without it sudo cannot resolve the guest's own name.
manage_etc_hosts: true
ssh_deletekeys: true
ssh_genkeytypes: [ed25519]
syslog_fix_perms: null
datasource_list: [NoCloud, None]
cloud_init_modules:
  - bootcmd
  - write-files
  - resizefs
  - disk_setup
  - mounts
  - set_hostname
  - update_hostname
  - update_etc_hosts
  - ca-certs
  - users-groups
  - ssh
cloud_config_modules:
  - ssh-import-id
  - set-passwords
  - timezone
  - runcmd
cloud_final_modules:
  - package-update-upgrade-install
  - write-files-deferred
  - scripts-vendor
  - scripts-per-once
  - scripts-per-boot
  - scripts-per-instance
  - scripts-user
  - phone-home
  - final-message
  - power-state-change
system_info:
  distro: debian
  default_user:
    name: debian
    gecos: Debian
    lock_passwd: true
    sudo: ["ALL=(ALL) NOPASSWD:ALL"]
    shell: /bin/bash
  network: {renderers: [networkd]}
  paths: {cloud_dir: /var/lib/cloud/, templates_dir: /etc/cloud/templates/}
  ssh_svcname: ssh
"""

# Packages and scripts of the last stage may use the network; nothing before it waits, so a guest without DHCP boots as fast.
ONLINE_UNIT = """\
[Unit]
Description=Wait for the network before cloud-init's last stage
After=systemd-networkd.service cloud-init.service
Before=cloud-final.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=-/lib/systemd/systemd-networkd-wait-online --any --quiet --timeout=10
"""

FILES = {
    "etc/hostname": "debian\n",
    "etc/fstab": "# The initramfs mounts the root file system.\n",
    "etc/apt/sources.list": (
        "deb http://deb.debian.org/debian bookworm main\n"
        "deb http://deb.debian.org/debian bookworm-updates main\n"
        "deb http://deb.debian.org/debian-security bookworm-security main\n"
    ),
    "etc/cloud/cloud.cfg": CLOUD_CFG,
    "etc/cloud/ds-identify.cfg": "policy: enabled\n",
    "etc/systemd/system/netvirt-online.service": ONLINE_UNIT,
    "etc/systemd/journald.conf.d/netvirt.conf": "[Journal]\nStorage=volatile\n",
    # The lab's own resolvers, as the lab gives them, and no chatter on its links.
    "etc/systemd/resolved.conf.d/netvirt.conf": "[Resolve]\nDNSStubListener=no\nLLMNR=no\nMulticastDNS=no\n",
}

LINKS = {
    "etc/resolv.conf": "../run/systemd/resolve/resolv.conf",
    "etc/systemd/system/cloud-final.service.wants/netvirt-online.service": "../netvirt-online.service",
    "etc/systemd/system/multi-user.target.wants/systemd-networkd.service": "/lib/systemd/system/systemd-networkd.service",
    "etc/systemd/system/sysinit.target.wants/systemd-resolved.service": "/lib/systemd/system/systemd-resolved.service",
}

# Not systemd-logind: it answers the power button. Not systemd-user-sessions: it opens the logins.
# Not kmod-static-nodes: it makes /dev/net/tun. Timers are all masked, whatever they are.
MASKED_UNITS = (
    # Of packages that may be added: what asks or tells the network something without being asked.
    "avahi-daemon.service",
    "avahi-daemon.socket",
    "chrony.service",
    "ntpsec.service",
    "openntpd.service",
    "packagekit.service",
    "unattended-upgrades.service",
    # What takes time.
    "cloud-init-hotplugd.socket",
    "dev-hugepages.mount",
    "dev-mqueue.mount",
    "e2scrub_reap.service",
    "getty@tty1.service",
    "modprobe@.service",
    "modprobe@configfs.service",
    "modprobe@dm_mod.service",
    "modprobe@drm.service",
    "modprobe@efi_pstore.service",
    "modprobe@fuse.service",
    "modprobe@loop.service",
    "proc-sys-fs-binfmt_misc.automount",
    "sys-fs-fuse-connections.mount",
    "sys-kernel-config.mount",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
    "systemd-ask-password-console.path",
    "systemd-ask-password-wall.path",
    "systemd-boot-system-token.service",
    "systemd-hwdb-update.service",
    "systemd-journal-flush.service",
    "systemd-network-generator.service",
    "systemd-networkd-wait-online.service",
    "systemd-pcrphase-sysinit.service",
    "systemd-pcrphase.service",
    "systemd-pstore.service",
    "systemd-random-seed.service",
    "systemd-repart.service",
    "systemd-sysusers.service",
    "systemd-timesyncd.service",
    "systemd-update-utmp-runlevel.service",
    "systemd-update-utmp.service",
)

# What the build left that every guest must make for itself, or that says where it was built.
UNWANTED = (
    "etc/apt/apt.conf.d/99mmdebstrap",
    "etc/ssh/ssh_host_*",
    "var/cache/apt/archives",
    "var/lib/apt/lists/*",
    "var/log/apt",
    "var/log/dpkg.log",
)
