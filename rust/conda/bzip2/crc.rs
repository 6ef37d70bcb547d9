//! The checksum of bzip2: CRC-32 with the highest bit first (polynomial 0x04c11db7).

/// What a byte that is so many bytes from the end of eight does to the sum.
const TABLES: [[u32; 256]; 8] = {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut sum = (byte as u32) << 24;
        let mut bit = 0;
        while bit < 8 {
            sum = sum << 1 ^ if sum >> 31 == 1 { 0x04c1_1db7 } else { 0 };
            bit += 1;
        }
        tables[0][byte] = sum;
        byte += 1;
    }
    let mut far = 1;
    while far < 8 {
        let mut byte = 0;
        while byte < 256 {
            let near = tables[far - 1][byte];
            tables[far][byte] = near << 8 ^ tables[0][(near >> 24) as usize];
            byte += 1;
        }
        far += 1;
    }
    tables
};

/// The sum of some bytes.
#[derive(Clone, Copy)]
pub(super) struct Crc(u32);

impl Crc {
    pub(super) fn new() -> Self {
        Self(!0)
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        let (eights, rest) = bytes.as_chunks::<8>();
        for eight in eights {
            let mixed = u64::from_be_bytes(*eight) ^ u64::from(self.0) << 32;
            let places = mixed.to_be_bytes();
            let parts = places.iter().zip(TABLES.iter().rev());
            self.0 = parts.fold(0, |sum, (&byte, table)| sum ^ table[usize::from(byte)]);
        }
        for &byte in rest {
            self.0 = self.0 << 8 ^ TABLES[0][usize::from((self.0 >> 24) as u8 ^ byte)];
        }
    }

    pub(super) fn sum(self) -> u32 {
        !self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_the_catalogue_of_parametrised_crcs() {
        let mut crc = Crc::new();
        crc.update(b"123456789");
        assert_eq!(crc.sum(), 0xfc89_1918); // CRC-32/BZIP2
    }

    #[test]
    fn pieces_make_no_difference() {
        let bytes: Vec<u8> = (0..=255).cycle().take(1000).collect();
        let mut whole = Crc::new();
        whole.update(&bytes);
        let mut pieces = Crc::new();
        bytes.chunks(13).for_each(|piece| pieces.update(piece));
        assert_eq!(pieces.sum(), whole.sum());
    }
}
