// SPDX-License-Identifier: GPL-2.0-only
//! The crash campaign: stories are told to a device over recording disks, and the power is cut at every
//! moment of the record, in many ways. After each cut the device comes up on what is left.

#[path = "crash/acts.rs"]
mod acts;
#[path = "crash/book.rs"]
pub mod book;
#[path = "crash/cut.rs"]
mod cut;
#[path = "crash/medium.rs"]
mod medium;
#[path = "crash/player.rs"]
mod player;
#[path = "crash/recorder.rs"]
pub mod recorder;
#[path = "crash/score.rs"]
mod score;
#[path = "crash/stories.rs"]
mod stories;
#[path = "crash/story.rs"]
mod story;

use std::sync::Mutex;
use std::thread;

use anyhow::{anyhow, bail, ensure, Context, Result};

use player::Player;
use score::Score;
use story::Story;

pub struct Plan {
    pub seed: u64,
    /// One cut in so many is made.
    pub stride: u64,
    pub players: u64,
    /// How often each story is told, each time by another seed.
    pub rounds: u64,
    /// What the disks only say they do, as targets that forget it look: `flush`, `fua`.
    pub lie: Option<String>,
    /// This one alone.
    pub story: Option<String>,
}

/// Each player takes story after story. None of them plays two at a time, nor two of them the same: no
/// spare area may be up twice.
pub fn run(plan: &Plan) -> Result<()> {
    ensure!(plan.players > 0 && plan.stride > 0, "nothing to do");
    let lies = match plan.lie.as_deref() {
        None => 0,
        Some("flush") => recorder::FLUSH,
        Some("fua") => recorder::FUA,
        Some(other) => bail!("{other}: flush or fua is wanted"),
    };
    println!("seed {}, one cut in {}", plan.seed, plan.stride);
    let score = Score::new();
    let wanted = |s: &&Story| plan.story.as_ref().is_none_or(|name| name == s.name);
    let rounds = (0..plan.rounds).flat_map(|_| &stories::ALL).filter(wanted);
    let stories = Mutex::new((0u64..).zip(rounds));
    thread::scope(|scope| {
        let players: Vec<_> = (0..plan.players)
            .map(|me| {
                let (score, stories) = (&score, &stories);
                scope.spawn(move || -> Result<()> {
                    let mut player = Player::new(me as usize, lies, score)?;
                    while score.bad() == 0 {
                        let next = stories
                            .lock()
                            .map_err(|_| anyhow!("a player panicked"))?
                            .next();
                        let Some((n, story)) = next else {
                            break;
                        };
                        let seed = plan.seed.wrapping_mul(1000).wrapping_add(n);
                        let told = player.whole(story, seed, plan.stride);
                        println!("{}", told.with_context(|| story.name)?);
                    }
                    Ok(())
                })
            })
            .collect();
        let ended: Vec<_> = players.into_iter().map(|player| player.join()).collect();
        let mut ended = ended.into_iter();
        ended.try_for_each(|end| end.map_err(|_| anyhow!("a player panicked"))?)
    })?;
    score.tell()?;
    ensure!(score.bad() == 0, "a power cut is not survived");
    Ok(())
}
