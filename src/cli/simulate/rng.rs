// SPDX-License-Identifier: GPL-2.0-only

//! Numbers that look random and are the same in every run with the same seed, and the distributions that the
//! generators draw from.

/// SplitMix64.
#[derive(Clone)]
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Rng {
        Rng(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to below 1.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub fn below(&mut self, n: u64) -> u64 {
        (self.next() >> 8) % n.max(1)
    }

    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    pub fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// Exponential, with this mean.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }

    /// Pareto from 1 up, cut off at `most`: what burst lengths and gaps follow (Schroeder, FAST'10).
    pub fn pareto(&mut self, shape: f64, most: f64) -> f64 {
        (1.0 - self.unit()).powf(-1.0 / shape).min(most)
    }

    /// Log-normal, by its median and the spread of the logarithm.
    pub fn log_normal(&mut self, median: f64, spread: f64) -> f64 {
        let (u, v) = (1.0 - self.unit(), self.unit());
        let normal = (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos();
        median * (spread * normal).exp()
    }

    pub fn poisson(&mut self, mean: f64) -> u32 {
        // By multiplication; the means here are small.
        let (limit, mut product, mut n) = ((-mean).exp(), self.unit(), 0);
        while product > limit && n < 1000 {
            product *= self.unit();
            n += 1;
        }
        n
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_means_are_right_and_the_seed_decides() {
        let mut rng = Rng::new(7);
        let mut mean =
            |draw: fn(&mut Rng) -> f64| (0..40_000).map(|_| draw(&mut rng)).sum::<f64>() / 40_000.0;
        assert!((mean(|r| r.exponential(3.0)) - 3.0).abs() < 0.1);
        assert!((mean(|r| f64::from(r.poisson(2.0))) - 2.0).abs() < 0.05);
        assert!((mean(|r| r.pareto(3.0, 1e9)) - 1.5).abs() < 0.05);
        assert!((mean(|r| r.log_normal(5.0, 0.5).ln()) - 5f64.ln()).abs() < 0.02);
        let (mut a, mut b) = (Rng::new(1), Rng::new(1));
        assert!((0..100).all(|_| a.next() == b.next()));
    }
}
