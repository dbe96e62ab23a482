// SPDX-License-Identifier: GPL-2.0-only

//! What the tests of `remapctl` share: running it, and recordings of devices for it to look at.

#![allow(dead_code)] // no test uses all of it

pub mod browser;
pub mod monitoring;
pub mod screen;
pub mod servers;
pub mod story;

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output},
};

use serde_json::Value;
use tempfile::TempDir;

/// Runs the tool, without a terminal.
pub fn remapctl(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_remapctl"))
        .args(args)
        .output()
        .expect("remapctl can be run")
}

/// That it said one line with these words and nothing else, and ended with this code.
pub fn is_refused(run: &Output, args: &[&str], says: &str, code: i32) {
    let said = text(&run.stderr);
    assert_eq!(run.status.code(), Some(code), "{args:?}: {said}");
    let lines = (said.lines().count(), text(&run.stdout));
    assert_eq!(lines, (1, ""), "{args:?}: {said}");
    assert!(said.contains(says), "{args:?}: {said}");
}

/// The path of a file in a folder, as a command line has it.
pub fn inside(folder: &TempDir, file: &str) -> String {
    let path = folder.path().join(file);
    path.to_str().expect("letters").to_owned()
}

pub fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("it is text")
}

/// The commands that `--help` shows below `words`, with these words and the commands that they have themselves; the first
/// is `words`.
pub fn commands(words: &[String]) -> Vec<Vec<String>> {
    let mut all = vec![words.to_vec()];
    let args: Vec<&str> = words.iter().map(String::as_str).collect();
    let help = remapctl(&[&args[..], &["--help"]].concat());
    let lines = text(&help.stdout).lines();
    let below = lines.skip_while(|line| *line != "Commands:").skip(1);
    for line in below.take_while(|line| !line.is_empty()) {
        let name = line.split_whitespace().next().unwrap_or_default();
        // What is further in goes on with the line before.
        if line.starts_with("   ") || name == "help" {
            continue;
        }
        all.extend(commands(&[words, &[name.to_owned()]].concat()));
    }
    all
}

/// What the time is in a recording.
pub const NOW: u64 = 1_800_000_000;

const DAY: u64 = 86400;

/// Devices as files, in a folder that goes with this.
pub struct Recording(TempDir);

impl Recording {
    /// No device at all.
    pub fn empty() -> Self {
        let it = Recording(TempDir::new().expect("a folder"));
        for folder in ["sys/block", "sys/dev/block", "dm"] {
            fs::create_dir_all(it.0.path().join(folder)).expect("a folder");
        }
        it.put("now", &NOW.to_string());
        it
    }

    /// One device that is well, `safe`: dm-0 over /dev/sda and /dev/sdb.
    pub fn of_one() -> Self {
        let it = Self::empty();
        it.disk("8:0", "sda");
        it.disk("8:16", "sdb");
        it.device("safe", 0);
        it
    }

    /// `safe`, of 805 sectors, with something of each kind.
    pub fn of_lists() -> Self {
        let it = Self::of_one();
        it.change("dm/safe/table", "0 209715200", "0 805");
        it.status("0/238520 0 0", "2/238520 11 2");
        let lists = "dm/safe/messages/list";
        // A list of two pages.
        it.put(
            &format!("{lists}-pending-from-0"),
            "8 3 pending\n64 4 pending\nmore from 96",
        );
        it.put(&format!("{lists}-pending-from-96"), "801 4 pending");
        it.put(
            &format!("{lists}-remapped-from-0"),
            "0 8 remapped 7\n96 8 remapped 0",
        );
        it.put(&format!("{lists}-lost-from-0"), "98 2 lost");
        it
    }

    pub fn path(&self) -> &str {
        self.0.path().to_str().expect("a path of letters")
    }

    /// Writes a file, with a newline.
    pub fn put(&self, file: &str, value: &str) {
        let path = self.0.path().join(file);
        fs::create_dir_all(path.parent().expect("it is in a folder")).expect("a folder");
        fs::write(path, format!("{value}\n")).expect("a file");
    }

    pub fn remove(&self, file: &str) {
        fs::remove_file(self.0.path().join(file)).expect("it was there");
    }

    /// Writes a file of sysfs of `safe`.
    pub fn attribute(&self, file: &str, value: &str) {
        self.put(&format!("sys/block/dm-0/remap/{file}"), value);
    }

    /// Puts other words into the status line of `safe`.
    pub fn status(&self, from: &str, to: &str) {
        self.change("dm/safe/status", from, to);
    }

    /// Puts other words into a file.
    pub fn change(&self, file: &str, from: &str, to: &str) {
        let path: PathBuf = self.0.path().join(file);
        let line = fs::read_to_string(&path).expect("it is there");
        assert!(line.contains(from), "{from} in {line}");
        fs::write(path, line.replacen(from, to, 1)).expect("a file");
    }

    /// A disk, as sysfs has it.
    pub fn disk(&self, id: &str, name: &str) {
        let event = format!("DEVNAME={name}\nDEVTYPE=disk");
        self.put(&format!("sys/dev/block/{id}/uevent"), &event);
    }

    /// A remap device that is well: of 100 GiB, with 1 GiB of spare area.
    pub fn device(&self, name: &str, number: u32) {
        let dm = format!("sys/block/dm-{number}");
        for (file, value) in [
            ("dm/name", name),
            ("dm/uuid", ""),
            ("dm/suspended", "0"),
            ("ro", "0"),
            ("remap/uuid", "2f1b9c1e-5f0e-4a53-9d1a-0c9b6d1f7a11"),
            ("remap/health/score", "1000"),
            ("remap/health/level", "good"),
            ("remap/health/trend", "stable"),
            ("remap/health/failure_probability", "3"),
            ("remap/health/confidence", "85"),
            ("remap/health/severity", "1"),
            ("remap/health/time_to_failure", "unknown"),
            ("remap/health/time_to_spare_exhaustion", "unknown"),
            (
                "remap/health/evidence",
                "0 episodes with errors at 0 places, 0 weak ones, 0 bad sectors in 90 days; \
                 a day over 1, 7 and 30 days: 0.00 0.00 0.00; sum 0.00 of 4.00",
            ),
            ("remap/health/auto_evacuate", "0"),
            ("remap/health/slow_ms", "100"),
            ("remap/scan/state", "waiting"),
            ("remap/scan/position", "52905784 / 211623136"),
            ("remap/scan/passes", "7"),
            ("remap/scan/last_pass", &(NOW - 3 * DAY).to_string()),
            ("remap/scan/errors", "0"),
            ("remap/scan/sectors_read", "1534267736"),
            ("remap/scan/interval_ms", "60000"),
            ("remap/scan/sectors_per_scan", "auto"),
            ("remap/scan/cycle_days", "14"),
            ("remap/scan/intensity", "5"),
            ("remap/scan/order", "staggered"),
            ("remap/scan/speed_min", "0"),
            ("remap/scan/speed_max", "0"),
            ("remap/scan/action", "start stop pause resume now"),
            ("remap/map/tracked_regions", "0"),
            ("remap/map/memory_bytes", "0"),
            ("remap/map/worst", ""),
        ] {
            self.put(&format!("{dm}/{file}"), value);
        }
        let line = "0 209715200 remap 8:0 8:16 2048 2097152 2 scan idle";
        self.put(&format!("dm/{name}/table"), line);
        let line = "0 209715200 remap 0/238520 0 0 77 rw - - block_sectors 8 spare_free 238520 spare_failed 0 \
            pending_dropped 0 degraded - queued 0 read_errors 0 write_errors 0 recovered 0 moved_write 0 \
            moved_message 0 evacuated 0 returned 0 stayed 0 commits 4 flushes 3 health 1000 scan 52905784/211623136";
        self.put(&format!("dm/{name}/status"), line);
    }

    /// Runs the tool on it.
    pub fn run(&self, args: &[&str]) -> Output {
        remapctl(&[&["--recorded", self.path()][..], args].concat())
    }

    /// What it answers in JSON, and its exit code.
    pub fn json(&self, args: &[&str]) -> (Value, i32) {
        let run = self.run(&[&["--json"][..], args].concat());
        let said = text(&run.stdout);
        let value = serde_json::from_str(said);
        let value = value.unwrap_or_else(|e| panic!("{e}: {said}{}", text(&run.stderr)));
        (value, run.status.code().expect("it was not killed"))
    }

    /// What it says, and its exit code.
    pub fn says(&self, args: &[&str]) -> (String, i32) {
        let run = self.run(args);
        let said = text(&run.stdout).to_owned() + text(&run.stderr);
        (said, run.status.code().expect("it was not killed"))
    }

    /// What is exported of it without an error.
    pub fn export(&self, args: &[&str]) -> String {
        let run = self.run(&[&["export"][..], args].concat());
        assert_eq!(run.status.code(), Some(0), "{}", text(&run.stderr));
        assert_eq!(text(&run.stderr), "");
        text(&run.stdout).to_owned()
    }
}
