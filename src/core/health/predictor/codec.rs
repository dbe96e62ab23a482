// SPDX-License-Identifier: GPL-2.0-only

//! What a predictor keeps over a restart: all of it.

use crate::{
    health::{
        predictor::{episode::Episode, Place, Predictor, Totals, PLACES, STORM, SUM_MOST},
        Region,
    },
    wire::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned, U32, U64},
};

/// How long a predictor is.
pub const PREDICTOR_BYTES: usize = 1080;

/// A predictor on the disk.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Raw {
    wall: U64,
    watched: U64,
    rates: [U64; 3],
    remapped: [U64; 3],
    storm_until: U64,
    transport_since: U64,
    today: U32,
    sum: U32,
    alarm: u8,
    transport: u8,
    pad: [u8; 6],
    totals: [U32; 6],
    waiting: [RawEpisode; STORM],
    places: [RawPlace; PLACES],
}

/// An episode that waits.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawEpisode {
    first: U64,
    last: U64,
    region: U32,
    low: U32,
    high: U32,
    /// 0: there is none.
    events: U32,
    sectors: U32,
    error: u8,
    pad: [u8; 3],
}

/// A place; the hour is 0 if there is none.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawPlace {
    low: U32,
    high: U32,
    hour: U32,
}

const _: () = assert!(size_of::<Raw>() == PREDICTOR_BYTES);

impl Predictor {
    /// Writes everything.
    pub fn encode(&self, to: &mut [u8; PREDICTOR_BYTES]) {
        let t = &self.totals;
        let totals = [
            t.episodes, t.places, t.weak, t.sectors, t.storms, t.left_out,
        ];
        let raw = Raw {
            wall: self.wall.into(),
            watched: self.watched.into(),
            rates: self.rates.map(U64::from),
            remapped: self.remapped.map(U64::from),
            storm_until: self.storm_until.into(),
            transport_since: self.transport_since.into(),
            today: self.today.into(),
            sum: self.sum.into(),
            alarm: self.alarm.into(),
            transport: self.transport,
            pad: [0; 6],
            totals: totals.map(U32::from),
            waiting: self.waiting.map(|e| put_episode(e.as_ref())),
            places: self.places.map(|p| RawPlace {
                low: p.low.into(),
                high: p.high.into(),
                hour: p.hour.into(),
            }),
        };
        // The lengths are the same.
        let _ = raw.write_to(to);
    }

    /// Reads what [`encode`](Self::encode) wrote. Whatever the bytes are, the result is one that works.
    pub fn decode(from: &[u8; PREDICTOR_BYTES], now: u64) -> Predictor {
        let Ok(raw) = Raw::read_from_bytes(from) else {
            return Predictor::new(now);
        };
        let [episodes, places, weak, sectors, storms, left_out] = raw.totals.map(U32::get);
        Predictor {
            wall: raw.wall.get(),
            watched: raw.watched.get(),
            waiting: raw.waiting.map(|e| get_episode(&e)),
            places: raw.places.map(|p| Place {
                low: p.low.get(),
                high: p.high.get(),
                hour: p.hour.get(),
            }),
            rates: raw.rates.map(U64::get),
            remapped: raw.remapped.map(U64::get),
            today: raw.today.get(),
            sum: raw.sum.get().min(SUM_MOST),
            alarm: raw.alarm != 0,
            storm_until: raw.storm_until.get(),
            transport: raw.transport,
            transport_since: raw.transport_since.get(),
            totals: Totals {
                episodes,
                places,
                weak,
                sectors,
                storms,
                left_out,
            },
        }
    }
}

fn put_episode(episode: Option<&Episode>) -> RawEpisode {
    let none = Episode::NONE;
    let e = episode.unwrap_or(&none);
    RawEpisode {
        first: e.first.into(),
        last: e.last.into(),
        region: e.region.0.into(),
        low: e.low.into(),
        high: e.high.into(),
        events: e.events.into(),
        sectors: e.sectors.into(),
        error: e.error.into(),
        pad: [0; 3],
    }
}

fn get_episode(raw: &RawEpisode) -> Option<Episode> {
    let episode = Episode {
        region: Region(raw.region.get()),
        low: raw.low.get(),
        high: raw.high.get(),
        first: raw.first.get(),
        last: raw.last.get(),
        events: raw.events.get(),
        sectors: raw.sectors.get(),
        error: raw.error != 0,
    };
    (episode.events > 0).then_some(episode)
}
