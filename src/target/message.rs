// SPDX-License-Identifier: GPL-2.0-only

//! `dmsetup message`: verbs that ask answer at once, verbs that change queue and return.

use core::fmt::{Display, Write};

use kernel::prelude::*;

use dm_remap_core::{
    engine::State,
    grammar::{
        message::{Message, Setting, HELP},
        reply,
    },
    health::scan::Command,
    requests::Request,
};

use crate::{
    dm::text::{Args, TextWriter},
    kernel_ext::{clock, workqueue::Worker},
    target::{notice, table::Table, volume::Volume},
};

const CANNOT_CHANGE: &str = "the map cannot change, see the state in the status line";

/// Carries out one message.
///
/// # Context
///
/// Process context, in a no-IO scope, under device-mapper's I/O barrier: waits for no I/O.
pub(crate) fn handle(table: &Table, args: Args<'_>, out: &mut TextWriter<'_>) -> Result {
    let volume = table.volume();
    let len = table.shape().len;
    let words = args
        .iter()
        .map(|word| core::str::from_utf8(word).unwrap_or("\u{fffd}"));
    let message = match Message::parse(words, len) {
        Ok(message) => message,
        Err(why) => return refuse(volume, &why, EINVAL),
    };
    let written = match message {
        Message::Help => out.write_str(HELP),
        Message::Query { at } => reply::query(&volume.map.read(), at, out),
        Message::List { what, from } => reply::list(&volume.map.read(), len, what, from, out),
        Message::Set(setting) => {
            may_change(volume)?;
            set(table, setting);
            volume.kick();
            Ok(())
        }
        Message::ClearNeedsCheck => {
            if !table.shape().writable {
                return refuse(volume, &CANNOT_CHANGE, EROFS);
            }
            ask(volume, Request::ClearNeedsCheck)?;
            out.write_str("queued\n")
        }
        Message::ResetStats => {
            ask(volume, Request::ResetStats)?;
            Ok(())
        }
        Message::Scan(command) => {
            may_change(volume)?;
            if !scan(volume, command) {
                let text = "scan: that makes no sense now, see scan/state";
                return refuse(volume, &text, EINVAL);
            }
            Ok(())
        }
        Message::Health { parts } => reply::health(&volume.keeper.lock().health, len, parts, out),
        Message::HealthSmart(sectors) => {
            may_change(volume)?;
            let (now, unix) = (clock::monotonic_ms(), clock::real_seconds());
            volume.keeper.lock().smart(now, unix, sectors);
            volume.kick();
            Ok(())
        }
        // What is forgotten is forgotten on the spare area, too.
        Message::HealthReset | Message::Blocks { .. }
            if volume.summary().engine.state != State::Rw =>
        {
            return refuse(volume, &CANNOT_CHANGE, EROFS);
        }
        Message::HealthReset => {
            may_change(volume)?;
            volume.keeper.lock().forget(clock::real_seconds());
            volume.kick();
            Ok(())
        }
        Message::Blocks { kind, start, len } => {
            ask(volume, Request::Blocks { kind, start, len })?;
            writeln!(out, "queued {} sectors from {}", len.0, start.0)
        }
    };
    // A reply that was cut is asked for again with more room.
    let _ = written;
    Ok(())
}

/// Tells the scanner; false if it has nothing to do with that in its state.
pub(crate) fn scan(volume: &Worker<Volume>, command: Command) -> bool {
    let taken = volume.keeper.lock().scanner.command(command);
    if taken {
        volume.kick();
    }
    taken
}

/// Queues what the worker is to do.
fn ask(volume: &Worker<Volume>, request: Request) -> Result {
    may_change(volume)?;
    if volume.requests.lock().push(request).is_ok() {
        volume.kick();
        return Ok(());
    }
    // Whoever sends thousands hears this often.
    if volume.often_limit.allow() {
        return refuse(volume, &"too many requests are waiting, try again", EAGAIN);
    }
    Err(EAGAIN)
}

/// While suspended, nothing changes.
fn may_change(volume: &Volume) -> Result {
    if volume.is_suspended() {
        return refuse(volume, &"the device is suspended, resume it first", EAGAIN);
    }
    Ok(())
}

/// Changes a feature: of the table, which prints it, and of the volume, which goes by it.
fn set(table: &Table, setting: Setting) {
    // Two of these at a time would take back what the other one says.
    let _one = table.volume().requests.lock();
    let mut wishes = table.wishes();
    match setting {
        Setting::ErrorPolicy(policy) => wishes.policy = policy,
        Setting::PendingWrites(how) => wishes.pending_writes = how,
        Setting::AutoRemap(yes) => wishes.auto_remap = yes,
    }
    table.set_wishes(wishes);
    table.volume().set_wishes(wishes);
}

/// Says why in the log: the caller sees the number alone.
#[inline(never)]
fn refuse(volume: &Volume, text: &dyn Display, errno: Error) -> Result {
    notice::say(volume.name(), true, format_args!("message: {text}"));
    Err(errno)
}
