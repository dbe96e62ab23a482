// SPDX-License-Identifier: GPL-2.0-only

//! An answer of `smartctl --json`, and what of it means the same for all disks.
//!
//! Each part of it may be missing, or of a type that nobody expects: then it is not known, and the rest is.

use serde_json::Value;

use crate::history::Counts;

/// The exit status for a disk that sleeps, or that cannot be opened.
const NOT_OPENED: u64 = 2;

/// What a disk counts of itself, by the bytes that `smartctl` printed; or why that is not known.
pub fn read(bytes: &[u8]) -> Result<Counts, String> {
    let Ok(answer) = serde_json::from_slice::<Value>(bytes) else {
        return Err("smartctl gave no answer that can be read".to_owned());
    };
    let counts = counts(&answer);
    if counts != Counts::default() {
        return Ok(counts);
    }
    Err(match error(&answer) {
        Some(text) => format!("smartctl: {text}"),
        None if answer.pointer("/smartctl/exit_status") == Some(&NOT_OPENED.into()) => {
            "it sleeps, and was not woken".to_owned()
        }
        None => "it counts nothing that is known here".to_owned(),
    })
}

/// The first error of which the answer tells, in one line.
fn error(answer: &Value) -> Option<String> {
    let messages = answer.pointer("/smartctl/messages")?.as_array()?;
    let error = messages.iter().find(|m| m["severity"] == "error")?;
    let text = error["string"].as_str()?;
    let words: Vec<&str> = text.split_whitespace().collect();
    // What a disk or its bridge calls itself is in it, too.
    let text: String = words.join(" ").chars().take(160).collect();
    Some(text.replace(char::is_control, " "))
}

fn counts(answer: &Value) -> Counts {
    let number = |path: &str| answer.pointer(path).and_then(Value::as_u64);
    let ata = |id| attribute(answer, id);
    // Each of these is missing where the disk does not have it.
    let scsi_errors: Option<u64> = ["read", "verify"]
        .iter()
        .map(|what| {
            number(&format!(
                "/scsi_error_counter_log/{what}/total_uncorrected_errors"
            ))
        })
        .fold(None, |sum, n| match (sum, n) {
            (Some(sum), Some(n)) => Some(u64::saturating_add(sum, n)),
            (sum, n) => sum.or(n),
        });
    let nvme = |key: &str| number(&format!("/nvme_smart_health_information_log/{key}"));
    Counts {
        passed: answer
            .pointer("/smart_status/passed")
            .and_then(Value::as_bool),
        reallocated_sectors: ata(5).or_else(|| number("/scsi_grown_defect_list")),
        pending_sectors: ata(197).or_else(|| number("/scsi_pending_defects/count")),
        offline_uncorrectable_sectors: ata(198),
        reported_uncorrectable_errors: ata(187).or(scsi_errors).or_else(|| nvme("media_errors")),
        used_percent: nvme("percentage_used"),
    }
}

/// What attribute `id` of an ATA disk counts.
fn attribute(answer: &Value, id: u64) -> Option<u64> {
    let table = answer.pointer("/ata_smart_attributes/table")?.as_array()?;
    let row = table.iter().find(|row| row["id"] == id)?;
    // smartctl knows by its database how some disks pack several numbers into the six bytes, and says the one that
    // counts first: "8 (0 3)".
    let said = row.pointer("/raw/string").and_then(Value::as_str);
    let digits = said.and_then(|said| said.split(|c: char| !c.is_ascii_digit()).next());
    let said = digits.and_then(|digits| digits.parse().ok());
    unpacked(said.or_else(|| row.pointer("/raw/value").and_then(Value::as_u64))?)
}

/// No disk has so many bad sectors that more than four of the six bytes are used: then they hold several numbers, of which
/// the lowest two bytes are the one that counts, on the disks that are known for it. All ones are no number.
fn unpacked(raw: u64) -> Option<u64> {
    let number = match raw {
        0..=0xffff_ffff => raw,
        _ => raw & 0xffff,
    };
    let none = number == 0xffff_ffff || (raw > 0xffff_ffff && number == 0xffff);
    (!none).then_some(number)
}

#[cfg(test)]
mod tests;
