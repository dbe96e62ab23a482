// SPDX-License-Identifier: GPL-2.0-only

//! Whether somebody uses main past the map.
//!
//! While the device is there the kernel lets nobody else mount main, but all targets of device-mapper share one claim: another
//! mapped device over main is not refused. And a file system that was mounted from main before is still there.

use std::fs;

use super::{source::Source, sysfs};

/// Who uses `disk` (`major:minor`) directly, besides dm-`own`: nodes of mapped devices, and mount points.
pub fn users(source: &dyn Source, disk: &str, own: u32) -> Vec<String> {
    let own = format!("dm-{own}");
    besides(source, disk, &|name| name == own)
}

/// Who uses `disk` directly and is no remap device: of those the kernel module knows which sectors they have.
pub fn others(source: &dyn Source, disk: &str) -> Vec<String> {
    let number = |name: &str| name.strip_prefix("dm-")?.parse().ok();
    besides(source, disk, &|name| {
        number(name).is_some_and(|number| sysfs::is_remap(source, number))
    })
}

/// Who uses `disk`, but for the mapped devices that are `ours`.
fn besides(source: &dyn Source, disk: &str, ours: &dyn Fn(&str) -> bool) -> Vec<String> {
    let mut users = Vec::new();
    if let Ok(holders) = fs::read_dir(sysfs::disk(source, disk).join("holders")) {
        for holder in holders.flatten() {
            let name = holder.file_name().to_string_lossy().into_owned();
            if ours(&name) {
                continue;
            }
            let mapped = sysfs::maybe(&source.sys().join(format!("block/{name}/dm/name")));
            users.push(match mapped {
                Ok(Some(mapped)) => format!("/dev/mapper/{mapped}"),
                _ => format!("/dev/{name}"),
            });
        }
    }
    users.extend(mount_points(source, disk));
    users.sort();
    users
}

/// Where `disk` (`major:minor`) itself is mounted.
pub fn mount_points(source: &dyn Source, disk: &str) -> Vec<String> {
    let mounts = fs::read_to_string(source.proc().join("self/mountinfo")).unwrap_or_default();
    let of_disk = mounts.lines().filter_map(|line| {
        // ID, parent's ID, major:minor, root, mount point ...
        let mut words = line.split(' ').skip(2);
        (words.next() == Some(disk)).then_some(())?;
        words.nth(1).map(unescaped)
    });
    of_disk.collect()
}

/// The kernel writes white space and backslashes in octal. What is no space stays so: a line is to stay one.
fn unescaped(word: &str) -> String {
    word.replace("\\040", " ").replace("\\134", "\\")
}
