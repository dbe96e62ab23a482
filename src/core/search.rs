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

/// How many of `N` things in order are low: all that are come before all others. `N` is from 1 to 31.
///
/// For the hot path: it has no loop, which would stay one in a module that is built to be small.
#[inline(always)]
pub fn count_low<const N: usize>(is_low: impl Fn(usize) -> bool) -> usize {
    const { assert!(N > 0 && N < 32) };
    // One comparison leaves a window of things, one less than a power of two; then the number of those is
    // made bit by bit.
    let window = const { window(N) };
    let outside = N.wrapping_sub(window);
    let before = if outside > 0 && is_low(outside.wrapping_sub(1)) {
        outside
    } else {
        0
    };
    let mut count = 0;
    if window >= 15 {
        count = with_bit::<8>(&is_low, before, count);
    }
    if window >= 7 {
        count = with_bit::<4>(&is_low, before, count);
    }
    if window >= 3 {
        count = with_bit::<2>(&is_low, before, count);
    }
    before.wrapping_add(with_bit::<1>(&is_low, before, count))
}

/// `count`, with `BIT` set if that many things from `before` on are low. A closure would not be inlined.
#[inline(always)]
fn with_bit<const BIT: usize>(
    is_low: &impl Fn(usize) -> bool,
    before: usize,
    count: usize,
) -> usize {
    let last = before.wrapping_add(count | BIT.wrapping_sub(1));
    count | usize::from(is_low(last)).wrapping_mul(BIT)
}

/// The largest number that is one less than a power of two, and at most `n` and 15.
const fn window(n: usize) -> usize {
    match n {
        15.. => 15,
        7.. => 7,
        3.. => 3,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts<const N: usize>() {
        for low in 0..=N {
            let got = count_low::<N>(|at| {
                assert!(at < N);
                at < low
            });
            assert_eq!(got, low, "of {N}");
        }
    }

    #[test]
    fn count_low_equals_counting() {
        counts::<1>();
        counts::<2>();
        counts::<3>();
        counts::<6>();
        counts::<7>();
        counts::<14>();
        counts::<15>();
        counts::<19>();
        counts::<30>();
        counts::<31>();
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
