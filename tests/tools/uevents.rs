// SPDX-License-Identifier: GPL-2.0-only
//! Prints what the kernel tells udev, a line for each uevent.

use std::fs::File;
use std::io::{Read, Write};
use std::mem::{size_of, zeroed};
use std::os::fd::FromRawFd;

use anyhow::Result;

/// The group of the kernel's own uevents.
const KERNEL: u32 = 1;

/// Says "listening", and then prints until it is killed.
pub fn run() -> Result<()> {
    // SAFETY: the call has no pointers.
    let fd = unsafe {
        libc::socket(
            libc::AF_NETLINK,
            libc::SOCK_DGRAM | libc::SOCK_CLOEXEC,
            libc::NETLINK_KOBJECT_UEVENT,
        )
    };
    check(fd)?;
    // SAFETY: the descriptor was just made, and nobody else has it.
    let mut socket = unsafe { File::from_raw_fd(fd) };
    // SAFETY: numbers alone, for which zero is valid.
    let mut address: libc::sockaddr_nl = unsafe { zeroed() };
    address.nl_family = libc::AF_NETLINK as libc::sa_family_t;
    address.nl_groups = KERNEL;
    // SAFETY: the address is as long as it is said to be.
    check(unsafe {
        libc::bind(
            fd,
            (&raw const address).cast(),
            size_of::<libc::sockaddr_nl>() as libc::socklen_t,
        )
    })?;
    let mut out = std::io::stdout();
    writeln!(out, "listening")?;
    let mut buffer = [0; 8192];
    loop {
        let len = socket.read(&mut buffer)?;
        let text = String::from_utf8_lossy(&buffer[..len]).replace('\0', " ");
        writeln!(out, "{}", text.trim_end())?;
    }
}

fn check(result: libc::c_int) -> Result<()> {
    if result < 0 {
        return Err(std::io::Error::last_os_error().into());
    }
    Ok(())
}
