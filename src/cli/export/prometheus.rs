// SPDX-License-Identifier: GPL-2.0-only

//! The text format of Prometheus: each metric with its help, its type and a sample a device; in base units.

mod families;

use std::fmt::Write;

use crate::device::{
    findings::{self, Finding},
    model::Device,
    source::Source,
};
use families::{Family, FAMILIES};

/// A device, and what was found.
struct Seen<'a> {
    device: &'a Device,
    findings: Vec<Finding>,
}

/// A value, with the labels that it has beside `device`.
struct Sample {
    labels: Vec<(&'static str, String)>,
    value: String,
}

/// All that is known of these devices, and that nothing is known of others.
pub fn text(source: &dyn Source, devices: &[Device], unknown: &[String]) -> String {
    let seen: Vec<Seen> = devices
        .iter()
        .map(|device| Seen {
            device,
            findings: findings::of(source, device),
        })
        .collect();
    let mut text = String::new();
    head(&mut text, "devices", "gauge", "Remap devices there are.");
    let count = devices.len() + unknown.len();
    line(&mut text, "devices", &[], &count.to_string());
    head(
        &mut text,
        "up",
        "gauge",
        "1 if the device could be looked at.",
    );
    let up = devices.iter().map(|device| (&device.name, "1"));
    for (name, up) in up.chain(unknown.iter().map(|name| (name, "0"))) {
        line(&mut text, "up", &[("device", name.clone())], up);
    }
    for family in FAMILIES {
        one(&mut text, family, &seen);
    }
    text
}

fn one(text: &mut String, family: &Family, seen: &[Seen]) {
    head(text, family.name, family.kind, family.help);
    for seen in seen {
        for sample in (family.samples)(seen) {
            let mut labels = vec![("device", seen.device.name.clone())];
            labels.extend(sample.labels);
            line(text, family.name, &labels, &sample.value);
        }
    }
}

// Writing to a string cannot fail.

fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP dm_remap_{name} {help}");
    let _ = writeln!(text, "# TYPE dm_remap_{name} {kind}");
}

fn line(text: &mut String, name: &str, labels: &[(&str, String)], value: &str) {
    let labels: Vec<String> = labels
        .iter()
        .map(|(key, value)| format!("{key}=\"{}\"", escaped(value)))
        .collect();
    let labels = match labels.is_empty() {
        true => String::new(),
        false => format!("{{{}}}", labels.join(",")),
    };
    let _ = writeln!(text, "dm_remap_{name}{labels} {value}");
}

/// As the value of a label.
fn escaped(value: &str) -> String {
    let mut text = String::new();
    for letter in value.chars() {
        match letter {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            other => text.push(other),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped() {
        assert_eq!(escaped("a\"b\\c\nd é"), "a\\\"b\\\\c\\nd é");
    }
}
