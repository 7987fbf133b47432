#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# A private libvirtd for bench/proxybench, started as the tests start theirs.
set -eu
# shellcheck source=tests/libvirtd.sh
. "${abs_top_srcdir:-.}/tests/libvirtd.sh"
skip_all()
{
    echo "proxybench: $1" >&2
    exit 1
}
virt_enter "$0" "$@"
virt_start root >&2
"$build/bench/proxybench" "$direct" "$through" "$dir"
