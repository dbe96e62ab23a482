// SPDX-License-Identifier: GPL-2.0-only

//! Whatever is read by anybody, as functions of bytes: each takes any input, and panics if something is wrong with what
//! came of it. Nothing may panic itself, none of them may take what another reader of the same thing refuses, and what is
//! printed reads as what it was. `scripts/fuzz` looks for inputs with libFuzzer; `tests/fuzz_slice.rs` tries some thousands
//! in each `make test`.
#![allow(dead_code)] // neither has a use for all of it

mod area;
#[path = "../../core_lab/described.rs"]
mod described;
mod dump;
mod golden;
mod health;
#[path = "../../core_format_lab/mod.rs"]
mod lab;
mod lists;
mod log;
mod status;
mod superblock;
mod tab;
mod words;

/// One of them.
pub struct Target {
    pub name: &'static str,
    /// Bytes that an input has at most.
    pub most: usize,
    pub run: fn(&[u8]),
    /// Inputs that are right: to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Words that inputs are made of.
    pub words: &'static [&'static str],
}

pub const TARGETS: &[Target] = &[
    words::TABLE,
    words::MESSAGE,
    status::STATUS,
    superblock::SUPERBLOCK,
    log::LOG,
    health::HEALTH,
    area::AREA,
    area::REPAIR,
    dump::DUMP,
    lists::BADBLOCKS,
    lists::DDRESCUE,
    lists::EXPORT,
    tab::REMAPTAB,
];

/// Texts as inputs.
fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// What is said of something wrong is one line, and does nothing to a terminal.
fn is_a_line(text: &str) {
    assert!(
        !text.is_empty() && !text.contains(['\n', '\u{1b}']),
        "{text:?}"
    );
}

/// A metadata block that begins with these bytes, and has zeros behind them.
fn block_of(data: &[u8]) -> [u8; 4096] {
    let mut block = [0; 4096];
    for (to, from) in block.iter_mut().zip(data) {
        *to = *from;
    }
    block
}
