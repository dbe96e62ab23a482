// SPDX-License-Identifier: GPL-2.0-only

//! Devices with a past, for the report: one that fails, one that wants attention, one that is well and was never recorded.

use std::fs;

use serde_json::json;
use tempfile::TempDir;

use super::{Recording, NOW};

const DAY: u64 = 86400;

/// The areas of `photos`, `safe` and `archive`.
const AREAS: [&str; 3] = [
    "7a4d2c60-3a6e-4f0b-8f1e-9b1c52a7d001",
    "2f1b9c1e-5f0e-4a53-9d1a-0c9b6d1f7a11",
    "c0a1e5d8-77b2-4d0e-a3f4-1e2d3c4b5a69",
];

/// Devices, and a folder of histories.
pub struct Story {
    pub recording: Recording,
    pub history: TempDir,
}

impl Story {
    pub fn history(&self) -> &str {
        self.history.path().to_str().expect("a path of letters")
    }

    /// Writes down how `area` was.
    pub fn past(&self, area: &str, lines: &[serde_json::Value]) {
        let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
        let file = self.history.path().join(format!("{area}.jsonl"));
        fs::write(file, lines.join("\n") + "\n").expect("a file");
    }
}

/// 1,024 scores, with some that are not perfect.
fn health(few: &[(usize, u32)]) -> String {
    let mut scores = vec![1000; 1024];
    for &(n, score) in few {
        scores[n] = score;
    }
    let words: Vec<String> = scores.iter().map(u32::to_string).collect();
    words.join(" ")
}

pub fn of_three() -> Story {
    let recording = Recording::of_one();
    recording.put("proc/sys/kernel/hostname", "tower");
    for (number, (name, area)) in [
        ("photos", AREAS[0]),
        ("safe", AREAS[1]),
        ("archive", AREAS[2]),
    ]
    .iter()
    .enumerate()
    {
        let number = u32::try_from(number).expect("few");
        recording.device(name, number);
        let (main, spare) = (
            format!("8:{}", number * 32),
            format!("8:{}", number * 32 + 16),
        );
        let letter = |n: u32| char::from(b'a' + u8::try_from(n).expect("few"));
        recording.disk(&main, &format!("sd{}", letter(number * 2)));
        recording.disk(&spare, &format!("sd{}", letter(number * 2 + 1)));
        let table = format!("0 1953525168 remap {main} {spare} 2048 41943040 2 scan idle");
        recording.put(&format!("dm/{name}/table"), &table);
        recording.put(&format!("sys/block/dm-{number}/remap/uuid"), area);
        recording.put(&format!("dm/{name}/messages/health-1024"), &health(&[]));
    }
    fails(&recording);
    wants_attention(&recording);
    let story = Story {
        recording,
        history: TempDir::new().expect("a folder"),
    };
    story.past(AREAS[0], &past_of_photos());
    story.past(AREAS[1], &past_of_safe());
    story
}

fn fails(recording: &Recording) {
    let attribute =
        |file: &str, value: &str| recording.put(&format!("sys/block/dm-0/remap/{file}"), value);
    attribute("health/score", "211");
    attribute("health/level", "danger");
    attribute("health/trend", "declining");
    attribute("health/failure_probability", "671");
    attribute("health/confidence", "64");
    attribute("health/severity", "9");
    attribute("health/time_to_failure", "432000");
    attribute("health/time_to_spare_exhaustion", "15552000");
    attribute(
        "health/evidence",
        "61 episodes with errors at 48 places, 2 weak ones, 409 bad sectors in 212 days; \
         a day over 1, 7 and 30 days: 3.10 2.41 0.92; sum 12.30 of 4.00",
    );
    attribute("scan/errors", "37");
    recording.change("dm/photos/status", "0/238520 0 0", "412/238520 56 3");
    recording.change(
        "dm/photos/status",
        "spare_free 238520 spare_failed 0",
        "spare_free 238106 spare_failed 2",
    );
    recording.change(
        "dm/photos/status",
        "read_errors 0 write_errors 0",
        "read_errors 41 write_errors 9",
    );
    let mut scores = vec![
        (36, 640),
        (37, 120),
        (38, 90),
        (39, 655),
        (40, 910),
        (300, 980),
        (301, 985),
        (410, 997),
    ];
    scores.extend((0..40).map(|n| (500 + n * 7, 940)));
    scores.extend((0..9).map(|n| (700 + n, 500 - 50 * u32::try_from(n).expect("few"))));
    recording.put("dm/photos/messages/health-1024", &health(&scores));
    let sector = |part: u64| part * 1_907_712;
    let moved: Vec<String> = [36, 37, 40, 120, 121, 122, 500, 507, 702, 900]
        .iter()
        .map(|part| format!("{} 8 remapped 1", sector(*part) + 64))
        .collect();
    let list = "dm/photos/messages/list";
    recording.put(&format!("{list}-remapped-from-0"), &moved.join("\n"));
    recording.put(
        &format!("{list}-pending-from-0"),
        &format!(
            "{} 48 pending\n{} 8 pending",
            sector(38) + 64,
            sector(706) + 64
        ),
    );
    recording.put(
        &format!("{list}-lost-from-0"),
        &format!("{} 3 lost", sector(703) + 64),
    );
}

fn wants_attention(recording: &Recording) {
    let attribute =
        |file: &str, value: &str| recording.put(&format!("sys/block/dm-1/remap/{file}"), value);
    attribute("health/score", "868");
    attribute("health/failure_probability", "12");
    recording.change("dm/safe/status", "0/238520 0", "3/238520 16");
    recording.change("dm/safe/status", "spare_free 238520", "spare_free 238517");
    recording.change("dm/safe/status", "read_errors 0", "read_errors 2");
    recording.put("dm/safe/messages/health-1024", &health(&[(80, 868)]));
    let list = "dm/safe/messages/list";
    recording.put(
        &format!("{list}-remapped-from-0"),
        "152620000 24 remapped 0",
    );
    recording.put(&format!("{list}-pending-from-0"), "152700000 16 pending");
}

/// Half a year: at first once a day, then each hour; a fortnight is missing, and the device was opened anew twice.
fn past_of_photos() -> Vec<serde_json::Value> {
    let days = (15..=200).rev().filter(|day| !(90..104).contains(day));
    let hours = (1..24 * 14).rev().map(|hour| NOW - hour * 3600);
    let times = days.map(|day| NOW - day * DAY).chain(hours);
    let sample = |at: u64| {
        let age = (at + 200 * DAY - NOW) / DAY;
        let bad = age.saturating_sub(70);
        let moved = bad * bad / 42;
        let opened = if age > 150 {
            150
        } else if age > 60 {
            60
        } else {
            0
        };
        json!({
            "at_unix_seconds": at,
            "name": "photos",
            "spare_used_blocks": moved + bad / 80,
            "spare_total_blocks": 238_520,
            "remapped_blocks": moved,
            "pending_sectors": (bad / 9) * 8 % 64,
            "lost_sectors": u64::from(age > 185) * 3,
            "read_errors": bad.saturating_sub(opened) / 2 + u64::from(age > 150) * 15,
            "write_errors": bad.saturating_sub(opened) / 12,
            "scan_errors": bad * 37 / 130,
            "health_score": 1000 - bad * bad / 22,
            "failure_probability_per_mille": 3 + bad * bad / 26,
            "smart": {
                "main": {
                    "passed": age < 190,
                    "reallocated_sectors": bad * 2,
                    "pending_sectors": bad / 3,
                    "offline_uncorrectable_sectors": bad / 5,
                    "reported_uncorrectable_errors": bad / 2,
                },
                "spare": { "passed": true, "reallocated_sectors": 0, "pending_sectors": 0 },
            },
        })
    };
    times.map(sample).collect()
}

/// Twenty days, in which something happened once.
fn past_of_safe() -> Vec<serde_json::Value> {
    let sample = |day: u64| {
        let bad = u64::from(day < 6);
        json!({
            "at_unix_seconds": NOW - day * DAY,
            "spare_used_blocks": 3 * bad,
            "spare_total_blocks": 238_520,
            "remapped_blocks": 3 * bad,
            "pending_sectors": 16 * bad,
            "read_errors": 2 * bad,
            "health_score": 1000 - 132 * bad,
            "failure_probability_per_mille": 3 + 9 * bad,
        })
    };
    (1..=20).rev().map(sample).collect()
}
