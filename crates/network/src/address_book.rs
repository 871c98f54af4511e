//! Who holds which address of a node's range.
//!
//! An address that was given back is not given out again before all others were: whoever still has it in a cache finds
//! nobody there, rather than a stranger.

use std::{collections::BTreeSet, net::IpAddr};

use ipnet::IpNet;

/// Every address of the range is taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no address is left in {0}; delete pods, or give the node a larger range")]
pub struct Exhausted(pub IpNet);

/// Who holds which address of a range: never two with one.
#[derive(Clone, Debug)]
pub struct AddressBook {
    range: IpNet,
    taken: BTreeSet<IpAddr>,
    /// The address given out last.
    last: u128,
}

/// Numbers at the range's beginning that no pod gets: the network itself and its gateway.
const RESERVED: u128 = 2;

impl AddressBook {
    /// A book in which nobody holds anything.
    pub fn new(range: IpNet) -> AddressBook {
        AddressBook { range, taken: BTreeSet::new(), last: RESERVED - 1 }
    }

    /// The range that addresses come from.
    pub fn range(&self) -> IpNet {
        self.range
    }

    /// Notes that somebody holds an address already; whether it was free. Addresses outside the range are nobody's
    /// business.
    pub fn take(&mut self, address: IpAddr) -> bool {
        self.range.contains(&address) && self.taken.insert(address)
    }

    /// Gives out a free address.
    pub fn allocate(&mut self) -> Result<IpAddr, Exhausted> {
        let usable = self.size().saturating_sub(RESERVED);
        for step in 1..=usable {
            let number = RESERVED + (self.last + usable - RESERVED + step) % usable;
            let address = self.address(number);
            if self.taken.insert(address) {
                self.last = number;
                return Ok(address);
            }
            if step > self.taken.len() as u128 {
                break;
            }
        }
        Err(Exhausted(self.range))
    }

    /// Takes an address back.
    pub fn release(&mut self, address: IpAddr) {
        self.taken.remove(&address);
    }

    /// How many addresses are held.
    pub fn held(&self) -> usize {
        self.taken.len()
    }

    /// Numbers below the broadcast address.
    fn size(&self) -> u128 {
        let bits = u32::from(self.range.max_prefix_len() - self.range.prefix_len());
        1_u128.checked_shl(bits).unwrap_or(u128::MAX).saturating_sub(1)
    }

    fn address(&self, number: u128) -> IpAddr {
        match self.range {
            IpNet::V4(range) => {
                let low = u32::try_from(number).expect("a number below the size of an IPv4 range fits");
                IpAddr::V4((u32::from(range.network()) + low).into())
            }
            IpNet::V6(range) => IpAddr::V6((u128::from(range.network()) + number).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book(range: &str) -> AddressBook {
        AddressBook::new(range.parse().unwrap())
    }

    fn next(book: &mut AddressBook) -> String {
        book.allocate().map_or_else(|error| error.to_string(), |it| it.to_string())
    }

    #[test]
    fn addresses_go_round_and_are_never_held_twice() {
        let mut book = book("10.1.0.0/29");
        let all: Vec<String> = (0..5).map(|_| next(&mut book)).collect();
        assert_eq!(all, ["10.1.0.2", "10.1.0.3", "10.1.0.4", "10.1.0.5", "10.1.0.6"]);
        assert_eq!(book.allocate(), Err(Exhausted(book.range())));
        for address in ["10.1.0.3", "10.1.0.5"] {
            book.release(address.parse().unwrap());
        }
        assert_eq!([next(&mut book), next(&mut book)], ["10.1.0.3", "10.1.0.5"]);
    }

    #[test]
    fn a_released_address_waits_for_its_turn() {
        let mut book = book("10.1.0.0/24");
        let first = book.allocate().unwrap();
        book.release(first);
        assert_eq!(next(&mut book), "10.1.0.3");
    }

    #[test]
    fn what_runs_already_keeps_its_address() {
        let mut book = book("10.1.0.0/24");
        assert!(book.take("10.1.0.2".parse().unwrap()));
        assert!(!book.take("10.1.0.2".parse().unwrap()));
        assert!(!book.take("10.9.0.2".parse().unwrap()));
        assert_eq!((next(&mut book).as_str(), book.held()), ("10.1.0.3", 2));
    }
}
