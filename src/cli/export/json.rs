// SPDX-License-Identifier: GPL-2.0-only

//! All lists of a device as a document.

use anyhow::Result;
use serde::Serialize;

use crate::{
    device::{lists::Line, model::Device},
    output,
};

#[derive(Serialize)]
struct Content<'a> {
    name: &'a str,
    area_uuid: &'a str,
    size_sectors: u64,
    main_start_sectors: u64,
    block_sectors: u64,
    generation: u64,
    ranges: Vec<Line>,
}

/// The document, with what is special in order of sectors.
pub fn text(device: &Device, mut ranges: Vec<Line>) -> Result<String> {
    ranges.sort_by_key(|line| (line.run, line.kind));
    let content = Content {
        name: &device.name,
        area_uuid: &device.area_uuid,
        size_sectors: device.table.size_sectors,
        main_start_sectors: device.table.main_start_sectors,
        block_sectors: device.status.block_sectors,
        generation: device.status.generation,
        ranges,
    };
    output::document_text("export", &content)
}
