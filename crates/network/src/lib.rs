//! The cluster's network on one host.
//!
//! [`AddressBook`] hands out pod addresses. It is pure: who holds an address is told by container labels, and whoever
//! starts the book reads them first. [`bridge`] gives nodes their addresses. Services, names and policies come later.

mod address_book;
pub mod bridge;

pub use address_book::{AddressBook, Exhausted};
pub use ipnet::{IpNet, Ipv4Net};
