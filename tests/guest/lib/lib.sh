# SPDX-License-Identifier: GPL-2.0-only
#
# What guest tests share; to be sourced first. A test is a bash script that ends with 0 when what
# its head says was true. Whatever it made here is taken down again when it ends, and that this
# works is part of each test.

set -uo pipefail

# Starting a program, and even a subshell, is what takes time in a debug kernel: what the shell can do
# by itself it does by itself here.
LIB=$PWD/${BASH_SOURCE[0]%/*}
. "$LIB/devices.sh"
. "$LIB/remap.sh"
. "$LIB/observe.sh"

# fail TEXT...: ends the test.
fail() {
    echo "FAILED: $*"
    exit 1
}

# check WHAT COMMAND...: the command has to succeed; its output is shown when it does not.
check() {
    local what=$1 out rc=0
    shift
    out=$("$@" 2>&1) || rc=$?
    if ((rc)); then
        echo "$out"
        fail "$what: '$*' ended with $rc, expected 0"
    fi
    echo "ok: $what"
}

# refuse WHAT COMMAND...: the command has to fail, and its output is left in $output.
refuse() {
    local what=$1 rc=0
    shift
    output=$("$@" 2>&1) || rc=$?
    if ((rc == 0)); then
        echo "$output"
        fail "$what: '$*' succeeded, expected it to fail"
    fi
    echo "ok: $what"
}

# equal WHAT EXPECTED SEEN
equal() {
    [[ $2 == "$3" ]] || fail "$1: expected '$2', saw '$3'"
    echo "ok: $1: $3"
}

# match WHAT PATTERN SEEN: an extended regular expression, somewhere in what was seen.
match() {
    [[ $3 =~ $2 ]] || fail "$1: expected something like '$2', saw '$3'"
    echo "ok: $1"
}

# at_most WHAT LIMIT SEEN, at_least WHAT LIMIT SEEN: whole numbers.
at_most() {
    (($3 <= $2)) || fail "$1: expected at most $2, saw $3"
    echo "ok: $1: $3"
}
at_least() {
    (($3 >= $2)) || fail "$1: expected at least $2, saw $3"
    echo "ok: $1: $3"
}

# need COMMAND...: for what only prepares; silent when it works.
need() {
    local out rc=0
    out=$("$@" 2>&1) || rc=$?
    if ((rc)); then
        echo "$out"
        fail "cannot prepare: '$*' ended with $rc"
    fi
    if [[ $out ]]; then echo "$out"; fi
}

# put VALUE FILE: writes one value, as into an attribute of the kernel.
put() {
    printf '%s\n' "$1" >"$2" || fail "cannot write '$1' to $2"
}

# until_true SECONDS WHAT COMMAND...: for a state that comes by itself, in so many seconds if the machine
# is idle; a busy one has six times as many.
until_true() {
    local limit=$((SECONDS + 6 * $1)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < limit)) || fail "$what: '$*' was not true in time"
        sleep 0.05
    done
    echo "ok: $what"
}

# kernel_log: what the kernel said since the test began.
kernel_log() {
    dmesg | sed '1,/dm-remap-guest: start/d'
}

# kernel_said PATTERN, kernel_did_not_say PATTERN. They read the log to its end: a writer that is cut
# short would be taken for a grep that found nothing.
kernel_said() {
    kernel_log | grep -E -- "$1" >/dev/null || fail "expected '$1' in the kernel log"
    echo "ok: the kernel said '$1'"
}
kernel_did_not_say() {
    local line
    line=$(kernel_log | grep -E -- "$1") && fail "expected no '$1' in the kernel log, saw: ${line%%$'\n'*}"
    echo "ok: the kernel did not say '$1'"
}

# tool NAME ARG...: one of our own test programs (tests/tools).
tool() {
    "$GUEST_TOOLS/$@"
}

# at_exit COMMAND...: taken back in reverse order when the test ends.
UNDO=()
at_exit() {
    local undo
    printf -v undo '%q ' "$@"
    UNDO+=("$undo")
}

undo_all() {
    local rc=$? n
    trap - EXIT
    for ((n = ${#UNDO[@]} - 1; n >= 0; n--)); do
        if ! eval "${UNDO[n]}"; then
            echo "FAILED: cannot clean up: ${UNDO[n]}"
            rc=1
        fi
    done
    exit "$rc"
}
trap undo_all EXIT
