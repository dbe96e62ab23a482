// SPDX-License-Identifier: GPL-2.0-only

//! What can be set of the scanner.

use anyhow::{bail, Result};
use clap::{value_parser, ValueEnum};

use super::speed;
use crate::device::{
    model::Scan,
    words::{counted, grouped},
};

/// Settings that are to change.
#[derive(clap::Args, Default)]
pub struct Settings {
    /// How often a scan begins, in milliseconds
    #[arg(long, value_name = "MS", value_parser = value_parser!(u32).range(100..=86_400_000))]
    interval_ms: Option<u32>,
    /// How much one scan reads, in sectors; auto: as much as makes a pass in the days of a cycle
    #[arg(long, value_name = "N|auto", value_parser = sectors)]
    sectors_per_scan: Option<String>,
    /// Days for a whole pass
    #[arg(long, value_name = "DAYS", value_parser = value_parser!(u32).range(1..=365))]
    cycle_days: Option<u32>,
    /// From 1, which nobody notices, to 10, which waits for nobody
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..=10))]
    intensity: Option<u32>,
    /// The order of a pass; another one begins a new pass
    #[arg(long, value_enum)]
    order: Option<Order>,
    /// KiB/s that are read however busy the disk is; 0 for none
    #[arg(long, value_name = "KIB")]
    speed_min: Option<u32>,
    /// KiB/s that are never exceeded; 0 for no limit
    #[arg(long, value_name = "KIB")]
    speed_max: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Order {
    Staggered,
    Sequential,
}

fn sectors(word: &str) -> Result<String> {
    if word != "auto" && !word.parse::<u32>().is_ok_and(|n| n > 0) {
        bail!("neither auto nor a number of sectors");
    }
    Ok(word.to_owned())
}

impl Settings {
    /// Whether nothing is to change.
    pub fn none(&self) -> bool {
        self.values().is_empty()
    }

    /// The files, with what goes into them, in an order in which each is right when it comes.
    pub fn values(&self) -> Vec<(&'static str, String)> {
        let mut values = Vec::new();
        let mut add = |file, value: Option<String>| values.extend(value.map(|value| (file, value)));
        let text = |value: Option<u32>| value.map(|value| value.to_string());
        add("scan/interval_ms", text(self.interval_ms));
        add("scan/sectors_per_scan", self.sectors_per_scan.clone());
        add("scan/cycle_days", text(self.cycle_days));
        add("scan/intensity", text(self.intensity));
        let order = self.order.map(|order| match order {
            Order::Staggered => "staggered".to_owned(),
            Order::Sequential => "sequential".to_owned(),
        });
        add("scan/order", order);
        // The least may not be above the most at any time: without a least each most is right, and no limit is for each least.
        if self.speed_min.is_some() && self.speed_max.is_some() {
            add("scan/speed_min", Some("0".to_owned()));
        }
        add("scan/speed_max", text(self.speed_max));
        add("scan/speed_min", text(self.speed_min));
        values
    }
}

/// Those in force, in words.
pub fn in_force(scan: &Scan) -> String {
    let each = match scan.sectors_per_scan {
        Some(sectors) => counted(sectors, "sector"),
        None => format!("a pass in {}", counted(scan.cycle_days, "day")),
    };
    format!(
        "every {} ms {each}; intensity {}, {}; at least {}, at most {}",
        grouped(scan.interval_milliseconds),
        scan.intensity,
        scan.order,
        speed(scan.speed_min_kib_per_second, "nothing"),
        speed(scan.speed_max_kib_per_second, "all there is")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_speeds_are_right_at_any_time() {
        let settings = Settings {
            speed_min: Some(500),
            speed_max: Some(600),
            ..Settings::default()
        };
        let values = settings.values();
        let values: Vec<_> = values.iter().map(|(f, v)| (*f, v.as_str())).collect();
        let right = [
            ("scan/speed_min", "0"),
            ("scan/speed_max", "600"),
            ("scan/speed_min", "500"),
        ];
        assert_eq!(values, right);
        assert!(Settings::default().none());
    }

    #[test]
    fn sectors_are_a_number_or_auto() {
        for word in ["auto", "1", "4294967295"] {
            assert_eq!(sectors(word).expect(word), word);
        }
        for word in ["", "0", "-1", "4294967296", "automatic"] {
            assert!(sectors(word).is_err(), "{word}");
        }
    }
}
