// SPDX-License-Identifier: GPL-2.0-only

//! What the first events of a storm did to the map, undone.
//!
//! An event is noted when it comes, since most are no storm and people look. Whether it counts is known an hour later.
//! Of a region in which nothing had happened before, the record alone tells that: it goes, as many as they are. Of the
//! few others a copy is kept while their episode waits.

use crate::health::{
    map::{HealthMap, Record},
    predictor::{Predictor, NONE_WAITS},
    Region,
};

/// How many copies are kept: no more than six episodes wait, and in a storm most have one region. Of more the oldest
/// makes room: that region keeps what the storm did to it.
pub(super) const KEPT: usize = 8;

/// A record as it was before an episode.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    record: Record,
    /// The hour in which the episode began: of another one it says nothing.
    since: u32,
}

impl Kept {
    /// Of no use: nothing was there before the first hour.
    pub(super) const NONE: Kept = Kept {
        record: Record {
            latency: 0,
            ..Record::new(Region(0), 0)
        },
        since: 0,
    };
}

impl HealthMap {
    /// To be called before something is noted of a region, of which episodes wait that began in the hour `since`.
    #[inline(never)]
    pub fn keep(&mut self, region: Region, since: u32) {
        let Some(&record) = self.get(region).filter(|r| r.first < since) else {
            return;
        };
        if since == NONE_WAITS || self.kept(region, since).is_some() {
            return;
        }
        let oldest = self.kept.iter_mut().min_by_key(|kept| kept.since);
        if let Some(slot) = oldest {
            *slot = Kept { record, since };
        }
    }

    #[inline(never)]
    fn kept(&self, region: Region, since: u32) -> Option<&Record> {
        let of_it = |kept: &&Kept| kept.since == since && kept.record.region == region;
        self.kept.iter().find(of_it).map(|kept| &kept.record)
    }

    /// Takes back what was noted as part of the episodes that wait: they will not count.
    #[inline(never)]
    pub fn take_back(&mut self, predictor: &Predictor) {
        for i in (0..self.records().len()).rev() {
            let Some(&Record { region, first, .. }) = self.records().get(i) else {
                continue;
            };
            let since = predictor.waits_since(region);
            if first >= since {
                self.records.remove(i);
            } else if let Some(&before) = self.kept(region, since) {
                if let Some(record) = self.records.as_mut_slice().get_mut(i) {
                    *record = before;
                }
            }
        }
    }
}
