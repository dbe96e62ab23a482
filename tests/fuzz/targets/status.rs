// SPDX-License-Identifier: GPL-2.0-only

//! The status line: the tool reads what the kernel module prints, and of anything else says what is wrong.

use dm_remap_core::{
    engine::{Count, State, Stats, Status},
    grammar::status::Line,
    map::Counters,
    units::BlockSize,
};

use super::{texts, Target};
use crate::tool::device::status;

const RIGHT: &str = "0 209715200 remap 3/238520 16 2 77 rw - - block_sectors 8 spare_free 238517 spare_failed 1 \
    pending_dropped 5 degraded - queued 6 read_errors 2 write_errors 3 recovered 0 moved_write 3 moved_message 0 \
    evacuated 0 returned 0 stayed 4 commits 4 flushes 3 health 812 scan 1048576/211623136";

pub const STATUS: Target = Target {
    name: "status",
    most: 512,
    run,
    seeds: || {
        let mut seeds = texts(&[
            RIGHT,
            "0 8 remap 0/16 0 0 1 fail needs_check storm degraded ab",
        ]);
        seeds.push((0..=200).collect());
        seeds
    },
    words: &[
        " rw ",
        " ro ",
        " fail ",
        "needs_check",
        "storm",
        " - ",
        "/",
        " block_sectors ",
        " spare_free ",
        " spare_failed ",
        " pending_dropped ",
        " degraded ",
        " queued ",
        " health ",
        " scan ",
        "18446744073709551616",
        " ab ",
    ],
};

fn run(data: &[u8]) {
    printed(data);
    let text = String::from_utf8_lossy(data);
    // A newline in what was read would make more than one line of the error; the line comes from a list of lines.
    for line in text.lines() {
        match status::Status::parse(line) {
            Err(why) => assert!(!format!("{why:#}").is_empty()),
            Ok(status) => {
                let words: Vec<&str> = line.split_ascii_whitespace().collect();
                let used = format!("{}/{}", status.remapped_blocks, status.spare_blocks);
                let plain = |word: &str| {
                    word.replace('+', "")
                        .split('/')
                        .map(zeros)
                        .collect::<Vec<_>>()
                };
                assert_eq!(plain(words[3]), plain(&used), "it says what is there");
                assert_eq!(status.needs_check, words[8] != "-");
            }
        }
    }
}

/// A number without the zeros before it.
fn zeros(number: &str) -> String {
    match number.trim_start_matches('0') {
        "" => "0".to_owned(),
        rest => rest.to_owned(),
    }
}

/// A line of any numbers is read as these numbers.
fn printed(data: &[u8]) {
    let mut data = data.iter().copied();
    let mut number = || {
        let bytes: [u8; 8] = std::array::from_fn(|_| data.next().unwrap_or(0));
        u64::from_le_bytes(bytes)
    };
    let mut stats = Stats::default();
    for count in [Count::READ_ERRORS, Count::STAYED, Count::FLUSHES] {
        stats.add(count, number() as u32);
    }
    let bits = number();
    let line = Line {
        counters: Counters {
            remapped: number(),
            pending_sectors: number(),
            lost_sectors: number(),
            pending_records: 0,
            pending_dropped: number(),
            spare_total: number() as u32,
            spare_free: number() as u32,
            spare_failed: number() as u32,
        },
        status: Status {
            state: [State::Rw, State::Ro, State::Fail, State::Rw][(bits & 3) as usize],
            needs_check: bits & 4 != 0,
            storm: bits & 8 != 0,
            generation: number(),
            degraded: (bits >> 4) as u8,
        },
        block_size: BlockSize::new(1 << ((bits >> 16) % 12)).expect("a power of two"),
        stats,
        queued: number() as usize,
        score: number() as u32,
        scan: (number(), number()),
    };
    let read = status::Status::parse(&format!("0 8 remap {line}"));
    let read = read.unwrap_or_else(|why| panic!("{line}: {why:#}"));
    let (counters, status) = (&line.counters, &line.status);
    assert_eq!(read.remapped_blocks, counters.remapped);
    assert_eq!(read.pending_sectors, counters.pending_sectors);
    assert_eq!(read.lost_sectors, counters.lost_sectors);
    assert_eq!(read.pending_dropped_sectors, counters.pending_dropped);
    assert_eq!(read.spare_blocks, u64::from(counters.spare_total));
    assert_eq!(read.spare_free_blocks, u64::from(counters.spare_free));
    assert_eq!(read.spare_failed_blocks, u64::from(counters.spare_failed));
    assert_eq!(
        (read.needs_check, read.storm),
        (status.needs_check, status.storm)
    );
    assert_eq!(read.generation, status.generation);
    assert_eq!(read.block_sectors, u64::from(line.block_size.sectors()));
    assert_eq!(read.queued_messages, line.queued as u64);
    let state = match status.state {
        State::Rw => status::State::Rw,
        State::Ro => status::State::Ro,
        State::Fail => status::State::Fail,
    };
    assert_eq!(read.state, state);
    let copies = ["", "a", "b", "ab"][usize::from(status.degraded & 3)];
    assert_eq!(read.degraded_copies, copies);
    for (name, count) in line.stats.pairs() {
        assert_eq!(read.counters.get(name), Some(&count), "{name}");
    }
}
