# SPDX-License-Identifier: GPL-2.0-only
#
# What tests look at, and what they do to a remap device and to what lies under it.

# counter DEVICE reads|read_sectors|writes|write_sectors|discard_sectors|flushes: what the device has completed.
counter() {
    local field stat
    case $2 in
    reads) field=0 ;;
    read_sectors) field=2 ;;
    writes) field=4 ;;
    write_sectors) field=6 ;;
    discard_sectors) field=13 ;;
    flushes) field=15 ;;
    *) fail "no such counter: $2" ;;
    esac
    local name
    disk_name "$1" name
    read -ra stat <"/sys/class/block/$name/stat"
    echo "${stat[field]}"
}

# disk_name DEVICE [VAR]: as sysfs calls it; printed, or put into VAR.
disk_name() {
    local disk_found=${1##*/} disk_path disk_is
    if [[ $1 == /dev/mapper/* ]]; then
        disk_found=
        for disk_path in /sys/block/dm-*; do
            read -r disk_is 2>/dev/null <"$disk_path/dm/name" || continue
            if [[ $disk_is == "${1##*/}" ]]; then
                disk_found=${disk_path##*/}
                break
            fi
        done
        if [[ ! $disk_found ]]; then
            echo "there is no device $1" >&2
            return 1
        fi
    fi
    if (($# > 1)); then printf -v "$2" %s "$disk_found"; else echo "$disk_found"; fi
}

# content DEVICE [SKIP_SECTORS COUNT]: a checksum of what the device itself holds now.
content() {
    dd if="$1" bs=4096 iflag=direct,skip_bytes,count_bytes status=none skip=$((${2:-0} * 512)) \
        ${3:+count=$(($3 * 512))} | sha256sum
}

# zeros DEVICE FIRST COUNT: whether these sectors read as zeros.
zeros() {
    dd if="$1" bs=512 skip="$2" count="$3" iflag=direct status=none | cmp --bytes=$(($3 * 512)) - /dev/zero
}

# raw_copy FROM TO: of the same size, past all caches.
raw_copy() {
    need dd if="$1" of="$2" bs=1M iflag=direct oflag=direct status=none
}

# dirt DEVICE SECTOR: a sector that is not zero.
dirt() {
    head -c 4096 /dev/zero | tr '\0' '\125' >/tmp/dirt
    need dd if=/tmp/dirt of="$1" bs=4096 count=1 seek=$(($2 * 512)) oflag=direct,seek_bytes conv=notrunc status=none
}

# remapped NAME COUNT: whether so many blocks live on the spare.
remapped() {
    [[ $(attr "$1" remapped) == "$2" ]]
}

# move NAME SECTOR COUNT WANT: asks for the move, and waits until WANT blocks are remapped.
move() {
    need dmsetup message "$1" 0 remap "$2" "$3" >/dev/null
    until_true 20 "$4 blocks are remapped" remapped "$1" "$4"
}

# where NAME SECTOR: what `query` says.
where() {
    dmsetup message "$1" 0 query "$2"
}

# status_word NAME N: a fixed field of the status line (1: used/total ... 7: storm).
status_word() {
    local status words
    status=$(dmsetup status "$1") && read -ra words <<<"$status" && echo "${words[2 + $2]:-}"
}
generation() {
    status_word "$1" 4
}

# events NAME: how many device-mapper events there were.
events() {
    dmsetup info -c --noheadings -o events "$1"
}

# had_events NAME COUNT: whether there were so many by now. They come soon after what they tell of.
had_events() {
    (($(events "$1") >= $2))
}

# listen_uevents: from now on uevents are written down. uevent NAME EVENT: whether this one was.
listen_uevents() {
    : >/tmp/uevents
    "$GUEST_TOOLS/sectors" uevents >>/tmp/uevents &
    at_exit kill $!
    until_true 5 "somebody listens to uevents" grep -q listening /tmp/uevents
}
uevent() {
    grep -E "^change@.*/$(disk_name "/dev/mapper/$1") .* DM_REMAP_EVENT=$2( |\$)" /tmp/uevents
}

# swap NAME TABLE: another table under a device that is in use, without a flush.
swap() {
    need dmsetup suspend --noflush --nolockfs "$1"
    need dmsetup load "$1" --table "$2"
    need dmsetup resume "$1"
}

# scsi_bad_reads FIRST COUNT, scsi_good_reads: sectors of the scsi_debug disk that cannot be read, with
# the sense of a bad medium. It has to be loaded for that with opts=2.
scsi_bad_reads() {
    echo "$1" >/sys/module/scsi_debug/parameters/medium_error_start
    echo "$2" >/sys/module/scsi_debug/parameters/medium_error_count
    echo 2 >/sys/bus/pseudo/drivers/scsi_debug/opts
}
scsi_good_reads() {
    echo 0 >/sys/bus/pseudo/drivers/scsi_debug/opts
}

# log_places SPARE NAME SECTOR: where in the spare area the commit for one more block, whose data is all
# zeros, was written: the first sectors of the metadata blocks, one for each copy.
log_places() {
    local before=/tmp/area.before after=/tmp/area.after
    need dd if="$1" of=$before bs=1M iflag=direct status=none
    move "$2" "$3" 1 $(($(attr "$2" remapped) + 1)) >/dev/null
    need dd if="$1" of=$after bs=1M iflag=direct status=none
    cmp -l $before $after | awk '{ print int(($1 - 1) / 4096) * 8 }' | uniq
}

# partitioned VAR DEVICE START LEN [START LEN]: a disk with partitions that fails where DEVICE does; its
# node goes into VAR. (Neither null_blk nor device-mapper devices have partitions of their own.)
partitioned() {
    local -n disk_var=$1
    load loop
    disk_var=$(losetup --find --show --partscan --direct-io=on "$2") || fail "cannot make a loop device"
    at_exit losetup -d "$disk_var"
    partition "$disk_var" "${@:3}"
    until_true 5 "the partitions are there" test -b "${disk_var}p1"
}
