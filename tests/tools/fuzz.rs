// SPDX-License-Identifier: GPL-2.0-only
//! Throws what is wrong at a device: messages and table lines, thousands of each, made of right words in
//! wrong places, numbers near every limit, and plain noise. Each is refused, and nothing changes.

use std::collections::BTreeMap;

use anyhow::{bail, ensure, Context, Result};
use dm_remap_core::grammar::message::Message;
use dm_remap_core::grammar::table::TableLine;
use dm_remap_core::units::SectorCount;

use crate::dm::Control;
use crate::pattern::mix;

pub struct Plan {
    /// The name of a remap device that uses all of its main and of its spare.
    pub device: String,
    pub messages: u64,
    pub tables: u64,
    pub seed: u64,
}

/// The device that never comes up.
const NEVER: &str = "never";

/// How a table line may be refused.
const OF_A_TABLE: [libc::c_int; 6] = [
    libc::EINVAL,
    libc::EBUSY,
    libc::ENOENT,
    libc::ENODEV,
    libc::ENXIO,
    libc::ENOTBLK,
];

const VERBS: [&str; 12] = [
    "remap",
    "evacuate",
    "retest",
    "mark",
    "unmark",
    "query",
    "list",
    "set",
    "clear_needs_check",
    "reset_stats",
    "help",
    "format",
];

const WORDS: [&str; 24] = [
    "all",
    "from",
    "remapped",
    "pending",
    "lost",
    "error_policy",
    "auto_remap",
    "any",
    "medium",
    "confirm",
    "on",
    "off",
    "block_sectors",
    "main_start",
    "pending_writes",
    "main",
    "remap",
    "no_auto_remap",
    "scan",
    "idle",
    "0x8",
    "1k",
    "-1",
    "+1",
];

/// What was sent, and what came of it.
#[derive(Default)]
struct Score {
    refused: u64,
    /// Those that were right.
    right: u64,
    errors: BTreeMap<i32, u64>,
}

struct Fuzz {
    seed: u64,
    /// Sectors of the target, and the numbers near which something ends.
    len: u64,
    limits: Vec<u64>,
}

pub fn run(plan: &Plan) -> Result<()> {
    let control = Control::open()?;
    let device = &plan.device;
    let table = control.table(device)?;
    let args: Vec<String> = table.split(' ').map(str::to_owned).collect();
    let len = crate::number(&control_len(device)?)?;
    let mut fuzz = Fuzz {
        seed: plan.seed,
        len,
        limits: vec![
            0,
            1,
            8,
            2048,
            2440,
            4096,
            len,
            crate::number(&args[3])?,
            1 << 32,
            1 << 55,
            u64::MAX,
        ],
    };
    let before = (control.status(device)?, table);
    println!("seed {}", plan.seed);

    let mut score = Score::default();
    for _ in 0..plan.messages {
        let text = fuzz.message();
        if right(&text, len) {
            score.right += 1;
            continue;
        }
        let sent = control.message_bytes(device, &text);
        score.refused(&text, sent)?;
    }
    score.tell("messages", &[libc::EINVAL])?;
    let after = (control.status(device)?, control.table(device)?);
    ensure!(before == after, "{before:?} was changed to {after:?}");

    // A device of its own: whatever its line says, its ranges are in use or are none.
    let mut score = Score::default();
    control.make(NEVER)?;
    for _ in 0..plan.tables {
        let line = fuzz.table(&args);
        let sent = control.load(NEVER, &line).map(|()| String::new());
        score.refused(line.as_bytes(), sent)?;
    }
    control.remove(NEVER)?;
    score.tell("tables", &OF_A_TABLE)?;

    // The device itself: only what it is already would be taken, and takes effect at a resume.
    let mut score = Score::default();
    for _ in 0..plan.tables / 2 {
        let line = fuzz.table(&args);
        match control.load(device, &line) {
            Ok(()) => {
                ensure!(same(&line, &args), "'{line}' was taken for {args:?}");
                score.right += 1;
                control.clear(device)?;
            }
            Err(error) => score.refused(line.as_bytes(), Err(error))?,
        }
    }
    score.tell("reloads", &OF_A_TABLE)?;
    let after = (control.status(device)?, control.table(device)?);
    ensure!(before == after, "{before:?} was changed to {after:?}");
    Ok(())
}

/// The length of a device, which its table line as the kernel gives it does not have.
fn control_len(device: &str) -> Result<String> {
    for entry in std::fs::read_dir("/sys/block")? {
        let path = entry?.path();
        let name = std::fs::read_to_string(path.join("dm/name")).unwrap_or_default();
        if name.trim() == device {
            return Ok(std::fs::read_to_string(path.join("size"))?
                .trim()
                .to_owned());
        }
    }
    bail!("there is no device {device}")
}

/// The words of a message, as device-mapper splits them.
fn words(text: &[u8]) -> Vec<Vec<u8>> {
    let is_space = |b: u8| matches!(b, b' ' | 9..=13 | 0xa0);
    let mut words = Vec::new();
    let mut rest = text;
    loop {
        while let [b, behind @ ..] = rest {
            if !is_space(*b) {
                break;
            }
            rest = behind;
        }
        if rest.is_empty() {
            return words;
        }
        let mut word = Vec::new();
        while let [b, behind @ ..] = rest {
            match (*b, behind) {
                (b'\\', [quoted, behind @ ..]) => {
                    word.push(*quoted);
                    rest = behind;
                    continue;
                }
                (b, _) if is_space(b) => break,
                (b, _) => word.push(b),
            }
            rest = behind;
        }
        words.push(word);
    }
}

fn texts(words: &[Vec<u8>]) -> impl Iterator<Item = &str> {
    words
        .iter()
        .map(|word| std::str::from_utf8(word).unwrap_or("\u{fffd}"))
}

fn right(text: &[u8], len: u64) -> bool {
    Message::parse(texts(&words(text)), SectorCount(len)).is_ok()
}

/// Whether a line says what the device is already, but for what a reload may change.
fn same(line: &str, args: &[String]) -> bool {
    let words: Vec<&str> = line.split_whitespace().skip(3).collect();
    let (Ok(new), Ok(old)) = (
        TableLine::parse(words.iter().copied()),
        TableLine::parse(args.iter().map(String::as_str)),
    ) else {
        return false;
    };
    (new.main, new.spare, new.spare_start, new.spare_len)
        == (old.main, old.spare, old.spare_start, old.spare_len)
        && new.features.main_start == old.features.main_start
}

impl Score {
    /// It has to be.
    fn refused(&mut self, text: &[u8], sent: Result<String>) -> Result<()> {
        let shown = String::from_utf8_lossy(text);
        let error = match sent {
            Ok(reply) => bail!("'{shown}' was taken, and answered with '{reply}'"),
            Err(error) => error,
        };
        let cause = error.root_cause().downcast_ref::<std::io::Error>();
        let errno = cause.and_then(std::io::Error::raw_os_error);
        let errno = errno.with_context(|| format!("'{shown}' could not be sent: {error:#}"))?;
        *self.errors.entry(errno).or_default() += 1;
        self.refused += 1;
        Ok(())
    }

    fn tell(&self, what: &str, expected: &[i32]) -> Result<()> {
        println!(
            "{what} refused {}, right ones {}, errors {:?}",
            self.refused, self.right, self.errors
        );
        for errno in self.errors.keys() {
            ensure!(expected.contains(errno), "{what}: error {errno}");
        }
        ensure!(self.refused > 0, "no {what} were wrong");
        Ok(())
    }
}

impl Fuzz {
    fn limit(&mut self) -> u64 {
        let at = self.below(self.limits.len());
        self.limits[at]
    }

    fn below(&mut self, n: usize) -> usize {
        (mix(&mut self.seed) % n as u64) as usize
    }

    /// A number at, or next to, one of the limits, or any.
    fn number(&mut self) -> String {
        let limit = self.limit();
        match self.below(8) {
            0..=1 => limit.to_string(),
            2 => limit.wrapping_add(1).to_string(),
            3 => limit.wrapping_sub(1).to_string(),
            4 => (u128::from(u64::MAX) + 1 + u128::from(limit)).to_string(),
            5 => format!("{:0>30}", limit),
            6 => (mix(&mut self.seed) % self.len).to_string(),
            _ => mix(&mut self.seed).to_string(),
        }
    }

    /// Bytes, of which none is zero; now and then very many.
    fn noise(&mut self) -> Vec<u8> {
        let len = match self.below(12) {
            0 => 1 + self.below(3000),
            _ => 1 + self.below(10),
        };
        let kind = self.below(3);
        let mut byte = || match kind {
            0 => b'a' + (mix(&mut self.seed) % 26) as u8,
            1 => 33 + (mix(&mut self.seed) % 94) as u8,
            _ => 1 + (mix(&mut self.seed) % 255) as u8,
        };
        (0..len).map(|_| byte()).collect()
    }

    fn word(&mut self) -> Vec<u8> {
        match self.below(8) {
            0..=2 => self.number().into_bytes(),
            3..=5 => WORDS[self.below(WORDS.len())].into(),
            6 => VERBS[self.below(VERBS.len())].into(),
            _ => self.noise(),
        }
    }

    /// Nearly a message.
    fn message(&mut self) -> Vec<u8> {
        let mut text = match self.below(10) {
            0 => self.noise(),
            // Another case, or a letter more.
            1 => VERBS[self.below(VERBS.len())].to_uppercase().into_bytes(),
            2 => format!("{}s", VERBS[self.below(VERBS.len())]).into_bytes(),
            _ => VERBS[self.below(VERBS.len())].into(),
        };
        let most = match self.below(40) {
            0 => 900,
            _ => 5,
        };
        for _ in 0..self.below(most) {
            text.push([b' ', b' ', b'\t', b'\n'][self.below(4)]);
            let word = self.word();
            text.extend(word);
        }
        text.truncate(8000);
        // Device-mapper's own messages begin so.
        if text.first() == Some(&b'@') {
            text[0] = b'a';
        }
        text
    }

    /// A right line with something wrong: words that are changed, left out, said twice, or in each other's
    /// places.
    fn table(&mut self, args: &[String]) -> String {
        let mut words = args[..4].to_vec();
        words.truncate(4);
        if self.below(2) == 0 {
            let mut features = Vec::new();
            for _ in 0..self.below(5) {
                let feature = self.below(5);
                let name = [
                    "block_sectors",
                    "main_start",
                    "error_policy",
                    "pending_writes",
                    "no_auto_remap",
                ][feature];
                features.push(name.to_owned());
                match feature {
                    0 | 1 => features.push(self.number()),
                    2 => features.push("any".into()),
                    3 => features.push("main".into()),
                    _ => {}
                }
            }
            words.push(features.len().to_string());
            words.extend(features);
        }
        for _ in 0..self.below(4) {
            let (at, other) = (self.below(words.len()), self.below(words.len()));
            match self.below(6) {
                0 => drop(words.remove(at)),
                1 => words.insert(at, words[other].clone()),
                2 => words.swap(at, other),
                3 => words[at] = self.number(),
                _ => {
                    let word = String::from_utf8_lossy(&self.word()).into_owned();
                    words[at] = word.chars().filter(|c| *c != '\0').take(300).collect();
                }
            }
            if words.is_empty() {
                words.push(String::new());
            }
        }
        let len = match self.below(4) {
            0 => self.limit(),
            _ => self.len,
        };
        // Not each sector of the target has to begin at 0, nor be there.
        let start = if self.below(16) == 0 { 8 } else { 0 };
        format!("{start} {len} remap {}", words.join(" "))
    }
}
