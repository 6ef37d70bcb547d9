//! The index file: what is not one is refused, and what is one says the same when written again.

use fastenv::digest::Sha256;
use fastenv::store::index_file::{Stamped, decode, encode};

use super::archive::wheels;
use super::change::{self, Random, odd_number, put};
use super::fuzz;
use crate::unpacked::Lab;

/// `FENVIDX2` and the checksum.
const HEAD: usize = 12;

/// Nearly always with a checksum that is right, as of a file that was written so.
fn change(random: &mut Random, inputs: &[Vec<u8>]) -> Vec<u8> {
    let mut input = random.of(inputs).clone();
    if let (true, Ok(stamped)) = (random.hits(2), decode(&input)) {
        input = encode(&other(random, stamped));
    }
    for _ in 0..random.below(4) {
        if random.hits(2) && input.len() > HEAD + 4 {
            let at = HEAD + random.below(input.len() - HEAD);
            let number = odd_number(random).to_le_bytes();
            put(&mut input, at, &number[..4]);
        } else {
            change::bytes(random, &mut input, inputs);
        }
    }
    if input.len() >= HEAD && !random.hits(20) {
        put(&mut input, 0, b"FENVIDX2");
        let sum = libdeflater::crc32(&input[HEAD..]).to_le_bytes();
        put(&mut input, 8, &sum);
    }
    input
}

/// Another index of the same form.
fn other(random: &mut Random, mut stamped: Stamped) -> Stamped {
    let index = &mut stamped.index;
    let names = ["", "..", "a/b", "\0", "é", "site", &"x".repeat(300)].map(str::to_owned);
    match random.below(6) {
        0 => index.dirs.push(random.of(&names).clone()),
        1 => drop(index.dirs.pop()),
        2 if !index.files.is_empty() => index.files.push(random.of(&index.files).clone()),
        3 if !index.files.is_empty() => {
            let at = random.below(index.files.len());
            index.files[at].name.clone_from(random.of(&names));
            index.files[at].dir = u32::try_from(random.below(index.dirs.len() + 2)).unwrap();
        }
        4 => index.warnings.push(random.of(&names).clone()),
        _ => index.version.clone_from(random.of(&names)),
    }
    stamped
}

fn run(input: &[u8]) -> String {
    let Ok(stamped) = decode(input) else { return "damaged".to_owned() };
    let index = &stamped.index;
    // Its readers look directories up without asking.
    assert!(index.files.iter().all(|file| index.path(file).ends_with(&file.name)));
    assert_eq!(decode(&encode(&stamped)).unwrap(), stamped);
    let counts = [index.dirs.len(), index.files.len(), index.entry_points.len(), index.warnings.len()];
    counts.map(|count| char::from(b'a' + u8::try_from(count.min(25)).unwrap())).iter().collect()
}

#[test]
fn index_file() {
    let of = |boot: &str, index| encode(&Stamped { boot: boot.to_owned(), index });
    let mut first: Vec<Vec<u8>> =
        wheels().iter().map(|zip| of("machine boot", Lab::new().unpack(zip.bytes()).unwrap())).collect();
    let mut index = decode(&first[0]).unwrap().index;
    index.warnings = vec!["odd".to_owned(), String::new()];
    index.files_digest = Sha256::of(b"");
    first.push(of("", index));
    fuzz("index", first, change, run);
}
