// SPDX-License-Identifier: GPL-2.0-only

//! The spare disk as an area that is formatted and loaded.

use dm_remap_core::{
    engine::State,
    format::{self, Params},
    identity::{Identities, Identity},
    layout::Layout,
    log::Writer,
    map::Map,
    open::{self, Area, Examined, Expect, IoFailed, OpenError, Opened},
    units::{BlockSize, Sector, SectorCount},
};

use super::{disk::Disk, Shape};

struct OnDisk<'a>(&'a mut Disk);

impl Area for OnDisk<'_> {
    fn read(&mut self, at: Sector, buf: &mut [u8]) -> Result<(), IoFailed> {
        self.0.read(at.0, buf).map_err(|_| IoFailed)
    }

    fn write(&mut self, at: Sector, buf: &[u8], fua: bool) -> Result<(), IoFailed> {
        self.0.write(at.0, buf, fua).map_err(|_| IoFailed)
    }

    fn flush(&mut self) -> Result<(), IoFailed> {
        self.0.flush().map_err(|_| IoFailed)
    }
}

fn block(shape: &Shape) -> BlockSize {
    BlockSize::new(shape.block).expect("a block size")
}

fn names(sectors: u64) -> Identities {
    let mut names = Identities::NONE;
    names.add(Identity::size(SectorCount(sectors)));
    names
}

pub fn format(spare: &mut Disk, shape: &Shape) {
    let len = SectorCount(shape.spare_len);
    let room = Layout::room(shape.spare_physical, shape.spare_phase);
    let layout = Layout::plan(len, block(shape), SectorCount(1), room).expect("a layout");
    let params = Params {
        uuid: [7; 16],
        main: names(shape.len),
        spare: names(shape.spare_len),
        main_start: Sector(0),
        main_len: SectorCount(shape.len),
        spare_start: Sector(0),
        created: 0,
        layout,
    };
    format::format(&mut OnDisk(spare), params).expect("a good disk is formatted");
}

fn expectation(shape: &Shape) -> Expect {
    Expect {
        main: names(shape.len),
        spare: names(shape.spare_len),
        main_start: Sector(0),
        main_len: SectorCount(shape.len),
        spare_start: Sector(0),
        spare_len: SectorCount(shape.spare_len),
        block: Some(block(shape)),
        writable: true,
    }
}

/// What `clear_needs_check` does, with the generation that was acknowledged last.
pub fn resolve(spare: &mut Disk, shape: &Shape, generation: u64) -> Result<Opened, OpenError> {
    let mut opened = None;
    let expect = expectation(shape);
    open::resolve(&mut OnDisk(spare), &expect, generation, &mut opened)?;
    Ok(opened.expect("it was read"))
}

pub fn load(spare: &mut Disk, shape: &Shape) -> Result<(Map, Writer, State), OpenError> {
    let len = SectorCount(shape.spare_len);
    let found = match open::examine(&mut OnDisk(spare), len, None)? {
        Examined::Formatted(found) => found,
        Examined::Blank => panic!("the area was formatted"),
    };
    let opened = open::load(&mut OnDisk(spare), &found, &expectation(shape))?;
    let state = match opened.report.read_only || opened.report.needs_check {
        true => State::Ro,
        false => State::Rw,
    };
    Ok((opened.map, opened.writer, state))
}
