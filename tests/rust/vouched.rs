//! Hashes that the lock vouches for are taken from RECORD; all others are computed.

use fastenv::digest::Sha256;
use fastenv::unpack::{Expected, Index};

use crate::unpacked::{Lab, expected};
use crate::zip_writer::{Part, Zip, wheel};

fn unpack(zip: &Zip, files_digest: Option<Sha256>) -> Index {
    Lab::new().unpack_as(zip.bytes(), Expected { files_digest, ..expected() }).unwrap()
}

fn large() -> Vec<u8> {
    (0..9 << 20).map(|at: u32| at.to_le_bytes()[1]).collect()
}

#[test]
fn a_wheel_has_the_same_index_whether_the_lock_vouches_or_not() {
    let points = b"[console_scripts]\nrun = my.pkg:main\n";
    let zip = wheel(vec![
        Part::deflated("my/a.py", b"a = 1\n"),
        Part::deflated("my/large.bin", &large()),
        Part::deflated("my_pkg-1.0.dist-info/entry_points.txt", points),
    ]);
    let computed = unpack(&zip, None);
    assert_eq!(unpack(&zip, Some(computed.files_digest)), computed);
    assert_eq!(unpack(&zip, Some(Sha256::of(b"another"))), computed);
}

#[test]
fn a_record_that_nobody_vouches_for_is_not_believed() {
    let mut zip = wheel(vec![Part::deflated("a.py", b"a = 1\n")]);
    let claimed = Sha256::of(b"b = 2\n");
    let record = zip.parts.pop().expect("RECORD is last");
    let truth = Sha256::of(b"a = 1\n").to_record();
    let lie = String::from_utf8(record.content).unwrap().replace(&truth, &claimed.to_record());
    zip.parts.push(Part::stored("my_pkg-1.0.dist-info/RECORD", lie.as_bytes()));
    let hash = |index: &Index| index.files.iter().find(|file| file.name == "a.py").map(|file| file.sha256);
    let computed = unpack(&zip, None);
    assert_eq!(hash(&computed), Some(Sha256::of(b"a = 1\n")));
    assert!(computed.warnings[0].contains("\"a.py\" has another sha256"), "{:?}", computed.warnings);
    assert_eq!(hash(&unpack(&zip, Some(Sha256::of(b"another")))), hash(&computed));
    // Whoever locked says that these very rows were found true.
    assert_eq!(hash(&unpack(&zip, Some(computed.files_digest))), Some(claimed));
}

#[test]
fn rows_that_the_files_digest_leaves_out_or_that_contradict_each_other_are_not_believed() {
    let other = Sha256::of(b"other").to_record();
    for (name, extra) in [
        // The digest is not over byte code, so its row is nobody's word.
        ("a.pyc", format!("a.pyc,sha256={other},6\n")),
        ("a.py", format!("a.py,sha256={other},6\na.py,sha256={},6\n", Sha256::of(b"a = 1\n").to_record())),
    ] {
        let mut zip = wheel(vec![Part::stored(name, b"a = 1\n")]);
        zip.parts.pop();
        zip.parts.push(Part::stored("my_pkg-1.0.dist-info/RECORD", extra.as_bytes()));
        let computed = unpack(&zip, None);
        assert!(!computed.warnings.is_empty());
        assert_eq!(unpack(&zip, Some(computed.files_digest)), computed, "{name}");
    }
}
