//! Bytes in the order of their last use, the latest first.

/// Bytes that are kept apart.
const NEAR: usize = 8;

/// The order. Most bytes that are taken are among the first eight, which are held in one number: no branch depends on
/// which of them it is.
pub(super) struct Recent {
    /// The first in the lowest bits.
    near: u64,
    far: [u8; 256 - NEAR],
}

impl Recent {
    pub(super) fn new(order: &[u8; 256]) -> Self {
        let (near, far) = order.split_first_chunk().expect("it has more than eight");
        let mut others = [0; 256 - NEAR];
        others.copy_from_slice(far);
        Self { near: u64::from_le_bytes(*near), far: others }
    }

    pub(super) fn first(&self) -> u8 {
        self.near as u8
    }

    /// The byte at a place below 256, which comes to the front.
    #[inline]
    pub(super) fn take(&mut self, place: usize) -> u8 {
        let near = self.near;
        if let Some(far) = (place % 256).checked_sub(NEAR) {
            let byte = self.far[far];
            self.far.copy_within(..far, 1);
            self.far[0] = (near >> 56) as u8;
            self.near = near << 8 | u64::from(byte);
            return byte;
        }
        let byte = (near >> (8 * place)) as u8;
        let behind = !0xff << (8 * place);
        let before = !(!0 << (8 * place));
        self.near = near & behind | (near & before) << 8 | u64::from(byte);
        byte
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_to_the_front_from_every_place() {
        let mut order: [u8; 256] = std::array::from_fn(|at| at as u8 ^ 0x5a);
        let mut recent = Recent::new(&order);
        for place in (1..256).chain((1..20).rev()) {
            order[..=place].rotate_right(1);
            assert_eq!(recent.take(place), order[0]);
            assert_eq!(recent.first(), order[0]);
        }
        let near = recent.near.to_le_bytes();
        assert_eq!([&near[..], &recent.far].concat(), order);
    }
}
