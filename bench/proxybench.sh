#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# A private libvirtd for bench/proxybench, started as the tests start theirs.
set -eu
# shellcheck source=tests/lib/libvirtd.sh
. "${abs_top_srcdir:-.}/tests/lib/libvirtd.sh"
skip_all()
{
    echo "proxybench: $1" >&2
    exit 1
}
virt_enter "$0" "$@"
virt_start root >&2
cat >"$dir/guarded" <<EOD
#!/bin/sh
exec vmchannel-proxy --system --policy $dir/policy --domain 00000000-0000-4000-8000-000000000000
EOD
chmod +x "$dir/guarded"
"$dir/libexec/vmchannel-proxy" --listen "$dir/service" &
service=$!
until [ -S "$dir/service" ]; do sleep 0.05; done
"$build/bench/proxybench" "$direct" "$through" "qemu:///system?socket=$dir/service" $service "$dir"
kill $service
