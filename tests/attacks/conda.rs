//! Hostile conda packages: tar archives that would write elsewhere, make devices, or never end.

use fastenv::lock::Noarch;

use crate::conda_package::{
    Member, bzip2, conda, conda_of, expected, info, info_with, package, refused, refused_bytes, tar, zstd,
};
use crate::unpacked::Lab;
use crate::zip_writer::Part;

const BZ2: &str = "my-pkg-1.0-0.tar.bz2";
const CONDA: &str = "my-pkg-1.0-0.conda";

fn file(path: &str) -> Member {
    Member::file(path, b"x")
}

#[test]
fn names_that_are_no_plain_relative_path() {
    let deep = format!("{}x", "d/".repeat(48));
    for (name, fault) in [
        ("/etc/passwd", "absolute"),
        ("//x", "absolute"),
        ("../x", "`.` or `..`"),
        ("a/../../x", "`.` or `..`"),
        (".//x", "absolute"),
        ("./../x", "`.` or `..`"),
        ("././x", "`.` or `..`"),
        ("a/..", "`.` or `..`"),
        ("..", "`.` or `..`"),
        ("a\\..\\x", "backslash"),
        ("a\nb", "control character"),
        ("a//x", "empty component"),
        ("info/../../x", "`.` or `..`"),
        ("", "no name"),
        ("./", "with content"),
    ] {
        refused(&[file(name).unlisted()], &format!("{name:?}"), fault);
    }
    let pax = |path: &str| [Member::pax(&[("path", path)]), file("innocent").unlisted()];
    refused(&pax("../../x"), "../../x", "`.` or `..`");
    refused(&pax("/x"), "/x", "absolute");
    refused(&pax(&"x".repeat(300)), "xxx", "too long");
    refused(&pax(&deep.replace("d/", "dd/").repeat(2)), "dd/", "too deep");
    let long = [Member::new(b'L', "././@LongLink", b"../x\0"), file("innocent").unlisted()];
    refused(&long, "../x", "`.` or `..`");
    refused(&[file("a").with(0, b"\xff").unlisted()], "\u{fffd}", "not UTF-8");
}

#[test]
fn a_leading_dot_is_nothing() {
    let lab = Lab::new();
    let members = [Member::new(b'5', "./", b""), file("./lib/x").unlisted()];
    let info = info_with(
        "{\"paths_version\": 1, \"paths\": [{\"_path\": \"lib/x\", \"path_type\": \"hardlink\"}]}",
        None,
    );
    lab.unpack_conda(bzip2(&tar(&[&members[..], &info].concat())), expected(BZ2)).unwrap();
    assert_eq!(lab.files()["prefix/lib/x"].0, b"x");
}

#[test]
fn one_path_for_two_members() {
    let folder = |path| Member::new(b'5', path, b"");
    for (members, subject, fault) in [
        (vec![file("a"), file("a").unlisted()], "\"a\"", "more than one member"),
        (vec![file("a"), Member::symlink("a", "b").unlisted()], "\"a\"", "more than one member"),
        (vec![Member::symlink("a", "b"), file("a").unlisted()], "\"a\"", "more than one member"),
        (vec![file("a"), file("a/b")], "\"a/b\"", "no directory"),
        (vec![file("a/b"), file("a")], "\"a\"", "no directory"),
        (vec![file("a"), folder("a")], "\"a\"", "no directory"),
        (vec![folder("a"), file("a")], "\"a\"", "no directory"),
        (vec![folder("a"), Member::symlink("a", "b")], "\"a\"", "no directory"),
    ] {
        refused(&members, subject, fault);
    }
    Lab::new().unpack_package(&[folder("a"), folder("a/"), file("a/b")]).unwrap();
}

#[test]
fn one_path_in_both_archives_of_a_package() {
    let info = [info(&[file("a")]), vec![file("a")]].concat();
    let zip = conda_of(&zstd(&tar(&[file("a")])), &zstd(&tar(&info)));
    refused_bytes(CONDA, zip.bytes(), "\"a\"", "more than one member");
}

#[test]
fn one_path_after_mapping() {
    let paths = "{\"paths_version\": 1, \"paths\": []}";
    let members =
        [vec![file("bin/x"), file("python-scripts/x")], info_with(paths, Some("\"python\""))].concat();
    let said = Lab::new().unpack_noarch(&members, Noarch::Python).unwrap_err().to_string();
    assert!(said.contains("\"python-scripts/x\": more than one member"), "{said}");
}

#[test]
fn a_file_through_a_link() {
    for target in ["..", "/tmp", ".", "../../.."] {
        let members = [Member::symlink("dir", target), file("dir/x")];
        refused(&members, "\"dir/x\"", "no directory");
        let members = [file("dir/x"), Member::symlink("dir", target)];
        refused(&members, "\"dir\"", "no directory");
    }
}

#[test]
fn links_that_lead_out() {
    for target in ["/etc/passwd", "/", "..", "../..", "x/../../y", ""] {
        refused(&[Member::symlink("link", target)], "\"link\"", "leads out of the environment");
    }
    let up = |path, target| Member::symlink(path, target);
    let deep = [up("a/b/c/up", "../../.."), up("out", "a/b/c/up/../x")];
    refused(&deep, "\"out\"", "leads out");
    let members = [up("a/b", "../c"), up("c", "a/b")];
    refused(&members, "", "in a circle");
    let python = [
        vec![Member::symlink("site-packages/x", "../../../../x")],
        info_with(
            "{\"paths_version\": 1, \"paths\": [{\"_path\": \"site-packages/x\", \"path_type\": \"softlink\"}]}",
            Some("\"python\""),
        ),
    ];
    let said = Lab::new().unpack_noarch(&python.concat(), Noarch::Python).unwrap_err().to_string();
    assert!(said.contains("leads out"), "{said}");
}

#[test]
fn links_are_noted_and_not_made() {
    let lab = Lab::new();
    let index = lab.unpack_package(&[file("lib/a.so.1"), Member::symlink("lib/a.so", "a.so.1")]).unwrap();
    assert_eq!(lab.files().keys().collect::<Vec<_>>(), ["prefix/lib/a.so.1"]);
    assert_eq!(index.conda.unwrap().links[0].target, "a.so.1");
}

#[test]
fn hard_links_are_inside_the_archive() {
    let lab = Lab::new();
    lab.unpack_package(&[file("a"), Member::hardlink("b", "a"), Member::hardlink("c", "./b")]).unwrap();
    assert_eq!(lab.files()["prefix/c"], (b"x".to_vec(), 0o444));
    for target in
        ["/etc/passwd", "../canary", "../../canary", "absent", "later", "link", "info/index.json", ""]
    {
        let members = [Member::symlink("link", "x"), Member::hardlink("h", target).unlisted(), file("later")];
        let fault = match target {
            "/etc/passwd" | "../canary" | "../../canary" => "",
            _ => "no file before it",
        };
        refused(&members, "\"h\"", fault);
    }
    refused(&[file("a"), Member::hardlink("b", "a").with(124, b"00000000005")], "\"b\"", "with content");
}

#[test]
fn devices_fifos_and_the_unknown() {
    for (kind, fault) in
        [(b'3', "a device"), (b'4', "a device"), (b'6', "a fifo"), (b'V', "unknown type"), (b'D', "unknown")]
    {
        refused(&[Member::new(kind, "dev/null", b"")], "\"dev/null\"", fault);
    }
}

#[test]
fn dangerous_bits_are_dropped() {
    let lab = Lab::new();
    let modes =
        [("0004755", 0o555), ("0002644", 0o444), ("0007777", 0o555), ("0000000", 0o444), ("0000100", 0o555)];
    for (at, (mode, _)) in modes.iter().enumerate() {
        let lab = Lab::new();
        lab.unpack_package(&[file("a").with(100, mode.as_bytes())]).unwrap();
        assert_eq!(lab.files()["prefix/a"].1, modes[at].1, "{mode}");
    }
    drop(lab);
}

#[test]
fn sparse_bombs_and_sizes_that_lie() {
    refused(
        &[Member::new(b'S', "bomb", b"").with(124, b"\x80\0\0\0\0\0\0\xff\xff\xff\xff\xff")],
        "\"bomb\"",
        "sparse",
    );
    let sparse =
        [("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.realsize", "99999999999")];
    refused(&[Member::pax(&sparse), file("bomb").unlisted()], "\"bomb\"", "sparse");
    let huge = file("a").with(124, b"\x80\0\0\0\0\0\x7f\xff\xff\xff\xff\xff");
    refused(&[huge.unlisted()], "", "unpacks to more than");
    refused(
        &[Member::pax(&[("size", "18446744073709551615")]), file("a").unlisted()],
        "",
        "unpacks to more than",
    );
    // Within the limit, but not there.
    refused(&[file("a").with(124, b"00700000000").unlisted()], "", "cut short");
    refused(&[Member::pax(&[("size", "99999999999999999999")]), file("a").unlisted()], "", "extended header");
}

#[test]
fn headers_that_are_damaged() {
    let mut wrong = file("a");
    wrong.sum = false;
    refused(&[wrong.with(148, b"0000000")], "", "checksum");
    refused(&[file("a").with(124, b"99999999999")], "", "a size");
    refused(&[file("a").with(124, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")], "", "a size");
    let record = |text: &[u8]| [Member::new(b'x', "PaxHeader", text), file("a").unlisted()];
    for text in [
        &b"5 a=b\n"[..],
        b"99 path=x\n",
        b"path=x\n",
        b"7 path\n",
        b"9 path=x",
        b"-9 path=x\n",
        b"10 path=\0\n",
    ] {
        refused(&record(text), "", "extended header");
    }
    refused(&[Member::new(b'g', "PaxHeader", b"10 path=x\n"), file("a")], "", "extended header");
    refused(&[Member::new(b'x', "PaxHeader", b"").with(124, b"00777777777")], "", "too long");
}

#[test]
fn data_after_the_end() {
    let members = [vec![file("a")], info(&[file("a")])].concat();
    for more in [tar(&[file("b")]), b"x".to_vec()] {
        refused_bytes(BZ2, bzip2(&[tar(&members), more].concat()), "", "data after its end");
    }
    // One block of zeros between members, after which some readers go on.
    let split = [&tar(&members[..1])[..1536], &tar(&members[1..])].concat();
    refused_bytes(BZ2, bzip2(&split), "", "data after its end");
    refused_bytes(BZ2, [package(&[file("a")]), b"trailing".to_vec()].concat(), "", "bzip2 data are damaged");
    let two = bzip2(&tar(&members));
    Lab::new().unpack_conda(two.clone(), expected(BZ2)).unwrap();
    let cut = two.len() - 1;
    refused_bytes(BZ2, two[..cut].to_vec(), "", "bzip2 data are damaged");
}

#[test]
fn streams_that_are_cut_or_damaged() {
    let good = package(&[Member::file("a", &vec![7; 100_000])]);
    for len in [0, 3, 10, good.len() / 2] {
        let said = Lab::new().unpack_conda(good[..len].to_vec(), expected(BZ2)).unwrap_err().to_string();
        assert!(said.starts_with(BZ2), "{said}");
    }
    let mut bad = good.clone();
    let middle = bad.len() / 2;
    bad[middle] ^= 0x40;
    refused_bytes(BZ2, bad, "", "damaged");
    let zip = conda_of(b"no zstd at all", &zstd(&tar(&info(&[]))));
    refused_bytes(CONDA, zip.bytes(), "", "zstd data are damaged");
    let whole = zstd(&tar(&[Member::file("a", &vec![7; 100_000])]));
    let zip = conda_of(&whole[..whole.len() - 5], &zstd(&tar(&info(&[]))));
    refused_bytes(CONDA, zip.bytes(), "", "");
}

#[test]
fn a_bomb_of_zeros() {
    let zeros = vec![0_u8; 8 << 20];
    let mut encoder = zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
    let header = Member::file("zeros", b"").with(124, b"20000000000").header;
    let mut member = Member::file("zeros", b"");
    member.header = header;
    let start = tar(&[member]);
    std::io::Write::write_all(&mut encoder, &start[..512]).unwrap();
    for _ in 0..130 {
        std::io::Write::write_all(&mut encoder, &zeros).unwrap();
    }
    let zip = conda_of(&encoder.finish().unwrap(), &zstd(&tar(&info(&[]))));
    refused_bytes(CONDA, zip.bytes(), "", "unpacks to more than");
}

#[test]
fn containers_that_are_something_else() {
    refused_bytes("my-pkg-1.0-0.zip", package(&[file("a")]), "", "neither .conda nor .tar.bz2");
    refused_bytes(CONDA, package(&[file("a")]), "", "not a zip archive");
    refused_bytes(BZ2, conda(&[file("a")]).bytes(), "", "bzip2 data are damaged");
    let mut zip = conda(&[file("a")]);
    zip.parts.remove(1);
    refused_bytes(CONDA, zip.bytes(), "", "no pkg-");
    let mut zip = conda(&[file("a")]);
    zip.parts.remove(2);
    refused_bytes(CONDA, zip.bytes(), "", "no info-");
    let mut zip = conda(&[file("a")]);
    zip.parts.push(Part::stored("pkg-other.tar.zst", b""));
    refused_bytes(CONDA, zip.bytes(), "", "two inner archives");
    let mut zip = conda(&[file("a")]);
    zip.parts[1] = Part::deflated("pkg-my-pkg-1.0-0.tar.zst", &zstd(&tar(&[file("a")])));
    refused_bytes(CONDA, zip.bytes(), "", "deflated");
    let mut zip = conda(&[file("a")]);
    zip.parts[1].data[20] ^= 1;
    refused_bytes(CONDA, zip.bytes(), "", "");
    let zip = conda(&[file("a")]);
    let parts = zip.parts.into_iter().map(|part| part.with_descriptor(16)).collect();
    Lab::new().unpack_conda(crate::zip_writer::Zip::new(parts).bytes(), expected(CONDA)).unwrap();
}

#[test]
fn lists_that_lie() {
    let list = |rows: &str| {
        let paths = format!("{{\"paths_version\": 1, \"paths\": [{rows}]}}");
        bzip2(&tar(&[vec![file("a"), Member::symlink("l", "a")], info_with(&paths, None)].concat()))
    };
    let row =
        |path: &str, more: &str| format!("{{\"_path\": \"{path}\", \"path_type\": \"hardlink\"{more}}}");
    let other = "0".repeat(64);
    for (rows, subject, fault) in [
        (row("b", ""), "\"b\"", "not in the archive"),
        (row("../a", ""), "\"../a\"", "not in the archive"),
        (row("l", ""), "\"l\"", "listed as file, but a symbolic link"),
        (row("a", "").replace("hardlink", "softlink"), "\"a\"", "listed as symbolic link, but a file"),
        (row("a", "").replace("hardlink", "directory"), "\"a\"", "listed as directory, but a file"),
        (row("a", "").replace("hardlink", "fifo"), "\"a\"", "a type that no archive holds"),
        (row("a", ", \"size_in_bytes\": 2"), "\"a\"", "listed with 2 bytes, but 1"),
        (row("a", &format!(", \"sha256\": \"{other}\"")), "\"a\"", "listed with sha256 000"),
        (row("a", ", \"sha256\": \"xyz\""), "\"a\"", "its sha256 is none"),
        (
            row("a", ", \"prefix_placeholder\": \"/p\", \"file_mode\": \"x\""),
            "\"a\"",
            "neither text nor binary",
        ),
        (format!("{}, {}", row("a", ""), row("a", "")), "\"a\"", "listed twice"),
        (
            row("l", ", \"prefix_placeholder\": \"/p\"").replace("hardlink", "softlink"),
            "\"l\"",
            "it is no file",
        ),
    ] {
        refused_bytes(BZ2, list(&rows), subject, fault);
    }
}

#[test]
fn metadata_that_is_none() {
    let with = |name: &str, text: &str| {
        let mut members = info(&[]);
        members.retain(|member| member.path() != name);
        if text != "absent" {
            members.push(Member::file(name, text.as_bytes()));
        }
        bzip2(&tar(&members))
    };
    for (name, text, fault) in [
        ("info/index.json", "absent", "info/index.json is missing"),
        ("info/index.json", "no JSON", "info/index.json: expected"),
        ("info/index.json", "{\"name\": \"my-pkg\"}", "info/index.json: missing field"),
        ("info/index.json", "[]", "info/index.json: "),
        ("info/index.json", "{\"name\": \"x\", \"version\": \"1.0\", \"build\": \"0\"}", "says name \"x\""),
        (
            "info/index.json",
            "{\"name\": \"my-pkg\", \"version\": \"2\", \"build\": \"0\"}",
            "says version \"2\"",
        ),
        (
            "info/index.json",
            "{\"name\": \"my-pkg\", \"version\": \"1.0\", \"build\": \"0\", \"noarch\": \"python\"}",
            "says noarch",
        ),
        ("info/paths.json", "absent", "info/paths.json is missing"),
        ("info/paths.json", "{}", "info/paths.json: missing field"),
        ("info/paths.json", "{\"paths_version\": 2, \"paths\": []}", "a newer fastenv is needed"),
    ] {
        refused_bytes(BZ2, with(name, text), "", fault);
    }
}

#[test]
fn entry_points_that_are_none() {
    let paths = "{\"paths_version\": 1, \"paths\": []}";
    for (point, fault) in [
        ("../x = a:b", "a path separator"),
        ("x = a:b; import os", "not of the form"),
        ("x = a", "names no function"),
        ("= a:b", "no name"),
    ] {
        let link = format!(
            "{{\"package_metadata_version\": 1, \"noarch\": {{\"type\": \"python\", \"entry_points\": [{point:?}]}}}}"
        );
        let members =
            [info_with(paths, Some("\"python\"")), vec![Member::file("info/link.json", link.as_bytes())]]
                .concat();
        let said = Lab::new().unpack_noarch(&members, Noarch::Python).unwrap_err().to_string();
        assert!(said.contains("info/link.json") && said.contains(fault), "{point}: {said}");
    }
}
