//! Conda packages: what is unpacked is inside its tree, and is what the index says.
//!
//! Tar archives are changed before they are compressed, with true checksums more often than not: else all would end
//! at the first of them.

use fastenv::unpack::Index;

use super::change::{self, Random, odd_number, put};
use super::fuzz;
use crate::conda_package::{Member, bzip2, expected, info, tar};
use crate::unpacked::Lab;

const BLOCK: usize = 512;
/// Offset and width of the fields of a header.
const FIELDS: [(usize, usize); 8] =
    [(0, 100), (100, 8), (124, 12), (136, 12), (156, 1), (157, 100), (257, 8), (345, 155)];
const WORDS: [&[u8]; 14] = [
    b"../x",
    b"/x",
    b"a/b/../../..",
    b"info/paths.json",
    b"info/index.json",
    b"lib",
    b"lib/a.so",
    b"l",
    b"./",
    b"\xff",
    b"\x80\0\0\0\0\0\0\0\0\0\0\x01",
    b"00000000777",
    b"",
    b"a\\b",
];

fn packages() -> Vec<Vec<u8>> {
    let members = [
        Member::new(b'5', "lib", b""),
        Member::file("lib/a.so", &[7; 1000]),
        Member::symlink("l", "lib/a.so"),
        Member::hardlink("h", "lib/a.so"),
        Member::pax(&[("path", "lib/of a long name"), ("mtime", "1.5")]),
        Member::file("lib/short", b"x").unlisted(),
        Member::new(b'L', "././@LongLink", b"lib/long\0"),
        Member::file("lib/other", b"").unlisted(),
    ];
    vec![tar(&[&members[..], &info(&members)].concat()), tar(&info(&members[1..2]))]
}

fn change(random: &mut Random, inputs: &[Vec<u8>]) -> Vec<u8> {
    let mut input = random.of(inputs).clone();
    for _ in 0..=random.below(3) {
        match random.below(4) {
            0 => change::bytes(random, &mut input, inputs),
            _ => header(random, &mut input),
        }
    }
    input.truncate(1 << 20);
    if random.below(5) > 0 {
        sums(&mut input);
    }
    input
}

/// Changes a field of some block, as if it were a header.
fn header(random: &mut Random, input: &mut [u8]) {
    let blocks = input.len() / BLOCK;
    if blocks == 0 {
        return;
    }
    let start = random.below(blocks) * BLOCK;
    let &(at, width) = random.of(&FIELDS);
    let value: Vec<u8> = match random.below(4) {
        0 => format!("{:o}", odd_number(random)).into_bytes(),
        1 => vec![*random.of(b"0123456xgLKSV\0")],
        _ => random.of(&WORDS).to_vec(),
    };
    let mut field = vec![0; width];
    let len = value.len().min(width);
    field[..len].copy_from_slice(&value[..len]);
    put(input, start + at, &field);
}

/// Makes the checksums of all blocks right that look like headers.
fn sums(input: &mut [u8]) {
    for block in input.chunks_exact_mut(BLOCK).filter(|block| block[257..262] == *b"ustar") {
        block[148..156].copy_from_slice(b"        ");
        let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
}

fn run(input: &[u8]) -> String {
    let lab = Lab::new();
    match lab.unpack_conda(bzip2(input), expected("my-pkg-1.0-0.tar.bz2")) {
        Ok(index) => {
            check(&lab, &index);
            format!("good: {} files", index.files.len())
        }
        Err(fault) => fault.to_string(),
    }
}

/// What the index says is there, and nothing else.
fn check(lab: &Lab, index: &Index) {
    let files = lab.files();
    for file in &index.files {
        let (content, mode) = &files[&index.path(file)];
        assert_eq!(content.len() as u64, file.size);
        assert_eq!(*mode, if file.executable { 0o555 } else { 0o444 });
    }
    assert_eq!(files.len(), index.files.len());
    let links = &index.conda.as_ref().unwrap().links;
    assert!(links.iter().all(|link| !link.target.starts_with('/')));
}

#[test]
fn conda_packages() {
    fuzz("conda", packages(), change, run);
}
