# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
# Stock virsh, a real libvirtd and the proxy between them: running domains.
# Bytes are seen to flow after each start, restore and revert. Sourced by the
# tests, with $profile set.
set -u
. "${abs_top_srcdir:-.}/tests/libvirtd.sh"
. "${abs_top_srcdir:-.}/tests/flowguest.sh"
virt_enter "$0" "$@"
flow_requires
virt_start "$profile"

p() { virsh -c "$through" "$@"; }
d() { virsh -c $direct "$@"; }
has() { "$@" >"$dir/xml" && grep -qF "$channel" "$dir/xml"; }
state() { [ "$(p domstate "$1")" = "$2" ]; }
channel=$flow_target

flow_guest
mkdir -m 777 "$dir/saved"
flow_domain one >"$dir/one.xml"

check 'define' p define one.xml
check 'start' p start one
check 'bytes flow' flows one
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
check 'bytes flow' flows one

check 'save' p save one "$dir/saved/one"
check "the saved image's XML" has p save-image-dumpxml "$dir/saved/one"
printf '#!/bin/sh\nsed -i "s,<vcpu,<!-- edited --><vcpu," "$1"\n' >"$dir/editor"
chmod +x "$dir/editor"
check "edit the saved image's XML" env EDITOR="$dir/editor" virsh -c "$through" save-image-edit "$dir/saved/one"
p save-image-dumpxml "$dir/saved/one" >"$dir/saved/xml"
check 'restore' p restore "$dir/saved/one" --xml "$dir/saved/xml"
check 'bytes flow' flows one
check 'the channel is shown' has p dumpxml one

check 'managed save' p managedsave one
check 'its XML' has p managedsave-dumpxml one
check 'edit its XML' env EDITOR="$dir/editor" virsh -c "$through" managedsave-edit one
check 'start from it, by plain virsh' d start one
check 'bytes flow' flows one

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
