// SPDX-License-Identifier: GPL-2.0-only
//! Loads the module, makes a device and takes both away again, over and over.

use std::fs;

use anyhow::{ensure, Context, Result};

use crate::dm::Control;

const DEVICE: &str = "cycle";

/// In each round one more block is asked to move: the spare area is loaded, mostly changed, and closed.
pub fn run(module: &str, rounds: u64, table: &str) -> Result<()> {
    let image = fs::read(module).with_context(|| module.to_owned())?;
    for round in 0..rounds {
        one(&image, table, &format!("remap {}", round * 8))
            .with_context(|| format!("round {round}"))?;
    }
    Ok(())
}

fn one(image: &[u8], table: &str, message: &str) -> Result<()> {
    // SAFETY: the kernel only reads the image and the empty list of parameters.
    let result = unsafe {
        libc::syscall(
            libc::SYS_init_module,
            image.as_ptr(),
            image.len(),
            c"".as_ptr(),
        )
    };
    check(result).context("cannot load the module")?;
    let control = Control::open()?;
    control.create(DEVICE, table)?;
    let sent = control.message(DEVICE, message).map(drop);
    control.remove(DEVICE)?;
    // SAFETY: the name is a C string.
    let result = unsafe {
        libc::syscall(
            libc::SYS_delete_module,
            c"dm_remap".as_ptr(),
            libc::O_NONBLOCK,
        )
    };
    check(result).context("cannot unload the module")?;
    sent
}

fn check(result: libc::c_long) -> Result<()> {
    ensure!(result == 0, "{}", std::io::Error::last_os_error());
    Ok(())
}
