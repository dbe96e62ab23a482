// SPDX-License-Identifier: GPL-2.0-only

//! How a device is opened: what the command and `/etc/remaptab` say.

use clap::ValueEnum;
use dm_remap_core::{
    fault::{ErrorPolicy, PendingWrites},
    grammar::table::Features,
    health::keeper::ScanMode,
};

/// How a device is opened.
#[derive(clap::Args, Clone, Debug)]
pub struct Settings {
    /// Where the spare area begins on its device, in sectors
    #[arg(long, value_name = "SECTORS", default_value_t = 0, requires = "main")]
    pub spare_start: u64,
    /// Write nothing, the map included
    #[arg(long, requires = "main")]
    pub read_only: bool,
    /// Which errors make a block move
    #[arg(long, value_enum, default_value_t = Policy::Confirm, requires = "main")]
    pub error_policy: Policy,
    /// Where a write to sectors goes that could not be read
    #[arg(long, value_enum, default_value_t = Pending::Remap, requires = "main")]
    pub pending_writes: Pending,
    /// A failing write is an error, and nothing moves by itself
    #[arg(long, requires = "main")]
    pub no_auto_remap: bool,
    /// What the scanner does by itself
    #[arg(long, value_enum, default_value_t = Scan::Off, requires = "main")]
    pub scan: Scan,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            spare_start: 0,
            read_only: false,
            error_policy: Policy::Confirm,
            pending_writes: Pending::Remap,
            no_auto_remap: false,
            scan: Scan::Off,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Policy {
    /// Those that name the medium
    Medium,
    /// These, and other errors of writes that come again when all else works
    Confirm,
    /// All but those that never speak of the medium, such as timeouts
    Any,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Pending {
    /// To the spare area: their block moves
    Remap,
    /// To main, which is read back; their block moves if that fails
    Main,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Scan {
    /// Nothing
    Off,
    /// It reads all of the device, two weeks a pass, while the disk is idle
    Idle,
    /// The same, and at least so much however busy the disk is
    On,
}

impl Settings {
    /// As the table line has them.
    pub fn features(&self) -> Features {
        Features {
            error_policy: match self.error_policy {
                Policy::Medium => ErrorPolicy::Medium,
                Policy::Confirm => ErrorPolicy::Confirm,
                Policy::Any => ErrorPolicy::Any,
            },
            pending_writes: match self.pending_writes {
                Pending::Remap => PendingWrites::Remap,
                Pending::Main => PendingWrites::Main,
            },
            auto_remap: !self.no_auto_remap,
            scan: match self.scan {
                Scan::Off => ScanMode::Off,
                Scan::Idle => ScanMode::Idle,
                Scan::On => ScanMode::On,
            },
            ..Features::default()
        }
    }
}
