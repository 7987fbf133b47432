# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
# The proxy as the host's standard socket, for tests, to be sourced after
# libvirtd.sh: the test plays systemd for what the units of units/standard-socket
# say. Their sockets, modes, programs and bounds of capabilities are read from
# them.
#
#   unit_install DAEMON         the units as an administrator has them, in $units
#   unit UNIT KEY               what one says
#   play_daemon DAEMON          its sockets, aside; it starts on demand
#   play_proxy NAME             a proxy's socket
#   play_bus                    a system bus of their own, with libvirt-dbus
#   unplay DAEMON               all of it stops

# What an administrator has after following docs/libvirt.md.
unit_install()  # unit_install DAEMON
{
    units=$dir/units
    rm -rf "$units"
    mkdir "$units"
    for unit in "/lib/systemd/system/$1.socket" "/lib/systemd/system/$1-ro.socket" "/lib/systemd/system/$1.service" \
                "$source"/units/*.socket "$build"/units/*.service; do
        [ ! -f "$unit" ] || sed "s|^ExecStart=.*/vmchannel-proxy|ExecStart=$dir/libexec/vmchannel-proxy|" \
            "$unit" >"$units/${unit##*/}"
    done
    cp -r "$source/units/standard-socket/$1"/. "$units"
}

# unit UNIT KEY: the values, as systemd adds them up: an empty one starts anew.
unit()
{
    cat /dev/null "$units/$1" "$units/$1.d/"*.conf 2>/dev/null | awk -v key="$2=" '
        index($0, key) == 1 {
            value = substr($0, length(key) + 1)
            if (value == "") count = 0; else values[count++] = value
        }
        END { for (i = 0; i < count; i++) print values[i] }'
}

played=
play_sockets()  # play_sockets UNIT: waits for them, as systemd makes them
{
    mode=$(unit "$1" SocketMode)
    for path in $(unit "$1" ListenStream); do
        until [ -S "$path" ]; do sleep 0.05; done
        chmod "${mode:-0666}" "$path"
    done
}

play_daemon()   # play_daemon DAEMON: its two sockets, and the daemon on demand
{
    listen=
    for path in $(unit "$1.socket" ListenStream) $(unit "$1-ro.socket" ListenStream); do
        mkdir -p "${path%/*}"
        listen="$listen --listen=$path"
    done
    # The names are libvirtd's also where it plays virtqemud.
    # shellcheck disable=SC2086 # one option a word
    systemd-socket-activate $listen --fdname=libvirtd.socket:libvirtd-ro.socket \
        libvirtd -f "$dir/etc/libvirtd.conf" -p "$dir/libvirtd.pid" >>"$dir/libvirtd.log" 2>&1 &
    daemon=$!
    play_sockets "$1.socket"
    play_sockets "$1-ro.socket"
}

play_proxy()    # play_proxy NAME: a socket unit, and its service for each client
{
    service=$1@.service
    caps=$(unit "$service" CapabilityBoundingSet | sed 's/CAP_//g; s/ /,+/g' | tr 'A-Z' 'a-z')
    # As systemd does: of a variable the last value counts, split into words.
    UPSTREAM=$(unit "$service" Environment | sed -n 's/"//g; s/^UPSTREAM=//p' | tail -n 1)
    command=$(unit "$service" ExecStart | sed "s|\$UPSTREAM|$UPSTREAM|")
    for path in $(unit "$1.socket" ListenStream); do
        mkdir -p "${path%/*}"
        # shellcheck disable=SC2086 # a command line
        systemd-socket-activate --accept --inetd --listen="$path" \
            setpriv --bounding-set "-all,+$caps" --no-new-privs $command 2>>"$dir/proxy.log" &
        played="$played $!"
    done
    play_sockets "$1.socket"
}

# What systemctl stop does, RemoveOnStop included.
unplay()
{
    # shellcheck disable=SC2086 # process ids
    kill $played
    # shellcheck disable=SC2086
    wait $played 2>/dev/null
    played=
    virt_stop
    for unit in "$1" "$1-ro" vmchannel-proxy vmchannel-proxy-ro; do
        rm -f $(unit "$unit.socket" ListenStream)
    done
    rmdir /run/libvirt/stock /run/vmchannel-proxy
}

play_bus()
{
    dbus-daemon --system --address="unix:path=$dir/bus" --nofork --nopidfile >"$dir/bus.log" 2>&1 &
    played="$played $!"
    until [ -S "$dir/bus" ]; do sleep 0.05; done
    DBUS_SYSTEM_BUS_ADDRESS=unix:path=$dir/bus
    export DBUS_SYSTEM_BUS_ADDRESS
    setpriv --reuid libvirtdbus --regid libvirtdbus --clear-groups libvirt-dbus --system \
        >"$dir/dbus.log" 2>&1 &
    played="$played $!"
}
