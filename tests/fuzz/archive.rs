//! Zip archives: what is unpacked is inside its tree and no larger than it may be.

use fastenv::unpack::archive::unpacked_limit;
use fastenv::unpack::{Archive, Index};

use super::change::{self, Random, odd_number, put};
use super::fuzz;
use crate::unpacked::{Lab, Memory};
use crate::zip_writer::{Part, Zip, wheel};

/// Offset and width of a number.
type Field = (usize, usize);

/// Where the numbers of each record are, by its signature.
const FIELDS: [(&[u8], &[Field]); 5] = [
    (b"PK\x03\x04", &[(6, 2), (8, 2), (14, 4), (18, 4), (22, 4), (26, 2), (28, 2)]),
    (
        b"PK\x01\x02",
        &[
            (4, 2),
            (8, 2),
            (10, 2),
            (16, 4),
            (20, 4),
            (24, 4),
            (28, 2),
            (30, 2),
            (32, 2),
            (34, 2),
            (38, 4),
            (42, 4),
        ],
    ),
    (b"PK\x05\x06", &[(4, 2), (6, 2), (8, 2), (10, 2), (12, 4), (16, 4), (20, 2)]),
    (b"PK\x06\x06", &[(4, 8), (16, 4), (20, 4), (24, 8), (32, 8), (40, 8), (48, 8)]),
    (b"PK\x06\x07", &[(4, 4), (8, 8), (16, 4)]),
];
const NAMES: [&[u8]; 9] =
    [b"../", b"/", b"\\", b"\0", b"my_pkg-1.0.data/", b"scripts/", b".dist-info/RECORD", b"\xff", b"./"];

pub(super) fn wheels() -> Vec<Zip> {
    let noise: Vec<u8> = (0..5000_u32).map(|at| at.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
    let mut wide = wheel(vec![Part::stored("a.py", b"x = 1\n")]);
    wide.zip64 = true;
    let mut told = wheel(vec![Part::deflated("b.py", &[7; 3000])]);
    told.comment = b"PK\x05\x06 or so".to_vec();
    vec![
        wheel(vec![
            Part::stored("my/pkg/__init__.py", b""),
            Part::deflated("my/pkg/tool", b"#!/bin/sh\n").with_mode(0o100_755),
            Part::stored("empty/", b""),
            Part::stored("na\u{ef}ve.py", b"x"),
            Part::deflated("my_pkg-1.0.data/scripts/start", b"#!python\nprint()\n"),
            Part::deflated("my_pkg-1.0.data/headers/my.h", b"int x;\n"),
            Part::stored("noise", &noise),
        ]),
        wheel(vec![
            Part::deflated("d16", &noise).with_descriptor(16),
            Part::deflated("d24", b"abc").with_descriptor(24),
            Part::deflated("wide", &[0; 70_000]).with_zip64(),
        ]),
        wide,
        told,
    ]
}

fn change(random: &mut Random, inputs: &[Vec<u8>]) -> Vec<u8> {
    let mut input = random.of(inputs).clone();
    for _ in 0..=random.below(3) {
        match random.below(5) {
            0 => change::bytes(random, &mut input, inputs),
            1 => name(random, &mut input),
            _ => field(random, &mut input),
        }
    }
    input
}

/// Positions of a record's signature.
fn records(input: &[u8], signature: &[u8]) -> Vec<usize> {
    let windows = input.windows(signature.len()).enumerate();
    windows.filter(|(_, window)| *window == signature).map(|(at, _)| at).collect()
}

/// Changes a number of a record, sometimes in all records of its sort.
fn field(random: &mut Random, input: &mut [u8]) {
    let (signature, fields) = random.of(&FIELDS);
    let (offset, width) = *random.of(fields);
    let found = records(input, signature);
    if found.is_empty() {
        return;
    }
    let chosen = if random.hits(6) { found.clone() } else { vec![*random.of(&found)] };
    for at in chosen {
        let mut old = [0; 8];
        old.iter_mut().zip(input.iter().skip(at + offset).take(width)).for_each(|(to, from)| *to = *from);
        let old = u64::from_le_bytes(old);
        let new = match random.below(4) {
            0 => old.wrapping_add(random.below(5) as u64).wrapping_sub(2),
            1 => random.below(input.len() + 2) as u64,
            2 => old ^ (1 << random.below(8 * width)),
            _ => odd_number(random),
        };
        put(input, at + offset, &new.to_le_bytes()[..width]);
    }
}

/// Changes the beginning of a name, in both headers if it is found in both.
fn name(random: &mut Random, input: &mut [u8]) {
    let found = records(input, b"PK\x01\x02");
    if found.is_empty() {
        return;
    }
    let at = *random.of(&found);
    let Some(length) =
        input.get(at + 28..at + 30).map(|two| usize::from(u16::from_le_bytes([two[0], two[1]])))
    else {
        return;
    };
    let Some(old) = input.get(at + 46..at + 46 + length).map(<[u8]>::to_vec) else { return };
    if old.is_empty() {
        return;
    }
    let (word, shift) = (*random.of(&NAMES), random.below(length));
    let word = &word[..word.len().min(length - shift)];
    for place in records(input, &old) {
        put(input, place + shift, word);
    }
}

fn run(input: &[u8]) -> String {
    if let Err(fault) = Archive::open(&Memory(input.to_vec())) {
        return format!("{fault:?}");
    }
    let lab = Lab::new();
    match lab.unpack(input.to_vec()) {
        Ok(index) => {
            promised(&lab, &index, input.len() as u64);
            format!("{} files, {} warnings", index.files.len(), index.warnings.len())
        }
        Err(fault) => fault.to_string(),
    }
}

/// The index tells the truth of the tree, and the tree is no larger than an archive of this length may make it.
pub(super) fn promised(lab: &Lab, index: &Index, len: u64) {
    let files = lab.files();
    assert_eq!(files.len(), index.files.len());
    let mut total = 0;
    for file in &index.files {
        let (content, mode) = &files[&index.path(file)];
        assert_eq!((content.len() as u64, fastenv::digest::Sha256::of(content)), (file.size, file.sha256));
        assert_eq!(*mode, if file.executable { 0o555 } else { 0o444 });
        total += file.size;
    }
    assert!(total <= unpacked_limit(len));
}

#[test]
fn zip_directory() {
    fuzz("zip", wheels().iter().map(Zip::bytes).collect(), change, run);
}
