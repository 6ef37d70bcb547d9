//! Deflate streams: what zlib makes of them, and nothing where zlib makes nothing, however they are cut.

use std::io::Write as _;

use fastenv::unpack::deflate::{Damaged, Inflater, PIECE, Status};
use flate2::write::DeflateEncoder;
use flate2::{Compression, Decompress, FlushDecompress};

use super::change::{self, Random};
use super::fuzz;

/// Content of many kinds, packed in many ways.
fn streams() -> Vec<Vec<u8>> {
    let mut random = Random(1);
    let text = b"the quick brown fox jumps over the lazy dog, ".repeat(9000);
    let noise: Vec<u8> = (0..70_000).map(|_| random.below(256).to_le_bytes()[0]).collect();
    let few: Vec<u8> = (0..60_000).map(|_| b"aaaaaaab\0\0\0c"[random.below(12)]).collect();
    let runs: Vec<u8> = (0..700_usize).flat_map(|at| vec![at.to_le_bytes()[0]; at % 300]).collect();
    let far = [&noise[..32_000], &noise[..700], &noise[..32_768], &noise[..300]].concat();
    let mut skewed = Vec::new();
    for bits in 0..15 {
        skewed.extend(std::iter::repeat_n(bits, 1 << (14 - bits)));
    }
    let mut packed = vec![vec![], vec![3, 0]];
    for content in
        [&text[..], &noise, &few, &runs, &far, &skewed, &noise[..900], &text[..900], &few[..300], &[]]
    {
        for level in [0, 1, 6, 9] {
            packed.push(deflated(content, level));
        }
    }
    packed
}

fn deflated(content: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(level));
    encoder.write_all(content).expect("into memory");
    encoder.finish().expect("into memory")
}

/// What zlib says: the content and the length of the stream, or how much it made before it saw that it can't.
fn by_zlib(packed: &[u8]) -> Option<(Vec<u8>, usize)> {
    let mut inflater = Decompress::new(false);
    let (mut content, mut piece) = (Vec::new(), vec![0; 1 << 16]);
    loop {
        let (eaten, made) = (inflater.total_in(), inflater.total_out());
        let from = usize::try_from(eaten).expect("it was in memory");
        let status = inflater.decompress(&packed[from..], &mut piece, FlushDecompress::None).ok()?;
        let new = usize::try_from(inflater.total_out() - made).expect("a piece");
        content.extend(&piece[..new]);
        if status == flate2::Status::StreamEnd {
            return Some((content, usize::try_from(inflater.total_in()).expect("it was in memory")));
        }
        if new == 0 && inflater.total_in() == eaten {
            return None;
        }
    }
}

/// What we say, given pieces of random lengths.
fn by_us(packed: &[u8], random: &mut Random) -> Result<Option<(Vec<u8>, usize)>, Damaged> {
    let longest = [1, 9, 300, 1 << 20][random.below(4)];
    let mut inflater = Inflater::new();
    let (mut content, mut from) = (Vec::new(), 0);
    loop {
        let end = packed.len().min(from + 1 + random.below(longest));
        let (eaten, status) = inflater.run(&packed[from..end])?;
        from += eaten;
        let new = inflater.new_bytes();
        let kept = if status == Status::Done { 0 } else { random.below(PIECE.min(new.len() + 1)) };
        content.extend(&new[..new.len() - kept]);
        inflater.keep(kept);
        match status {
            Status::Done => return Ok(Some((content, from))),
            Status::Hungry if end == packed.len() => return Ok(None),
            Status::Hungry => assert_eq!(from, end, "all is eaten before more is wanted"),
            Status::Full => {}
        }
    }
}

fn change(random: &mut Random, inputs: &[Vec<u8>]) -> Vec<u8> {
    let mut input = random.of(inputs).clone();
    if !random.hits(4) {
        change::bytes(random, &mut input, inputs);
    }
    input
}

fn run(packed: &[u8]) -> String {
    let mut random = Random(packed.iter().fold(7, |sum: u64, &byte| sum.wrapping_mul(31) + u64::from(byte)));
    let ours = by_us(packed, &mut random);
    let theirs = by_zlib(packed);
    let found = ours.clone().ok().flatten();
    let length = |made: &Option<(Vec<u8>, usize)>| made.as_ref().map(|(content, end)| (content.len(), *end));
    assert!(found == theirs, "we make {:?} bytes of it, zlib {:?}", length(&found), length(&theirs));
    match ours {
        Ok(Some((content, end))) => format!("{} of {end}", content.len() / 1000),
        Ok(None) => "ends too soon".to_owned(),
        Err(Damaged) => "damaged".to_owned(),
    }
}

#[test]
fn deflate() {
    fuzz("deflate", streams(), change, run);
}
