// SPDX-License-Identifier: GPL-2.0-only

//! A slice of fuzzing in seconds: what each target begins with, what is kept in `tests/fuzz/corpus`, and some thousands of
//! inputs made of these, the same ones each time. `make fuzz` looks further, and sees where it has been.

use std::{
    fs,
    panic::{catch_unwind, AssertUnwindSafe},
    path::Path,
};

#[path = "fuzz/targets/mod.rs"]
mod targets;
/// What of the tool is fuzzed: the tool is a program, so there is no library that has it.
#[path = "../src/cli"]
#[allow(dead_code, unreachable_pub)]
mod tool {
    pub mod area;
    pub mod device {
        pub mod names;
        pub mod runs;
        pub mod status;
    }
    pub mod import {
        pub mod parse;
    }
    pub mod open {
        pub mod settings;
        pub use settings::Settings;
    }
    pub mod tab {
        pub mod entry;
        pub mod names;
        pub mod spec;
    }
}

use targets::{Target, TARGETS};
// As it is in the tool itself.
use tool::{area, device, open};

/// xorshift64*
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
}

/// What is kept, after what is made.
fn inputs(target: &Target) -> Vec<Vec<u8>> {
    let mut inputs = (target.seeds)();
    let kept = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fuzz/corpus")
        .join(target.name);
    let mut files: Vec<_> = match fs::read_dir(&kept) {
        Ok(files) => files.map(|file| file.expect("a file").path()).collect(),
        Err(_) => Vec::new(),
    };
    files.sort();
    inputs.extend(files.iter().map(|file| fs::read(file).expect("a file")));
    inputs
}

/// Something else that looks like `inputs`.
fn changed(rng: &mut Rng, target: &Target, inputs: &[Vec<u8>]) -> Vec<u8> {
    let mut data = inputs[rng.below(inputs.len())].clone();
    for _ in 0..=rng.below(4) {
        let at = rng.below(data.len() + 1);
        let end = (at + 1 + rng.below(8)).min(data.len());
        match rng.below(7) {
            0 if at < data.len() => data[at] ^= 1 << rng.below(8),
            1 if at < data.len() => data[at] = [0, 1, 0x7f, 0x80, 0xff, b'0', b' '][rng.below(7)],
            2 => drop(data.drain(at.min(end)..end)),
            3 => {
                let again = data[at.min(end)..end].to_vec();
                data.splice(at..at, again);
            }
            4 if !target.words.is_empty() => {
                let word = target.words[rng.below(target.words.len())];
                data.splice(at..at, word.bytes());
            }
            5 => {
                let other = &inputs[rng.below(inputs.len())];
                let from = rng.below(other.len() + 1);
                let to = (from + rng.below(64)).min(other.len());
                data.splice(at..at, other[from..to].iter().copied());
            }
            _ => data.insert(at, rng.next() as u8),
        }
    }
    data.truncate(target.most);
    data
}

fn slice(name: &str, count: usize) {
    let target = TARGETS
        .iter()
        .find(|target| target.name == name)
        .expect("a target");
    let inputs = inputs(target);
    let mut rng = Rng(0x9e37_79b9_7f4a_7c15);
    for i in 0..inputs.len() + count {
        let data = match inputs.get(i) {
            Some(input) => input.clone(),
            None => changed(&mut rng, target, &inputs),
        };
        let run = catch_unwind(AssertUnwindSafe(|| (target.run)(&data)));
        assert!(run.is_ok(), "{name}: {}", data.escape_ascii());
    }
}

#[test]
fn table_lines() {
    slice("table", 20_000);
}

#[test]
fn messages() {
    slice("message", 20_000);
}

#[test]
fn status_lines() {
    slice("status", 5_000);
}

#[test]
fn superblocks() {
    slice("superblock", 3_000);
}

#[test]
fn blocks_of_the_log() {
    slice("log", 3_000);
}

#[test]
fn images_of_health() {
    slice("health", 1_000);
}

#[test]
fn whole_areas() {
    slice("area", 1_000);
}

#[test]
fn areas_to_repair() {
    slice("repair", 200);
}

#[test]
fn dumps() {
    slice("dump", 5_000);
}

#[test]
fn lists_of_bad_blocks() {
    slice("badblocks", 5_000);
}

#[test]
fn maps_of_ddrescue() {
    slice("ddrescue", 5_000);
}

#[test]
fn exported_documents() {
    slice("export", 5_000);
}

#[test]
fn tables_of_devices_at_boot() {
    slice("remaptab", 5_000);
}

#[test]
fn each_target_has_its_slice() {
    let this = include_str!("fuzz_slice.rs");
    for target in TARGETS {
        let call = format!("slice(\"{}\", ", target.name);
        assert!(this.contains(&call), "{} is not tried", target.name);
    }
}
