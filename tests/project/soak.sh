#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# For as long as it is told, two guests use their channels while channels are
# attached and detached, and workers, host programs and proxies are killed; at
# the end everything must be where it was after the first rounds: descriptors,
# memory, processes, zombies, sockets. `make soak MINUTES=N` runs it.
#
# A round ends when bytes have flowed again through each channel of each guest,
# after everything was done to it.
set -u
. "${abs_top_srcdir:-.}/tests/lib/libvirtd.sh"
. "${abs_top_srcdir:-.}/tests/lib/flowguest.sh"
virt_enter "$0" "$@"
flow_requires
seconds=$((${MINUTES:-60} * 60))
warm=4                          # rounds, before what is held is taken for the measure
virt_start qemu

proxy=$dir/libexec/vmchannel-proxy
guests='one two'
# Debian 12's QEMU, without KVM, translates no memory barrier of a guest that has
# one CPU, though virtio needs them towards QEMU's own thread: the likely cause of
# a NIC that sent nothing any more, after 300,000 connections of such a guest.
vcpus=2
p() { virsh -c "qemu:///system?socket=$dir/proxy" "$@" >>"$dir/said" 2>&1; }

# A line to each of its channels, as often as it can, and connections that carry
# more to the agent's. What the guest is at stands on its console, for state().
guest_parts()
{
    flow_guest 10.0.2.4 601
    {
        echo 'while :; do nettool --sequence 20 10.0.2.4 602; nettool --parallel 20 10.0.2.4 602; done &'
        echo 'while sleep 20; do ps; netstat -tn | grep -v TIME_WAIT | head -n 30; done &'
        cat "$dir/guest/parts/main"
    } >"$dir/guest/parts/busy"
    mv "$dir/guest/parts/busy" "$dir/guest/parts/main"
    (cd "$dir/guest/parts" && echo main | cpio -o -H newc -R 0:0 --quiet) | gzip |
        cat "$build/guest/initrd.img" - >"$dir/guest/initrd"
}

domain()        # domain NAME: one with a file and an agent
{
    boot="<kernel>$dir/guest/vmlinuz</kernel><initrd>$dir/guest/initrd</initrd>"
    boot="$boot<cmdline>console=ttyS0 quiet panic=-1</cmdline>"
    : >"$dir/flow/$1"
    : >"$dir/flow/$1-second"
    : >"$dir/$1.console"
    chmod 666 "$dir/flow/$1" "$dir/flow/$1-second" "$dir/$1.console"
    virt_domain "$1" \
        "<console type='file'><source path='$dir/$1.console'/></console>" \
        "<vmchannel type='file'><source path='$dir/flow/$1' append='on'/>$flow_shown/></vmchannel>" \
        "<vmchannel type='unix'><source mode='connect' path='$dir/agent'/><target port='602'/></vmchannel>" \
        >"$dir/$1.xml"
    echo "<vmchannel type='file'><source path='$dir/flow/$1-second' append='on'/><target port='601'/></vmchannel>" \
        >"$dir/$1-second.xml"
}

agent_start()
{
    "$build/examples/agent-host" "$dir/agent" cat 2>>"$dir/said" &
    agent=$!
    until [ -S "$dir/agent" ]; do sleep 0.05; done
    chmod 666 "$dir/agent"
}

agent_kill()
{
    kill -9 $agent
    wait $agent 2>/dev/null
    rm -f "$dir/agent"
}

# A process of a guest's relay: relay NAME worker|broker
relay()
{
    qemu=$(cat "/run/libvirt/qemu/$1.pid")
    for pid in $(pgrep -x "vmch-$2"); do
        [ "$2" = worker ] && parent=$(ps -o ppid= -p "$pid" | tr -d ' ') || parent=$pid
        tr '\0' '\n' <"/proc/$parent/cmdline" 2>/dev/null | grep -qxF "$(cat "$dir/$1.uuid")" &&
            echo "$pid" && return
    done
    echo "soak: no $2 of $1 beside QEMU $qemu" >&2
    return 1
}

# One line of what is held now, each figure under its name.
measure()
{
    brokers=$(pgrep -x vmch-broker) workers=$(pgrep -x vmch-worker) pumps=$(pgrep -x vmch-pump)
    fds=0 memory=0
    for pid in $brokers; do fds=$((fds + $(ls "/proc/$pid/fd" | wc -l))); done
    for pid in $brokers $workers $pumps; do
        # Its own: what is shared depends on whatever else runs.
        memory=$((memory + $(awk '$1 == "Anonymous:" { print $2 }' "/proc/$pid/smaps_rollup" 2>/dev/null || echo 0)))
    done
    echo "broker-descriptors=$fds" \
        "relay-memory-kib=$memory" \
        "relay-processes=$(echo $brokers $workers $pumps | wc -w)" \
        "daemon-descriptors=$(ls "/proc/$daemon/fd" | wc -l)" \
        "proxies=$(pgrep -c -x vmchannel-proxy)" \
        "zombies=$(ps -eo stat= | grep -c '^Z')" \
        "sockets=$(find "$dir" -type s | wc -l)"
}

# What there is to see of a guest whose bytes do not come.
state()         # state GUEST
{
    echo "# $1, by its relay:"
    virsh -c $direct qemu-monitor-command "$1" --hmp 'info status' 2>&1
    "$build/virt-vmchannel" list --json 2>&1
    for part in broker worker; do
        pid=$(relay "$1" $part) || continue
        echo "# its $part:"
        ls -l "/proc/$pid/fd"
        sed -n '/^State/p; /^VmRSS/p; /^Threads/p' "/proc/$pid/status"
    done
    echo "# its console:"
    tail -n 100 "$dir/$1.console"
    echo "# its emulator's log:"
    tail -n 20 "$qemu_log/$1.log"
}

figure() { echo "$2" | tr ' ' '\n' | sed -n "s/^$1=//p"; }

killed_proxy()  # a client's proxy, with a call under way
{
    virsh -c "qemu:///system?socket=$dir/proxy" event --event lifecycle --timeout 600 >/dev/null 2>&1 &
    client=$!
    until victim=$(pgrep -n -P "$listener" vmchannel-proxy); do sleep 0.05; done
    kill -9 "$victim"
    wait $client 2>/dev/null
    :
}

round()
{
    for guest in $guests; do
        p attach-device $guest "$dir/$guest-second.xml" --live || return 1
        flows $guest "$dir/flow/$guest-second" || return 1
        kill -9 "$(relay $guest worker)" || return 1
        flows $guest "$dir/flow/$guest" && flows $guest "$dir/flow/$guest-second" || return 1
        p detach-device $guest "$dir/$guest-second.xml" --live || return 1
    done
    agent_kill
    agent_start
    killed_proxy
    for guest in $guests; do
        flows $guest "$dir/flow/$guest" || return 1
    done
}

level()         # level NAME SLACK: as it was, but for SLACK more
{
    was=$(figure "$1" "$first") is=$(figure "$1" "$last")
    echo "# $1: $was after $warm rounds, $is at the end"
    check "$1 stayed level" test "$is" -le $((was + $2))
}

guest_parts
agent_start
"$proxy" --listen "$dir/proxy" --system 2>>"$dir/said" &
listener=$!
until [ -S "$dir/proxy" ]; do sleep 0.05; done
for guest in $guests; do
    domain $guest
    p define "$dir/$guest.xml"
    virsh -c $direct domuuid $guest | tr -d '\n' >"$dir/$guest.uuid"
    check "start of $guest" p start $guest
    check "bytes of $guest flow" flows $guest "$dir/flow/$guest"
done

rounds=0
first=
end=$(($(date +%s) + seconds))
ok=0
while [ "$(date +%s)" -lt $end ] || [ $rounds -le $warm ]; do
    round || { ok=1; break; }
    rounds=$((rounds + 1))
    last=$(measure)
    [ $((rounds % 10)) != 1 ] || echo "# round $rounds: $last"
    [ $rounds != $warm ] || first=$last
done
report $ok "each of $rounds rounds ended with bytes flowing"
[ $ok = 0 ] || {
    { for guest in $guests; do state $guest; done; tail -n 40 "$dir/said"; } | sed 's/^/# /'
    virt_done
    exit 1
}

level broker-descriptors 4
level relay-memory-kib 1024
level relay-processes 0
level daemon-descriptors 4
level proxies 0
level zombies 1
level sockets 0
check 'both guests stop' sh -c "virsh -c $direct destroy one && virsh -c $direct destroy two"
tries=0
until [ -z "$(pgrep -x 'vmch-.*')" ] || [ $tries = 100 ]; do tries=$((tries + 1)); sleep 0.1; done
check 'and leave no relay' test -z "$(pgrep -x 'vmch-.*')"
check 'nor a control socket' test -z "$(find "$dir/control" -type s)"
virt_done
