# SPDX-License-Identifier: GPL-2.0-only
#
# The demo's machine: Debian's kernel in QEMU, with a disk whose sectors fail when told to. To be
# sourced by bash after vm-lib.sh.
#
# The failing disk is an image behind blkdebug, behind a node "main" that QEMU lets us point at
# another blkdebug while it runs. The guest has two serial lines: the first is its console and goes
# to a log; the second carries its story, and our answers.

# The number of the rules in force: each set is a node of its own.
RULES=0
VM=

# rules_node WRITES [READ]: a blkdebug node as JSON. At each sector in the file WRITES writes
# fail with a plain I/O error, as most write faults of real disks arrive; at READ, reads fail with
# what a SCSI disk calls a medium error (errno 61), and so do writes.
rules_node() {
    local sector rules=()
    while read -r sector; do rules+=("$(rule write 5 "$sector")"); done <"$1"
    if [[ ${2:-} ]]; then rules+=("$(rule read 61 "$2")" "$(rule write 5 "$2")"); fi
    local IFS=,
    printf '{"driver":"blkdebug","node-name":"rules%d","image":"image","inject-error":[%s]}' \
        $RULES "${rules[*]}"
}

rule() {
    printf '{"event":"none","iotype":"%s","errno":%d,"sector":%d}' "$@"
}

# vm_start PART WRITES [NAME=VALUE...]: boots it; the sectors in the file WRITES fail. Sets VM (the
# process), CONSOLE (a log), and the two directions of the second line: STORY and ANSWER.
vm_start() {
    local part=$1 writes=$2 accel both
    shift 2
    case $(vm_accel) in
    kvm) accel=(-accel kvm -cpu host) ;;
    tcg) accel=(-accel tcg,thread=multi -cpu max) ;;
    esac
    CONSOLE=$DEMO/console-$part.log
    RULES=$((RULES + 1))
    rm -f "$RUN"/story.{in,out}
    mkfifo "$RUN"/story.{in,out}
    # Opened both ways at first, so that none of us waits for the other.
    exec {both}<>"$RUN/story.out" {ANSWER}<>"$RUN/story.in"
    coproc QEMU {
        exec setpriv --pdeathsig KILL qemu-system-x86_64 "${accel[@]}" -smp 2 -m 768 -nodefaults -no-reboot \
            -display none -qmp stdio -serial "file:$CONSOLE" \
            -chardev "pipe,id=story,path=$RUN/story" -serial chardev:story \
            -kernel "$VMLINUZ" -initrd "$RUN/initrd" -append "console=ttyS0 panic=-1 oops=panic \
rdinit=$REPO/scripts/guest-init GUEST_LANE=demo GUEST_MODULES=/ GUEST_MODULE=$MODULE \
GUEST_TEST=$REPO/scripts/demo-guest GUEST_TIMEOUT=$PART_LIMIT DEMO_PART=$part $*" \
            -device virtio-scsi-pci \
            -blockdev "$(file_node image main.img)" -blockdev "$(rules_node "$writes")" \
            -blockdev "$(main_node)" -device "$(disk 0 main)" \
            -blockdev "$(file_node spare spare.img)" -device "$(disk 1 spare)" \
            2>"$DEMO/qemu-$part.log"
    }
    VM=$QEMU_PID
    # Its end is told by the monitor, not by a remark of bash on the terminal.
    disown "$VM"
    # Copies, for bash forgets the array when the process ends.
    exec {FROM_QEMU}<&"${QEMU[0]}" {TO_QEMU}>&"${QEMU[1]}"
    qmp '{"execute":"qmp_capabilities"}'
    # QEMU has opened its end by now; this one sees it close.
    exec {STORY}<"$RUN/story.out" {both}>&-
}

file_node() {
    printf '{"driver":"file","node-name":"%s","filename":"%s"}' "$1" "$RUN/$2"
}

main_node() {
    printf '{"driver":"raw","node-name":"main","file":"rules%d"}' $RULES
}

# disk ID NODE: one with sectors of 512 bytes, physically 4096, as most are. Its errors are the guest's.
disk() {
    printf 'scsi-hd,scsi-id=%d,drive=%s,serial=%s,' "$1" "$2" "$2"
    printf 'logical_block_size=512,physical_block_size=4096,rerror=report,werror=report'
}

# qmp COMMAND: sends it and waits until it is done.
qmp() {
    local line
    printf '%s\n' "$1" >&"$TO_QEMU" || die "QEMU has gone: see $(shown "$DEMO")/qemu-*.log"
    while IFS= read -r -t 30 -u "$FROM_QEMU" line; do
        case $line in
        '{"return"'*) return ;;
        '{"error"'*) die "QEMU refused a command: $line" ;;
        esac
    done
    die "QEMU does not answer: see $(shown "$DEMO")/qemu-*.log"
}

# vm_break WRITES [READ]: from now on these sectors fail, and no others.
vm_break() {
    local old=$RULES
    RULES=$((RULES + 1))
    qmp "{\"execute\":\"blockdev-add\",\"arguments\":$(rules_node "$@")}"
    qmp "{\"execute\":\"blockdev-reopen\",\"arguments\":{\"options\":[$(main_node)]}}"
    qmp "{\"execute\":\"blockdev-del\",\"arguments\":{\"node-name\":\"rules$old\"}}"
}

# vm_cut: pulls the plug. Neither the guest nor QEMU has time for a last word; vm_gone comes next.
vm_cut() {
    kill -KILL "$VM"
}

# vm_gone SECONDS: waits until it has ended by itself; ends it and fails if it does not.
vm_gone() {
    local deadline=$((SECONDS + $1)) rc=0
    # The monitor closes with the process.
    while ((rc == 0)); do
        read -r -t "$((deadline > SECONDS ? deadline - SECONDS : 1))" -u "$FROM_QEMU" _ || rc=$?
    done
    if ((rc > 128)); then kill -KILL "$VM" 2>/dev/null || true; fi
    exec {STORY}<&- {ANSWER}>&- {FROM_QEMU}<&- {TO_QEMU}>&-
    VM=
    ((rc <= 128))
}
