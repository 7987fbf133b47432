# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
# Stock virsh, a real libvirtd and the proxy between them: definitions, then
# running domains. Bytes are seen to flow after each start, restore and revert.
# Sourced by the tests, with $profile set.
set -u
. "${abs_top_srcdir:-.}/tests/lib/libvirtd.sh"
. "${abs_top_srcdir:-.}/tests/lib/flowguest.sh"
virt_enter "$0" "$@"
flow_requires
virt_start "$profile"

p() { virsh -c "$through" "$@"; }
d() { virsh -c "$direct" "$@"; }
. "$source/tests/lib/proxyconfig.sh"

has() { "$@" >"$dir/xml" && grep -qF "$channel" "$dir/xml"; }
state() { [ "$(p domstate "$1")" = "$2" ]; }
channel=$flow_shown

flow_guest 10.0.2.4 601
mkdir -m 777 "$dir/saved"
flow_domain one >"$dir/one.xml"

check 'define' p define one.xml
check 'start by plain virsh' d start one
check 'bytes flow' flows one
check 'live XML' has p dumpxml one
check 'inactive XML' has p dumpxml one --inactive
check 'XML with secrets' has p dumpxml one --security-info
check 'migratable XML' has p dumpxml one --migratable
echo "<vmchannel type='null'><target port='601'/></vmchannel>" >"$dir/null.xml"
check 'attach to its configuration' p attach-device one null.xml --config
check 'detach from its configuration' p detach-device one null.xml --config

# A second channel, while the domain runs.
second=$dir/flow/second
file()          # file PATH: the device
{
    echo "<vmchannel type='file'><source path='$1' append='on'/><target port='601'/></vmchannel>"
}
hasSecond() { "$@" >"$dir/xml" && grep -q "<target port='601' state='\(dis\)\?connected'/>" "$dir/xml"; }
lacksSecond() { "$@" >"$dir/xml" && ! grep -q "port='601'" "$dir/xml"; }
: >"$second"
: >"$dir/flow/third"
chmod 666 "$second" "$dir/flow/third"
file "$second" >second.xml
file "$dir/flow/third" >third.xml
virsh -c $direct event one --event metadata-change --timeout 60 >"$dir/heard" 2>&1 &
heard=$!
while kill -0 $heard 2>/dev/null; do
    p attach-device one second.xml --live
    p detach-device one second.xml --live
done >/dev/null 2>&1
check 'another client is told of a change' \
    grep -q "'metadata-change' for domain 'one'.*urn:vmchannel:live" "$dir/heard"
check 'attach to a running domain' p attach-device one second.xml --live
check 'bytes flow through it' flows one "$second"
check 'it is shown' hasSecond p dumpxml one
check 'by its alias too' grep -q "<alias name='vmchannel-10.0.2.4-601'/>" "$dir/xml"
check 'but not for the next start' lacksSecond p dumpxml one --inactive
check 'another client sees the record' sh -c "virsh -c '$direct' metadata one urn:vmchannel:live | grep -q '601:file:$second'"
fails 'the same again is refused' "'601'" p attach-device one second.xml --live
check 'save' p save one "$dir/saved/live"
check "the saved image's XML has it" grep -qF "601" "$(p save-image-dumpxml "$dir/saved/live" >"$dir/saved/xml" && echo "$dir/saved/xml")"
check 'restore' p restore "$dir/saved/live"
check 'bytes flow through it' flows one "$second"
check 'it is shown' hasSecond p dumpxml one
check 'managed save' p managedsave one
check 'start from it' p start one
check 'bytes flow through it' flows one "$second"
check 'update it' p update-device one third.xml --live
check 'bytes flow elsewhere' flows one "$dir/flow/third"
fails 'detach of another source is refused' 'device not found' p detach-device one second.xml --live
check 'detach it' p detach-device one third.xml
check 'it is gone' lacksSecond p dumpxml one
check 'the first one is still there' flows one
check 'both at once' p attach-device one second.xml --persistent
check 'bytes flow through it' flows one "$second"
check 'it is shown for the next start' grep -qF "601" "$(p dumpxml one --inactive >"$dir/xml" && echo "$dir/xml")"
check 'detach it from both, by its alias' p detach-device-alias one vmchannel-10.0.2.4-601 --live --config
check 'it is gone' lacksSecond p dumpxml one
check 'it is gone for the next start' lacksSecond p dumpxml one --inactive
check 'on one connection, with its events' "$build/tests/lib/virlive" "$through" one second.xml
fails 'a path that cannot be written is refused' '/nowhere/file' \
    sh -c "sed 's,$second,/nowhere/file,' second.xml >wrong.xml && virsh -c '$through' attach-device one wrong.xml --live"
check 'and leaves no record' sh -c "! virsh -c '$direct' metadata one urn:vmchannel:live | grep 601"
echo "<interface type='vmchannel'/>" >nic.xml
fails 'the NIC is not attached live' 'Operation not supported' p attach-device one nic.xml --live
fails 'nor detached' 'Operation not supported' p detach-device-alias one ua-vmchannel --live
fails 'an alias of nobody is libvirt'\''s to refuse' "ua-nobody" p detach-device-alias one ua-nobody --live
check 'monitor command' p qemu-monitor-command one '{"execute":"query-status"}'
check 'console' "$build/tests/lib/virconsole" "$through" one

check 'checkpoint of a running domain' p checkpoint-create-as one point
check 'its XML' has p checkpoint-dumpxml one point
check 'forget it' p checkpoint-delete one point

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
rm -f "$qemu_run/autostarted" "$qemu_run"/*.pid
virt_run
check 'started by the daemon' state one running
virt_stop
virt_run
check 'the daemon restarted meanwhile' has p dumpxml one
check 'destroy' p destroy one

p dumpxml one --inactive >"$dir/shown.xml"
d dumpxml one --inactive >"$dir/stock.xml"
check 'undefine' p undefine one
check 'define by plain virsh' d define "$dir/stock.xml"
check 'start' p start one
check 'bytes flow' flows one
check 'the channel is shown' has p dumpxml one
check 'destroy' p destroy one
check 'undefine' p undefine one
check 'create' p create "$dir/shown.xml"
fails 'a transient domain has no configuration' 'transient' p attach-device one null.xml --config
check 'destroy' p destroy one
fails 'is gone' 'failed to get domain' p dumpxml one
check 'undefined by nobody' test -z "$(p list --all --name)"
virt_done
