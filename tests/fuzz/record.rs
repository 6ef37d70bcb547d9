//! RECORD: whatever it says, files and index are true.

use fastenv::digest::Sha256;
use fastenv::unpack::Expected;

use super::archive::{promised, wheels};
use super::change::{self, Random};
use super::fuzz;
use crate::unpacked::{Lab, expected};
use crate::zip_writer::{Part, record_of};

const WORDS: [&str; 24] = [
    ",",
    "\"",
    "\"\"",
    "\r",
    "\n",
    "\r\n",
    "sha256=",
    "md5=",
    "sha256=AAAA",
    "=",
    "../",
    "/",
    "\\",
    "\0",
    "-1",
    "99999999999999999999",
    "my_pkg-1.0.dist-info/RECORD",
    "my_pkg-1.0.data/scripts/start",
    ".pyc",
    "__pycache__/",
    "é",
    "\u{feff}",
    " ",
    "INSTALLER",
];

fn change(random: &mut Random, inputs: &[Vec<u8>]) -> Vec<u8> {
    let mut input = random.of(inputs).clone();
    for _ in 0..=random.below(4) {
        if random.hits(4) {
            change::bytes(random, &mut input, inputs);
        } else if let Ok(text) = std::str::from_utf8(&input) {
            input = change::text(random, text, &WORDS).into_bytes();
        }
        input.truncate(1 << 20);
    }
    input
}

/// The first wheel with another RECORD, unpacked as one whose RECORD nobody vouches for, and as one for whose files
/// digest the lock does.
fn run(input: &[u8], digest: Sha256) -> String {
    let mut answers = Vec::new();
    for files_digest in [None, Some(digest)] {
        let mut zip = wheels().remove(0);
        zip.parts.pop();
        zip.parts.push(Part::stored("my_pkg-1.0.dist-info/RECORD", input));
        let (bytes, lab) = (zip.bytes(), Lab::new());
        let len = bytes.len() as u64;
        answers.push(match lab.unpack_as(bytes, Expected { files_digest, ..expected() }) {
            Ok(index) => {
                promised(&lab, &index, len);
                format!("{:?}", index.warnings)
            }
            Err(fault) => fault.to_string(),
        });
    }
    answers.join("; ")
}

#[test]
fn wheel_record() {
    let first: Vec<Vec<u8>> = wheels().iter().map(|zip| record_of(&zip.parts).into_bytes()).collect();
    let digest = Lab::new().unpack(wheels()[0].bytes()).unwrap().files_digest;
    fuzz("record", first, change, |input| run(input, digest));
}
