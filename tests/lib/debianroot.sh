# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh disable=SC2154,SC2016
# Fresh Debians on disk, and this checkout's packages: for the trials in
# tests/project that install these, to be sourced. Needs root.
#
#   $top, $built                 this checkout, and where it was built
#   root_of DIR SUITE PROGRAM    sets $suite and $work (DIR/SUITE); PROGRAM is what
#                                messages begin with
#   lay ROOT SUITE PACKAGE,...   a minimal Debian, unless ROOT is one
#   inside ROOT SCRIPT           a script in it, with this host's network
#   logged NAME COMMAND...       its output goes to $work/NAME.log; if it fails, its
#                                end is shown and the trial is over
#   build_packages ROOT          those of HEAD, into ROOT/srv/vmchannel
#   earlier_packages ROOT DIR    those of ROOT as an earlier version: DIR/earlier-*.deb
#   example ROOT                 the demo's guest, its host program and its domain

top=$(cd "$(dirname "$0")/../.." && pwd)
built=${abs_top_builddir:-$top}

root_of()
{
    suite=$2 program=$3
    mkdir -p "$1/$2"
    work=$(cd "$1/$2" && pwd)
}

say()
{
    echo "$program: $suite: $*"
}

lay()
{
    [ ! -e "$1/etc/vmchannel-laid" ] || return 0
    say "debootstrap ${1##*/}"
    debootstrap --variant=minbase --include="$3" "$2" "$1" >"$work/debootstrap.log"
    # A mirror of unstable may be some days old.
    echo 'Acquire::Check-Valid-Until "false";' >"$1/etc/apt/apt.conf.d/90vmchannel"
    # Installed packages must start nothing as long as there is no init.
    printf '#!/bin/sh\n[ -d /run/systemd/system ] || exit 101\n' >"$1/usr/sbin/policy-rc.d"
    chmod +x "$1/usr/sbin/policy-rc.d"
    touch "$1/etc/vmchannel-laid"
}

inside()
{
    cp -L /etc/resolv.conf /etc/hosts "$1/etc/"
    unshare --mount --pid --fork --kill-child sh -euc '
        mount --make-rprivate /
        mount --bind "$1" "$1"
        mount -t proc proc "$1/proc"
        mount --rbind /sys "$1/sys"
        mount --rbind /dev "$1/dev"
        mount -t tmpfs tmpfs "$1/run"
        cd "$1"
        shift
        pivot_root . mnt
        umount -l mnt
        exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb \
            LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
            DEB_BUILD_OPTIONS="${DEB_BUILD_OPTIONS-}" sh -euc "$1"
    ' sh "$1" "$2" </dev/null
}

logged()
{
    log=$work/$1.log
    say "$1"
    shift
    "$@" >"$log" 2>&1 || { tail -n 40 "$log"; exit 1; }
}

build_packages()
{
    rm -rf "$1/srv/vmchannel"
    mkdir -p "$1/srv/vmchannel"
    git clone -q "$top" "$1/srv/vmchannel/source"
    logged 'dpkg-buildpackage' inside "$1" '
        cd /srv/vmchannel/source
        apt-get update -qq
        apt-get install -y -qq --no-install-recommends dpkg-dev fakeroot
        apt-get build-dep -y -qq --no-install-recommends .
        dpkg-buildpackage -b -us -uc'
}

earlier_packages()
{
    for name in qemu-vmchannel libvirt-vmchannel; do
        rm -rf "$work/earlier"
        dpkg-deb -R "$1/srv/vmchannel/$name"_[0-9]*.deb "$work/earlier"
        sed -i 's/^\(Version: .*\)/\1~earlier/; s/(= \([^)]*\))/(= \1~earlier)/' \
            "$work/earlier/DEBIAN/control"
        dpkg-deb -b "$work/earlier" "$2/earlier-$name.deb" >/dev/null
    done
}

example()
{
    mkdir -p "$1/srv/hello"
    cp "$built/guest/vmlinuz" "$built/guest/hello.img" "$built/examples/hello-host" \
        "$1/srv/hello/"
    sed "s|$built/guest/|/srv/hello/|" "$built/examples/hello.xml" >"$1/srv/hello/hello.xml"
    chmod -R a+rX "$1/srv/hello"
}
