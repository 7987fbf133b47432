# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh disable=SC2154
# A Debian as a guest, made by mmdebstrap: for tests in tests/guest, to be sourced. They
# have $build and $dir, and a function skip_all. GUEST_SUITE=trixie tries another suite.
#
#   guest_requires              skips where there is none
#   guest_root PACKAGE,...      a small one in $root, with udev, the modules of the test
#                               guest, and a NIC vmchannel0
#   guest_runs                  its service: the script that is read, which ends with poweroff
#   guest_image                 $root as it is now, to be booted
#   guest_boot ARGUMENT...      returns when it is off; its console is in $dir/console

suite=${GUEST_SUITE:-bookworm}

guest_requires()
{
    [ ! -f "$build/guest/unavailable" ] || skip_all "no guest: $(cat "$build/guest/unavailable")"
    [ "$(id -u)" = 0 ] || skip_all 'not root'
    PATH=$PATH:/sbin:/usr/sbin
    command -v mmdebstrap >/dev/null || skip_all 'no mmdebstrap'
    guest=$(cd "$build/guest" && pwd)
    root=$dir/root
}

guest_root()
{
    mmdebstrap --quiet --variant=minbase --aptopt='Acquire::Check-Valid-Until "false"' \
        --include="systemd-sysv,udev,kmod,iproute2,$1" "$suite" "$root" &&
        rm -rf "$root"/usr/share/doc "$root"/usr/share/man "$root"/usr/share/locale \
            "$root"/var/cache/apt "$root"/var/lib/apt &&
        (cd "$root" && gzip -dc "$guest/initrd.img" | cpio -id --quiet 'modules/*') &&
        mkdir -p "$root/etc/systemd/network" &&
        cp "${abs_top_srcdir:-.}/examples/guests/10-vmchannel.link" "$root/etc/systemd/network/"
}

guest_runs()
{
    cat >"$root/usr/local/bin/report"
    cat >"$root/etc/systemd/system/report.service" <<'EOD'
[Unit]
Description=What the guest has got
[Service]
ExecStart=/usr/local/bin/report
[Install]
WantedBy=multi-user.target
EOD
    cat >"$root/init" <<'EOD'
#!/bin/sh
for module in /modules/*.ko; do insmod "$module"; done
exec /lib/systemd/systemd
EOD
    chmod +x "$root/init" "$root/usr/local/bin/report"
    ln -s ../report.service "$root/etc/systemd/system/multi-user.target.wants/report.service"
}

guest_image()
{
    (cd "$root" && find . | cpio -o -H newc -R 0:0 --quiet) | gzip -1 >"$dir/image"
}

guest_boot()
{
    timeout 900 "$build/qemu-vmchannel" qemu-system-x86_64 -accel tcg -m 2048 -nodefaults \
        -display none -no-reboot -serial "file:$dir/console" \
        -kernel "$guest/vmlinuz" -initrd "$dir/image" \
        -append 'console=ttyS0 quiet panic=-1' "$@" </dev/null
}
