// SPDX-License-Identifier: GPL-2.0-only
//! What the device goes through while it is recorded. A seed gives much the same story again; not quite
//! the same where there are several writers, or disks that take their time.

use std::sync::Mutex;
use std::thread;

use anyhow::{anyhow, ensure, Context, Result};

use super::acts::{Act, Stage, State};
use super::book::{Shared, CUTS, UP};
use super::recorder::{Pair, MAIN, SPARE, WRITES};
use crate::dm::Control;
use crate::pattern::{mix, Buffer, Device};

#[derive(Clone, Copy)]
pub struct Story {
    pub name: &'static str,
    pub features: &'static str,
    /// The first sectors that are in use, and the longest write.
    pub span: u64,
    pub longest: u64,
    pub threads: u64,
    /// The disks take their time, and end writes in any order.
    pub slow: bool,
    /// The generation of the map at which the cuts begin.
    pub after: u64,
    /// Acts of each writer between two closes.
    pub length: u64,
    pub sessions: u64,
    /// What they do, and how often: parts of the sum.
    pub acts_of: &'static [(Act, u64)],
    /// The messages among that; a place comes behind each.
    pub verbs: &'static [&'static str],
    /// Places of main that fail to be written from the start: one in so many sectors.
    pub bad_every: u64,
    /// Requests may fail; elsewhere all are to succeed.
    pub errors_ok: bool,
}

impl Story {
    pub fn has(&self, act: Act) -> bool {
        self.acts_of.iter().any(|(a, _)| *a == act)
    }
}

/// The device that a story, or what comes after a cut, is about.
pub fn device_name(pair: &Pair) -> String {
    format!("crash{}", pair.number)
}

/// Of a status line.
fn generation(status: &str) -> Result<u64> {
    let word = status.split_whitespace().nth(3);
    Ok(word.context("no generation in the status")?.parse()?)
}

/// What came of it.
pub struct Told {
    pub status: String,
    pub errors: u64,
}

/// Tells a story from blank disks on; the log of the pair then has it.
pub fn tell(story: &Story, pair: &mut Pair, control: &Control, seed: u64) -> Result<Told> {
    pair.image(MAIN).fill(0);
    pair.image(SPARE).fill(0);
    pair.reset()?;
    pair.mode(true, story.slow)?;
    let name = device_name(pair);
    let table = pair.table(story.features);
    let mut stage = Stage {
        name: name.clone(),
        story,
        node: control.create(&name, &table)?,
        pair,
        control,
        state: Mutex::new(State {
            shared: Shared::new(story.span),
            errors: 0,
        }),
        admin: Mutex::new(()),
    };
    let told = stage.play(seed, &table);
    let status = control.status(&name);
    control.remove(&name)?;
    pair.note(UP, 0, 0, 0, 0)?;
    pair.mode(false, false)?;
    told?;
    let state = stage.state.into_inner();
    let errors = state.map_err(|_| anyhow!("a writer panicked"))?.errors;
    ensure!(
        story.errors_ok || errors == 0,
        "{errors} writes failed, and none should"
    );
    Ok(Told {
        status: status?,
        errors,
    })
}

impl Stage<'_> {
    fn play(&mut self, mut seed: u64, table: &str) -> Result<()> {
        let story = self.story;
        let name = self.name.clone();
        self.pair.note(UP, 0, 0, 0, 1)?;
        if story.bad_every > 0 {
            for at in (0..story.span).step_by(story.bad_every as usize) {
                let start = at + mix(&mut seed) % story.bad_every;
                self.bad(MAIN, start, WRITES, &mut seed)?;
            }
        }
        if story.after > 0 {
            self.pair.note(CUTS, 0, 0, 0, 0)?;
            while generation(&self.control.status(&name)?)? < story.after {
                self.session(1, &mut seed)?;
            }
            self.pair.note(CUTS, 0, 0, 0, 1)?;
        }
        for n in 0..story.sessions {
            if n > 0 {
                self.control.remove(&name)?;
                self.pair.note(UP, 0, 0, 0, 0)?;
                self.node = self.control.create(&name, table)?;
                self.pair.note(UP, 0, 0, 0, 1)?;
            }
            self.session(story.length, &mut seed)?;
        }
        Ok(())
    }

    /// All writers at work, to their end.
    fn session(&self, acts: u64, seed: &mut u64) -> Result<()> {
        thread::scope(|scope| {
            let writers: Vec<_> = (0..self.story.threads)
                .map(|_| {
                    let mut seed = mix(seed);
                    scope.spawn(move || self.writer(acts, &mut seed))
                })
                .collect();
            let mut ended = writers.into_iter().map(|writer| writer.join());
            ended.try_for_each(|end| end.map_err(|_| anyhow!("a writer panicked"))?)
        })
    }

    fn writer(&self, acts: u64, seed: &mut u64) -> Result<()> {
        let device = Device::open(&self.node)?;
        let mut buffer = Buffer::new(self.story.longest as usize)?;
        for _ in 0..acts {
            self.act(&device, &mut buffer, seed)?;
        }
        Ok(())
    }
}
