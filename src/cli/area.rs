// SPDX-License-Identifier: GPL-2.0-only

//! Spare areas that no device serves: read block by block, judged by the very code that the kernel module runs, and
//! written anew.

pub(crate) mod build;
pub(crate) mod chain;
pub(crate) mod copy;
pub(crate) mod document;
pub(crate) mod file;
pub(crate) mod judge;
pub(crate) mod knowledge;
pub(crate) mod salvage;
pub(crate) mod survey;
pub(crate) mod target;
pub(crate) mod twins;

use std::path::PathBuf;

use dm_remap_core::{
    layout::{CopyId, Layout, Use},
    open::{examine, load, Area, Examined, Expect, Formatted, IoFailed, OpenError, Opened},
    superblock::Superblock,
    units::{Sector, SectorCount},
};

/// Where an area lies, as the table line says it.
#[derive(clap::Args)]
pub(crate) struct Where {
    /// The spare device, or an image file of it
    #[arg(value_name = "AREA")]
    pub(crate) path: PathBuf,
    /// The area's first sector there, of 512 bytes: <spare_start> of the table line
    #[arg(long, value_name = "SECTORS", default_value_t = 0)]
    pub(crate) offset: u64,
    /// The area's length in sectors: <spare_len> of the table line [default: to the end]
    #[arg(long, value_name = "SECTORS")]
    pub(crate) length: Option<u64>,
}

/// What an area has to be, going by its own superblock: the devices are not at hand.
pub(crate) fn as_recorded(sb: &Superblock, spare_len: SectorCount, writable: bool) -> Expect {
    Expect {
        main: sb.names.main,
        spare: sb.names.spare,
        main_start: sb.main_start,
        main_len: sb.main_len,
        spare_start: sb.spare_start,
        spare_len,
        block: None,
        writable,
    }
}

/// The newest superblock of an area of `len` sectors, by the kernel's rules.
pub(crate) fn newest(area: &mut dyn Area, len: u64) -> Result<Formatted, OpenError> {
    match examine(area, SectorCount(len), None)? {
        Examined::Formatted(found) => Ok(found),
        // Without a plan nothing is called blank.
        Examined::Blank => Err(OpenError::Foreign("no superblock")),
    }
}

/// The map of an area of `len` sectors, as the kernel would load it. Nothing is written.
pub(crate) fn read(area: &mut dyn Area, len: u64) -> Result<(Formatted, Opened), OpenError> {
    let found = newest(area, len)?;
    let expect = as_recorded(&found.superblock, SectorCount(len), false);
    let opened = load(area, &found, &expect)?;
    Ok((found, opened))
}

/// An area of which one copy of the log is not to be believed: what the other one is worth alone.
pub(crate) struct Alone<'a> {
    pub(crate) area: &'a mut dyn Area,
    pub(crate) layout: &'a Layout,
    /// The copy that is left.
    pub(crate) copy: CopyId,
}

impl Area for Alone<'_> {
    fn read(&mut self, at: Sector, buf: &mut [u8]) -> Result<(), IoFailed> {
        let other = |r: &Use| matches!(r, Use::Log { copy, .. } if *copy != self.copy);
        let hidden = self.layout.regions().iter().any(|r| {
            let end = r.start.0.saturating_add(r.len.0);
            other(&r.r#use) && (r.start.0..end).contains(&at.0)
        });
        if hidden {
            buf.fill(0xff);
            return Ok(());
        }
        self.area.read(at, buf)
    }

    fn write(&mut self, _at: Sector, _buf: &[u8], _fua: bool) -> Result<(), IoFailed> {
        Err(IoFailed)
    }

    fn flush(&mut self) -> Result<(), IoFailed> {
        Err(IoFailed)
    }
}

/// A UUID as people write it.
pub(crate) fn uuid_text(uuid: &[u8; 16]) -> String {
    let hex = hex(uuid);
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32];
    parts.map(|part| hex[part].to_owned()).join("-")
}

/// The UUID that a text says.
pub(crate) fn uuid_of(text: &str) -> Option<[u8; 16]> {
    let hex = text.replace('-', "");
    let bytes = bytes_of(&hex)?;
    let hyphens = text.len() == 36 || text.len() == 32;
    bytes.try_into().ok().filter(|_| hyphens)
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |n: u8| char::from_digit(n.into(), 16).unwrap_or('?');
    let pair = |byte: &u8| [digit(byte >> 4), digit(byte & 15)];
    bytes.iter().flat_map(pair).collect()
}

/// The bytes that hexadecimal digits say.
pub(crate) fn bytes_of(hex: &str) -> Option<Vec<u8>> {
    let digits = hex.bytes().all(|c| c.is_ascii_hexdigit()) && hex.len() % 2 == 0;
    let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).ok();
    (digits.then(|| (0..hex.len()).step_by(2).map(byte).collect()))?
}
