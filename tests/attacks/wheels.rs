//! Sound archives that are no wheel, or not the one that was asked for.

use crate::unpacked::{Lab, expected, refused};
use crate::zip_writer::{Part, Zip, wheel, wheel_with};

const METADATA: &str = "Metadata-Version: 2.1\nName: My.Pkg\nVersion: 1.0\n";

fn without(name: &str) -> Zip {
    let mut zip = wheel(vec![Part::stored("a.py", b"x")]);
    zip.parts.retain(|part| !part.header.name.ends_with(name.as_bytes()));
    zip
}

#[test]
fn parts_of_the_dist_info_are_missing() {
    for name in ["METADATA", "WHEEL", "RECORD"] {
        refused(&without(name), &format!("my_pkg-1.0.dist-info/{name}"), "missing");
    }
    refused(&Zip::new(Vec::new()), "", "no .dist-info directory");
    refused(&Zip::new(vec![Part::stored("x.dist-info", b"")]), "", "no .dist-info directory");
    refused(&Zip::new(vec![Part::stored("a/x-1.dist-info/METADATA", b"")]), "", "no .dist-info directory");
}

#[test]
fn more_than_one_dist_info_or_another_one() {
    let more = wheel(vec![Part::stored("other-1.0.dist-info/METADATA", b"")]);
    refused(&more, "my_pkg-1.0.dist-info, other-1.0.dist-info", "more than one");
    let other = Zip::new(vec![Part::stored("other-1.0.dist-info/METADATA", b"")]);
    refused(&other, "other-1.0.dist-info", "not of the package my-pkg");
    let longer = Zip::new(vec![Part::stored("my_pkg_x-1.0.dist-info/METADATA", b"")]);
    refused(&longer, "my_pkg_x-1.0.dist-info", "not of the package my-pkg");
    // A vendored one, deeper, is just a file.
    let vendored = wheel(vec![Part::stored("a/_vendor/b-2.dist-info/METADATA", b"")]);
    Lab::new().unpack(vendored.bytes()).unwrap();
}

#[test]
fn metadata_of_another_package_or_version() {
    for (metadata, subject, fault) in [
        ("Name: other\nVersion: 1.0\n", "Name \"other\"", "the lock \"my-pkg\""),
        ("Name: my-pkg\nVersion: 1.1\n", "Version \"1.1\"", "the lock \"1.0\""),
        ("Name: my-pkg\nVersion: 1.0+cpu\n", "Version \"1.0+cpu\"", "the lock \"1.0\""),
        ("Version: 1.0\n", "METADATA", "it has no Name"),
        ("Name: my-pkg\n\nVersion: 1.0\n", "METADATA", "it has no Version"),
        ("", "METADATA", "it has no Name"),
    ] {
        refused(&wheel_with(Vec::new(), metadata, "Wheel-Version: 1.0\n"), subject, fault);
    }
    for (name, version) in [("MY_pkg", "v1"), ("my..pkg", "1.0.0"), ("my-pkg", "01.0")] {
        let spelled = fastenv::unpack::Expected { name: name.into(), version: version.into(), ..expected() };
        Lab::new().unpack_as(wheel(Vec::new()).bytes(), spelled).unwrap();
    }
}

#[test]
fn wheels_of_another_format() {
    for (wheel, fault) in [
        ("Wheel-Version: 2.0\n", "Wheel-Version \"2.0\" is unknown"),
        ("Wheel-Version: x\n", "Wheel-Version \"x\" is unknown"),
        ("Generator: me\n", "it has no Wheel-Version"),
    ] {
        refused(&wheel_with(Vec::new(), METADATA, wheel), "", fault);
    }
    let index = Lab::new().unpack(wheel_with(Vec::new(), METADATA, "Wheel-Version: 1.7\n").bytes()).unwrap();
    assert_eq!(index.warnings.len(), 1, "{:?}", index.warnings);
}

#[test]
fn unknown_schemes() {
    for name in ["my_pkg-1.0.data/x", "my_pkg-1.0.data/bin/x", "my_pkg-1.0.data/stdlib/os.py"] {
        refused(&wheel(vec![Part::stored(name, b"x")]), name, "no such scheme");
    }
}

#[test]
fn entry_points_that_must_not_become_scripts() {
    for (text, subject, fault) in [
        ("../x = a:b", "../x", "path separator"),
        ("/x = a:b", "/x", "path separator"),
        ("x\\y = a:b", "x\\\\y", "path separator"),
        (".. = a:b", "..", "is a directory"),
        ("x = a", "x", "no function"),
        ("x = a:b; import os", "x", "not of the form"),
        ("x = a:b()", "x", "not of the form"),
        ("x = a:'b'", "x", "not of the form"),
        ("x = os\u{2028}import:b", "x", "not of the form"),
    ] {
        let text = format!("[console_scripts]\n{text}\n");
        let part = Part::stored("my_pkg-1.0.dist-info/entry_points.txt", text.as_bytes());
        refused(&wheel(vec![part]), subject, fault);
    }
}

#[test]
fn texts_that_are_not_read() {
    let not_utf8 = Part::stored("my_pkg-1.0.dist-info/entry_points.txt", b"\xff");
    refused(&wheel(vec![not_utf8]), "entry_points.txt", "not UTF-8");
    let mut zip = without("RECORD");
    zip.parts.push(Part::stored("my_pkg-1.0.dist-info/RECORD", b"a,b\n"));
    refused(&zip, "my_pkg-1.0.dist-info/RECORD", "row 1: 2 fields");
    let mut zip = without("RECORD");
    let large = vec![0; (64 << 20) + 1];
    zip.parts.push(Part::deflated("my_pkg-1.0.dist-info/RECORD", &large));
    refused(&zip, "my_pkg-1.0.dist-info/RECORD", "too large");
}

#[test]
fn a_record_that_lies_is_a_warning_and_the_index_is_true() {
    let mut zip = without("RECORD");
    zip.parts.push(Part::stored("b.py", b"y"));
    let other = fastenv::digest::Sha256::of(b"z").to_record();
    let record = format!("a.py,sha256={other},7\nb.py,sha256=!,1\n../../gone,,\n");
    zip.parts.push(Part::stored("my_pkg-1.0.dist-info/RECORD", record.as_bytes()));
    let index = Lab::new().unpack(zip.bytes()).unwrap();
    let [warning] = &index.warnings[..] else { panic!("{:?}", index.warnings) };
    assert_eq!(
        warning,
        "RECORD is wrong: \"a.py\" has another sha256, \"b.py\" has another sha256, \
         \"../../gone\" is listed but not there, and 2 more"
    );
    let file = index.files.iter().find(|file| file.name == "a.py").unwrap();
    assert_eq!((file.size, file.sha256), (1, fastenv::digest::Sha256::of(b"x")));
}
