# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
# A guest that writes lines to its channels for as long as it runs, so that
# bytes can be seen to flow. To be sourced after libvirtd.sh.
#
#   flow_requires               skips without the guest's parts; before virt_start
#   flow_guest [ADDRESS PORT]   makes it; lines go to a second channel too
#   flow_domain NAME [LINE...]  the domain, with more lines of devices
#   flows DOMAIN [FILE]         waits for a line that it has written since

# How a domain's XML shows the channel, whoever prints it: with its state, or not.
flow_shown="<target port='600'"

flow_requires()
{
    command -v qemu-img >/dev/null || skip_all 'no qemu-img'
    [ -f "$build/guest/initrd.img" ] ||
        skip_all "no guest: $(cat "$build/guest/unavailable" 2>&1)"
}

flow_guest()
{
    mkdir -p "$dir/guest/parts"
    {
        echo 'while :; do'
        echo 'echo alive | nc 10.0.2.4 600'
        [ $# = 0 ] || echo "echo alive | nc $1 $2"
        echo 'usleep 200000; done'
    } >"$dir/guest/parts/main"
    (cd "$dir/guest/parts" && echo main | cpio -o -H newc -R 0:0 --quiet) | gzip |
        cat "$build/guest/initrd.img" - >"$dir/guest/initrd"
    cp "$build/guest/vmlinuz" "$dir/guest/"
    qemu-img create -q -f qcow2 "$dir/guest/disk" 64M
    mkdir -m 777 "$dir/flow"
    : >"$dir/flow/lines"
    chmod 666 "$dir/flow/lines" "$dir/guest/disk"
}

flow_domain()
{
    boot="<kernel>$dir/guest/vmlinuz</kernel><initrd>$dir/guest/initrd</initrd>"
    boot="$boot<cmdline>console=ttyS0 quiet panic=-1</cmdline>"
    domain=$1
    shift
    virt_domain "$domain" \
        "<disk type='file'><driver name='qemu' type='qcow2'/><source file='$dir/guest/disk'/><target dev='vda' bus='virtio'/></disk>" \
        "<console type='pty'/>" \
        "<vmchannel type='file'><source path='$dir/flow/lines' append='on'/>$flow_shown/></vmchannel>" \
        "$@"
}

lines() { wc -l <"$1"; }
flows()
{
    flow_file=${2-$dir/flow/lines}
    before=$(lines "$flow_file")
    tries=0
    until [ "$(lines "$flow_file")" -gt "$before" ]; do
        tries=$((tries + 1))
        [ $tries -lt 600 ] || { cat "$qemu_log/$1.log"; return 1; }
        sleep 0.1
    done
}
