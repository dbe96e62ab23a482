// SPDX-License-Identifier: GPL-2.0-only

//! Arithmetic with fractions, in integers.

/// One, in units of 2^-32.
pub const ONE: u64 = 1 << 32;

/// `value · factor^n`, rounded down; `factor` is in units of 2^-32.
pub fn decay(value: u64, n: u64, factor: u32) -> u64 {
    let (mut power, mut base, mut n) = (ONE, u64::from(factor), n);
    while n > 0 && power > 0 {
        // Neither is above 2^32, and base is below it: no product is cut.
        if n & 1 == 1 {
            power = scale(power, base);
        }
        base = scale(base, base);
        n = n.wrapping_shr(1);
    }
    scale(value, power)
}

/// `value · by / 2^32`, rounded down to at most one unit below; `by` is at most 2^32.
pub fn scale(value: u64, by: u64) -> u64 {
    let (high, low) = (value.wrapping_shr(32), value & 0xffff_ffff);
    high.saturating_mul(by)
        .saturating_add(low.wrapping_mul(by).wrapping_shr(32))
}

/// log2 of `x` in units of 1/256, too low by at most 0.09: between powers of two it is a straight line. 0 for 0.
pub fn log2(x: u64) -> u32 {
    let Some(whole) = x.checked_ilog2() else {
        return 0;
    };
    // The bits below the highest, moved to the top of eight.
    let below = x ^ 1u64.wrapping_shl(whole);
    let part = if whole >= 8 {
        below.wrapping_shr(whole.wrapping_sub(8))
    } else {
        below.wrapping_shl(8u32.wrapping_sub(whole))
    };
    let part = u32::try_from(part).unwrap_or(0);
    whole.wrapping_mul(256).wrapping_add(part)
}

/// `a / b`, rounded down; `most` if `b` is zero or the result is larger.
pub fn ratio(a: u64, b: u64, most: u64) -> u64 {
    a.checked_div(b).unwrap_or(most).min(most)
}

/// How many of `items` are so: `Iterator::count` has an overflow check, which would be a `BUG()`.
pub(super) fn count_if<T>(items: &[T], is: &dyn Fn(&T) -> bool) -> u32 {
    let bump = |n: u32, item| n.saturating_add(is(item).into());
    items.iter().fold(0, bump)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decay_is_the_power_within_a_part_in_a_million() {
        let day = (2f64.powi(32) * (-1.0f64 / 24.0).exp()) as u32;
        for n in [0u64, 1, 2, 7, 24, 100, 1000] {
            let want = 1e9 * (f64::from(day) / 2f64.powi(32)).powi(n as i32);
            let got = decay(1_000_000_000, n, day) as f64;
            assert!((got - want).abs() <= 1.0 + want * 1e-6, "{n}: {got} {want}");
        }
        assert_eq!(decay(u64::MAX, 0, day), u64::MAX);
        assert_eq!(decay(u64::MAX, u64::MAX, u32::MAX), 0);
        assert_eq!(decay(1 << 60, 1, 1 << 31), 1 << 59);
    }

    #[test]
    fn log2_is_low_by_less_than_a_tenth() {
        assert_eq!((log2(0), log2(1), log2(256)), (0, 0, 2048));
        for x in (1..100_000u64).chain([u64::MAX / 3, u64::MAX]) {
            let low = (x as f64).log2() * 256.0 - f64::from(log2(x));
            assert!((-0.01..24.0).contains(&low), "{x}: {low}");
        }
    }

    #[test]
    fn ratio_has_a_most() {
        assert_eq!((ratio(7, 2, 9), ratio(7, 0, 9), ratio(70, 2, 9)), (3, 9, 9));
    }
}
