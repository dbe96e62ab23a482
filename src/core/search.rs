// SPDX-License-Identifier: GPL-2.0-only

//! Binary searches that cannot panic.
//!
//! The kernel's `core` is compiled with overflow checks, and those of `partition_point` are not optimised
//! away: each would be a `BUG()` in the hot path.

/// The index of the first element that is not `below`; the elements that are come before all others.
#[inline]
pub fn first_not<T>(elements: &[T], below: impl Fn(&T) -> bool) -> usize {
    let mut rest = elements;
    let mut at = 0usize;
    loop {
        let half = rest.len().wrapping_shr(1);
        let Some((left, [middle, right @ ..])) = rest.split_at_checked(half) else {
            return at;
        };
        if below(middle) {
            // No more than the length of the slice.
            at = at.wrapping_add(half).wrapping_add(1);
            rest = right;
        } else {
            rest = left;
        }
    }
}

/// The last of some things in order that is low, or the first one if none is: all that are low come before
/// all others. Each thing is `stride` elements long, and so is the answer; there are at least one and at most
/// 32 things.
///
/// For the hot path, where the number of things is a constant: it has no loop, which would stay one in a module
/// that is built to be small, and nothing depends on a branch. Of the elements of a thing, `is_low` is given at
/// least the first `stride`.
#[inline(always)]
pub fn last_low<T>(things: &[T], stride: usize, is_low: impl Fn(&[T]) -> bool) -> &[T] {
    let window = things;
    let window = narrow::<16, T>(window, stride, &is_low);
    let window = narrow::<8, T>(window, stride, &is_low);
    let window = narrow::<4, T>(window, stride, &is_low);
    let window = narrow::<2, T>(window, stride, &is_low);
    narrow::<1, T>(window, stride, &is_low)
}

/// `TO` things at one end of the window, of up to twice as many: those with the last one that is low. The two
/// halves may overlap. A closure would not be inlined.
#[inline(always)]
fn narrow<'a, const TO: usize, T>(
    window: &'a [T],
    stride: usize,
    is_low: &impl Fn(&[T]) -> bool,
) -> &'a [T] {
    let to = stride.wrapping_mul(TO);
    let from = window.len().wrapping_sub(to);
    match (window.get(..to), window.get(from..)) {
        (Some(_), Some(right)) if is_low(right) => right,
        (Some(left), Some(_)) => left,
        // There are no more than that.
        _ => window,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_low_is_the_last_that_is_low() {
        for stride in 1..4 {
            for count in 1..=32 {
                let things: Vec<usize> = (0..count * stride).map(|at| at / stride).collect();
                for low in 0..=count {
                    let got = last_low(&things, stride, |thing| {
                        assert!(thing.len() >= stride && things.len() % stride == 0);
                        thing[0] < low
                    });
                    let at = low.saturating_sub(1);
                    assert_eq!(got, &things[at * stride..][..stride], "{low} of {count}");
                }
            }
        }
    }

    #[test]
    fn equals_partition_point() {
        for len in 0u32..70 {
            let elements: Vec<u32> = (0..len).map(|n| n * 2).collect();
            for key in 0..=len * 2 {
                assert_eq!(
                    first_not(&elements, |&e| e < key),
                    elements.partition_point(|&e| e < key)
                );
            }
        }
    }
}
