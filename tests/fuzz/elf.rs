//! Shared objects: whatever their headers say, reading ends, and names have no lines.

use fastenv::libraries::elf::{Object, parse};

use super::change::{self, Random, odd_number, put};
use super::fuzz;
use crate::elf_writer::Elf;

/// Nearly always one that still begins as an object does.
fn change(random: &mut Random, inputs: &[Vec<u8>]) -> Vec<u8> {
    let mut input = random.of(inputs).clone();
    let head = input.clone();
    for _ in 0..=random.below(4) {
        if random.hits(2) && input.len() > 64 {
            // Fields of headers, entries and tables lie at multiples of four.
            let at = (32 + random.below(input.len() - 32)) & !3;
            let number = odd_number(random).to_le_bytes();
            put(&mut input, at, &number[..*random.of(&[2, 4, 8])]);
        } else {
            change::bytes(random, &mut input, inputs);
        }
    }
    if !random.hits(20) {
        let end = head.len().min(32);
        put(&mut input, 0, &head[..end]);
    }
    input
}

fn run(input: &[u8]) -> String {
    let Some(object) = parse(input) else { return "none".to_owned() };
    let Object { soname, needed, rpath, runpath, wanted, defined } = &object;
    let names = soname.iter().chain(needed).chain(rpath).chain(runpath).chain(defined);
    let names = names.chain(wanted.iter().flat_map(|(library, version)| [library, version]));
    assert!(!names.into_iter().any(|name| name.chars().any(char::is_control)));
    let counts = [needed.len(), rpath.len(), runpath.len(), wanted.len(), defined.len()];
    counts.map(|count| char::from(b'a' + u8::try_from(count.min(25)).unwrap())).iter().collect()
}

#[test]
fn shared_objects() {
    let full = Elf {
        soname: Some("libx.so.1"),
        needed: vec!["libc.so.6", "libm.so.6", "/opt/liby.so"],
        rpath: Some("$ORIGIN/../lib:/opt/lib"),
        runpath: Some("${ORIGIN}"),
        wanted: vec![("libc.so.6", vec!["GLIBC_2.2.5", "GLIBC_2.34"]), ("libm.so.6", vec!["GLIBC_2.29"])],
        defined: vec!["X_1.0", "X_2.0"],
    };
    let few = Elf { needed: vec!["libc.so.6"], ..Elf::default() };
    fuzz("elf", vec![full.bytes(), few.bytes(), Elf::default().bytes()], change, run);
}
