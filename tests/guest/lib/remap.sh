# SPDX-License-Identifier: GPL-2.0-only
#
# The target under test: its module and its devices.

# load_module: dm-remap.ko, unloaded again at the end.
load_module() {
    load dm-mod
    need insmod "$GUEST_MODULE" "$@"
    at_exit unload_module
}
unload_module() {
    if [[ -d /sys/module/dm_remap ]]; then rmmod dm_remap; fi
}

# remap_create NAME MAIN SPARE [START] [LEN] [FEATURE...]: a remap device over all of MAIN, removed at
# the end. START is 0 and LEN the whole of SPARE unless they are given.
remap_create() {
    dm_create "$1" "$(remap_table "${@:2}")"
}

# remap_table MAIN SPARE [START] [LEN] [FEATURE...]: its table line.
remap_table() {
    local main=$1 spare=$2 start=${3:-0} len=${4:-}
    shift $(($# < 4 ? $# : 4))
    len=${len:-$(($(sectors_of "$spare") - start))}
    echo "0 $(sectors_of "$main") remap $main $spare $start $len${*:+ $# $*}"
}

# status_field NAME FIELD: the word after a key of the status line.
status_field() {
    local status
    status=$(dmsetup status "$1") && [[ " $status" =~ " $2 "([^ ]+) ]] && echo "${BASH_REMATCH[1]}"
}

# idle NAME: whether all that messages asked for has ended.
idle() {
    [[ $(status_field "$1" queued) == 0 ]]
}

# ask NAME MESSAGE...: sends it, and waits until it has ended.
ask() {
    need dmsetup message "$1" 0 "${@:2}" >/dev/null
    until_true 30 "the message '${*:2}' has ended" idle "$1"
}

# attr NAME FILE: an attribute under /sys/block/dm-N/remap.
attr() {
    local name value
    disk_name "/dev/mapper/$1" name && read -r value <"/sys/block/$name/remap/$2" && echo "$value"
}
