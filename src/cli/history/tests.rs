// SPDX-License-Identifier: GPL-2.0-only

//! Tests of the histories.

use std::{fs, thread};

use tempfile::TempDir;

use super::*;

const AREA: &str = "2f1b9c1e-5f0e-4a53-9d1a-0c9b6d1f7a11";
const DAY: u64 = 86400;
const BEGIN: u64 = 1_800_000_000 / DAY * DAY;

fn at(time: u64) -> Sample {
    Sample {
        at_unix_seconds: time,
        name: "safe".to_owned(),
        remapped_blocks: time % 1000,
        ..Sample::default()
    }
}

fn times(history: &History) -> Vec<u64> {
    let samples = history.read(AREA).expect("it can be read");
    samples.iter().map(|s| s.at_unix_seconds).collect()
}

#[test]
fn what_was_appended_is_read_in_order_of_time() {
    let folder = TempDir::new().expect("a folder");
    // It is made when it is needed.
    let history = History::at(&folder.path().join("deep/er"));
    assert_eq!(history.read(AREA).expect("nothing is there"), []);
    let smart = Smart {
        main: Some(Counts {
            passed: Some(true),
            reallocated_sectors: Some(12),
            ..Counts::default()
        }),
        spare: None,
    };
    let first = Sample {
        smart: Some(smart),
        ..at(BEGIN + 60)
    };
    for sample in [&first, &at(BEGIN + 120), &at(BEGIN)] {
        history.append(AREA, sample).expect("it can be written");
    }
    let read = history.read(AREA).expect("it can be read");
    assert_eq!(read, [at(BEGIN), first, at(BEGIN + 120)]);
    assert_eq!(history.read("0-0").expect("another area"), []);
    assert_eq!(history.latest(AREA, BEGIN + 120), read.last().cloned());
    // What a clock wrote that was wrong is not the last until then.
    assert_eq!(history.latest(AREA, BEGIN + 119), read.get(1).cloned());
    assert_eq!(history.latest(AREA, BEGIN - 1), None);
    assert_eq!(history.latest("0-0", BEGIN), None);
}

#[test]
fn wherever_a_power_cut_ends_the_last_line_the_others_stay() {
    let folder = TempDir::new().expect("a folder");
    let history = History::at(folder.path());
    for n in 0..3 {
        history.append(AREA, &at(BEGIN + n)).expect("it is written");
    }
    let path = history.file(AREA).expect("a name");
    let whole = fs::read(&path).expect("it is there");
    let last = whole.len() / 3;
    for cut in 0..=last {
        fs::write(&path, &whole[..whole.len() - cut]).expect("it is cut");
        let kept: &[u64] = match cut {
            // Without its end of line it is whole all the same, until somebody appends.
            0 | 1 => &[BEGIN, BEGIN + 1, BEGIN + 2],
            _ => &[BEGIN, BEGIN + 1],
        };
        assert_eq!(times(&history), kept, "{cut} bytes less");
        history.append(AREA, &at(BEGIN + 9)).expect("it goes on");
        let mut kept = kept.to_vec();
        kept.retain(|time| cut != 1 || *time != BEGIN + 2);
        kept.push(BEGIN + 9);
        assert_eq!(times(&history), kept, "{cut} bytes less");
        let lines = fs::read_to_string(&path).expect("text");
        assert_eq!(lines.lines().count(), kept.len(), "nothing torn is left");
    }
}

#[test]
fn lines_that_are_none_and_keys_of_other_versions_do_no_harm() {
    let folder = TempDir::new().expect("a folder");
    let history = History::at(folder.path());
    let path = history.file(AREA).expect("a name");
    let lines = [
        "{\"at_unix_seconds\":5,\"new_key\":{\"a\":[1]},\"health_score\":7}",
        "\0\0\0\0",
        "{\"health_score\":7}",
        "{\"at_unix_seconds\":-4}",
        "[]",
        "",
        "{\"at_unix_seconds\":6,\"smart\":{\"main\":{\"pending_sectors\":3}}}",
    ];
    fs::write(&path, lines.join("\n") + "\n").expect("a file");
    let read = history.read(AREA).expect("it can be read");
    assert_eq!(times(&history), [5, 6]);
    assert_eq!(read[0].health_score, 7);
    let smart = read[1].smart.clone().expect("it has that");
    assert_eq!(smart.main.and_then(|m| m.pending_sectors), Some(3));
    assert_eq!(smart.spare, None);
}

#[test]
fn of_what_is_old_the_last_of_each_day_stays() {
    let folder = TempDir::new().expect("a folder");
    let history = History::at(folder.path());
    // An hour apart for forty days; all but the last are put there at once.
    let path = history.file(AREA).expect("a name");
    let all: Vec<u64> = (0..40 * 24).map(|n| BEGIN + n * 3600).collect();
    let (last, before) = all.split_last().expect("there are many");
    let lines: Vec<u8> = before.iter().flat_map(|t| line(&at(*t)).unwrap()).collect();
    fs::write(&path, lines).expect("a file");
    history.append(AREA, &at(*last)).expect("it is written");
    let recent = |time: &u64| last - time <= thin::RECENT;
    let of_day = |time: &u64| (time - BEGIN) % DAY == 23 * 3600;
    let kept: Vec<u64> = all
        .iter()
        .copied()
        .filter(|t| recent(t) || of_day(t))
        .collect();
    assert_eq!(times(&history), kept);
    assert_eq!(kept.len(), 25 + 14 * 24 + 1);
    let mode = fs::metadata(&path).expect("it is there").permissions();
    assert_eq!(mode.mode() & 0o777, MODE);
    // A little too much is left until it is worth the writing.
    for hour in 1..=24 {
        let sample = at(last + hour * 3600);
        history.append(AREA, &sample).expect("it is written");
        let now = times(&history).len();
        assert!(now <= kept.len() + thin::SLACK, "{now}");
    }
    // A clock that was wrong once takes nothing away.
    let before = times(&history).len();
    let length = fs::metadata(&path).expect("it is there").len();
    assert!(length > END, "the latest is at its end");
    assert_eq!(history.latest(AREA, last + DAY), Some(at(last + DAY)));
    history.append(AREA, &at(BEGIN)).expect("it is written");
    assert_eq!(times(&history).len(), before + 1);
}

#[test]
fn many_writers_at_once_lose_nothing() {
    let folder = TempDir::new().expect("a folder");
    let history = History::at(folder.path());
    thread::scope(|scope| {
        for writer in 0..4 {
            let history = &history;
            scope.spawn(move || {
                for n in 0..20 {
                    let sample = at(BEGIN + writer * 1000 + n);
                    history.append(AREA, &sample).expect("it is written");
                }
            });
        }
    });
    assert_eq!(times(&history).len(), 80);
}

#[test]
fn what_is_no_uuid_is_no_file() {
    let history = History::at(Path::new("/nowhere"));
    for area in ["", "../../etc/passwd", "a/b", "x", &"a".repeat(65)] {
        assert!(history.file(area).is_err(), "{area}");
        assert!(history.append(area, &at(1)).is_err(), "{area}");
    }
}
