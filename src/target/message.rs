// SPDX-License-Identifier: GPL-2.0-only

//! `dmsetup message`: verbs that ask answer at once, verbs that change queue and return.

use core::fmt::Write;

use kernel::prelude::*;

use dm_remap_core::{
    engine::State,
    grammar::{
        message::{Message, HELP},
        reply,
    },
};

use crate::{
    dm::text::{Args, TextWriter},
    target::{notice, table::Table, volume::Volume},
};

/// Carries out one message.
///
/// # Context
///
/// Process context, in a no-IO scope, under device-mapper's I/O barrier: waits for no I/O.
pub(crate) fn handle(table: &Table, args: Args<'_>, out: &mut TextWriter<'_>) -> Result {
    let volume = table.volume();
    let len = volume.shape().len;
    let words = args
        .iter()
        .map(|word| core::str::from_utf8(word).unwrap_or("\u{fffd}"));
    let message = match Message::parse(words, len) {
        Ok(message) => message,
        Err(why) => return refuse(volume, why.text().to_str().unwrap_or_default(), EINVAL),
    };
    let written = match message {
        Message::Help => out.write_str(HELP),
        Message::Query { at } => reply::query(&volume.map.read(), at, out),
        Message::List { what, from } => reply::list(&volume.map.read(), len, what, from, out),
        Message::Remap { start, len } => {
            if volume.is_suspended() {
                let text = "the device is suspended, resume it first";
                return refuse(volume, text, EAGAIN);
            }
            if volume.summary().engine.state != State::Rw {
                let text = "the map cannot change, see the state in the status line";
                return refuse(volume, text, EROFS);
            }
            if !volume.requests.lock().push(start, len) {
                return refuse(volume, "too many requests are waiting, try again", EAGAIN);
            }
            volume.kick();
            writeln!(out, "queued {} sectors from {}", len.0, start.0)
        }
    };
    // A reply that was cut is asked for again with more room.
    let _ = written;
    Ok(())
}

/// Says why in the log: the caller sees the number alone.
#[inline(never)]
fn refuse(volume: &Volume, text: &str, errno: Error) -> Result {
    notice::say(volume.name(), true, format_args!("message: {text}"));
    Err(errno)
}
