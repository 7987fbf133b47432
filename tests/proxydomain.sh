# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
# Stock virsh, a real libvirtd and the proxy between them: running domains. A
# guest writes lines to its channel for as long as it runs, so that bytes are
# seen to flow after each start, restore and revert. Sourced by the tests, with
# $profile set.
set -u
. "${abs_top_srcdir:-.}/tests/libvirtd.sh"
virt_enter "$0" "$@"
command -v qemu-img >/dev/null || skip_all 'no qemu-img'
[ -f "$build/guest/initrd.img" ] || skip_all "no guest: $(cat "$build/guest/unavailable" 2>&1)"
virt_start "$profile"

p() { virsh -c "$through" "$@"; }
d() { virsh -c $direct "$@"; }
has() { "$@" >"$dir/xml" && grep -qF "$channel" "$dir/xml"; }
state() { [ "$(p domstate "$1")" = "$2" ]; }
channel="<target port='600'/>"

# Waits for a line that the guest has written since.
lines() { wc -l <"$dir/flow/lines"; }
flows()
{
    before=$(lines)
    tries=0
    until [ "$(lines)" -gt "$before" ]; do
        tries=$((tries + 1))
        [ $tries -lt 600 ] || { cat "$dir/log/qemu/one.log"; return 1; }
        sleep 0.1
    done
}

guest()
{
    mkdir -p "$dir/guest/parts"
    echo 'while :; do echo alive | nc 10.0.2.4 600; usleep 200000; done' >"$dir/guest/parts/main"
    (cd "$dir/guest/parts" && echo main | cpio -o -H newc -R 0:0 --quiet) | gzip |
        cat "$build/guest/initrd.img" - >"$dir/guest/initrd"
    cp "$build/guest/vmlinuz" "$dir/guest/"
    qemu-img create -q -f qcow2 "$dir/guest/disk" 64M
    mkdir "$dir/flow" "$dir/saved"
    : >"$dir/flow/lines"
    chmod 777 "$dir/flow" "$dir/saved"
    chmod 666 "$dir/flow/lines" "$dir/guest/disk"
    boot="<kernel>$dir/guest/vmlinuz</kernel><initrd>$dir/guest/initrd</initrd>"
    boot="$boot<cmdline>console=ttyS0 quiet panic=-1</cmdline>"
    virt_domain one \
        "<disk type='file'><driver name='qemu' type='qcow2'/><source file='$dir/guest/disk'/><target dev='vda' bus='virtio'/></disk>" \
        "<console type='pty'/>" \
        "<vmchannel type='file'><source path='$dir/flow/lines' append='on'/>$channel</vmchannel>" \
        >"$dir/one.xml"
}
guest

check 'define' p define one.xml
check 'start' p start one
check 'bytes flow' flows
check 'live XML' has p dumpxml one
check 'inactive XML' has p dumpxml one --inactive
check 'XML with secrets' has p dumpxml one --security-info
check 'migratable XML' has p dumpxml one --migratable
echo "<vmchannel type='null'><target port='601'/></vmchannel>" >"$dir/null.xml"
fails 'attach to a running domain' 'Operation not supported' p attach-device one null.xml --current
check 'attach to its configuration' p attach-device one null.xml --config
check 'detach from its configuration' p detach-device one null.xml --config
check 'monitor command' p qemu-monitor-command one '{"execute":"query-status"}'
check 'console' "$build/tests/virconsole" "$through" one

check 'snapshot of a running domain' p snapshot-create-as one running
check 'its XML' has p snapshot-dumpxml one running
check 'revert to it' p snapshot-revert one running
check 'bytes flow' flows

check 'save' p save one "$dir/saved/one"
check "the saved image's XML" has p save-image-dumpxml "$dir/saved/one"
printf '#!/bin/sh\nsed -i "s,<vcpu,<!-- edited --><vcpu," "$1"\n' >"$dir/editor"
chmod +x "$dir/editor"
check "edit the saved image's XML" env EDITOR="$dir/editor" virsh -c "$through" save-image-edit "$dir/saved/one"
p save-image-dumpxml "$dir/saved/one" >"$dir/saved/xml"
check 'restore' p restore "$dir/saved/one" --xml "$dir/saved/xml"
check 'bytes flow' flows
check 'the channel is shown' has p dumpxml one

check 'managed save' p managedsave one
check 'its XML' has p managedsave-dumpxml one
check 'edit its XML' env EDITOR="$dir/editor" virsh -c "$through" managedsave-edit one
check 'start from it, by plain virsh' d start one
check 'bytes flow' flows

virsh -c "$through" event one --event lifecycle --timeout 60 >"$dir/event" 2>&1 &
events=$!
while kill -0 $events 2>/dev/null; do
    p suspend one
    p resume one
done >/dev/null 2>&1
check 'an event comes' grep -q "event 'lifecycle' for domain 'one'" "$dir/event"
check 'destroy' p destroy one

check 'snapshot of one that does not run' p snapshot-create-as one off
check 'its XML' has p snapshot-dumpxml one off
check 'revert to it' p snapshot-revert one off
check 'is off' state one 'shut off'
p snapshot-dumpxml one running --security-info >"$dir/snapshot.xml"
check 'forget a snapshot' p snapshot-delete one running --metadata
check 'define it again from its XML' p snapshot-create one "$dir/snapshot.xml" --redefine
check 'its XML' has p snapshot-dumpxml one running
check 'forget both' sh -c "virsh -c '$through' snapshot-delete one running && virsh -c '$through' snapshot-delete one off"

check 'autostart' p autostart one
virt_stop
rm -f "$dir/run/qemu/autostarted" "$dir"/run/qemu/*.pid
virt_run
check 'started by the daemon' state one running
virt_stop
virt_run
check 'the daemon restarted meanwhile' has p dumpxml one
check 'destroy' p destroy one

p dumpxml one --inactive >"$dir/shown.xml"
check 'undefine' p undefine one
check 'create' p create "$dir/shown.xml"
fails 'a transient domain has no configuration' 'transient' p attach-device one null.xml --config
check 'destroy' p destroy one
fails 'is gone' 'failed to get domain' p dumpxml one
check 'undefined by nobody' test -z "$(p list --all --name)"
virt_done
