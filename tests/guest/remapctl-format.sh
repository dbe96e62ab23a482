#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Proves: remapctl format writes nothing where one device is a part of the other, is read-only or has changed while it asked, nor where an area of another place reaches to; and Ctrl-C at its question is the end.
# Lanes: lockdep
# Processors: 1

. ./lib/lib.sh
. ./lib/remapctl.sh

load_module
null_disk main 64
new_disk spare 64
# refused WHAT PATTERN ARGUMENT...: with one line that says why, and nothing is written.
refused() {
    local holds
    holds="$(content "$spare") $(content /dev/main)"
    ends "$1" 1 "${@:3}"
    match "it is said why" "remapctl: .*$2" "$said"
    equal "nothing was written" "$holds" "$(content "$spare") $(content /dev/main)"
}
need mkdir -p /dev/pts
need mount -t devpts devpts /dev/pts
# asked ANSWER COMMAND...: format asks at a terminal; COMMAND is run while it waits. What it says is in $said.
asked() {
    said=$(python3 - "$REMAPCTL" "$spare" "$@" <<'END'
import os, pty, subprocess, sys
program, spare, answer, *command = sys.argv[1:]
pid, terminal = pty.fork()
if pid == 0:
    os.execv(program, [program, "format", "/dev/main", spare, "--size", "20M"])
said = b""
while b"Go on?" not in said:
    said += os.read(terminal, 4096)
subprocess.run(command, check=True)
os.write(terminal, answer.encode().decode("unicode_escape").encode())
try:
    while more := os.read(terminal, 4096):
        said += more
except OSError:
    pass
status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
print(said.decode(), "ended with", status)
END
    )
}

new_disk below 64
partitioned disk "$below" 2048 65536
for pair in "${disk}p1 $disk" "$disk ${disk}p1"; do
    holds=$(content "$disk")
    # shellcheck disable=SC2086
    ends "main and spare are a disk and its partition" 1 format $pair --overwrite --yes
    match "it is said why" "is a part of" "$said"
    equal "nothing was written" "$holds" "$(content "$disk")"
done

need blockdev --setro /dev/main
refused "main cannot be written" "/dev/main is read-only" format /dev/main "$spare" --yes
need blockdev --setrw /dev/main

holds=$(content "$spare")
asked '\x03' true
match "Ctrl-C at the question is the end" "ended with -2$" "$said"
equal "and nothing was written" "$holds" "$(content "$spare")"
asked 'y\n' mke2fs -q -F -t ext4 -L precious "$spare"
match "what came meanwhile is said" "$spare holds ext4, labelled precious.*ended with 1$" "$said"
match "and is still there" "precious" "$(blkid -p -o value -s LABEL "$spare")"

need dd if=/dev/zero of="$spare" bs=1M count=64 oflag=direct status=none
ends "an area" 0 format /dev/main "$spare" --size 40M --yes
refused "another one in the midst of it" "$spare holds the spare area .*, which begins at sector 0 and reaches into it" \
    format /dev/main "$spare" --spare-start 65536 --yes
ends "behind it, there is room" 0 format /dev/main "$spare" --spare-start 81920 --yes
