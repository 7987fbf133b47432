# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
# For tests with clients that nobody here wrote, to be sourced after
# libvirtd.sh. A check is named "CLIENT VERSION: what was done", from which
# build-aux/test-summary makes the table of clients at the end of a run. What a
# client's driver prints is TAP of its own, and becomes checks of the test.
#
#   client_requires PACKAGE...  skips without them; before virt_start
#   client_listen               a proxy on a socket, for all clients: $uri
#   client PACKAGE [NAME]       who is tried from here on
#   does WHAT COMMAND...        a check of that client's
#   refuses WHAT TEXT COMMAND...  one that fails and prints TEXT
#   drives COMMAND...           the checks of a driver
#   intact DOMAIN TEXT...       true when the XML shows them and the NIC

# Debian's interpreter: its modules are not in any other that PATH may have.
python=/usr/bin/python3

client_requires()
{
    for package in "$@"; do
        dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed ||
            skip_all "no package $package"
    done
}

client_listen()
{
    "$dir/libexec/vmchannel-proxy" --listen "$dir/sock" 2>"$dir/listen.log" &
    until [ -S "$dir/sock" ]; do sleep 0.05; done
    uri="qemu:///system?socket=$dir/sock"
}

client()
{
    # Without the epoch and its colon, which would end the name.
    client="${2-$1} $(dpkg-query -W -f '${Version}' "$1" | sed 's/.*://')"
}

does()
{
    what=$1
    shift
    check "$client: $what" "$@"
}

refuses()
{
    what=$1
    shift
    fails "$client: $what" "$@"
}

drives()
{
    "$@" >"$dir/driver.out" 2>"$dir/driver.err"
    status=$?
    while IFS= read -r line; do
        case $line in
        'ok '*) report 0 "$client: ${line#* - }" ;;
        'not ok '*) report 1 "$client: ${line#* - }" ;;
        1..*) ;;
        *) echo "# $line" ;;
        esac
    done <"$dir/driver.out"
    # What a driver says beside its checks matters when it did not get to its end.
    [ $status = 0 ] || { report 1 "$client: to the end"; sed 's/^/# /' "$dir/driver.err"; }
}

# libvirt's word for it is what every client sees: asked through the proxy.
intact()
{
    virsh -c "$uri" dumpxml "$1" >"$dir/xml"
    shift
    for text in "<interface type='vmchannel'>" "$@"; do
        grep -qF -- "$text" "$dir/xml" || { echo "not there: $text"; cat "$dir/xml"; return 1; }
    done
}
