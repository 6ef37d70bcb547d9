//! Archives that different readers would read differently.

use crate::unpacked::{Lab, refused, refused_bytes};
use crate::zip_writer::{End, Part, Zip, wheel};

fn good() -> Zip {
    wheel(vec![Part::stored("a.py", b"x = 1\n"), Part::deflated("b.py", b"y = 2\n")])
}

#[test]
fn no_archive_at_all() {
    let zeros = vec![0; 100_000];
    for bytes in [&b""[..], b"PK", b"<!doctype html>", &zeros, b"PK\x05\x06"] {
        refused_bytes(bytes.to_vec(), "", "not a zip archive");
    }
    let whole = good().bytes();
    for len in [whole.len() - 1, whole.len() - 22, whole.len() / 2, 30] {
        assert!(Lab::new().unpack(whole[..len].to_vec()).is_err(), "cut at {len}");
    }
}

#[test]
fn bytes_that_belong_to_nobody() {
    let check = |change: fn(&mut Zip), fault| {
        let mut zip = good();
        change(&mut zip);
        refused(&zip, "", fault);
    };
    check(|zip| zip.prefix = b"#!/bin/sh\n".to_vec(), "data before the first entry");
    check(|zip| zip.trailing = b"x".to_vec(), "data after the end");
    check(|zip| zip.trailing = vec![0; 70_000], "not a zip archive");
    check(|zip| zip.before_end = b"x".to_vec(), "not where the archive says");
    check(|zip| zip.before_directory = b"x".to_vec(), "hidden bytes");
    check(|zip| zip.before_directory = vec![0; 100_000], "hidden bytes");
    check(|zip| zip.parts[0].after = b"hidden".to_vec(), "hidden bytes");
    check(|zip| zip.parts[0].after = vec![0; 12], "hidden bytes");
}

#[test]
fn an_archive_in_front_of_another() {
    let bytes = [good().bytes(), good().bytes()].concat();
    refused_bytes(bytes, "", "not where the archive says");
}

#[test]
fn a_comment_is_no_fault_but_an_end_in_it_is() {
    let mut zip = good();
    zip.comment = b"made by hand".to_vec();
    Lab::new().unpack(zip.bytes()).unwrap();
    zip.comment = vec![b'x'; 65_535];
    Lab::new().unpack(zip.bytes()).unwrap();
    // Other readers look from the end and would take the one in the comment.
    zip.comment = [&b"PK\x05\x06"[..], &[0; 18]].concat();
    refused(&zip, "", "two ends");
    zip.comment = [&b"PK\x05\x06"[..], &[0; 30]].concat();
    refused(&zip, "", "two ends");
}

#[test]
fn two_ends_that_both_end_the_file() {
    let hidden = good().bytes();
    let mut zip = good();
    zip.before_end = [&b"PK\x05\x06"[..], &[0; 16], &22_u16.to_le_bytes()].concat();
    refused(&zip, "", "two ends");
    zip.before_end = Vec::new();
    zip.comment = hidden;
    refused(&zip, "", "two ends");
}

#[test]
fn ends_that_lie() {
    let check = |lie: fn(&mut End), fault| {
        for zip64 in [false, true] {
            let mut zip = good();
            (zip.zip64, zip.end) = (zip64, Box::new(lie));
            refused(&zip, "", fault);
        }
    };
    check(|end| end.disk = 1, "several parts");
    check(|end| end.here -= 1, "several parts");
    check(|end| (end.here, end.entries) = (end.here + 1, end.entries + 1), "has not the");
    check(|end| (end.here, end.entries) = (1, 1), "has not the");
    check(|end| end.directory -= 1, "not where the archive says");
    check(|end| end.directory += 1, "not where the archive says");
    check(|end| (end.directory, end.directory_len) = (0, end.directory + end.directory_len), "damaged");
    check(|end| end.directory_len -= 46, "not where the archive says");
}

#[test]
fn zip64_ends_that_lie() {
    let check = |change: fn(&mut Zip), fault| {
        let mut zip = good();
        zip.zip64 = true;
        change(&mut zip);
        refused(&zip, "", fault);
    };
    let mut honest = good();
    honest.zip64 = true;
    Lab::new().unpack(honest.bytes()).unwrap();
    check(|zip| zip.end = Box::new(|end| end.record -= 1), "not where its locator says");
    check(|zip| zip.end = Box::new(|end| end.record = u64::MAX), "not where its locator says");
    check(|zip| zip.end = Box::new(|end| end.record_len = 60), "of a wrong length");
    check(|zip| zip.end = Box::new(|end| end.directory = u64::MAX), "not where the archive says");
    check(|zip| zip.end = Box::new(|end| end.directory_len = u64::MAX), "not where the archive says");
    check(
        |zip| zip.end = Box::new(|end| (end.here, end.entries) = (1 << 50, 1 << 50)),
        "has not the 1125899906842624 entries",
    );
    check(|zip| zip.short_end = Box::new(|end| (end.here, end.entries) = (1, 1)), "disagrees with the end");
    check(|zip| zip.short_end = Box::new(|end| end.directory = 7), "disagrees with the end");
    check(|zip| zip.short_end = Box::new(|end| end.directory_len = 0), "disagrees with the end");
}

#[test]
fn a_directory_too_large_to_read() {
    let mut zip = good();
    zip.zip64 = true;
    let mut bytes = zip.bytes();
    let record = bytes.len() - 22 - 20 - 56;
    let start = u64::from_le_bytes(bytes[record + 48..record + 56].try_into().unwrap());
    let padding = (65 << 20) - (record as u64 - start);
    bytes.splice(record..record, vec![0; usize::try_from(padding).unwrap()]);
    let record = bytes.len() - 22 - 20 - 56;
    bytes[record + 40..record + 48].copy_from_slice(&(65_u64 << 20).to_le_bytes());
    let locator = bytes.len() - 22 - 20;
    bytes[locator + 8..locator + 16].copy_from_slice(&(record as u64).to_le_bytes());
    refused_bytes(bytes, "", "too large");
}

#[test]
fn entries_that_overlap() {
    let mut zip = good();
    zip.parts.push(Part::stored("twin.py", b"x = 1\n").lie_centrally(|header| header.offset = 0));
    refused(&zip, "", "overlaps");
    // The kernel of a zip bomb without nesting: one entry's data hold the next one's header.
    let mut zip = good();
    zip.parts[0] = Part::stored("a.py", b"x = 1\n").lie_centrally(|header| {
        (header.compressed, header.size) = (header.compressed + 40, header.size + 40);
    });
    refused(&zip, "a.py", "overlaps");
    let last = Part::stored("z.py", b"x").lie_centrally(|header| {
        (header.compressed, header.size) = (5_000, 5_000);
    });
    refused(&Zip::new(vec![last]), "z.py", "overlaps");
    let beyond = Part::stored("z.py", b"x").lie_centrally(|header| header.offset = 1 << 30);
    refused(&Zip::new(vec![Part::stored("a", b""), beyond]), "z.py", "no local header");
}

#[test]
fn local_headers_that_disagree() {
    let check = |part: Part, fault: &str| refused(&wheel(vec![part]), "a.py", fault);
    let part = || Part::deflated("a.py", b"x = 1\n");
    let disagrees = |what| format!("disagrees with the central directory on its {what}");
    check(part().lie_locally(|header| header.signature = *b"PK\x01\x02"), "no local header");
    check(part().lie_locally(|header| header.method = 0), &disagrees("method"));
    check(part().lie_locally(|header| header.crc += 1), &disagrees("CRC"));
    check(part().lie_locally(|header| header.size += 1), &disagrees("size"));
    check(part().lie_locally(|header| header.compressed += 1), &disagrees("size"));
    check(part().lie_locally(|header| header.size = 0), &disagrees("size"));
    for flag in [1, 1 << 3, 1 << 6, 1 << 11, 1 << 13] {
        check(part().lie_locally(move |header| header.flags |= flag), &disagrees("flags"));
    }
    check(part().lie_locally(|header| header.extra = vec![1, 0, 99, 0]), "extra field is damaged");
    check(
        part().lie_locally(|header| header.extra = vec![1, 0, 8, 0, 9, 0, 0, 0, 0, 0, 0, 0]),
        "extra field",
    );
}

#[test]
fn extra_fields_that_lie() {
    let check = |extra: &[u8]| {
        let part = Part::stored("a.py", b"x").with_extra(extra);
        refused(&wheel(vec![part]), "a.py", "extra field is damaged");
    };
    check(&[9, 9, 1, 0]);
    check(&[9, 9, 255, 255, 0]);
    check(&[1, 0, 0, 0, 1, 0, 0, 0]);
    check(&[1, 0, 4, 0, 0, 0, 0, 0]);
    check(&[1, 0, 8, 0, 2, 0, 0, 0, 0, 0, 0, 0]);
    // What only repeats the header, and padding, are harmless.
    for extra in [&[1, 0, 8, 0, 1, 0, 0, 0, 0, 0, 0, 0][..], &[1, 0, 0, 0], &[0, 0, 0], &[9, 9, 1, 0, 7]] {
        Lab::new().unpack(wheel(vec![Part::stored("a.py", b"x").with_extra(extra)]).bytes()).unwrap();
    }
}

#[test]
fn what_is_not_supported() {
    let check = |part: Part, fault: &str| refused(&wheel(vec![part]), "a.py", fault);
    let part = || Part::stored("a.py", b"x");
    for flag in [1, 1 << 6, 1 << 13] {
        check(part().with(|header| header.flags |= flag), "encrypted");
    }
    for method in [1, 6, 9, 12, 14, 93, 95, 99, 0xffff] {
        let fault = format!("compression method {method} is unknown");
        check(part().with(|header| header.method = method), &fault);
    }
    check(part().with(|header| header.disk = 1), "another part");
}

#[test]
fn descriptors_that_disagree() {
    for (len, at) in [(12, 0), (12, 4), (16, 0), (16, 4), (16, 15), (20, 5), (20, 19), (24, 0), (24, 23)] {
        let mut part = Part::deflated("a.py", b"x = 1\n").with_descriptor(len);
        part.after[at] ^= 1;
        refused(&wheel(vec![part]), "a.py", "data descriptor disagrees");
    }
    let missing = Part::deflated("a.py", b"x = 1\n").with_descriptor(16).with_after(b"");
    refused(&wheel(vec![missing]), "a.py", "hidden bytes");
    let long = Part::deflated("a.py", b"x = 1\n").with_descriptor(16).with_after(&[0; 17]);
    refused(&wheel(vec![long]), "a.py", "hidden bytes");
}
