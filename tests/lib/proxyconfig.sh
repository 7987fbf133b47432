# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
# Stock virsh, a real libvirtd and the proxy between them: definitions. Sourced
# by proxydomain.sh when the daemon runs.

shows()     # shows TEXT DUMPXML-ARGUMENT...: as the proxy has it
{
    wanted=$1
    shift
    p dumpxml "$@" >"$dir/xml" && grep -qF "$wanted" "$dir/xml"
}
hides() { ! shows "$@" && [ -s "$dir/xml" ]; }

agent="<vmchannel type='unix'><source mode='connect' path='/run/agent.sock'/><target port='600'/></vmchannel>"
null="<vmchannel type='null'><target port='601'/></vmchannel>"
virt_domain one "$agent" >one.xml
virt_domain plain >plain.xml

check 'define' p define one.xml
check 'the channel is shown' shows "<target port='600'/>" one
check 'with the real emulator' shows '<emulator>/usr/bin/qemu-system-x86_64</emulator>' one
check 'and its NIC' shows "<interface type='vmchannel'>" one
check 'plain libvirt has the argument' sh -c "virsh -c '$direct' dumpxml one | grep -q 600:unix:/run/agent.sock"

p dumpxml one --inactive >shown.xml
d dumpxml one --inactive >stock.xml
check 'what is shown can be defined' p define shown.xml --validate
d dumpxml one --inactive >again.xml
same 'and is the same domain' stock.xml again.xml

check 'define without ours' p define plain.xml
p dumpxml plain >through.xml
d dumpxml plain >direct.xml
same 'a domain without ours is shown as it is' direct.xml through.xml

virt_domain odd "<vmchannel type='null'>words<target port='600'/></vmchannel>" >odd.xml
fails 'what our schema does not have is refused by --validate' 'failed to validate' \
    p define odd.xml --validate
fails 'and by create' 'failed to validate' p create odd.xml --validate
check 'and taken without it' p define odd.xml
check 'undefine' p undefine odd
virt_domain odd "$agent" '<odd/>' >odd.xml
fails 'the rest is validated by libvirt' 'failed to validate' p define odd.xml --validate
check 'and not without being asked' p define odd.xml
check 'undefine' p undefine odd

virt_domain bad "<vmchannel type='unix'><source path='/s'/><target port='0'/></vmchannel>" >bad.xml
fails 'a bad port is refused' "'0'" p define bad.xml
fails 'and nothing was defined' 'failed to get domain' p dumpxml bad
fails 'read-only defines nothing' 'read only' virsh -r -c "$through" define one.xml
check 'read-only shows' sh -c "virsh -r -c '$through' dumpxml one | grep -q '<vmchannel '"

echo "$null" >null.xml
check 'attach --config' p attach-device one null.xml --config
check 'is shown' shows "<target port='601'/>" one
fails 'the same again is refused' "'601'" p attach-device one null.xml --config
fails 'attach to a running domain that does not run' 'domain is not running' p attach-device one null.xml --live
fails 'which is what no flag means to the old call' 'domain is not running' p attach-device one null.xml
echo "<vmchannel type='file'><source path='/tmp/out'/><target port='601'/></vmchannel>" >file.xml
check 'update --config' p update-device one file.xml --config
check 'is shown' shows "<source path='/tmp/out'/>" one
fails 'detach of another source is refused' 'device not found' p detach-device one null.xml --config
check 'detach --config' p detach-device one file.xml --config
check 'is gone' hides "<target port='601'/>" one
check 'attach to a plain domain' p attach-device plain null.xml --current
check 'is shown' shows "<target port='601'/>" plain
check 'detach by --current' p detach-device plain null.xml --current
echo "<interface type='vmchannel'><model type='e1000'/></interface>" >nic.xml
check 'the NIC changes its model' p update-device one nic.xml --config
check 'is shown' shows "<model type='e1000'/>" one
fails 'it cannot go while it carries channels' 'carries 1 channel' p detach-device one nic.xml --config
check 'it goes with the last channel' p detach-device plain nic.xml --config
check 'is gone' hides 'vmchannel' plain
echo "<disk type='file'><source file='/tmp/d'/><target dev='vdb' bus='virtio'/></disk>" >disk.xml
check 'other devices are libvirt'\''s' p attach-device one disk.xml --config

check 'domain capabilities have the device' sh -c \
    "virsh -c '$through' domcapabilities | grep -q \"<vmchannel supported='yes'>\""
check 'domxml-to-native has no tap' sh -c \
    "virsh -c '$through' domxml-to-native qemu-argv --domain one >'$dir/argv' && grep -q -- '-vmchannel 600:unix:/run/agent.sock' '$dir/argv' && ! grep -q ua-vmchannel '$dir/argv'"

cat >editor <<'EOD'
#!/bin/sh
sed -i "s,/run/agent.sock,/run/edited.sock," "$1"
EOD
chmod +x editor
check 'edit' env EDITOR="$dir/editor" virsh -c "$through" edit one
check 'is shown' shows "/run/edited.sock" one

check 'rename' p domrename one two
check 'description' p desc two 'some words'
check 'the channel is still there' shows "<target port='600'/>" two
check 'metadata' p metadata two http://example.org/ --key x --set '<a/>'
check 'the channel is still there' shows "<target port='600'/>" two
fails 'an interface of ours is one' 'a domain can have one' p attach-device two nic.xml --config
p dumpxml two --inactive --security-info >before.xml
virt_stop
virt_run
p dumpxml two --inactive --security-info >after.xml
same 'the daemon restarted' before.xml after.xml
check 'undefine' p undefine two
check 'undefine' p undefine plain
