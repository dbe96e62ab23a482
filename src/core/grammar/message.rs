// SPDX-License-Identifier: GPL-2.0-only

//! What `dmsetup message` can say.

use core::fmt;

use super::{
    number,
    table::{pending_of, policy_of},
    NotANumber,
};
use crate::engine::JobKind;
use crate::fault::{ErrorPolicy, PendingWrites};
use crate::health::scan::Command;
use crate::units::{Sector, SectorCount};

/// The reply to `help`.
pub const HELP: &str = "\
remap S [N]: move the blocks of N sectors (1) from sector S on to the spare area
evacuate S [N]: the same, but only blocks that can be read whole
retest S [N]|all: move blocks back that main takes again, read pending sectors again
mark S [N]: call these sectors pending
unmark S [N]: no longer call them pending
query S: where sector S lives
list [remapped|pending|lost] [from S]: what is special, from sector S (0) on
set error_policy medium|confirm|any: which errors count as the medium's
set pending_writes remap|main: where writes to pending sectors go
set auto_remap on|off: whether a failing write moves its block
clear_needs_check: read the metadata again, repair a bad copy of it, let the map change again
reset_stats: count anew
scan start|stop|pause|resume|now: what the scanner is to do
health [N]: the lowest score, of 1000, in each of N (64) equal parts
health smart N: main itself counts N bad sectors, says SMART
health reset: forget what is known of the health: main is another disk
help: this text
";

/// A message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// Do this to the blocks of these sectors, all of which the target has.
    Blocks {
        /// What: not [`JobKind::Io`].
        kind: JobKind,
        /// The first.
        start: Sector,
        /// How many: at least one.
        len: SectorCount,
    },
    /// Say where a sector lives, which the target has.
    Query {
        /// The sector.
        at: Sector,
    },
    /// Say what is special.
    List {
        /// Of which kind.
        what: Listed,
        /// From which sector on; the target has it.
        from: Sector,
    },
    /// Change a feature.
    Set(Setting),
    /// Check the metadata, repair a bad copy of it, and let the map change again.
    ClearNeedsCheck,
    /// Count anew.
    ResetStats,
    /// Tell the scanner.
    Scan(Command),
    /// Say how well so many equal parts of the target are.
    Health {
        /// How many: from 1 to [`MOST_PARTS`].
        parts: u32,
    },
    /// Main itself counts so many bad sectors.
    HealthSmart(u32),
    /// Forget what is known of the health.
    HealthReset,
    /// Say what can be said.
    Help,
}

/// How many parts can be asked for.
pub const MOST_PARTS: u64 = 1024;

/// How many they are if nobody says.
const PARTS: u32 = 64;

/// The words for commands, as messages and sysfs take them.
pub const COMMANDS: [(&str, Command); 5] = [
    ("start", Command::Start),
    ("stop", Command::Stop),
    ("pause", Command::Pause),
    ("resume", Command::Resume),
    ("now", Command::Now),
];

/// The command of this word.
pub fn command_of(word: &str) -> Option<Command> {
    let found = COMMANDS.into_iter().find(|(name, _)| *name == word);
    found.map(|(_, command)| command)
}

/// A feature that can change while the device runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// `error_policy`.
    ErrorPolicy(ErrorPolicy),
    /// `pending_writes`.
    PendingWrites(PendingWrites),
    /// Not `no_auto_remap`.
    AutoRemap(bool),
}

/// What a list is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listed {
    /// Everything that is special.
    All,
    /// Remapped blocks.
    Remapped,
    /// Pending sectors.
    Pending,
    /// Lost sectors.
    Lost,
}

impl Listed {
    /// The word for it; nothing for everything.
    pub const fn word(self) -> Option<&'static str> {
        match self {
            Listed::All => None,
            Listed::Remapped => Some("remapped"),
            Listed::Pending => Some("pending"),
            Listed::Lost => Some("lost"),
        }
    }
}

/// What is wrong with a message. Displaying it gives one line: what is wrong, or what would be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageError {
    /// The verb, if there is such a one.
    verb: Option<&'static str>,
    what: &'static str,
}

impl fmt::Display for MessageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(verb) = self.verb {
            f.write_str(verb)?;
            f.write_str(": ")?;
        }
        f.write_str(self.what)
    }
}

/// What follows a verb.
#[derive(Clone, Copy)]
enum Takes {
    /// A sector, and perhaps a number of them.
    Range(JobKind),
    /// The same, or `all`.
    RangeOrAll(JobKind),
    Sector,
    List,
    Setting,
    Scan,
    Health,
    Nothing(Message),
}

const VERBS: [(&str, Takes); 13] = [
    ("remap", Takes::Range(JobKind::Relocate)),
    ("evacuate", Takes::Range(JobKind::Evacuate)),
    ("retest", Takes::RangeOrAll(JobKind::Retest)),
    ("mark", Takes::Range(JobKind::Mark)),
    ("unmark", Takes::Range(JobKind::Unmark)),
    ("query", Takes::Sector),
    ("list", Takes::List),
    ("set", Takes::Setting),
    ("scan", Takes::Scan),
    ("health", Takes::Health),
    (
        "clear_needs_check",
        Takes::Nothing(Message::ClearNeedsCheck),
    ),
    ("reset_stats", Takes::Nothing(Message::ResetStats)),
    ("help", Takes::Nothing(Message::Help)),
];

impl Message {
    /// Reads a message to a target of `target_len` sectors.
    pub fn parse<'a>(
        words: impl IntoIterator<Item = &'a str>,
        target_len: SectorCount,
    ) -> Result<Message, MessageError> {
        let mut words = words.into_iter();
        parse(&mut words, target_len)
    }
}

fn parse(
    words: &mut dyn Iterator<Item = &str>,
    target_len: SectorCount,
) -> Result<Message, MessageError> {
    let wrong = |what| MessageError { verb: None, what };
    let word = words.next();
    let word = word.ok_or(wrong("the message is empty: try help"))?;
    let found = VERBS.into_iter().find(|(verb, _)| *verb == word);
    let (verb, takes) = found.ok_or(wrong("unknown message: try help"))?;
    let mut rest = Rest { words, target_len };
    let message = rest.message(takes).and_then(|message| rest.end(message));
    message.map_err(|what| MessageError {
        verb: Some(verb),
        what,
    })
}

/// Why a word is none of the two kinds of numbers that there are: not digits, too large.
type Texts = (&'static str, &'static str);

const SECTOR: Texts = (
    "the sector is not a number",
    "the sector is too large a number",
);

const COUNT: Texts = (
    "the number of sectors is not a number",
    "the number of sectors is too large a number",
);

const COUNT_MISSING: &str = "the number of sectors is missing";

const PARTS_TEXTS: Texts = (
    "the number of parts is not a number",
    "the number of parts is too large a number",
);

/// What follows the verb.
struct Rest<'w, 'a> {
    words: &'w mut dyn Iterator<Item = &'a str>,
    target_len: SectorCount,
}

impl<'a> Rest<'_, 'a> {
    fn message(&mut self, takes: Takes) -> Result<Message, &'static str> {
        match takes {
            Takes::Nothing(message) => Ok(message),
            Takes::Sector => {
                let word = self.words.next();
                self.sector(word).map(|at| Message::Query { at })
            }
            Takes::Range(kind) => {
                let word = self.words.next();
                self.range(kind, word)
            }
            Takes::RangeOrAll(kind) => match self.words.next() {
                Some("all") => Ok(Message::Blocks {
                    kind,
                    start: Sector(0),
                    len: self.target_len,
                }),
                word => self.range(kind, word),
            },
            Takes::List => self.list(),
            Takes::Setting => self.setting(),
            Takes::Scan => self.scan(),
            Takes::Health => self.health(),
        }
    }

    /// Nothing more may come.
    fn end(&mut self, message: Message) -> Result<Message, &'static str> {
        match self.words.next() {
            Some(_) => Err("there are too many arguments: try help"),
            None => Ok(message),
        }
    }

    /// A sector of the target.
    fn sector(&mut self, word: Option<&'a str>) -> Result<Sector, &'static str> {
        let sector = parsed(word.ok_or("the sector is missing")?, SECTOR)?;
        if sector >= self.target_len.0 {
            return Err("the sector is past the end of the target");
        }
        Ok(Sector(sector))
    }

    fn range(&mut self, kind: JobKind, word: Option<&'a str>) -> Result<Message, &'static str> {
        let start = self.sector(word)?;
        let len = match self.words.next() {
            Some(word) => parsed(word, COUNT)?,
            None => 1,
        };
        if len == 0 {
            return Err("the number of sectors is zero");
        }
        if len > self.target_len.0.saturating_sub(start.0) {
            return Err("the sectors go past the end of the target");
        }
        Ok(Message::Blocks {
            kind,
            start,
            len: SectorCount(len),
        })
    }

    fn list(&mut self) -> Result<Message, &'static str> {
        let mut word = self.words.next();
        let what = match word {
            Some("remapped") => Listed::Remapped,
            Some("pending") => Listed::Pending,
            Some("lost") => Listed::Lost,
            _ => Listed::All,
        };
        if what != Listed::All {
            word = self.words.next();
        }
        let from = match word {
            None => Sector(0),
            Some("from") => {
                let word = self.words.next();
                self.sector(word)?
            }
            Some(_) => return Err("what follows is none of remapped, pending, lost and from"),
        };
        Ok(Message::List { what, from })
    }

    fn scan(&mut self) -> Result<Message, &'static str> {
        let word = self.words.next();
        let command = word.and_then(command_of).map(Message::Scan);
        command.ok_or("what is to be done is none of start, stop, pause, resume and now")
    }

    fn health(&mut self) -> Result<Message, &'static str> {
        let parts = match self.words.next() {
            Some("reset") => return Ok(Message::HealthReset),
            Some("smart") => {
                let word = self.words.next();
                let sectors = parsed(word.ok_or(COUNT_MISSING)?, COUNT)?;
                let sectors = u32::try_from(sectors).unwrap_or(u32::MAX);
                return Ok(Message::HealthSmart(sectors));
            }
            Some(word) => parsed(word, PARTS_TEXTS)?,
            None => PARTS.into(),
        };
        let parts = u32::try_from(parts).ok().filter(|&n| n > 0);
        let parts = parts.filter(|&n| u64::from(n) <= MOST_PARTS);
        let parts = parts.ok_or("the number of parts is not from 1 to 1024")?;
        Ok(Message::Health { parts })
    }

    fn setting(&mut self) -> Result<Message, &'static str> {
        let key = self.words.next().ok_or("the key is missing")?;
        let value = self.words.next();
        let setting = match (key, value) {
            ("error_policy" | "pending_writes" | "auto_remap", None) => {
                return Err("the value is missing")
            }
            ("error_policy", Some(word)) => Setting::ErrorPolicy(
                policy_of(word).ok_or("error_policy is none of medium, confirm and any")?,
            ),
            ("pending_writes", Some(word)) => Setting::PendingWrites(
                pending_of(word).ok_or("pending_writes is neither remap nor main")?,
            ),
            ("auto_remap", Some("on")) => Setting::AutoRemap(true),
            ("auto_remap", Some("off")) => Setting::AutoRemap(false),
            ("auto_remap", _) => return Err("auto_remap is neither on nor off"),
            _ => return Err("unknown key: error_policy, pending_writes and auto_remap are known"),
        };
        Ok(Message::Set(setting))
    }
}

fn parsed(word: &str, texts: Texts) -> Result<u64, &'static str> {
    number(word).map_err(|e| match e {
        NotANumber::Digits => texts.0,
        NotANumber::TooLarge => texts.1,
    })
}
