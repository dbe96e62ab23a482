// SPDX-License-Identifier: GPL-2.0-only
//! What a disk owes: for each sector the generations that were submitted and acknowledged, and as a
//! file the bounds that hold at a moment.

use std::collections::HashMap;
use std::fs;
use std::io::Write;

use anyhow::{ensure, Context, Result};

use crate::pattern::{generation, Buffer, Device, SECTOR};

#[derive(Clone, Copy, Default)]
pub struct Sector {
    /// The newest write that was begun.
    pub submitted: u32,
    /// The newest that was reported successful.
    pub acknowledged: u32,
    /// The newest that was reported failed: it may be there or not.
    pub failed: u32,
}

impl Sector {
    /// Nothing older than this may be read now.
    pub fn floor(&self) -> u32 {
        self.acknowledged
    }
}

/// At a moment: the oldest and the newest generation that each sector may show.
pub struct Bounds(pub Vec<(u32, u32)>);

/// The file has a line of text for each moment, `NAME COUNT`, with that many pairs behind it.
pub fn append(file: &mut fs::File, name: &str, bounds: &Bounds) -> Result<()> {
    let mut bytes = format!("{name} {}\n", bounds.0.len()).into_bytes();
    for (low, high) in &bounds.0 {
        bytes.extend_from_slice(&low.to_le_bytes());
        bytes.extend_from_slice(&high.to_le_bytes());
    }
    file.write_all(&bytes).context("cannot write the record")
}

/// The moments of a record, by their names.
pub fn read(path: &str) -> Result<HashMap<String, Bounds>> {
    let bytes = fs::read(path).with_context(|| path.to_owned())?;
    let mut rest = &bytes[..];
    let mut all = HashMap::new();
    while !rest.is_empty() {
        let end = rest
            .iter()
            .position(|byte| *byte == b'\n')
            .context("a broken record")?;
        let line = std::str::from_utf8(&rest[..end])?;
        let (name, count) = line.split_once(' ').context("a broken record")?;
        let len = count.parse::<usize>()? * 8;
        rest = &rest[end + 1..];
        ensure!(rest.len() >= len, "a broken record");
        let number = |b: &[u8]| u32::from_le_bytes([b[0], b[1], b[2], b[3]]);
        let pairs = rest[..len].chunks_exact(8);
        let bounds = pairs.map(|b| (number(b), number(&b[4..]))).collect();
        all.insert(name.to_owned(), Bounds(bounds));
        rest = &rest[len..];
    }
    Ok(all)
}

pub fn find(path: &str, name: &str) -> Result<Bounds> {
    let found = read(path)?.remove(name);
    found.with_context(|| format!("{path}: nothing is recorded for {name}"))
}

/// Each sector is one of those that it may be.
pub fn compare(bytes: &[u8], first: u64, bounds: &[(u32, u32)]) -> Result<()> {
    for (n, (sector, (low, high))) in (first..).zip(bytes.chunks_exact(SECTOR).zip(bounds)) {
        let seen = generation(sector, n)?;
        ensure!(
            (*low..=*high).contains(&seen),
            "sector {n} holds generation {seen}, expected {low} to {high}"
        );
    }
    Ok(())
}

/// Compares a device, from a sector on, with bounds.
pub fn check(device: &Device, from: u64, bounds: &Bounds) -> Result<()> {
    const STEP: usize = 256;
    let mut buffer = Buffer::new(STEP)?;
    for (n, bounds) in (0u64..).zip(bounds.0.chunks(STEP)) {
        let first = from + n * STEP as u64;
        let bytes = &mut buffer[..bounds.len() * SECTOR];
        device
            .read(bytes, first)
            .with_context(|| format!("cannot read sector {first} and those behind it"))?;
        compare(bytes, first, bounds)?;
    }
    Ok(())
}
