//! Numbers in bytes, in the order that the writer's machine or the format has.

/// The order of a number's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The least significant byte first.
    Little,
    /// The most significant byte first: the network's order.
    Big,
}

impl Order {
    /// The order of this machine.
    pub const NATIVE: Self = if cfg!(target_endian = "little") {
        Self::Little
    } else {
        Self::Big
    };

    /// Two bytes at this place, where they are there.
    #[inline]
    #[must_use]
    pub fn u16_at(self, bytes: &[u8], at: usize) -> Option<u16> {
        let bytes = *bytes.get(at..)?.first_chunk()?;
        Some(match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        })
    }

    /// Four bytes.
    #[inline]
    #[must_use]
    pub fn u32_at(self, bytes: &[u8], at: usize) -> Option<u32> {
        let bytes = *bytes.get(at..)?.first_chunk()?;
        Some(match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        })
    }

    /// Eight bytes.
    #[inline]
    #[must_use]
    pub fn u64_at(self, bytes: &[u8], at: usize) -> Option<u64> {
        let bytes = *bytes.get(at..)?.first_chunk()?;
        Some(match self {
            Self::Little => u64::from_le_bytes(bytes),
            Self::Big => u64::from_be_bytes(bytes),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_bytes_are_two_numbers() {
        let bytes = [9, 1, 2, 3, 4, 5, 6, 7, 8];
        assert_eq!(Order::Big.u16_at(&bytes, 1), Some(0x0102));
        assert_eq!(Order::Little.u16_at(&bytes, 1), Some(0x0201));
        assert_eq!(Order::Big.u32_at(&bytes, 1), Some(0x0102_0304));
        assert_eq!(Order::Little.u32_at(&bytes, 1), Some(0x0403_0201));
        assert_eq!(Order::Big.u64_at(&bytes, 1), Some(0x0102_0304_0506_0708));
        assert_eq!(Order::Little.u64_at(&bytes, 2), None);
        assert_eq!(Order::NATIVE.u16_at(&1_u16.to_ne_bytes(), 0), Some(1));
    }
}
