// SPDX-License-Identifier: GPL-2.0-only
//! Handles device-mapper devices without starting a program for each step: a test that does so
//! hundreds of times would do nothing else.

use std::fs::{File, OpenOptions};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::failing;

/// Of `struct dm_ioctl` (linux/dm-ioctl.h): its fields are put where they belong by hand.
const SIZE: usize = 312;
const NAME: usize = 48;
const NAME_LEN: usize = 128;
/// For what goes with a command, and for what comes back.
const ROOM: usize = 16384;
const DEV_CREATE: u32 = 3;
const DEV_REMOVE: u32 = 4;
const DEV_SUSPEND: u32 = 6;
const TABLE_CLEAR: u32 = 10;
const TABLE_LOAD: u32 = 9;
const TABLE_STATUS: u32 = 12;
const TARGET_MSG: u32 = 14;
const FLAG_SUSPEND: u32 = 1 << 1;
const FLAG_SKIP_LOCKFS: u32 = 1 << 10;
const FLAG_NOFLUSH: u32 = 1 << 11;
const FLAG_DATA_OUT: u32 = 1 << 16;
const FLAG_STATUS_TABLE: u32 = 1 << 4;

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
            .with_context(|| format!("suspend {device}"))?;
        Ok(())
    }

    /// Holds what comes, and takes back what is not at a disk yet.
    pub fn suspend_at_once(&self, device: &str) -> Result<()> {
        let flags = FLAG_SUSPEND | FLAG_SKIP_LOCKFS | FLAG_NOFLUSH;
        self.ioctl(DEV_SUSPEND, device, flags, &[])
            .with_context(|| format!("suspend {device}"))?;
        Ok(())
    }

    /// The answer is the minor number.
    pub fn resume(&self, device: &str) -> Result<u64> {
        self.ioctl(DEV_SUSPEND, device, 0, &[])
            .with_context(|| format!("resume {device}"))
    }

    /// The answer is the reply, if there is one.
    pub fn message(&self, device: &str, text: &str) -> Result<String> {
        self.message_bytes(device, text.as_bytes())
            .with_context(|| format!("message {device} {text}"))
    }

    /// The same, of any bytes but zeros.
    pub fn message_bytes(&self, device: &str, text: &[u8]) -> Result<String> {
        let mut data = 0u64.to_ne_bytes().to_vec();
        data.extend_from_slice(text);
        data.push(0);
        let mut buffer = self.call(TARGET_MSG, device, 0, &data)?;
        if number(&buffer, 28) & FLAG_DATA_OUT == 0 {
            return Ok(String::new());
        }
        Ok(text_of(buffer.split_off(SIZE)))
    }

    /// A message that is sent again as long as the target has no room for it.
    pub fn message_patiently(&self, device: &str, text: &str) -> Result<()> {
        let until = Instant::now() + Duration::from_secs(30);
        loop {
            let sent = self.message(device, text).map(drop);
            let error = match &sent {
                Err(error) => error.root_cause().downcast_ref::<std::io::Error>(),
                Ok(()) => None,
            };
            let full = error.is_some_and(|e| e.raw_os_error() == Some(libc::EAGAIN));
            if !full || Instant::now() > until {
                return sent;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// The status line of the first target: what stands behind its type.
    pub fn status(&self, device: &str) -> Result<String> {
        self.line(device, 0)
    }

    /// The table line, likewise.
    pub fn table(&self, device: &str) -> Result<String> {
        self.line(device, FLAG_STATUS_TABLE)
    }

    fn line(&self, device: &str, flags: u32) -> Result<String> {
        let mut buffer = self
            .call(TABLE_STATUS, device, flags, &[])
            .with_context(|| format!("status {device}"))?;
        // Behind the target's own head (struct dm_target_spec).
        Ok(text_of(buffer.split_off(SIZE + 40)))
    }

    /// Gives a device another table of one target, to be live after the next suspend and resume.
    pub fn load(&self, device: &str, table: &str) -> Result<()> {
        let mut words = table.splitn(4, ' ');
        let mut word = || {
            words
                .next()
                .with_context(|| format!("{table}: no table line"))
        };
        let (start, len): (u64, u64) = (word()?.parse()?, word()?.parse()?);
        // There are targets without any.
        let (target, arguments) = (word()?, word().unwrap_or_default());
        // struct dm_target_spec
        let mut data = start.to_ne_bytes().to_vec();
        data.extend_from_slice(&len.to_ne_bytes());
        data.extend_from_slice(&[0; 8]);
        data.extend_from_slice(target.as_bytes());
        data.resize(40, 0);
        data.extend_from_slice(arguments.as_bytes());
        data.push(0);
        self.ioctl(TABLE_LOAD, device, 0, &data)
            .with_context(|| format!("load {device}: {table}"))?;
        Ok(())
    }

    /// Forgets a table that was loaded and is not live.
    pub fn clear(&self, device: &str) -> Result<()> {
        self.ioctl(TABLE_CLEAR, device, 0, &[])
            .with_context(|| format!("clear {device}"))?;
        Ok(())
    }

    /// Makes a device without a table.
    pub fn make(&self, device: &str) -> Result<()> {
        self.ioctl(DEV_CREATE, device, 0, &[])
            .with_context(|| format!("create {device}"))?;
        Ok(())
    }

    /// Makes a device of one target, from a table line, and says where its node is.
    pub fn create(&self, device: &str, table: &str) -> Result<String> {
        self.make(device)?;
        let made = self
            .load(device, table)
            .and_then(|()| self.resume(device).context(table.to_owned()));
        match made {
            Ok(minor) => Ok(format!("/dev/dm-{minor}")),
            Err(error) => {
                self.remove(device)?;
                Err(error)
            }
        }
    }

    pub fn remove(&self, device: &str) -> Result<()> {
        self.ioctl(DEV_REMOVE, device, 0, &[])
            .with_context(|| format!("remove {device}"))?;
        Ok(())
    }

    /// The answer is the minor number of the device.
    fn ioctl(&self, command: u32, device: &str, flags: u32, data: &[u8]) -> Result<u64> {
        let buffer = self.call(command, device, flags, data)?;
        let number: [u8; 8] = buffer[40..48].try_into()?;
        let number = u64::from_ne_bytes(number);
        Ok((number & 0xff) | ((number >> 12) & 0xf_ff00))
    }

    /// The answer is the whole buffer.
    fn call(&self, command: u32, device: &str, flags: u32, data: &[u8]) -> Result<Vec<u8>> {
        anyhow::ensure!(device.len() < NAME_LEN, "the name is too long");
        anyhow::ensure!(data.len() <= ROOM, "the data is too long");
        let mut buffer = vec![0u8; SIZE + ROOM];
        let mut put = |at: usize, value: u32| {
            buffer[at..at + 4].copy_from_slice(&value.to_ne_bytes());
        };
        put(0, 4); // version 4.0.0
        put(12, (SIZE + ROOM) as u32); // data_size
        put(16, SIZE as u32); // data_start
        put(20, 1); // target_count
        put(28, flags);
        buffer[NAME..NAME + device.len()].copy_from_slice(device.as_bytes());
        buffer[SIZE..SIZE + data.len()].copy_from_slice(data);
        let request = (3 << 30) | ((SIZE as u32) << 16) | (0xfd << 8) | command;
        let result = failing::call(|| {
            // SAFETY: the buffer is a whole dm_ioctl with as much room behind it as data_size says.
            unsafe { libc::ioctl(self.0.as_raw_fd(), request.into(), buffer.as_mut_ptr()) }
        });
        if result < 0 {
            return Err(std::io::Error::last_os_error().into());
        }
        Ok(buffer)
    }
}

fn number(buffer: &[u8], at: usize) -> u32 {
    let word = buffer.get(at..at + 4).and_then(|w| w.try_into().ok());
    word.map_or(0, u32::from_ne_bytes)
}

/// What stands before the first zero.
fn text_of(bytes: Vec<u8>) -> String {
    let end = bytes.iter().position(|byte| *byte == 0);
    String::from_utf8_lossy(&bytes[..end.unwrap_or(bytes.len())]).into_owned()
}
