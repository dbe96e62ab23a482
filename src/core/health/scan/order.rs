// SPDX-License-Identifier: GPL-2.0-only

//! In which order a pass reads the segments of a device.
//!
//! A segment is 1 MiB. *Staggered* order (Oprea and Juels; Schroeder, FAST'10) divides the device into spans of 128 MiB
//! and reads one segment of each span, then another one of each: errors come in clusters, so a few looks at each
//! neighbourhood find more of them sooner than one long look. Here the segments of a span are taken in
//! bit-reversed order, so that after 2^n rounds no point of a span is further than 128/2^n segments from one that was
//! read: a burst of L segments is met after 128/L rounds at the latest.

/// Segments in a span.
pub const SPAN: u64 = 128;

/// The order of a pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// One segment of each span, then another of each.
    #[default]
    Staggered,
    /// From the first to the last.
    Sequential,
}

impl Order {
    /// How many ranks a pass over `segments` has: the staggered order has some that name no segment.
    pub const fn ranks(self, segments: u64) -> u64 {
        match self {
            Order::Staggered => spans(segments).saturating_mul(SPAN),
            Order::Sequential => segments,
        }
    }

    /// The segment that is read at `rank`; `None` if that rank names none.
    pub const fn segment(self, segments: u64, rank: u64) -> Option<u64> {
        let segment = match self {
            Order::Sequential => rank,
            Order::Staggered => {
                let spans = spans(segments);
                let (Some(round), Some(span)) = (rank.checked_div(spans), rank.checked_rem(spans))
                else {
                    return None;
                };
                if round >= SPAN {
                    return None;
                }
                span.wrapping_mul(SPAN).wrapping_add(reverse(round))
            }
        };
        if segment < segments {
            Some(segment)
        } else {
            None
        }
    }

    /// How many segments are read before `rank`.
    pub const fn read_before(self, segments: u64, rank: u64) -> u64 {
        let spans = spans(segments);
        let (Order::Staggered, Some(round), Some(span)) =
            (self, rank.checked_div(spans), rank.checked_rem(spans))
        else {
            return if rank < segments { rank } else { segments };
        };
        // All spans but the last are whole. Of that one some rounds name nothing.
        let whole = spans.saturating_sub(1);
        let last = segments.saturating_sub(whole.saturating_mul(SPAN));
        let mut read = round.saturating_mul(whole).saturating_add(span);
        let mut r = 0;
        while r < round && r < SPAN {
            if reverse(r) < last {
                read = read.saturating_add(1);
            }
            r = r.wrapping_add(1);
        }
        if read < segments {
            read
        } else {
            segments
        }
    }

    /// The rank at which `segment` is read.
    pub const fn rank(self, segments: u64, segment: u64) -> u64 {
        match self {
            Order::Sequential => segment,
            Order::Staggered => {
                let spans = spans(segments);
                let round = reverse(segment.wrapping_rem(SPAN));
                round
                    .saturating_mul(spans)
                    .saturating_add(segment.wrapping_div(SPAN))
            }
        }
    }
}

/// How many spans have any of `segments`.
pub(super) const fn spans(segments: u64) -> u64 {
    segments.saturating_add(SPAN - 1).wrapping_div(SPAN)
}

/// The seven bits of a number below [`SPAN`], in reverse.
const fn reverse(n: u64) -> u64 {
    n.reverse_bits().wrapping_shr(57)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_segment_has_one_rank() {
        for order in [Order::Staggered, Order::Sequential] {
            for segments in [0, 1, 2, 127, 128, 129, 1000] {
                let ranks = order.ranks(segments);
                let mut read: Vec<u64> = (0..ranks)
                    .filter_map(|r| order.segment(segments, r))
                    .collect();
                for (i, &segment) in read.iter().enumerate() {
                    assert!(order.rank(segments, segment) >= i as u64);
                    let rank = order.rank(segments, segment);
                    assert_eq!(order.segment(segments, rank), Some(segment));
                }
                read.sort_unstable();
                assert!(read.iter().copied().eq(0..segments), "{order:?} {segments}");
                assert_eq!(order.segment(segments, ranks), None);
                let mut before = 0;
                for rank in 0..=ranks {
                    assert_eq!(
                        order.read_before(segments, rank),
                        before,
                        "{order:?} {rank}"
                    );
                    before += u64::from(order.segment(segments, rank).is_some());
                }
            }
        }
    }

    #[test]
    fn a_burst_is_met_after_a_round_for_each_of_its_parts() {
        for len in [1u64, 2, 4, 8, 16, 32, 64] {
            for start in 0..SPAN - len {
                let met = (0..SPAN).position(|r| (start..start + len).contains(&reverse(r)));
                assert!(
                    met.expect("met") as u64 <= 2 * SPAN / len,
                    "{len} at {start}"
                );
            }
        }
    }
}
