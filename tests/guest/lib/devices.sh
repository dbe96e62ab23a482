# SPDX-License-Identifier: GPL-2.0-only
#
# Disks for guest tests, and the ways in which they fail. Each of these sets variables or makes
# a device node, and undoes itself at the end of the test.

# load MODULE [PARAM...]: a module of the kernel, unless it is built in.
load() {
    if [[ -d /sys/module/${1//-/_} ]]; then return; fi
    need modprobe -d "$GUEST_MODULES" "$@"
}

# sectors_of DEVICE
sectors_of() {
    local name size
    disk_name "$1" name && read -r size <"/sys/class/block/$name/size" && echo "$size"
}

# new_disk VAR MIB [SECTOR_SIZE]: a disk in memory (a loop device); its node goes into VAR.
DISKS=0
new_disk() {
    local -n var=$1
    local file=/tmp/disk.$((DISKS += 1))
    load loop
    need truncate -s "$2M" "$file"
    var=$(losetup --find --show --partscan --sector-size "${3:-512}" "$file") || fail "cannot make a loop device"
    at_exit losetup -d "$var"
}

# ram_disks COUNT MIB: /dev/ram0 and so on, the fastest there are.
ram_disks() {
    need modprobe -d "$GUEST_MODULES" brd rd_nr="$1" rd_size=$(($2 * 1024))
    at_exit modprobe -d "$GUEST_MODULES" -r brd
}

# null_disk NAME MIB [ATTRIBUTE=VALUE...]: /dev/NAME, a null_blk device that keeps its data.
null_disk() {
    local name=$1 dir=/sys/kernel/config/nullb/$1 word
    load null_blk nr_devices=0
    need mkdir "$dir"
    at_exit rmdir "$dir"
    for word in size="$2" memory_backed=1 "${@:3}" power=1; do
        put "${word#*=}" "$dir/${word%%=*}"
    done
    until_true 5 "$name is there" test -b "/dev/$name"
}

# null_bad NAME FIRST LAST, null_good NAME FIRST LAST: sectors that give plain I/O errors.
null_bad() {
    put "+$2-$3" "/sys/kernel/config/nullb/$1/badblocks"
}
null_good() {
    put "-$2-$3" "/sys/kernel/config/nullb/$1/badblocks"
}

# dm_create NAME TABLE: a device-mapper device, removed at the end.
dm_create() {
    need dmsetup create "$1" --table "$2"
    at_exit dm_remove "$1"
}

# dm_remove NAME: unless the test did that itself.
dm_remove() {
    if ! dmsetup info "$1" >/dev/null 2>&1; then return 0; fi
    dmsetup remove --retry "$1"
}

# dm_slice NAME DEVICE START LEN: a part of a device, as a linear target.
dm_slice() {
    dm_create "$1" "0 $4 linear $2 $3"
}

# dust_disk NAME DEVICE [BLOCK_BYTES]: bad blocks that a write makes good (uml lanes). They begin
# to fail with dust_on.
dust_disk() {
    dm_create "$1" "0 $(sectors_of "$2") dust $2 0 ${3:-512}"
    need dmsetup message "$1" 0 quiet
}
# dust_bad NAME BLOCK [WRITES_THAT_FAIL]
dust_bad() {
    need dmsetup message "$1" 0 addbadblock "${@:2}" >/dev/null
}
# dust_bad_many NAME FIRST STEP END [WRITES_THAT_FAIL]: each STEP-th block from FIRST to below END.
dust_bad_many() {
    seq "$2" "$3" $(($4 - 1)) | sed "s/.*/addbadblock & ${5:-}/; s/ *$//" |
        need tool sectors messages "$1"
}
dust_on() {
    need dmsetup message "$1" 0 enable
}
dust_off() {
    need dmsetup message "$1" 0 disable
}
# dust_left NAME: how many bad blocks there still are.
dust_left() {
    dmsetup message "$1" 0 countbadblocks | grep -oE '[0-9]+' | tail -n 1
}

# error_disk NAME DEVICE FIRST COUNT: a device with a hole whose I/O fails with a plain error.
error_disk() {
    local size
    size=$(sectors_of "$2")
    dm_create "$1" "0 $3 linear $2 0
$3 $4 error
$(($3 + $4)) $((size - $3 - $4)) linear $2 $(($3 + $4))"
}

# flakey_disk NAME DEVICE FEATURE...: for instance error_writes, or drop_writes (a lying cache).
flakey_disk() {
    load dm-flakey
    dm_create "$1" "0 $(sectors_of "$2") flakey $2 0 0 1 $(($# - 2)) ${*:3}"
}

# weak_disk NAME DEVICE: it can go bad while it is in use: writes to bad sectors fail, and what they
# held is still read. (Of the module in tests/guest/weak, in all lanes.)
weak_disk() {
    if [[ ! -d /sys/module/weak ]]; then
        load dm-mod
        need insmod "${GUEST_MODULE%/*}/weak.ko"
        at_exit rmmod weak
    fi
    dm_create "$1" "0 $(sectors_of "$2") weak $2"
}
# weak_bad NAME FIRST COUNT [STEP [END]]: these sectors, or so many of each STEP up to END.
weak_bad() {
    need dmsetup message "$1" 0 bad "${@:2}"
}
# weak_tried NAME: how many bad sectors somebody has tried to write.
weak_tried() {
    local status words
    status=$(dmsetup status "$1") && read -ra words <<<"$status" && echo "${words[4]}"
}

# scsi_disk VAR [PARAM=VALUE...]: a disk of scsi_debug (dev_size_mb, sector_size, ...).
scsi_disk() {
    local -n var=$1
    load sd_mod
    need modprobe -d "$GUEST_MODULES" scsi_debug per_host_store=0 "${@:2}"
    at_exit modprobe -d "$GUEST_MODULES" -r scsi_debug
    until_true 10 "the SCSI disk is there" scsi_names
    var=/dev/$(scsi_names)
    until_true 10 "$var is there" test -b "$var"
    SCSI_ERRORS=$(echo /sys/kernel/debug/scsi_debug/[0-9]*/error)
}
scsi_names() {
    local path
    for path in /sys/bus/pseudo/drivers/scsi_debug/adapter*/host*/target*/*/block/*; do
        if [[ -e $path ]]; then
            echo "${path##*/}"
            return
        fi
    done
    return 1
}

# scsi_fail TYPE COUNT OPCODE REST...: a line of scsi_debug's error file. COUNT 1: always, -N: N
# times; then for type 2 the host, driver and status byte, sense key, ASC, ASCQ, in hex.
scsi_fail() {
    put "$*" "$SCSI_ERRORS"
}

# scsi_fail_writes SENSE_KEY ASC ASCQ [TIMES]: WRITE(10) and WRITE(16) end with this sense, always
# or so many times (of each).
scsi_fail_writes() {
    local opcode
    for opcode in 0x2a 0x8a; do
        scsi_fail 2 "${4:+-}${4:-1}" $opcode 0 0 2 "$1" "$2" "$3"
    done
}
# scsi_fail_zeroes SENSE_KEY ASC ASCQ: UNMAP and WRITE SAME end with this sense, always.
scsi_fail_zeroes() {
    local opcode
    for opcode in 0x41 0x42 0x93; do
        scsi_fail 2 1 $opcode 0 0 2 "$1" "$2" "$3"
    done
}
scsi_heal_writes() {
    scsi_fail - 2 0x2a
    scsi_fail - 2 0x8a
}

# disk_named VAR NAME: the disk of a Disk line (vm lane).
disk_named() {
    local -n var=$1
    load virtio_scsi
    load sd_mod
    until_true 20 "the disk $2 is there" find_disk "$2"
    var=/dev/$(find_disk "$2")
}
find_disk() {
    local path serial
    for path in /sys/block/nvme*; do
        if [[ -b /dev/${path##*/} ]] && read -r serial <"$path/device/serial" && [[ $serial == "$1" ]]; then
            echo "${path##*/}"
            return
        fi
    done
    for path in /sys/block/sd*; do
        # Behind four bytes, the serial number.
        if [[ -b /dev/${path##*/} && $(tail -c +5 "$path/device/vpd_pg80") == "$1" ]]; then
            echo "${path##*/}"
            return
        fi
    done
    return 1
}

# partition DEVICE START LEN [START LEN]: partitions (a DOS table), for a disk that scans them.
partition() {
    local disk=$1
    shift
    entry() {
        local shift
        printf '\0\0\0\0\x83\0\0\0'
        for shift in 0 8 16 24; do printf "\\x$(printf %x $(($1 >> shift & 255)))"; done
        for shift in 0 8 16 24; do printf "\\x$(printf %x $(($2 >> shift & 255)))"; done
    }
    {
        head -c 446 /dev/zero
        entry "$1" "$2"
        if (($# > 2)); then entry "$3" "$4"; else head -c 16 /dev/zero; fi
        head -c 32 /dev/zero
        printf '\x55\xaa'
    } >/tmp/mbr
    need dd if=/tmp/mbr of="$disk" conv=fsync status=none
    need blockdev --rereadpt "$disk"
}
