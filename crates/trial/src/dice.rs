//! Random numbers that a seed decides, the same on every machine.

/// A small generator (splitmix64): good enough for workloads, and for saying a failure again.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// The numbers of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is at least 1.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.roll() % bound.max(1)
    }

    /// A number from `low` on and below `high`.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low))
    }

    /// A number below `bound`, small ones far more often than large ones: as subjects of events are.
    pub fn skewed(&mut self, bound: u64) -> u64 {
        let first = self.below(bound);
        let second = self.below(first + 1);
        self.below(second + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_says_the_same_again_and_skew_prefers_the_small() {
        let rolls = |seed| {
            let mut dice = Dice::new(seed);
            (0..5).map(|_| dice.roll()).collect::<Vec<_>>()
        };
        assert_eq!(rolls(7), rolls(7));
        assert_ne!(rolls(7), rolls(8));
        let mut dice = Dice::new(1);
        let small = (0..1000).filter(|_| dice.skewed(100) < 10).count();
        assert!((400..900).contains(&small), "{small}");
    }
}
