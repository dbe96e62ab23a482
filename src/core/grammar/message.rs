// SPDX-License-Identifier: GPL-2.0-only

//! What `dmsetup message` can say.

use core::ffi::CStr;
use core::fmt;

use super::{number, NotANumber};
use crate::units::{Sector, SectorCount};

/// The reply to `help`.
pub const HELP: &str = "\
remap S [N]: move the blocks of N sectors (1) from sector S on to the spare area
query S: where sector S lives
list [remapped|pending|lost] [from S]: what is special, from sector S (0) on
help: this text
";

/// A message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// Move the blocks of these sectors, all of which the target has.
    Remap {
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
    /// Say what can be said.
    Help,
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

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageError(&'static CStr);

impl MessageError {
    /// One line: what is wrong, or what would be right. C's strings are what device-mapper takes.
    #[inline(never)]
    pub const fn text(self) -> &'static CStr {
        self.0
    }
}

impl fmt::Display for MessageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.to_str().unwrap_or_default())
    }
}

/// The texts for a number that is none: not digits, too large.
struct Texts(&'static CStr, &'static CStr);

fn parsed(word: &str, texts: Texts) -> Result<u64, MessageError> {
    number(word).map_err(|e| match e {
        NotANumber::Digits => MessageError(texts.0),
        NotANumber::TooLarge => MessageError(texts.1),
    })
}

impl Message {
    /// Reads a message to a target of `target_len` sectors.
    pub fn parse<'a>(
        words: impl IntoIterator<Item = &'a str>,
        target_len: SectorCount,
    ) -> Result<Message, MessageError> {
        let words: &mut dyn Iterator<Item = &str> = &mut words.into_iter();
        let (message, extra) = match words.next() {
            Some("remap") => (
                remap(words, target_len)?,
                c"remap takes no more than a sector and a number of sectors",
            ),
            Some("query") => (
                query(words, target_len)?,
                c"query takes no more than a sector",
            ),
            Some("list") => (
                list(words, target_len)?,
                c"list takes no more than remapped, pending or lost, and from with a sector",
            ),
            Some("help") => (Message::Help, c"help takes no argument"),
            Some(_) => {
                return Err(MessageError(
                    c"unknown message: remap, query, list and help are known",
                ))
            }
            None => return Err(MessageError(c"the message is empty: try help")),
        };
        match words.next() {
            Some(_) => Err(MessageError(extra)),
            None => Ok(message),
        }
    }
}

fn remap(
    words: &mut dyn Iterator<Item = &str>,
    target_len: SectorCount,
) -> Result<Message, MessageError> {
    let word = words
        .next()
        .ok_or(MessageError(c"remap is without its sector"))?;
    let texts = Texts(
        c"remap: the sector is not a number",
        c"remap: the sector is too large a number",
    );
    let start = parsed(word, texts)?;
    let texts = Texts(
        c"remap: the number of sectors is not a number",
        c"remap: the number of sectors is too large a number",
    );
    let len = words.next().map_or(Ok(1), |word| parsed(word, texts))?;
    if start >= target_len.0 {
        return Err(MessageError(
            c"remap: the sector is past the end of the target",
        ));
    }
    if len == 0 {
        return Err(MessageError(c"remap: the number of sectors is zero"));
    }
    if len > target_len.0.saturating_sub(start) {
        return Err(MessageError(
            c"remap: the sectors go past the end of the target",
        ));
    }
    Ok(Message::Remap {
        start: Sector(start),
        len: SectorCount(len),
    })
}

fn query(
    words: &mut dyn Iterator<Item = &str>,
    target_len: SectorCount,
) -> Result<Message, MessageError> {
    let word = words
        .next()
        .ok_or(MessageError(c"query is without its sector"))?;
    let texts = Texts(
        c"query: the sector is not a number",
        c"query: the sector is too large a number",
    );
    let at = parsed(word, texts)?;
    if at >= target_len.0 {
        return Err(MessageError(
            c"query: the sector is past the end of the target",
        ));
    }
    Ok(Message::Query { at: Sector(at) })
}

fn list(
    words: &mut dyn Iterator<Item = &str>,
    target_len: SectorCount,
) -> Result<Message, MessageError> {
    let mut word = words.next();
    let what = match word {
        Some("remapped") => Listed::Remapped,
        Some("pending") => Listed::Pending,
        Some("lost") => Listed::Lost,
        _ => Listed::All,
    };
    if what != Listed::All {
        word = words.next();
    }
    let from = match word {
        None => 0,
        Some("from") => {
            let word = words
                .next()
                .ok_or(MessageError(c"list: from is without its sector"))?;
            let texts = Texts(
                c"list: the sector is not a number",
                c"list: the sector is too large a number",
            );
            parsed(word, texts)?
        }
        Some(_) => {
            return Err(MessageError(
                c"list: what follows is none of remapped, pending, lost and from",
            ))
        }
    };
    if from >= target_len.0 {
        return Err(MessageError(
            c"list: the sector is past the end of the target",
        ));
    }
    Ok(Message::List {
        what,
        from: Sector(from),
    })
}
