//! bzip2 streams: what the library makes of them, however they are cut.

use std::io::Read;

use bzip2::Compression;
use bzip2::read::{BzEncoder, MultiBzDecoder};
use fastenv::conda::bzip2::Reader;

use super::change::{self, Random};
use super::fuzz;

const MOST: u64 = 8 << 20;

fn streams() -> Vec<Vec<u8>> {
    let mut random = Random(1);
    let text = b"the quick brown fox jumps over the lazy dog, ".repeat(300);
    let noise: Vec<u8> = (0..8000).map(|_| random.below(256).to_le_bytes()[0]).collect();
    let few: Vec<u8> = (0..9000).map(|_| b"aaaaaaab\0\0\0c"[random.below(12)]).collect();
    let runs: Vec<u8> = (0..260_usize).flat_map(|at| vec![at.to_le_bytes()[0] % 7; at]).collect();
    let long = vec![b'x'; 300_000];
    let mut skewed = Vec::new();
    for bits in 0..15 {
        skewed.extend(std::iter::repeat_n(bits, 1 << (14 - bits)));
    }
    let two_blocks = [&noise[..], &text, &runs].concat().repeat(3);
    let contents = [&text[..], &noise, &few, &runs, &long, &skewed, &two_blocks, &text[..1], &[]];
    let mut streams: Vec<Vec<u8>> = contents.iter().map(|content| packed(content)).collect();
    streams.push([&streams[0][..], &streams[1], &streams[8]].concat());
    streams
}

fn packed(content: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    BzEncoder::new(content, Compression::fast()).read_to_end(&mut packed).expect("from memory");
    packed
}

/// Gives as much at once as chance wants.
struct Cut<'a> {
    rest: &'a [u8],
    random: Random,
}

impl Read for Cut<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let longest = [1, 30, 5000][self.random.below(3)];
        let count = (1 + self.random.below(longest)).min(buffer.len()).min(self.rest.len());
        buffer[..count].copy_from_slice(&self.rest[..count]);
        self.rest = &self.rest[count..];
        Ok(count)
    }
}

fn all(reader: impl Read) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    reader.take(MOST).read_to_end(&mut content).ok().map(|_| content)
}

fn change(random: &mut Random, inputs: &[Vec<u8>]) -> Vec<u8> {
    let mut input = random.of(inputs).clone();
    if !random.hits(8) {
        change::bytes(random, &mut input, inputs);
    }
    input
}

/// What we take, the library takes; what we refuse and it does not must be what no program writes.
fn run(input: &[u8]) -> String {
    let seed = input.iter().fold(7, |sum: u64, &byte| sum.wrapping_mul(31) + u64::from(byte));
    let ours = Reader::new(Cut { rest: input, random: Random(seed) });
    let mut content = Vec::new();
    let fault = ours.take(MOST).read_to_end(&mut content).err().map(|fault| fault.to_string());
    let theirs = all(MultiBzDecoder::new(input));
    match (fault, theirs) {
        (None, theirs) => {
            assert!(theirs.as_ref() == Some(&content), "the library makes something else of it");
            format!("content {}", content.len() / 1000)
        }
        (Some(fault), None) => fault,
        (Some(fault), Some(_)) => {
            assert!(STRICTER.contains(&fault.as_str()), "the library takes it, but we say: {fault}");
            format!("stricter: {fault}")
        }
    }
}

/// Codes that can't be told apart, which the library reads in some way or other.
const STRICTER: [&str; 3] = [
    "a code has too many symbols",
    "a block is randomised, which nothing has done since 1999",
    "no stream begins so",
];

#[test]
fn bzip2() {
    fuzz("bzip2", streams(), change, run);
}
