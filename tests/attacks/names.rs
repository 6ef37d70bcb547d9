//! Names that would leave the tree, or be two things at once.

use crate::unpacked::{Lab, refused};
use crate::zip_writer::{Part, wheel};

#[test]
fn names_that_are_no_plain_relative_path() {
    let long = "x".repeat(256);
    let longest = format!("{}x", "xxxxxxx/".repeat(300));
    let deep = format!("{}x", "d/".repeat(64));
    for (name, fault) in [
        ("/etc/passwd", "absolute"),
        ("//x", "absolute"),
        ("../x", "`.` or `..`"),
        ("a/../../x", "`.` or `..`"),
        ("a/..", "`.` or `..`"),
        ("../", "`.` or `..`"),
        ("./x", "`.` or `..`"),
        ("a/./x", "`.` or `..`"),
        ("..", "`.` or `..`"),
        ("..\\x", "backslash"),
        ("a\\..\\x", "backslash"),
        ("C:\\x", "backslash"),
        ("a\0b", "control character"),
        ("x.py\0.txt", "control character"),
        ("a\nb", "control character"),
        ("a\tb", "control character"),
        ("a\u{7f}", "control character"),
        ("a//x", "empty component"),
        ("a//", "empty component"),
        ("/", "absolute"),
        ("", "no name"),
        (&long, "too long"),
        (&longest, "too long"),
        (&deep, "too deep"),
    ] {
        refused(&wheel(vec![Part::stored(name, b"x")]), &format!("{name:?}"), fault);
    }
}

#[test]
fn names_that_leave_the_scheme_they_are_mapped_to() {
    for scheme in ["purelib", "scripts", "headers", "data"] {
        let name = format!("my_pkg-1.0.data/{scheme}/../../x");
        refused(&wheel(vec![Part::stored(&name, b"x")]), &name, "`.` or `..`");
    }
}

#[test]
fn names_that_are_not_what_they_say() {
    let not_utf8 = Part::stored("a", b"x").with(|header| {
        (header.name, header.flags) = (b"a\xff".to_vec(), 1 << 11);
    });
    refused(&wheel(vec![not_utf8]), "a\u{fffd}", "not UTF-8");
    // The Info-ZIP Unicode path field: version, CRC, another name.
    let other = [&[0x75, 0x70, 6, 0, 1][..], &[0; 4], b"b"].concat();
    refused(&wheel(vec![Part::stored("a", b"x").with_extra(&other)]), "\"a\"", "another name, \"b\"");
    let same = [&[0x75, 0x70, 6, 0, 1][..], &[0; 4], b"a"].concat();
    Lab::new().unpack(wheel(vec![Part::stored("a", b"x").with_extra(&same)]).bytes()).unwrap();
}

#[test]
fn a_name_of_another_local_header() {
    let part = Part::stored("a.py", b"x").lie_locally(|header| header.name = b"b.py".to_vec());
    refused(&wheel(vec![part]), "a.py", "disagrees with the central directory on its name");
    let part = Part::stored("a.py", b"x").lie_locally(|header| header.name = b"../../a.py".to_vec());
    refused(&wheel(vec![part]), "a.py", "disagrees with the central directory on its name");
}

#[test]
fn one_path_for_two_entries() {
    let file = |name| Part::stored(name, b"x");
    for (parts, subject, fault) in [
        (vec![file("a"), file("a")], "\"a\"", "more than one entry"),
        (vec![file("a/")], "\"a/\"", "a directory with content"),
        (vec![file("a"), file("a/b")], "\"a\"", "a directory of another entry"),
        (vec![file("a/b"), file("a")], "\"a\"", "a directory of another entry"),
        (vec![file("a/b/c"), file("a")], "\"a\"", "a directory of another entry"),
    ] {
        refused(&wheel(parts), subject, fault);
    }
    let folders = vec![Part::stored("a/", b""), Part::stored("a/", b"")];
    refused(&wheel(folders), "\"a/\"", "more than one entry");
    refused(&wheel(vec![Part::stored("a/", b""), file("a")]), "\"a\"", "a directory of another entry");
}

#[test]
fn one_path_for_two_entries_after_mapping() {
    let file = |name: &str| Part::stored(name, b"x");
    let data = |path| file(&format!("my_pkg-1.0.data/{path}"));
    for (parts, fault) in [
        (vec![file("a.py"), data("purelib/a.py")], "same path, \"site/a.py\""),
        (vec![data("platlib/a.py"), data("purelib/a.py")], "same path, \"site/a.py\""),
        (vec![data("scripts/x"), data("data/bin/x")], "same path, \"prefix/bin/x\""),
        (vec![file("a"), data("data/lib/python3.11/site-packages/a")], "same path, \"site/a\""),
        (vec![file("a"), data("purelib/a/b")], "\"a\" installs as a file and as a directory"),
        (vec![data("purelib/my_pkg-1.0.dist-info/RECORD")], "same path"),
        (vec![data("purelib/my_pkg-1.0.dist-info/INSTALLER")], "same path"),
        (vec![file("my_pkg-1.0.dist-info/REQUESTED/x")], "as a file and as a directory"),
    ] {
        refused(&wheel(parts), "", fault);
    }
}

#[test]
fn names_that_differ_in_case_only_are_two_files() {
    let lab = Lab::new();
    lab.unpack(wheel(vec![Part::stored("a", b"1"), Part::stored("A", b"2")]).bytes()).unwrap();
    assert_eq!(lab.files()["site/a"].0, b"1");
    assert_eq!(lab.files()["site/A"].0, b"2");
}
