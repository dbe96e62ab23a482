# SPDX-License-Identifier: GPL-2.0-only
#
# What people put on a remap device: file systems and volumes, in use while the disk below goes bad.

# failing_remap NAME MIB|DISK: /dev/mapper/NAME over a disk, or one of so many MiB, that goes bad (NAME-disk) by
# physical blocks of 4 KiB, as disks do.
declare -A REMAP_TABLES
failing_remap() {
    local below=$2 spare_disk
    if [[ $2 != /dev/* ]]; then new_disk below "$2" 4096; fi
    weak_disk "$1-disk" "$below"
    new_disk spare_disk 32
    REMAP_TABLES[$1]=$(remap_table "/dev/mapper/$1-disk" "$spare_disk")
    dm_create "$1" "${REMAP_TABLES[$1]}"
    at_exit dmsetup status "$1"
    # As other disks do, for here they would be of any size, and each that fails is tried block by block.
    disk_name "/dev/mapper/$1" below
    put 128 "/sys/block/$below/queue/max_sectors_kb"
}

# restart NAME: the device goes and comes again.
restart() {
    check "$1 goes" dmsetup remove --retry "$1"
    need dmsetup create "$1" --table "${REMAP_TABLES[$1]}"
}

# more_fails NAME: from now on two more of each 128 blocks take no writes.
FAILING=0
more_fails() {
    weak_bad "$1-disk" $((FAILING += 40)) 16 1024
}

# has_moved NAME AT_LEAST WHAT: WHAT has moved so many blocks since this was asked last.
declare -A HAD_MOVED
has_moved() {
    local moved
    moved=$(attr "$1" remapped)
    at_least "$3 moved blocks" "$2" $((moved - ${HAD_MOVED[$1]:-0}))
    HAD_MOVED[$1]=$moved
}

# mounted TYPE DEVICE: at /tmp/mount, until it is unmounted, or the test ends.
mounted() {
    [[ -d /tmp/mount ]] || need mkdir /tmp/mount
    check "$1 is mounted" mount -t "$1" "$2" /tmp/mount
    at_exit unmount
}
unmount() {
    if grep -q ' /tmp/mount ' /proc/mounts; then umount /tmp/mount; fi
}

# write_files FIRST LAST: file N has N by N times 3 KiB and a bit; the first 24 of them are 15 MB.
write_files() {
    local n
    for ((n = $1; n <= $2; n++)); do
        head -c $((n * n * 3072 + n)) /dev/urandom >"/tmp/mount/file.$n" || fail "cannot write file $n"
    done
}

# in_use NAME: files are written and changed on what is mounted, while the disk below goes bad step by step.
in_use() {
    local n
    write_files 1 16
    check "files are synced" sync -f /tmp/mount
    has_moved "$1" 5 "writing files"
    more_fails "$1"
    write_files 17 24
    for n in 10 12 14 16; do
        need dd if=/dev/urandom of="/tmp/mount/file.$n" bs=5000 seek=7 count=30 conv=notrunc status=none
    done
    check "more files, and changed ones, are synced" sync -f /tmp/mount
    has_moved "$1" 20 "changing them"
    more_fails "$1"
    need rm /tmp/mount/file.{2,9,15}
    write_files 25 26
    (cd /tmp/mount && sha256sum file.*) >/tmp/sums || fail "cannot read the files"
    files_are_there
}

# files_are_there: with the data that was written, read from the disks.
files_are_there() {
    check "it is on the disk" sync -f /tmp/mount
    put 3 /proc/sys/vm/drop_caches
    check "all files are as they were written" env -C /tmp/mount sha256sum --quiet -c /tmp/sums
}

# came_through NAME: nothing above has seen an error.
came_through() {
    equal "nothing of $1 is lost" 0 "$(attr "$1" lost)"
    equal "nor pending" 0 "$(attr "$1" pending)"
    equal "its map can still change" rw "$(attr "$1" state)"
    kernel_did_not_say "Buffer I/O error|lost async page|I/O error, dev dm|(EXT4-fs|XFS|BTRFS|F2FS-fs).*([Ee]rror|[Cc]orrupt)"
}
