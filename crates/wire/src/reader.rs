//! Protobuf's wire format: a cursor over borrowed bytes that yields tagged values. It allocates nothing, so a length
//! that lies costs nothing.
//!
//! Start at [`Reader::next_field`]. Groups, which proto2 deprecated and Kubernetes never used, are refused.

use crate::error::Problem;

/// The largest field number protobuf allows.
const MAX_FIELD: u64 = (1 << 29) - 1;

pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
}

/// One value, as far as the wire type tells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Wire<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32(u32),
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Reader { bytes }
    }

    /// The next field's number and value, or None at the end.
    pub(crate) fn next_field(&mut self) -> Result<Option<(u32, Wire<'a>)>, Problem> {
        if self.bytes.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let number = match tag >> 3 {
            number @ 1..=MAX_FIELD => u32::try_from(number).map_err(|_| Problem::FieldNumber)?,
            _ => return Err(Problem::FieldNumber),
        };
        let wire = match tag & 7 {
            0 => Wire::Varint(self.varint()?),
            1 => Wire::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => Wire::Bytes(self.length_delimited()?),
            5 => Wire::Fixed32(u32::from_le_bytes(self.array()?)),
            other => return Err(Problem::WireType(other as u8)),
        };
        Ok(Some((number, wire)))
    }

    /// A bare varint, as packed fields hold them, or None at the end.
    pub(crate) fn next_varint(&mut self) -> Result<Option<u64>, Problem> {
        if self.bytes.is_empty() { Ok(None) } else { self.varint().map(Some) }
    }

    fn varint(&mut self) -> Result<u64, Problem> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Problem::LongNumber)
    }

    fn length_delimited(&mut self) -> Result<&'a [u8], Problem> {
        let length = usize::try_from(self.varint()?).map_err(|_| Problem::Truncated)?;
        let (value, rest) = self.bytes.split_at_checked(length).ok_or(Problem::Truncated)?;
        self.bytes = rest;
        Ok(value)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Problem> {
        let (value, rest) = self.bytes.split_first_chunk().ok_or(Problem::Truncated)?;
        self.bytes = rest;
        Ok(*value)
    }
}

impl<'a> Wire<'a> {
    pub(crate) fn varint(self) -> Result<u64, Problem> {
        if let Wire::Varint(value) = self { Ok(value) } else { Err(self.misfit()) }
    }

    pub(crate) fn bytes(self) -> Result<&'a [u8], Problem> {
        if let Wire::Bytes(value) = self { Ok(value) } else { Err(self.misfit()) }
    }

    pub(crate) fn text(self) -> Result<&'a str, Problem> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Problem::Utf8)
    }

    pub(crate) fn double(self) -> Result<f64, Problem> {
        if let Wire::Fixed64(bits) = self { Ok(f64::from_bits(bits)) } else { Err(self.misfit()) }
    }

    fn misfit(self) -> Problem {
        Problem::WireType(match self {
            Wire::Varint(_) => 0,
            Wire::Fixed64(_) => 1,
            Wire::Bytes(_) => 2,
            Wire::Fixed32(_) => 5,
        })
    }
}
