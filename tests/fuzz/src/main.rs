// SPDX-License-Identifier: GPL-2.0-only

//! libFuzzer over the targets, one of which `FUZZ_TARGET` names. `FUZZ_SEEDS` names a folder to write its first inputs to,
//! and its words as a dictionary: then that is all that is done. What is planted ends badly, each in its own way: a fuzzer
//! that does not find it finds nothing.
#![no_main]

use std::{env, fs, path::Path, sync::OnceLock};

use libfuzzer_sys::fuzz_target;

mod planted;
#[path = "../targets/mod.rs"]
mod targets;
/// What of the tool is fuzzed: the tool is a program, so there is no library that has it.
#[path = "../../../src/cli"]
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

fn chosen() -> &'static Target {
    static TARGET: OnceLock<&'static Target> = OnceLock::new();
    TARGET.get_or_init(|| {
        let name = env::var("FUZZ_TARGET").unwrap_or_default();
        let all = || TARGETS.iter().chain(planted::PLANTED);
        if name == "list" {
            TARGETS
                .iter()
                .for_each(|target| println!("{} {}", target.name, target.most));
            std::process::exit(0);
        }
        let Some(target) = all().find(|target| target.name == name) else {
            eprintln!("FUZZ_TARGET names none of the targets: '{name}'");
            std::process::exit(2);
        };
        if let Ok(folder) = env::var("FUZZ_SEEDS") {
            write_seeds(target, Path::new(&folder)).expect("the seeds can be written");
            std::process::exit(0);
        }
        target
    })
}

fn write_seeds(target: &Target, folder: &Path) -> std::io::Result<()> {
    for (i, seed) in (target.seeds)().iter().enumerate() {
        fs::write(folder.join(format!("seed-{i}")), seed)?;
    }
    let quoted = |word: &&str| {
        let bytes = word.bytes().map(|b| match b {
            b'"' | b'\\' => format!("\\{}", char::from(b)),
            b if !b.is_ascii_graphic() => format!("\\x{b:02x}"),
            _ => char::from(b).to_string(),
        });
        format!("\"{}\"\n", bytes.collect::<String>())
    };
    let words: String = target.words.iter().map(quoted).collect();
    fs::write(folder.with_extension("dict"), words)
}

fuzz_target!(init: { chosen(); },  |data: &[u8]| {
    (chosen().run)(data);
});
