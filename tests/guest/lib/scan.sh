# SPDX-License-Identifier: GPL-2.0-only
#
# What the tests of the scanner share; the device is always r.

# scan_files: $scan is the folder of r's scanner, which does what it is told and nothing by itself, and takes nothing
# for slow: how fast a busy machine is says nothing of its disk.
scan_files() {
    scan=/sys/block/$(disk_name /dev/mapper/r)/remap/scan
    put 1000000 "$scan/../health/slow_ms"
    put 86400000 "$scan/interval_ms"
}

# For until_true.
passes() {
    [[ $(attr r scan/passes) == "$1" ]]
}
scan_state() {
    [[ $(attr r scan/state) == "$1" ]]
}
scanned_since() {
    (($(attr r scan/sectors_read) > $1))
}

# pass N: the scanner reads a pass, the N-th one of this area, and does what it asked for.
pass() {
    check "the scanner is told" dmsetup message r 0 scan now
    until_true 60 "pass $1 ends" passes "$1"
    until_true 20 "what it asked for is done" idle r
    need dmsetup message r 0 scan stop
}

# churn LIVES SECONDS: so many lives of r, or as many as there is time for. In each a scan goes on over errors that come and
# go, with users on the first half, while r is suspended, resumed and reloaded, blocks move and go back, and the
# scanner is told this and that; then it is removed while it scans. $commands, $found and $lives are what there was.
commands=0 found=0 lives=0
churn() {
    local end=$((SECONDS + $2)) size half n at hammer table bad words
    null_disk nmain 64
    new_disk spare 16
    size=$(sectors_of /dev/nmain)
    half=$((size / 2))
    while ((lives < $1 || SECONDS < end)); do
        table=$(remap_table /dev/nmain "$spare" 0 32768 error_policy any scan on)
        need dmsetup create r --table "$table"
        # What a former life wrote is not this one's.
        need dd if=/dev/zero of=/dev/mapper/r bs=1M count=$((half / 2048)) oflag=direct status=none
        scan_files
        put 10 "$scan/intensity"
        put 1 "$scan/../health/auto_evacuate"
        bad=()
        for ((n = 0; n < 6; n++)); do
            at=$((half + RANDOM % half))
            null_bad nmain $at $at
            bad+=($at)
        done
        "$GUEST_TOOLS/sectors" hammer /dev/mapper/r 0 "$half" --writers 3 --readers 1 --writes 2000 --seed $RANDOM \
            --longest 24 --record /tmp/record &
        hammer=$!
        n=0
        while ((n++ < 8)) || kill -0 $hammer 2>/dev/null; do
            case $(attr r scan/state) in
            stopped) words=(start now) ;;
            paused) words=(resume stop) ;;
            *) words=(pause stop now) ;;
            esac
            dmsetup message r 0 scan "${words[RANDOM % ${#words[@]}]}" && : $((commands += 1))
            dmsetup message r 0 remap $((RANDOM % half)) 8 >/dev/null 2>&1
            case $((RANDOM % 4)) in
            0) need dmsetup suspend --nolockfs r && need dmsetup resume --nolockfs r ;;
            1) swap r "${table/scan on/scan idle}" && swap r "$table" ;;
            2) cat "$scan"/* "$scan"/../health/* "$scan"/../map/* >/tmp/all || fail "the files cannot be read" ;;
            3) dmsetup message r 0 retest all >/dev/null 2>&1 ;;
            esac
        done
        wait $hammer || fail "users do not have what they wrote"
        check "life $lives: users' data is there" tool sectors check /dev/mapper/r 0 /tmp/record end
        if scan_state paused; then need dmsetup message r 0 scan resume; fi
        need dmsetup message r 0 scan now
        until_true 60 "the scanner has met what is bad" anything_pending
        : $((found += $(attr r pending))) $((lives += 1))
        # In the midst of it.
        need dmsetup remove r
        for at in "${bad[@]}"; do null_good nmain $at $at; done
    done
}
anything_pending() {
    (($(attr r pending) > 0))
}
