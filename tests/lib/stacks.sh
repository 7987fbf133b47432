# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh disable=SC2034,SC2154
# Other TCP/IP stacks than the test guest's at the guest's end of channels: what each is
# asked to do, and the table of what they did. To be sourced.
#
#   stacks_start                a folder $dir with $dir/bytes, 8 MiB, and host programs
#   $channels                   for those, as CHARDEVs with their ports:
#     600 up                    what comes is in $dir/up
#     601 down                  says $dir/bytes, and closes
#     602 half                  reads to the end, and then says how many bytes that were
#     80  web                   $dir/www by HTTP, which has bytes too
#     603                       is no channel
#   check NAME COMMAND...       TAP: passes when the command does
#   stack NAME VERSION          who is tried from here on
#   does CELL COMMAND...        a check of that one, and a yes or no in its row; CELL is
#                               lease, up, down, half-close, refused in this order
#   cannot CELL REASON          a dash there, and the reason below the table
#   skips NAME REASON           a row of dashes: it could not be tried here
#   stacks_done                 the table, as diagnostics, and the plan
#
# build-aux/test-summary shows all tables as one at the end of a run.

build=${abs_top_builddir:-$PWD}
source=${abs_top_srcdir:-$PWD}
plan=0 row='' notes='' rows=''

skip_all()
{
    echo "1..0 # SKIP $1"
    exit 0
}

stacks_start()
{
    command -v socat >/dev/null || skip_all 'no socat'
    dir=$(mktemp -d /tmp/vmchannel-XXXXXX)
    hosts=
    trap 'kill $hosts 2>/dev/null; rm -rf "$dir"' EXIT
    mkdir "$dir/www"
    head -c 8388608 /dev/urandom >"$dir/bytes"
    ln "$dir/bytes" "$dir/www/bytes"
    socat -U "UNIX-LISTEN:$dir/down,fork" "OPEN:$dir/bytes,rdonly" 2>"$dir/down.log" &
    hosts=$!
    socat -t 60 "UNIX-LISTEN:$dir/half,fork" 'SYSTEM:wc -c' 2>"$dir/half.log" &
    hosts="$hosts $!"
    "$build/examples/web-host" "$dir/web" "$dir/www" >"$dir/answers" &
    hosts="$hosts $!"
    until [ -S "$dir/down" ] && [ -S "$dir/half" ] && [ -S "$dir/web" ]; do sleep 0.05; done
    channels="600:file:$dir/up 601:unix:$dir/down 602:unix:$dir/half 80:unix:$dir/web"
}

check()
{
    plan=$((plan + 1))
    name=$1
    shift
    if "$@" >"$dir/out" 2>&1; then
        echo "ok $plan - $name"
        return 0
    fi
    echo "not ok $plan - $name"
    tail -n 20 "$dir/out" | sed 's/^/# /'
    return 1
}

row_end()
{
    [ -z "$row" ] || rows="$rows# stack|$row
"
    row=
}

stack()
{
    row_end
    stack=$1
    row="$1|$2"
    title="$1 $2"
}

does()
{
    cell=$1
    shift
    if check "$title: $cell" "$@"; then row="$row|yes"; else row="$row|NO"; fi
}

cannot()
{
    row="$row|-"
    notes="$notes# stack-note|$stack|$1: $2
"
}

skips()
{
    stack "$1" -
    row="$row|-|-|-|-|-"
    notes="$notes# stack-note|$1|not tried: $2
"
    plan=$((plan + 1))
    echo "ok $plan - $1 # SKIP $2"
}

stacks_done()
{
    row_end
    printf '%s%s' "$rows" "$notes"
    echo "1..$plan"
}
