//! Hashes and numbers as text.

/// Letters and digits that spell no words: upstream's alphabet for generated names.
const SAFE: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// A hash in the alphabet of generated names.
pub(crate) fn safe_hash(bytes: &[u8]) -> String {
    let digits = fnv(bytes).to_string();
    digits.bytes().map(|it| char::from(SAFE[usize::from(it) % SAFE.len()])).collect()
}

/// FNV-1a, 32 bits.
fn fnv(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_stable() {
        assert_eq!(fnv(b""), 0x811c_9dc5);
        assert_eq!(fnv(b"foobar"), 0xbf9c_f968);
        assert_eq!(safe_hash(b"foobar").len(), fnv(b"foobar").to_string().len());
    }
}
