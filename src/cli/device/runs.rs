// SPDX-License-Identifier: GPL-2.0-only

//! Sectors that follow each other, and what they can be.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// What is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Sectors that could not be read, or were marked
    Pending,
    /// Blocks that moved to the spare area
    Remapped,
    /// Sectors that nobody holds any more
    Lost,
}

impl Kind {
    /// As messages have it.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Pending => "pending",
            Kind::Remapped => "remapped",
            Kind::Lost => "lost",
        }
    }
}

/// Sectors that follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Run {
    pub first_sector: u64,
    pub size_sectors: u64,
}

impl Run {
    /// The first sector behind it.
    pub fn end(self) -> u64 {
        self.first_sector.saturating_add(self.size_sectors)
    }
}

/// In order, with nothing twice, and nothing between two that could be one.
pub fn joined(mut runs: Vec<Run>) -> Vec<Run> {
    runs.sort_unstable();
    let mut joined: Vec<Run> = Vec::new();
    for run in runs {
        match joined.last_mut() {
            Some(last) if run.first_sector <= last.end() => {
                let end = last.end().max(run.end());
                last.size_sectors = end - last.first_sector;
            }
            _ => joined.push(run),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(first_sector: u64, size_sectors: u64) -> Run {
        Run {
            first_sector,
            size_sectors,
        }
    }

    #[test]
    fn runs_are_joined_where_they_touch() {
        let runs = vec![run(20, 4), run(0, 8), run(8, 2), run(21, 1), run(40, 1)];
        assert_eq!(joined(runs), [run(0, 10), run(20, 4), run(40, 1)]);
        assert_eq!(joined(Vec::new()), []);
    }
}
