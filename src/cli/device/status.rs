// SPDX-License-Identifier: GPL-2.0-only

//! The status line, read.

use std::collections::BTreeMap;

use anyhow::{bail, Context, Result};
use serde::Serialize;

/// What can be done with the map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// All of it.
    Rw,
    /// It cannot change.
    Ro,
    /// It is not known to be right.
    Fail,
}

impl State {
    /// As the status line has it.
    pub fn word(self) -> &'static str {
        match self {
            State::Rw => "rw",
            State::Ro => "ro",
            State::Fail => "fail",
        }
    }
}

/// What the status line says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    pub state: State,
    pub needs_check: bool,
    /// Nothing moves by itself, since errors come from everywhere.
    pub storm: bool,
    pub remapped_blocks: u64,
    pub spare_blocks: u64,
    pub spare_free_blocks: u64,
    pub spare_failed_blocks: u64,
    pub pending_sectors: u64,
    pub pending_dropped_sectors: u64,
    pub lost_sectors: u64,
    pub generation: u64,
    pub block_sectors: u64,
    /// The copies of the metadata that are not written any more: of `a` and `b`.
    pub degraded_copies: String,
    pub queued_messages: u64,
    /// Counters since the device came up, or since `reset_stats`, by the keys of the status line.
    pub counters: BTreeMap<String, u64>,
}

/// Keys that are fields of their own.
const FIELDS: [&str; 8] = [
    "block_sectors",
    "spare_free",
    "spare_failed",
    "pending_dropped",
    "degraded",
    "queued",
    "health",
    "scan",
];

impl Status {
    /// Reads a line of `dmsetup status`: `<start> <len> remap <used>/<total> ...`.
    pub fn parse(line: &str) -> Result<Status> {
        Self::words(line).with_context(|| format!("status line '{line}'"))
    }

    fn words(line: &str) -> Result<Status> {
        let mut words = line.split_ascii_whitespace().skip(3);
        let mut next = |what| {
            let word = words.next();
            word.with_context(|| format!("{what} is missing"))
        };
        let used = next("<used>/<total>")?;
        let (used, total) = used.split_once('/').context("<used>/<total> has no /")?;
        let pending = next("<pending>")?;
        let lost = next("<lost>")?;
        let generation = next("<generation>")?;
        let state = match next("<state>")? {
            "rw" => State::Rw,
            "ro" => State::Ro,
            "fail" => State::Fail,
            other => bail!("the state {other} is unknown"),
        };
        let needs_check = next("<needs_check>")? != "-";
        let storm = next("<storm>")? != "-";
        let mut pairs = BTreeMap::new();
        while let Some(key) = words.next() {
            let value = words
                .next()
                .with_context(|| format!("{key} has no value"))?;
            pairs.insert(key, value);
        }
        let pair = |key: &str| {
            let value = pairs.get(key).copied();
            value.with_context(|| format!("{key} is missing"))
        };
        let counters = pairs
            .iter()
            .filter(|(key, _)| !FIELDS.contains(key))
            .filter_map(|(key, value)| Some(((*key).to_owned(), value.parse().ok()?)))
            .collect();
        Ok(Status {
            state,
            needs_check,
            storm,
            remapped_blocks: number(used)?,
            spare_blocks: number(total)?,
            spare_free_blocks: number(pair("spare_free")?)?,
            spare_failed_blocks: number(pair("spare_failed")?)?,
            pending_sectors: number(pending)?,
            pending_dropped_sectors: number(pair("pending_dropped")?)?,
            lost_sectors: number(lost)?,
            generation: number(generation)?,
            block_sectors: number(pair("block_sectors")?)?,
            degraded_copies: pair("degraded")?.trim_matches('-').to_owned(),
            queued_messages: number(pair("queued")?)?,
            counters,
        })
    }
}

fn number(word: &str) -> Result<u64> {
    word.parse()
        .with_context(|| format!("'{word}' is not a number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "0 209715200 remap 3/238520 16 2 77 rw - - block_sectors 8 spare_free 238517 spare_failed 1 \
        pending_dropped 5 degraded - queued 6 read_errors 2 write_errors 3 recovered 0 moved_write 3 moved_message 0 \
        evacuated 0 returned 0 stayed 4 commits 4 flushes 3 health 812 scan 1048576/211623136";

    #[test]
    fn a_line_is_read_field_by_field() {
        let status = Status::parse(LINE).expect("it is a status line");
        assert_eq!((status.remapped_blocks, status.spare_blocks), (3, 238_520));
        assert_eq!((status.pending_sectors, status.lost_sectors), (16, 2));
        assert_eq!((status.generation, status.block_sectors), (77, 8));
        assert_eq!(status.state, State::Rw);
        assert!(!status.needs_check && !status.storm);
        assert_eq!(status.spare_free_blocks, 238_517);
        assert_eq!(status.spare_failed_blocks, 1);
        assert_eq!(status.pending_dropped_sectors, 5);
        assert_eq!(
            (status.degraded_copies.as_str(), status.queued_messages),
            ("", 6)
        );
        assert_eq!(
            (status.counters["stayed"], status.counters["read_errors"]),
            (4, 2)
        );
        assert_eq!(status.counters.len(), 10);
    }

    #[test]
    fn what_is_wrong_stands_in_the_line() {
        let line = LINE.replace("rw - -", "ro needs_check storm");
        let line = line.replace("degraded -", "degraded ab") + " news 9";
        let status = Status::parse(&line).expect("keys of later versions do no harm");
        assert_eq!(status.state, State::Ro);
        assert!(status.needs_check && status.storm);
        assert_eq!(status.degraded_copies, "ab");
        assert_eq!(status.counters["news"], 9);
    }

    #[test]
    fn a_line_of_something_else_is_told() {
        for (line, says) in [
            ("0 8 linear 8:0 0", "<used>/<total> has no /"),
            ("0 8 remap", "<used>/<total> is missing"),
            (&LINE.replace(" rw ", " rx "), "the state rx is unknown"),
            (&LINE.replace("238517", "many"), "'many' is not a number"),
            (
                &LINE.replace("spare_free 238517 ", ""),
                "spare_free is missing",
            ),
            (
                "0 8 remap 0/1 0 0 0 rw - - block_sectors",
                "block_sectors has no value",
            ),
        ] {
            let error = Status::parse(line).expect_err(line);
            assert!(format!("{error:#}").contains(says), "{error:#}");
        }
    }
}
