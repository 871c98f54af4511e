//! The one home of chance: UIDs, generated name suffixes, jitter.
//!
//! A [`Random`] is a cheap handle; clones draw from the same stream. [`Random::system`] is for daemons,
//! [`Random::seeded`] makes a whole cluster repeatable. It refuses to make secrets: keys and tokens are drawn by the
//! `pki` crate from its crypto provider.
#![allow(clippy::disallowed_methods, reason = "this module is the home that the ban points to")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use uuid::Uuid;

/// The letters of a generated name: no vowels and no look-alikes, so that no suffix spells a word or misreads.
const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// SplitMix64's odd increment; the state walks through all 2^64 values before it repeats.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// A source of chance; cheap to clone, and clones share one stream.
#[derive(Clone, Debug)]
pub struct Random {
    /// SplitMix64's whole state is a counter, so drawing is one atomic addition and needs no lock.
    state: Arc<AtomicU64>,
    uids: Uids,
}

#[derive(Clone, Copy, Debug)]
enum Uids {
    /// From the operating system: two clusters never share one.
    Unique,
    /// From the stream: the same seed gives the same UIDs.
    Repeatable,
}

impl Random {
    /// Chance that differs in every run.
    pub fn system() -> Random {
        let (seed, _) = Uuid::new_v4().as_u64_pair();
        Random { state: Arc::new(AtomicU64::new(seed)), uids: Uids::Unique }
    }

    /// A stream that `seed` alone decides, UIDs included.
    pub fn seeded(seed: u64) -> Random {
        Random { state: Arc::new(AtomicU64::new(seed)), uids: Uids::Repeatable }
    }

    /// A separate stream derived from this one. Two tasks that draw from their own forks cannot disturb each other's
    /// order, which a shared stream would allow.
    pub fn fork(&self) -> Random {
        Random { state: Arc::new(AtomicU64::new(self.next())), uids: self.uids }
    }

    /// A version 4 UUID in its usual text form.
    pub fn uid(&self) -> String {
        match self.uids {
            Uids::Unique => Uuid::new_v4().to_string(),
            Uids::Repeatable => {
                let bits = (u128::from(self.next()) << 64) | u128::from(self.next());
                uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid().to_string()
            }
        }
    }

    /// `length` characters for a generated name, as in `web-7d9c5b-x2k4q`.
    pub fn suffix(&self, length: usize) -> String {
        (0..length).map(|_| char::from(ALPHABET[self.below(ALPHABET.len() as u64) as usize])).collect()
    }

    /// `duration` lengthened by up to `factor` of itself: `jitter(10 s, 0.5)` is between 10 s and 15 s.
    pub fn jitter(&self, duration: Duration, factor: f64) -> Duration {
        duration.mul_f64(1.0 + factor.max(0.0) * self.fraction())
    }

    /// A number in `0..bound`; zero when `bound` is zero.
    pub fn below(&self, bound: u64) -> u64 {
        // The high half of a widening product spreads a draw over any range, with a bias below 2^-32 for our sizes.
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// A number in `0.0..1.0`.
    pub fn fraction(&self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// The next 64 bits of the stream.
    pub fn next(&self) -> u64 {
        let state = self.state.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        mix(state)
    }
}

/// SplitMix64's output function.
fn mix(state: u64) -> u64 {
    let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_splitmix64() {
        // The first outputs of the published algorithm for seed 0.
        let random = Random::seeded(0);
        assert_eq!([random.next(), random.next()], [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4]);
    }

    #[test]
    fn a_seed_decides_everything_and_clones_share_the_stream() {
        let draw = |random: &Random| (random.uid(), random.suffix(5), random.below(100));
        let (one, two) = (Random::seeded(7), Random::seeded(7));
        assert_eq!(draw(&one), draw(&two));
        assert_ne!(draw(&one), draw(&one.clone()));
        assert_ne!(draw(&Random::seeded(8)), draw(&Random::seeded(7)));
    }

    #[test]
    fn uids_are_version_four() {
        for random in [Random::system(), Random::seeded(1)] {
            let uid = Uuid::parse_str(&random.uid()).unwrap();
            assert_eq!(uid.get_version_num(), 4);
        }
    }

    #[test]
    fn draws_stay_in_range() {
        let random = Random::seeded(42);
        for _ in 0..2000 {
            assert!(random.below(27) < 27);
            assert!((0.0..1.0).contains(&random.fraction()));
            let jittered = random.jitter(Duration::from_secs(10), 0.5);
            assert!((Duration::from_secs(10)..=Duration::from_secs(15)).contains(&jittered));
        }
        assert!(random.suffix(200).bytes().all(|byte| ALPHABET.contains(&byte)));
        assert_eq!(random.below(0), 0);
    }
}
