// SPDX-License-Identifier: GPL-2.0-only

//! The document `dm-remap/export/1`.

use serde::Deserialize;

use super::super::super::device::runs::Kind;
use super::{short, shown, Bad, Place, Run, Wrong};

const SCHEMA: &str = "dm-remap/export/1";

#[derive(Deserialize)]
struct Document {
    schema: String,
    ranges: Vec<Range>,
}

#[derive(Deserialize)]
struct Range {
    first_sector: u64,
    size_sectors: u64,
    kind: Kind,
}

/// The ranges of these kinds. Of a range that is wrong the line is not known, but its number is.
pub fn parse(bytes: &[u8], kinds: &[Kind], size_sectors: u64) -> Result<Vec<Run>, Wrong> {
    let document: Document = serde_json::from_slice(bytes).map_err(|e| Wrong {
        place: Place::Line(e.line().max(1)),
        what: format!("this is no document {SCHEMA}: {}", reason(&e)),
    })?;
    if document.schema != SCHEMA {
        let schema = shown(&document.schema);
        return Err(Wrong {
            place: Place::Line(1),
            what: format!("the schema is {schema}, not {SCHEMA}"),
        });
    }
    let mut bad = Bad::on(size_sectors);
    for (n, range) in document.ranges.iter().enumerate() {
        let place = Place::Range(n + 1);
        let bytes = |sectors: u64| sectors.checked_mul(512);
        let both = bytes(range.first_sector).zip(bytes(range.size_sectors));
        let Some((first, len)) = both.filter(|(_, len)| *len > 0) else {
            return Err(Wrong {
                place,
                what: "it has no size that can be".to_owned(),
            });
        };
        if kinds.contains(&range.kind) {
            bad.add(place, first, len)?;
        }
    }
    Ok(bad.runs())
}

/// What it has against the document, without the line, which is told before it. It may cite the document.
fn reason(error: &serde_json::Error) -> String {
    let said = error.to_string();
    let at = format!(" at line {} column {}", error.line(), error.column());
    short(said.strip_suffix(&at).unwrap_or(&said), 120)
}
