// SPDX-License-Identifier: GPL-2.0-only
//! Suspends, resumes and messages device-mapper devices without starting a program for each: a
//! test that does so hundreds of times would do nothing else.

use std::fs::{File, OpenOptions};
use std::os::fd::AsRawFd;

use anyhow::{Context, Result};

/// Of `struct dm_ioctl` (linux/dm-ioctl.h): its fields are put where they belong by hand.
const SIZE: usize = 312;
const NAME: usize = 48;
const NAME_LEN: usize = 128;
const DEV_SUSPEND: u32 = 6;
const TARGET_MSG: u32 = 14;
const FLAG_SUSPEND: u32 = 1 << 1;
const FLAG_SKIP_LOCKFS: u32 = 1 << 10;

pub struct Control(File);

impl Control {
    pub fn open() -> Result<Self> {
        let path = "/dev/mapper/control";
        let file = OpenOptions::new().read(true).write(true).open(path);
        Ok(Control(file.context(path)?))
    }

    /// Waits for the I/O in flight, and holds what comes then.
    pub fn suspend(&self, device: &str) -> Result<()> {
        self.ioctl(DEV_SUSPEND, device, FLAG_SUSPEND | FLAG_SKIP_LOCKFS, &[])
            .with_context(|| format!("suspend {device}"))
    }

    pub fn resume(&self, device: &str) -> Result<()> {
        self.ioctl(DEV_SUSPEND, device, 0, &[]).with_context(|| format!("resume {device}"))
    }

    pub fn message(&self, device: &str, text: &str) -> Result<()> {
        let mut data = 0u64.to_ne_bytes().to_vec();
        data.extend_from_slice(text.as_bytes());
        data.push(0);
        self.ioctl(TARGET_MSG, device, 0, &data)
            .with_context(|| format!("message {device} {text}"))
    }

    fn ioctl(&self, command: u32, device: &str, flags: u32, data: &[u8]) -> Result<()> {
        anyhow::ensure!(device.len() < NAME_LEN, "the name is too long");
        let mut buffer = vec![0u8; SIZE + 4096];
        let mut put = |at: usize, value: u32| {
            buffer[at..at + 4].copy_from_slice(&value.to_ne_bytes());
        };
        put(0, 4); // version 4.0.0
        put(12, (SIZE + 4096) as u32); // data_size
        put(16, SIZE as u32); // data_start
        put(28, flags);
        buffer[NAME..NAME + device.len()].copy_from_slice(device.as_bytes());
        buffer[SIZE..SIZE + data.len()].copy_from_slice(data);
        let request = 3 << 30 | (SIZE as u32) << 16 | 0xfd << 8 | command;
        // SAFETY: the buffer is a whole dm_ioctl with as much room behind it as data_size says.
        let result = unsafe { libc::ioctl(self.0.as_raw_fd(), request.into(), buffer.as_mut_ptr()) };
        if result < 0 {
            return Err(std::io::Error::last_os_error().into());
        }
        Ok(())
    }
}
