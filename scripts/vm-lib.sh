# SPDX-License-Identifier: GPL-2.0-only
#
# The vm lane: Debian's own kernel in QEMU. To be sourced by bash after lanes.sh.

# What the tests call. Real tools, not busybox, so that a test reads the same in every lane.
VM_TOOLS=(bash cat cp mv rm mkdir rmdir ls ln mkfifo dd cmp diff sync sleep date head tail wc tr cut
    sort uniq comm seq stat truncate timeout touch chmod tee md5sum sha256sum od printf env nproc dirname
    basename realpath df du shuf paste find xargs grep sed mawk awk mount umount losetup blockdev
    dmesg flock modprobe insmod rmmod dmsetup mke2fs mkfs.ext4 e2fsck tune2fs debugfs
    partx fio setsid uname id expr tac numfmt cksum)
VM_MODULES=(dm-mod dm-flakey dm-log-writes dm-delay loop brd null_blk scsi_debug sd_mod virtio_scsi
    virtio_pci virtio_blk ext4 crc32c)
# What besides these has a test with the line "Files: stacks": to unpack it would slow all others down. The
# packages are not in the toolchain, for which they would be a new key, and bring systemd along.
STACKS_PACKAGES=(btrfs-progs f2fs-tools lvm2 cryptsetup-bin mdadm)
STACKS_TOOLS=(mkfs.xfs xfs_repair mkfs.btrfs btrfs mkfs.f2fs fsck.f2fs lvm cryptsetup mdadm)
STACKS_MODULES=(xfs btrfs dm-crypt raid1)

# binary_files TOOL...: their paths and those of the libraries that they load.
binary_files() {
    local tool path link
    for tool; do
        path=$(type -P "$tool") || die "the toolchain lacks $tool, which the guests need"
        printf '%s\n' "$path"
        while [[ -L $path ]]; do
            link=$(readlink "$path")
            if [[ $link != /* ]]; then link=${path%/*}/$link; fi
            path=$(realpath -ms "$link")
            printf '%s\n' "$path"
        done
        ldd "$path" 2>/dev/null | grep -o '/[^ ]*' || true
    done
}

# make_files TMP KERNEL: two archives for an initramfs, with the tools and Debian's modules, unpacked:
# base.cpio, and stacks.cpio for what needs more. Kept uncompressed, for an emulated processor takes
# longer to unpack than to copy.
make_files() {
    local tmp=$1 kernel=$2 root=$1/root more=$1/more file
    say "making the guest's files for $RELEASE"
    mkdir -p "$root"/{dev,etc,proc,sys,tmp,run,root,var,usr/bin,usr/sbin,usr/lib,usr/lib64} "$more"
    for file in bin sbin lib lib64; do ln -s "usr/$file" "$root/$file"; done
    ln -s /proc/mounts "$root/etc/mtab"
    ln -s bash "$root/usr/bin/sh"
    cp -a /etc/ld.so.cache /etc/mke2fs.conf "$root/etc/"
    printf 'root:x:0:0:root:/root:/bin/bash\n' >"$root/etc/passwd"
    printf 'root:x:0:\ndisk:x:6:\n' >"$root/etc/group"
    copy_tools "$root" / "${VM_TOOLS[@]}"
    copy_modules "$root" "$kernel" "${VM_MODULES[@]}"
    archive "$root" "$tmp/base.cpio"
    ln -s usr/lib "$more/lib"
    unpack_packages "$tmp/debian" "${STACKS_PACKAGES[@]}"
    copy_tools "$more" "$tmp/debian" "${STACKS_TOOLS[@]}"
    copy_modules "$more" "$kernel" "${VM_MODULES[@]}" "${STACKS_MODULES[@]}"
    # What the base has is left out, but not the list of the modules, which is longer here.
    (cd "$more" && find . -type f -not -name 'modules.*') | while read -r file; do
        if [[ -e $root/$file ]]; then rm "$more/$file"; fi
    done
    archive "$more" "$tmp/stacks.cpio"
    rm -rf "$root" "$more" "$tmp/debian"
}

# unpack_packages DIR PACKAGE...: them and what else the toolchain lacks for them.
unpack_packages() {
    local dir=$1 file
    local get=(apt-get -q -y -o Debug::NoLocking=1 -o "Dir::Cache::archives=$dir/.deb" --no-install-recommends
        --download-only install "${@:2}")
    mkdir -p "$dir/.deb"
    "${get[@]}" >"$dir/.log" 2>&1 || {
        logged "$dir/.log" apt-get -q update --error-on=any || die "cannot read the list of the package archive: look at the lines above"
        logged "$dir/.log" "${get[@]}" || die "cannot fetch ${*:2}: look at the lines above"
    }
    for file in "$dir"/.deb/*.deb; do dpkg-deb -x "$file" "$dir"; done
}

# archive FOLDER FILE
archive() {
    (cd "$1" && find . | cpio -o -H newc --quiet -R 0:0) >"$2"
}

# copy_tools ROOT FROM TOOL...: of the folder FROM, or else the toolchain's.
copy_tools() {
    local root=$1 from=${2%/} file
    {
        PATH=$from/usr/sbin:$from/usr/bin:$PATH LD_LIBRARY_PATH=$(echo "$from"/usr/lib/*-linux-gnu) binary_files "${@:3}"
        # The programs in Rust and the threads of fio load these.
        ldconfig -p | grep -oE '/[^ ]*/lib(gcc_s|m)\.so\.[0-9]+$'
    } | sort -u | while read -r file; do
        copy_file "$root" "$from" "$file"
        if [[ -L $file ]]; then copy_file "$root" "$from" "$(realpath "$file")"; fi
    done
}

# copy_file ROOT FROM FILE: into the merged /usr, under every name that the loader may ask for.
copy_file() {
    local place=${3#"$2"}
    case $place in /bin/* | /sbin/* | /lib*) place=/usr$place ;; esac
    mkdir -p "$1${place%/*}"
    cp -a "$3" "$1$place"
}

# copy_modules ROOT KERNEL MODULE...: with what they need, and a dependency list of their own.
copy_modules() {
    local root=$1 kernel=$2 lib=usr/lib/modules/$RELEASE module file
    mkdir -p "$root/$lib"
    cp "$kernel/lib/modules/$RELEASE"/modules.{builtin,builtin.modinfo,order} "$root/$lib/"
    for module in "${@:3}"; do
        modprobe -d "$kernel" -S "$RELEASE" --show-depends "$module" ||
            die "Debian's kernel $RELEASE has no module $module, which the guests need"
    done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | sort -u | while read -r file; do
        case $file in
        *.xz) xz -dc "$file" >"$root/$lib/$(basename "${file%.xz}")" ;;
        *.zst) zstd -qdc "$file" >"$root/$lib/$(basename "${file%.zst}")" ;;
        *) cp "$file" "$root/$lib/" ;;
        esac
    done
    depmod -b "$root" "$RELEASE"
}

# vm_base: sets BASE and STACKS (archives of the initramfs) and VMLINUZ.
vm_base() {
    local kernel item
    pick_kernel "${GUEST_KERNEL:-current}"
    kernel=$("$REPO/scripts/debian-kernel" "${GUEST_KERNEL:-current}")
    item=guest-files-$RELEASE-$KEY-$(hash "$REPO/scripts/vm-lib.sh")
    cache_item "$item" 500 make_files "$kernel"
    BASE=$CACHE/$item/base.cpio
    STACKS=$CACHE/$item/stacks.cpio
    VMLINUZ=$kernel/vmlinuz
}

# vm_accel: kvm or tcg. That /dev/kvm opens does not mean that a kernel runs in it, so one is
# booted, once in each run of this machine.
vm_accel() {
    local item
    case ${DM_REMAP_ACCEL:-probe} in
    kvm | tcg)
        echo "$DM_REMAP_ACCEL"
        return
        ;;
    probe) ;;
    *) die "DM_REMAP_ACCEL is $DM_REMAP_ACCEL: kvm and tcg are known" ;;
    esac
    item=accel-$(hash /proc/sys/kernel/random/boot_id)
    cache_item "$item" 1 probe_accel
    cat "$CACHE/$item/accel"
}

probe_accel() {
    local out=
    if [[ -w /dev/kvm && -r /dev/kvm ]]; then
        say "trying whether KVM works here"
        printf '#!/bin/bash\necho kvm-works\n' >"$1/init"
        chmod +x "$1/init"
        { cat "$BASE" && cd "$1" && echo init | cpio -o -H newc --quiet; } >"$1/probe.cpio"
        # The init ends, the kernel panics, QEMU exits.
        out=$(timeout -k 1 15 qemu-system-x86_64 -accel kvm -cpu host -m 512 -nodefaults -no-reboot \
            -display none -serial stdio -kernel "$VMLINUZ" -initrd "$1/probe.cpio" \
            -append "console=ttyS0 panic=-1 rdinit=/init" </dev/null 2>/dev/null) || true
        rm -f "$1/init" "$1/probe.cpio"
    fi
    if [[ $out == *kvm-works* ]]; then echo kvm; else echo tcg; fi >"$1/accel"
    say "guests run with $(<"$1/accel") (DM_REMAP_ACCEL=kvm or tcg overrides this)"
}

# A test says what disks it wants in lines of its head:
#
#   # Disk: NAME SIZE [read=S,...] [write=S,...] [eio=S,...] [block=N] [bus=nvme]
#
# NAME is the serial number by which the test finds it. Sectors S fail: reads with a medium error,
# writes with what errno 61 and EIO give a disk. block is its sector size. It is a SCSI disk, or NVMe.
vm_disks() {
    local scsi= name size word key rule sector spec block bus
    local dir=$1
    while read -r name size spec; do
        truncate -s "$size" "$dir/$name.img"
        rule=0
        block=512
        bus=scsi
        local node="driver=blkdebug,node-name=$name,image.driver=file,image.filename=$dir/$name.img"
        # shellcheck disable=SC2086
        for word in $spec; do
            key=${word%%=*}
            case $key in
            block)
                block=${word#*=}
                continue
                ;;
            bus)
                bus=${word#*=}
                continue
                ;;
            read | write | eio) ;;
            *) die "$test: unknown word in a Disk line: $word" ;;
            esac
            for sector in ${word#*=}; do
                for sector in ${sector//,/ }; do
                    node+=",inject-error.$rule.event=none,inject-error.$rule.sector=$sector"
                    case $key in
                    read) node+=",inject-error.$rule.iotype=read,inject-error.$rule.errno=61" ;;
                    write) node+=",inject-error.$rule.iotype=write,inject-error.$rule.errno=61" ;;
                    eio) node+=",inject-error.$rule.iotype=write,inject-error.$rule.errno=5" ;;
                    esac
                    rule=$((rule + 1))
                done
            done
        done
        case $bus in
        scsi)
            if [[ ! $scsi ]]; then QEMU+=(-device virtio-scsi-pci); fi
            scsi=yes
            bus=scsi-hd,rerror=report,werror=report
            ;;
        nvme) ;;
        *) die "$test: unknown bus in a Disk line: $bus" ;;
        esac
        QEMU+=(-blockdev "$node" -device "$bus,drive=$name,serial=$name,logical_block_size=$block,physical_block_size=$block")
    done < <(sed -n 's/^# Disk: //p' "$test")
}

# with_folders FILE: it and the folders that it is in, if it is there.
with_folders() {
    local path=$1
    if [[ ! -f $path ]]; then return; fi
    while [[ $path ]]; do
        printf '%s\n' "$path"
        path=${path%/*}
    done
}

run_vm() {
    local accel module file
    vm_base
    accel=$(vm_accel)
    module=$(module_file vm)
    VM_TMP=$(mktemp -d /tmp/vm.XXXXXX)
    trap 'rm -rf "$VM_TMP"' EXIT
    # Later archives add to the first: the test files and the modules, then our own program, without
    # what only a debugger reads.
    mkdir -p "$VM_TMP/tools/tools"
    strip -o "$VM_TMP/tools/tools/sectors" "$TARGET/debug/examples/sectors"
    {
        cat "$BASE"
        if grep -q '^# Files: stacks$' "$test"; then cat "$STACKS"; fi
        (
            cd /
            {
                printf '%s\n' "$REPO" "$REPO/scripts" "$REPO"/scripts/guest-{init,fstab} "$REPO/tests"
                find "$REPO/tests/guest"
                for file in "$TARGET/module/$RELEASE"/*.ko; do with_folders "$file"; done
            } | sort -u | sed 's|^/||' | cpio -o -H newc --quiet -R 0:0
        )
        (cd "$VM_TMP/tools" && find tools | cpio -o -H newc --quiet -R 0:0)
    } >"$VM_TMP/initrd"
    QEMU=(qemu-system-x86_64 -m "${GUEST_MEM:-768}" -nodefaults -no-reboot -display none -serial stdio
        -kernel "$VMLINUZ" -initrd "$VM_TMP/initrd"
        -append "console=ttyS0 panic=-1 oops=panic rdinit=$REPO/scripts/guest-init GUEST_MODULES=/ GUEST_MODULE=$module ${GUEST_ENV[*]} GUEST_TOOLS=/tools")
    # With GUEST_ICOUNT each nanosecond of the guest is an instruction, however busy this machine is.
    case ${GUEST_ICOUNT:+icount}$accel in
    icount*) QEMU+=(-accel tcg,thread=single -cpu max -smp 1 -icount shift=0,sleep=off) ;;
    kvm) QEMU+=(-accel kvm -cpu host -smp 2) ;;
    tcg) QEMU+=(-accel tcg,thread=multi -cpu max -smp 2) ;;
    esac
    vm_disks "$VM_TMP"
    # shellcheck disable=SC2206
    QEMU+=(${GUEST_QEMU:-})
    setpriv --pdeathsig KILL "${QEMU[@]}" </dev/null
}
