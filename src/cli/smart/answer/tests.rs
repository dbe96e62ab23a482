// SPDX-License-Identifier: GPL-2.0-only

//! Tests of what is made of an answer.

use serde_json::json;

use super::*;

fn of(answer: &Value) -> Result<Counts, String> {
    read(&serde_json::to_vec(answer).expect("it is JSON"))
}

fn row(id: u64, value: u64, string: &str) -> Value {
    json!({"id": id, "name": "", "value": 100, "raw": {"value": value, "string": string}})
}

fn ata(rows: &[Value]) -> Value {
    json!({"smart_status": {"passed": true}, "ata_smart_attributes": {"revision": 16, "table": rows}})
}

#[test]
fn an_ata_disk_counts_by_attribute() {
    let answer = ata(&[
        row(5, 24, "24"),
        row(9, 30000, "30000"),
        row(187, 2, "2"),
        row(197, 8, "8"),
        row(198, 7, "7"),
    ]);
    let counts = Counts {
        passed: Some(true),
        reallocated_sectors: Some(24),
        pending_sectors: Some(8),
        offline_uncorrectable_sectors: Some(7),
        reported_uncorrectable_errors: Some(2),
        used_percent: None,
    };
    assert_eq!(of(&answer), Ok(counts));
}

#[test]
fn numbers_that_are_packed_are_unpacked() {
    let reallocated = |value, string: &str| {
        let counts = of(&ata(&[row(5, value, string)])).expect("it has a verdict");
        counts.reallocated_sectors
    };
    assert_eq!(reallocated(24, "24"), Some(24));
    // As the database of smartctl says it, whatever the six bytes are.
    assert_eq!(reallocated(0x0003_0000_0008, "8 (0 3)"), Some(8));
    assert_eq!(reallocated(0x0002_0000_0000, "0/2"), Some(0));
    // It says the six bytes as one number: the lowest two count.
    assert_eq!(reallocated(0x0001_0002_0007, "4295098375"), Some(7));
    assert_eq!(reallocated(0x0001_0002_0007, "no number"), Some(7));
    assert_eq!(reallocated(70_000, "70000"), Some(70_000));
    // All ones are no number.
    assert_eq!(reallocated(0xffff_ffff_ffff, "281474976710655"), None);
    assert_eq!(reallocated(0xffff_ffff, "4294967295"), None);
    // More than a number holds.
    assert_eq!(reallocated(9, "99999999999999999999999"), Some(9));
}

#[test]
fn scsi_and_nvme_disks_count_what_means_the_same() {
    let scsi = json!({
        "smart_status": {"passed": true},
        "scsi_grown_defect_list": 12,
        "scsi_pending_defects": {"count": 3},
        "scsi_error_counter_log": {
            "read": {"total_errors_corrected": 4000, "total_uncorrected_errors": 5},
            "write": {"total_uncorrected_errors": 100},
            "verify": {"total_uncorrected_errors": 2},
        },
    });
    let counts = of(&scsi).expect("it counts");
    assert_eq!(counts.reallocated_sectors, Some(12));
    assert_eq!(counts.pending_sectors, Some(3));
    assert_eq!(counts.reported_uncorrectable_errors, Some(7));
    let nvme = json!({
        "smart_status": {"passed": false, "nvme": {"value": 4}},
        "nvme_smart_health_information_log": {"media_errors": 6, "percentage_used": 104, "critical_warning": 4},
    });
    let counts = of(&nvme).expect("it counts");
    assert_eq!(counts.passed, Some(false));
    assert_eq!(counts.reported_uncorrectable_errors, Some(6));
    assert_eq!(counts.used_percent, Some(104));
    assert_eq!(counts.reallocated_sectors, None);
}

#[test]
fn what_is_missing_or_of_another_type_is_not_known_and_the_rest_is() {
    let partly = json!({
        "smart_status": {"passed": "yes"},
        "ata_smart_attributes": {"table": [{"id": "5"}, null, row(197, 4, "4"), {"id": 198}, {"id": 187, "raw": []}]},
        "scsi_error_counter_log": 7,
        "nvme_smart_health_information_log": null,
    });
    let only = Counts {
        pending_sectors: Some(4),
        ..Counts::default()
    };
    assert_eq!(of(&partly), Ok(only));
    for nothing in ["", "smartctl: bad option", "{\"smart_status\"", "\u{0}"] {
        let reason = read(nothing.as_bytes()).expect_err(nothing);
        assert_eq!(reason, "smartctl gave no answer that can be read");
    }
    for nothing in [json!([]), json!({}), json!(5), json!({"smartctl": 3})] {
        let reason = of(&nothing).expect_err("nothing is in it");
        assert_eq!(reason, "it counts nothing that is known here");
    }
    let asleep = json!({"smartctl": {"exit_status": 2}});
    let reason = of(&asleep).expect_err("nothing is in it");
    assert_eq!(reason, "it sleeps, and was not woken");
    let refused = json!({"smartctl": {"exit_status": 2, "messages": [
        {"string": "a note", "severity": "information"},
        {"string": "/dev/sdx: Unknown\nUSB \u{1b}[31mbridge  [0x1234:0x5678]", "severity": "error"},
    ]}});
    let reason = of(&refused).expect_err("nothing is in it");
    assert_eq!(
        reason,
        "smartctl: /dev/sdx: Unknown USB  [31mbridge [0x1234:0x5678]"
    );
}
