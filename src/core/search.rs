// SPDX-License-Identifier: GPL-2.0-only

//! Binary search that cannot panic.
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

#[cfg(test)]
mod tests {
    use super::*;

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
