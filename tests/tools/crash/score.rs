// SPDX-License-Identifier: GPL-2.0-only
//! What all players of a campaign found together.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Mutex;
use std::time::Instant;

use anyhow::{anyhow, Result};

#[derive(Default)]
pub struct Count(AtomicU64);

impl Count {
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

pub struct Score {
    began: Instant,
    pub cuts: Count,
    /// Of these, those in the life that another cut has left.
    pub again: Count,
    /// Cuts after which something is not there, or something that never was.
    pub losses: Count,
    pub garbage: Count,
    /// Cuts after which nothing had been promised, and the area is not a whole one.
    pub unformatted: Count,
    /// Sectors that may be lost, and are.
    pub unreadable: Count,
    said: Mutex<Vec<String>>,
}

impl Score {
    pub fn new() -> Self {
        Score {
            began: Instant::now(),
            cuts: Count::default(),
            again: Count::default(),
            losses: Count::default(),
            garbage: Count::default(),
            unformatted: Count::default(),
            unreadable: Count::default(),
            said: Mutex::default(),
        }
    }

    pub fn bad(&self) -> u64 {
        self.losses.get() + self.garbage.get()
    }

    /// Notes what is wrong after a cut.
    pub fn say(&self, text: String) -> Result<()> {
        let (cuts, time) = (self.cuts.get(), self.began.elapsed().as_secs_f64());
        let text = format!("cut {cuts}, after {time:.1} s: {text}");
        let mut said = self.said.lock().map_err(|_| anyhow!("a player panicked"))?;
        said.push(text);
        Ok(())
    }

    /// The last line is the sum.
    pub fn tell(&self) -> Result<()> {
        println!(
            "of these, {} in the life after another cut, {} within a first format; {} reads of what a spare block \
             could not give back",
            self.again.get(),
            self.unformatted.get(),
            self.unreadable.get(),
        );
        for text in self
            .said
            .lock()
            .map_err(|_| anyhow!("a player panicked"))?
            .iter()
        {
            println!("{text}");
        }
        println!(
            "cut points {}, losses {}, garbage reads {}",
            self.cuts.get(),
            self.losses.get(),
            self.garbage.get()
        );
        Ok(())
    }
}
