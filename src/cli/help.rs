// SPDX-License-Identifier: GPL-2.0-only

//! What `--help` says below the options, and with it the manual: exit codes, environment, files, examples.
//!
//! A heading is a line of its own that ends in a colon. Below it, a line with two spaces before it begins with what it
//! is about; what is said of that comes after two more, or in lines that are further in.

use clap::builder::StyledStr;

/// The files of commands for live devices.
pub const LIVE: &str = "
  /dev/mapper/NAME
      the device; what it was made from must not be used beside it
  /sys/block/dm-N/remap/
      what the kernel module says of it, and what can be set";

/// The files of commands for spare areas that no device serves.
pub const AREA: &str = "
  AREA
      a spare area: a block device, or an image of one, that nothing else has in use";

/// The environment, the same for all.
const ENVIRONMENT: &str = "
  NO_COLOR  no colours if it is set
  PATH      where dmsetup, blkid and smartctl are looked for, before /usr/local/sbin, /usr/sbin and /sbin";

/// Puts the sections of a command together: `codes` with their heading, the other two without.
pub fn sections(codes: &str, files: &str, examples: &str) -> StyledStr {
    let files = files.trim_start_matches('\n');
    let environment = ENVIRONMENT.trim_start_matches('\n');
    let examples = examples.trim_start_matches('\n');
    format!("{codes}\n\nEnvironment:\n{environment}\n\nFiles:\n{files}\n\nExamples:\n{examples}")
        .into()
}
