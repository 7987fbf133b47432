# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
# For tests that want a real libvirtd, to be sourced. The test runs again in
# namespaces of its own, where libvirt's folders are empty ones and nothing
# outlives the test: its first process adopts every QEMU, and dies with them.
#
#   . tests/lib/libvirtd.sh
#   virt_enter "$0"             again, inside; skips where that cannot be
#   virt_start root|qemu        the daemon: QEMU runs as root, or as in production
#   virt_start session          nobody's own; the test goes on as nobody, from its start
#   check NAME COMMAND...       TAP: passes when the command does
#   fails NAME TEXT COMMAND...  passes when it fails and prints TEXT
#   virt_done                   the plan; the last line of a test

build=${abs_top_builddir:-$PWD}
source=${abs_top_srcdir:-$PWD}
direct=qemu:///system
plan=0

skip_all()
{
    echo "1..0 # SKIP $1"
    exit 0
}

virt_enter()
{
    script=$1
    [ "${VIRT_INSIDE-}" != "$$" ] || return 0
    [ "$(id -u)" = 0 ] || skip_all 'not root'
    PATH=$PATH:/usr/sbin:/sbin
    export PATH
    for program in libvirtd virsh unshare qemu-system-x86_64; do
        command -v $program >/dev/null || skip_all "no $program"
    done
    id libvirt-qemu >/dev/null 2>&1 || skip_all 'no user libvirt-qemu'
    unshare --mount --pid --fork true 2>/dev/null || skip_all 'no namespaces'
    # The first process of a PID namespace is number 1: it knows itself by that.
    exec env VIRT_INSIDE=1 unshare --mount --propagation private --pid --fork --kill-child \
        --mount-proc sh "$@"
}

# As qemu-vmchannel would be installed: readable to libvirt's QEMU user too.
virt_install()
{
    mkdir -p "$dir/libexec/emulator/usr/bin"
    cp "$build/vmchannel-relay" "$dir/libexec/"
    cp "$build/qemu-vmchannel" "$dir/libexec/emulator/usr/bin/qemu-system-x86_64"
    cp "$build/vmchannel-proxy" "$dir/libexec/"
    mkdir -p "$dir/libexec/docs"
    cp -r "$build/docs/schemas" "$dir/libexec/docs/"
    PATH=$dir/libexec:$PATH
    export PATH
    through="qemu+ext:///system?command=$dir/libexec/vmchannel-proxy"
}

# What nobody must be able to read, wherever the build is.
virt_copy()
{
    mkdir -p "$dir/build/guest" "$dir/build/tests/lib" "$dir/source/tests/lib"
    cp "$build/guest/vmlinuz" "$build/guest/initrd.img" "$dir/build/guest/"
    cp "$build/tests/lib/virconsole" "$build/tests/lib/virlive" "$dir/build/tests/lib/"
    cp "$source"/tests/lib/*.sh "$dir/source/tests/lib/"
    cp "$script" "$dir/source/tests/"
}

# Goes on as nobody: the test runs once more, from its start.
virt_become()
{
    command -v setpriv >/dev/null || skip_all 'no setpriv'
    dir=$(mktemp -d /tmp/vmchannel-XXXXXX)
    virt_install
    virt_copy
    mkdir -p "$dir/home/.config/libvirt"
    virt_conf root | grep -v -e user -e group -e dynamic_ownership >"$dir/home/.config/libvirt/qemu.conf"
    mkdir -p /run/user "$dir/user/$(id -u nobody)/vmchannel"
    chown -R nobody "$dir"
    chmod -R go= "$dir/user/$(id -u nobody)"
    mount --bind "$dir/user" /run/user
    exec setpriv --reuid nobody --regid nogroup --clear-groups --reset-env \
        env PATH="$PATH" HOME="$dir/home" XDG_RUNTIME_DIR="/run/user/$(id -u nobody)" VIRT_INSIDE=$$ VIRT_DIR="$dir" \
        abs_top_srcdir="$dir/source" abs_top_builddir="$dir/build" \
        sh "$dir/source/tests/${script##*/}"
}

virt_conf()     # virt_conf PROFILE
{
    case $1 in
    root) printf '%s\n' 'user = "root"' 'group = "root"' 'namespaces = [ ]' \
              'dynamic_ownership = 0' ;;
    qemu) printf '%s\n' 'user = "libvirt-qemu"' 'group = "kvm"' 'namespaces = [ "mount" ]' ;;
    esac
    # No cgroups, no labels: those are the machine's, not ours.
    printf '%s\n' 'remember_owner = 0' 'security_driver = "none"' \
        'cgroup_controllers = [ ]' 'stdio_handler = "file"'
}

# A session's daemon was started by libvirt, for its first client.
virt_stop_session()
{
    pid=$(cat "$XDG_RUNTIME_DIR/libvirt/libvirtd.pid" 2>/dev/null) || return 0
    kill "$pid" && timeout 60 tail --pid="$pid" -f /dev/null
}

virt_stop()
{
    [ -z "${VIRT_DIR-}" ] || { virt_stop_session; return; }
    [ -n "${daemon-}" ] || return 0
    kill "$daemon" 2>/dev/null
    wait "$daemon" 2>/dev/null
    daemon=
}

virt_run()      # starts the daemon, again, on what is there
{
    [ -z "${VIRT_DIR-}" ] || { virsh -c "$direct" version >/dev/null; return; }
    # Not where another test's daemon has its own.
    libvirtd -f "$dir/etc/libvirtd.conf" -p "$dir/libvirtd.pid" >>"$dir/libvirtd.log" 2>&1 &
    daemon=$!
    tries=0
    until virsh -c $direct version >/dev/null 2>&1; do
        tries=$((tries + 1))
        if [ $tries = 300 ] || ! kill -0 $daemon 2>/dev/null; then
            sed 's/^/# /' "$dir/libvirtd.log"
            echo 'Bail out! libvirtd does not answer'
            exit 99
        fi
        sleep 0.1
    done
}

virt_start_session()
{
    [ -n "${VIRT_DIR-}" ] || virt_become
    dir=$VIRT_DIR
    trap 'virt_stop; rm -rf "$dir"' EXIT
    direct=qemu:///session
    through="qemu+ext:///session?command=$dir/libexec/vmchannel-proxy"
    qemu_run=$XDG_RUNTIME_DIR/libvirt/qemu/run
    qemu_log=$HOME/.cache/libvirt/qemu/log
    virt_run
    cd "$dir" || exit 99
}

# libvirt asks what QEMU can do as root, and whether its QEMU user may use KVM:
# where these differ, as without udev, it asks again for each domain.
virt_kvm()
{
    [ -c /dev/kvm ] && mknod "$dir/kvm" c 10 232 2>/dev/null || return 0
    chmod 666 "$dir/kvm"
    mount --bind "$dir/kvm" /dev/kvm
}

# Leaves behind: dir, the working folder; the URIs direct and through; qemu_run
# and qemu_log, where the daemon keeps what it knows of running domains.
virt_start()    # virt_start PROFILE
{
    [ "$1" != session ] || { virt_start_session; return; }
    dir=$(mktemp -d /tmp/vmchannel-XXXXXX)
    chmod 755 "$dir"
    trap 'virt_stop; rm -rf "$dir"' EXIT
    for pair in etc:/etc/libvirt run:/run/libvirt lib:/var/lib/libvirt \
                cache:/var/cache/libvirt log:/var/log/libvirt control:/run/vmchannel; do
        mkdir -p "$dir/${pair%%:*}" "${pair#*:}"
        mount --bind "$dir/${pair%%:*}" "${pair#*:}"
    done
    # As tmpfiles.d makes it.
    chown libvirt-qemu:libvirt "$dir/control"
    chmod 2770 "$dir/control"
    virt_kvm
    virt_conf "$1" >"$dir/etc/qemu.conf"
    printf '%s\n' 'auth_unix_ro = "none"' 'auth_unix_rw = "none"' 'max_clients = 500' \
        'unix_sock_ro_perms = "0777"' "unix_sock_rw_perms = \"${rw_perms-0777}\"" \
        'host_uuid = "00000000-0000-4000-8000-00000000cafe"' 'log_outputs = "3:stderr"' >"$dir/etc/libvirtd.conf"
    qemu_run=$dir/run/qemu
    qemu_log=$dir/log/qemu
    virt_install
    virt_run
    cd "$dir" || exit 99
}

# A domain: virt_domain NAME [LINE OF DEVICES...]; $boot, inside <os>, and $vcpus are the caller's
virt_domain()
{
    cat <<EOD
<domain type='qemu'>
  <name>$1</name>
  <memory unit='MiB'>256</memory>
  <vcpu>${vcpus:-1}</vcpu>
  <os><type arch='x86_64'>hvm</type>${boot-}</os>
  <devices>
EOD
    shift
    [ $# = 0 ] || printf '    %s\n' "$@"
    printf '  </devices>\n</domain>\n'
}

report()        # report STATUS NAME
{
    plan=$((plan + 1))
    [ "$1" = 0 ] && echo "ok $plan - $2" || echo "not ok $plan - $2"
}

check()
{
    name=$1
    shift
    "$@" >"$dir/out" 2>&1
    status=$?
    report $status "$name"
    [ $status = 0 ] || { echo "# $*"; sed 's/^/# /' "$dir/out"; }
}

fails()
{
    name=$1 text=$2
    shift 2
    "$@" >"$dir/out" 2>&1 && status=1 || status=0
    grep -qF -- "$text" "$dir/out" || status=1
    report $status "$name"
    [ $status = 0 ] || { echo "# expected: $text"; echo "# $*"; sed 's/^/# /' "$dir/out"; }
}

same()          # same NAME FILE FILE
{
    name=$1
    diff -u "$2" "$3" >"$dir/diff"
    status=$?
    report $status "$name"
    [ $status = 0 ] || sed 's/^/# /' "$dir/diff"
}

virt_done()
{
    echo "1..$plan"
}
