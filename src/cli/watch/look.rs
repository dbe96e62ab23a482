// SPDX-License-Identifier: GPL-2.0-only

//! A look at the devices: in a thread of its own, since a device that hangs must not stop the keys.

use std::{
    sync::mpsc::{Receiver, Sender},
    thread,
};

use anyhow::Result;

use crate::{
    device::{
        self,
        cells::{self, Cell},
        kernel_log::{Chronicle, Said},
        source::Source,
        Id,
    },
    status::Looked,
};

/// What is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The devices; all if there are none.
    pub names: Vec<String>,
    /// The device of which all is wanted, and in how many parts.
    pub page: Option<(String, u64)>,
}

/// What was seen.
#[derive(Debug)]
pub struct Sample {
    /// Seconds since 1970.
    pub now: u64,
    /// In order of the names.
    pub devices: Vec<(String, Result<Looked, String>)>,
    pub page: Option<Page>,
}

/// What was seen of one device besides.
#[derive(Debug)]
pub struct Page {
    pub name: String,
    pub cells: Result<Vec<Cell>, String>,
    /// What the kernel said of it.
    pub said: Vec<Said>,
}

/// Looks once.
pub fn look(source: &dyn Source, log: &mut Chronicle, wanted: &Wanted) -> Result<Sample, String> {
    let said = |e: anyhow::Error| format!("{e:#}");
    let ids = ids(source, &wanted.names).map_err(said)?;
    let mut devices = Vec::new();
    let mut page = None;
    for (id, device) in device::each(source, ids) {
        let name = id.name;
        let device = match device {
            Ok(device) => device,
            Err(_) if device::gone(source, &name) => continue,
            Err(e) => {
                // Whose error it is stands beside it.
                let why = said(e);
                let own = format!("cannot look at {name}: ");
                let why = why.strip_prefix(&own).unwrap_or(&why).to_owned();
                devices.push((name, Err(why)));
                continue;
            }
        };
        if let Some((_, parts)) = wanted.page.as_ref().filter(|(of, _)| *of == name) {
            page = Some(Page {
                name: name.clone(),
                cells: cells::read(source, &device, cells::parts(&device, *parts)).map_err(said),
                said: log.of_device(source, &name),
            });
        }
        devices.push((name, Ok(Looked::at(source, device))));
    }
    Ok(Sample {
        now: source.now(),
        devices,
        page,
    })
}

/// Those of the devices that are there.
fn ids(source: &dyn Source, names: &[String]) -> Result<Vec<Id>> {
    let mut all = device::all(source)?;
    if !names.is_empty() {
        all.retain(|id| names.contains(&id.name));
    }
    Ok(all)
}

/// Looks whenever something is wanted, and tells what it saw; `None` if it cannot look any more.
pub fn begin<T: Send + 'static>(
    source: Box<dyn Source>,
    mut log: Chronicle,
    wanted: Receiver<Wanted>,
    seen: Sender<T>,
    tell: fn(Option<Result<Sample, String>>) -> T,
) {
    let last = Last { seen, tell };
    thread::spawn(move || {
        for wanted in wanted {
            let sample = look(&*source, &mut log, &wanted);
            if last.seen.send(tell(Some(sample))).is_err() {
                break;
            }
        }
        // Also if it panics.
        drop(last);
    });
}

/// Tells of the end.
struct Last<T> {
    seen: Sender<T>,
    tell: fn(Option<Result<Sample, String>>) -> T,
}

impl<T> Drop for Last<T> {
    fn drop(&mut self) {
        // If nobody listens, all is at its end.
        let _ = self.seen.send((self.tell)(None));
    }
}
