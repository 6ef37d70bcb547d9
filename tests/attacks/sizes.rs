//! Sizes that lie, checksums that lie, and bombs.

use crate::unpacked::refused;
use crate::zip_writer::{Part, Zip, wheel};

/// Small entries are inflated whole, large ones in pieces: each lie is told in both sizes.
const LENGTHS: [usize; 2] = [1_000, 9 << 20];

fn content(len: usize) -> Vec<u8> {
    (0..len).map(|at| u8::try_from(at * at / 7 % 251).unwrap()).collect()
}

fn deflated(len: usize) -> Part {
    Part::deflated("a.bin", &content(len))
}

#[test]
fn content_of_another_size() {
    for len in LENGTHS {
        for change in [-1_i32, 1, -500] {
            let lie = deflated(len).with(|header| header.size = header.size.wrapping_add_signed(change));
            refused(&wheel(vec![lie]), "a.bin", "data are not the");
        }
        let none = deflated(len).with(|header| header.size = 0);
        refused(&wheel(vec![none]), "a.bin", "data are not the 0 bytes");
    }
}

#[test]
fn content_with_another_checksum() {
    for len in LENGTHS {
        refused(&wheel(vec![deflated(len).with(|header| header.crc ^= 1)]), "a.bin", "its CRC is");
        let mut stored = Part::stored("a.bin", &content(len));
        stored.data[len / 2] ^= 1;
        refused(&wheel(vec![stored]), "a.bin", "its CRC is");
    }
}

#[test]
fn data_that_are_damaged() {
    for len in LENGTHS {
        let part = deflated(len);
        let half = part.data[..part.data.len() / 2].to_vec();
        refused(&wheel(vec![part.with_data(half)]), "a.bin", "data are damaged");
        let no_deflate = deflated(len).with_data(vec![0xff; len]);
        refused(&wheel(vec![no_deflate]), "a.bin", "data are damaged");
    }
}

#[test]
fn data_hidden_behind_a_large_stream() {
    let part = deflated(LENGTHS[1]);
    let more = [&part.data[..], b"hidden"].concat();
    refused(&wheel(vec![part.with_data(more)]), "a.bin", "hidden bytes after the end");
}

#[test]
fn sizes_that_no_method_can_give() {
    let ratio = |part: Part| refused(&wheel(vec![part]), "a.bin", "which its method cannot");
    ratio(Part::stored("a.bin", b"x").with(|header| header.size = 2));
    ratio(Part::stored("a.bin", b"x").with(|header| header.size = 0));
    ratio(deflated(1_000).with(|header| header.size = 900_000_000));
    ratio(Part::deflated("a.bin", b"").with_data(Vec::new()));
}

#[test]
fn more_than_any_wheel_holds() {
    // Each entry claims what deflate could just give; together they claim more than the archive may.
    let zeros = Part::deflated("x", &vec![0; 1 << 20]).data;
    let parts = (0..1_100).map(|at| {
        let part = Part::deflated(&format!("bomb/{at}"), b"").with_data(zeros.clone());
        part.with(|header| header.size = 1 << 20)
    });
    refused(&Zip::new(parts.collect()), "", "over the limit of 1073741824");
}

#[test]
fn a_wide_number_that_is_not_true() {
    let wide = |numbers: [u64; 3]| {
        let extra: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        let extra = [&[1, 0, 24, 0][..], &extra].concat();
        Part::stored("a.bin", b"x").lie_centrally(move |header| {
            (header.size, header.compressed, header.offset) = (u32::MAX, u32::MAX, u32::MAX);
            header.extra.clone_from(&extra);
        })
    };
    refused(&wheel(vec![wide([u64::MAX, u64::MAX, 0])]), "", "over the limit");
    refused(&wheel(vec![wide([1 << 29, 1 << 29, 0])]), "a.bin", "overlaps");
    refused(&wheel(vec![wide([1, 1, u64::MAX])]), "", "data before the first entry");
}
