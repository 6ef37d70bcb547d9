//! From wheels to trees.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use fastenv::digest::Sha256;
use fastenv::task::Task;
use fastenv::unpack::{
    Archive, Cause, EntryPoint, Index, ReadAt, UnpackError, Unpacking, mtime_of, tail_needed,
};
use proptest::prelude::*;

use crate::unpacked::{Lab, Memory, expected};
use crate::zip_writer::{Part, Zip, record_of, wheel};

fn script(name: &str, content: &[u8]) -> Part {
    Part::deflated(&format!("my_pkg-1.0.data/scripts/{name}"), content)
}

fn large(byte: u8) -> Vec<u8> {
    (0..9 << 20).map(|at: u32| at.to_le_bytes()[1].wrapping_mul(byte)).collect()
}

fn file<'a>(index: &'a Index, path: &str) -> &'a fastenv::unpack::IndexFile {
    index.files.iter().find(|file| index.path(file) == path).unwrap_or_else(|| panic!("no {path}"))
}

#[test]
fn a_wheel_with_everything_in_it() {
    let points = b"[console_scripts]\nrun = my.pkg:main [extra]\n[gui_scripts]\nshow = my.pkg:App.show\n";
    let zip = wheel(vec![
        Part::stored("my/", b""),
        Part::stored("my/pkg/__init__.py", b""),
        Part::deflated("my/pkg/tool", b"#!/bin/sh\n").with_mode(0o100_755),
        Part::stored("empty/", b""),
        Part::stored("na\u{ef}ve \u{2713}.py", b"x"),
        script("start", b"#!python\nprint()\n"),
        script("startw", b"#!pythonw\n"),
        script("plain", b"#!/bin/sh\n"),
        Part::deflated("my_pkg-1.0.data/headers/my.h", b"int x;\n"),
        Part::deflated("my_pkg-1.0.data/data/share/x", b"x"),
        Part::deflated("my_pkg-1.0.data/data/include/site/python3.11/y.h", b"y"),
        Part::deflated("my_pkg-1.0.dist-info/entry_points.txt", points),
        Part::stored("my_pkg-1.0.dist-info/INSTALLER", b"someone"),
        Part::stored("my_pkg-1.0.dist-info/direct_url.json", b"{}"),
        Part::stored("nested/my_pkg-1.0.dist-info/INSTALLER", b"kept"),
    ]);
    let lab = Lab::new();
    let index = lab.unpack(zip.bytes()).unwrap();
    assert_eq!((&*index.name, &*index.version, &*index.dist_info), ("My.Pkg", "1.0", "my_pkg-1.0.dist-info"));
    assert_eq!(index.warnings, [""; 0]);
    let dirs = "headers|headers/my_pkg|prefix|prefix/bin|prefix/share|site|site/empty|site/my|site/my/pkg|\
                site/my_pkg-1.0.dist-info|site/nested|site/nested/my_pkg-1.0.dist-info";
    assert_eq!(index.dirs.join("|"), dirs);
    let rows: Vec<String> = index
        .files
        .iter()
        .map(|file| {
            let flags = (if file.executable { "x" } else { "-" }, if file.shebang { "#" } else { "-" });
            format!("{} {}{}", index.path(file), flags.0, flags.1)
        })
        .collect();
    let expected_rows = [
        "headers/y.h --",
        "headers/my_pkg/my.h --",
        "prefix/bin/plain x-",
        "prefix/bin/start x#",
        "prefix/bin/startw x#",
        "prefix/share/x --",
        "site/na\u{ef}ve \u{2713}.py --",
        "site/my/pkg/__init__.py --",
        "site/my/pkg/tool x-",
        "site/my_pkg-1.0.dist-info/METADATA --",
        "site/my_pkg-1.0.dist-info/WHEEL --",
        "site/my_pkg-1.0.dist-info/entry_points.txt --",
        "site/nested/my_pkg-1.0.dist-info/INSTALLER --",
    ];
    assert_eq!(rows, expected_rows);
    let point = |name: &str, attr: &str, gui| EntryPoint {
        name: name.into(),
        module: String::from("my.pkg"),
        attr: attr.into(),
        gui,
    };
    assert_eq!(index.entry_points, [point("run", "main", false), point("show", "App.show", true)]);
    check_tree(&lab, &index);
}

/// The tree holds what the index says, and nothing else.
fn check_tree(lab: &Lab, index: &Index) {
    let files = lab.files();
    assert_eq!(files.len(), index.files.len());
    for file in &index.files {
        let path = index.path(file);
        let (content, mode) = &files[&path];
        assert_eq!((content.len() as u64, Sha256::of(content)), (file.size, file.sha256), "{path}");
        assert_eq!(*mode, if file.executable { 0o555 } else { 0o444 }, "{path}");
        assert_eq!(lab.mtime(&path), mtime_of(expected().sha256), "{path}");
    }
    for dir in &index.dirs {
        assert!(lab.tree().join(dir).is_dir(), "{dir}");
    }
    let sorted = index.files.is_sorted_by_key(|file| (file.dir, &file.name));
    assert!(sorted && index.dirs.is_sorted());
}

#[test]
fn every_way_to_keep_an_entry() {
    let (small, big) = (b"x = 1\n".to_vec(), large(3));
    for content in [&small, &big] {
        for make in [Part::stored, Part::deflated] {
            let descriptors = if content.len() < 100 { &[0, 12, 16, 20, 24][..] } else { &[0, 24] };
            for &descriptor in descriptors {
                let part = match descriptor {
                    0 => make("a", content),
                    len => make("a", content).with_descriptor(len),
                };
                let lab = Lab::new();
                let index = lab.unpack(wheel(vec![part]).bytes()).unwrap();
                assert_eq!(lab.files()["site/a"].0, *content, "descriptor {descriptor}");
                check_tree(&lab, &index);
            }
            let lab = Lab::new();
            let mut zip = wheel(vec![make("a", content).with_zip64()]);
            zip.zip64 = true;
            check_tree(&lab, &lab.unpack(zip.bytes()).unwrap());
        }
    }
}

#[test]
fn names_of_old_writers_are_code_page_437() {
    let part = Part::stored("x", b"1").with(|header| header.name = b"na\x8bve.py".to_vec());
    let lab = Lab::new();
    lab.unpack(wheel(vec![part]).bytes()).unwrap();
    assert!(lab.files().contains_key("site/na\u{ef}ve.py"));
}

#[test]
fn times_differ_between_artifacts() {
    assert_eq!(mtime_of(Sha256([0; 32])), 946_684_800);
    assert_eq!(mtime_of(Sha256([0xff; 32])), 946_684_800 + (1 << 28) - 1);
    let mut one = [0; 32];
    one[3] = 0x1f;
    assert_eq!(mtime_of(Sha256(one)), 946_684_801);
}

#[test]
fn the_files_digest_is_over_what_installing_leaves_alone() {
    let parts = vec![
        Part::stored("b.py", b"b"),
        Part::stored("a.py", b"a"),
        Part::stored("a.pyc", b"a"),
        script("start", b"#!python\n"),
        script("binary", b"\x7fELF"),
        script("run", b"not a script"),
        Part::stored("my_pkg-1.0.dist-info/entry_points.txt", b"[console_scripts]\nrun = a:b\n"),
        Part::stored("my_pkg-1.0.dist-info/REQUESTED", b""),
        Part::stored("v/my_pkg-1.0.dist-info/REQUESTED", b""),
    ];
    let kept = [
        ("prefix/bin/binary", "\x7fELF"),
        ("site/a.py", "a"),
        ("site/b.py", "b"),
        ("site/my_pkg-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: My.Pkg\nVersion: 1.0\n"),
        ("site/my_pkg-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\n"),
        ("site/my_pkg-1.0.dist-info/entry_points.txt", "[console_scripts]\nrun = a:b\n"),
        ("site/v/my_pkg-1.0.dist-info/REQUESTED", ""),
    ];
    let lines = kept.map(|(path, text)| format!("{path}\t{}\t{}\n", Sha256::of(text.as_bytes()), text.len()));
    let index = Lab::new().unpack(wheel(parts).bytes()).unwrap();
    assert_eq!(index.files_digest, Sha256::of(lines.concat().as_bytes()));
}

/// A source of which only some bytes are there.
struct Window(Vec<u8>, Range<u64>);

impl ReadAt for Window {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let end = offset + buffer.len() as u64;
        assert!(self.1.start <= offset && end <= self.1.end, "read {offset}..{end}, not in {:?}", self.1);
        buffer.copy_from_slice(&self.0[usize::try_from(offset).unwrap()..usize::try_from(end).unwrap()]);
        Ok(())
    }
}

#[test]
fn opening_needs_the_tail_only() {
    let many =
        |count| (0..count).map(|at| Part::stored(&format!("a-rather-long-name-of-a-file/{at}"), &[7; 90]));
    for (count, comment, least) in [(1, 0, false), (1, 60_000, false), (3_000, 0, true), (3_000, 9, true)] {
        let mut zip = wheel(many(count).chain([Part::stored("large", &large(5))]).collect());
        (zip.comment, zip.zip64) = (vec![b'x'; comment], least);
        let bytes = zip.bytes();
        let len = bytes.len() as u64;
        let tail = |count: u64| &bytes[usize::try_from(len - count).unwrap()..];
        let mut needed = tail_needed(&[], len).unwrap();
        for _ in 0..2 {
            needed = tail_needed(tail(needed), len).unwrap();
        }
        assert_eq!(needed > 100_000, least, "{needed}");
        let archive = Archive::open(&Window(bytes.clone(), len - needed..len)).unwrap();
        assert_eq!(archive.entries.len(), count + 4);
    }
}

/// A wheel whose bytes arrive one range at a time.
struct Arriving {
    bytes: Vec<u8>,
    there: Mutex<u64>,
    more: Condvar,
}

impl ReadAt for Arriving {
    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let (start, end) = (usize::try_from(offset).unwrap(), offset + buffer.len() as u64);
        if offset < 9_000_000 {
            let there = self.there.lock().unwrap();
            drop(self.more.wait_while(there, |there| *there < end).unwrap());
        }
        buffer.copy_from_slice(&self.bytes[start..start + buffer.len()]);
        Ok(())
    }
}

#[test]
fn a_large_entry_starts_before_its_last_bytes_are_there() {
    let bytes = wheel(vec![Part::stored("large", &large(5))]).bytes();
    let source = Arc::new(Arriving { bytes, there: Mutex::new(3_000_000), more: Condvar::new() });
    let lab = Lab::new();
    let unpacking = Unpacking::new(source.clone(), lab.tree(), expected()).unwrap();
    let (task, written) = (Task::default(), lab.tree().join("site/large"));
    std::thread::scope(|scope| {
        scope.spawn(|| unpacking.extract(0, &task).unwrap());
        let deadline = Instant::now() + Duration::from_secs(60);
        while std::fs::metadata(&written).map_or(0, |meta| meta.len()) < 2_500_000 {
            assert!(Instant::now() < deadline, "nothing is written before all has arrived");
            std::thread::sleep(Duration::from_millis(1));
        }
        *source.there.lock().unwrap() = u64::MAX;
        source.more.notify_all();
    });
    (1..unpacking.planned().len()).for_each(|at| unpacking.extract(at, &task).unwrap());
    check_tree(&lab, &unpacking.finish().unwrap());
}

#[test]
fn an_entry_needs_its_span_only() {
    let zip = wheel(vec![
        Part::stored("a", b"x").with_descriptor(16),
        Part::deflated("large", &large(5)),
        Part::stored("b/", b""),
        Part::deflated("b/c", b"yy").with_extra(&[9, 9, 2, 0, 1, 1]),
    ]);
    let bytes = zip.bytes();
    let whole = Archive::open(&Memory(bytes.clone())).unwrap();
    let spans: Vec<Range<u64>> = whole.entries.iter().map(fastenv::unpack::Entry::span).collect();
    assert_eq!(spans[0].start, 0);
    assert!(spans.windows(2).all(|pair| pair[0].end == pair[1].start), "{spans:?}");
    for (at, span) in spans.iter().enumerate() {
        let lab = Lab::new();
        let source = Arc::new(Gate(Mutex::new(Window(bytes.clone(), 0..bytes.len() as u64))));
        let unpacking = Unpacking::new(source.clone(), lab.tree(), expected()).unwrap();
        assert_eq!(unpacking.planned().nth(at).unwrap().span, *span);
        source.0.lock().unwrap().1 = span.clone();
        unpacking.extract(at, &Task::default()).unwrap();
    }
}

struct Gate(Mutex<Window>);

impl ReadAt for Gate {
    fn len(&self) -> u64 {
        self.0.lock().unwrap().len()
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.0.lock().unwrap().read_exact_at(buffer, offset)
    }
}

#[test]
fn a_source_that_fails_and_a_run_that_is_cancelled_are_no_faults_of_the_wheel() {
    struct Broken(Vec<u8>);
    impl ReadAt for Broken {
        fn len(&self) -> u64 {
            self.0.len() as u64
        }
        fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
            if offset == 0 {
                return Err(io::Error::other("the cable is gone"));
            }
            Memory(self.0.clone()).read_exact_at(buffer, offset)
        }
    }
    let bytes = wheel(vec![Part::stored("a", b"x"), Part::stored("b", &large(7))]).bytes();
    let lab = Lab::new();
    let unpacking = Unpacking::new(Arc::new(Broken(bytes)), lab.tree(), expected()).unwrap();
    let fault = unpacking.extract(0, &Task::default()).unwrap_err();
    assert!(matches!(fault.cause, Cause::Read(_)), "{fault}");
    assert!(fault.to_string().ends_with("cannot read it: the cable is gone"), "{fault}");
    let task = Task::default();
    task.cancel();
    for at in 0..2 {
        let fault = unpacking.extract(at, &task).unwrap_err();
        assert!(matches!(fault.cause, Cause::Cancelled(_)), "{fault}");
    }
}

#[test]
fn a_tree_that_is_there_already_is_not_touched() {
    let lab = Lab::new();
    std::fs::create_dir(lab.tree()).unwrap();
    let fault = lab.unpack(wheel(Vec::new()).bytes()).unwrap_err();
    assert!(matches!(fault.cause, Cause::File(_)), "{fault}");
    assert!(fault.to_string().contains(&lab.tree().display().to_string()), "{fault}");
}

/// A file of a made-up wheel.
#[derive(Debug, Clone)]
struct Made {
    content: Vec<u8>,
    deflated: bool,
    descriptor: usize,
    zip64: bool,
    mode: u32,
}

fn made() -> impl Strategy<Value = Made> {
    let content = prop_oneof![prop::collection::vec(any::<u8>(), 0..200), Just(vec![7; 5_000])];
    let descriptor = prop::sample::select(vec![0, 0, 12, 16, 20, 24]);
    (content, any::<bool>(), descriptor, any::<bool>(), 0..0o100_000_u32).prop_map(
        |(content, deflated, descriptor, zip64, mode)| Made { content, deflated, descriptor, zip64, mode },
    )
}

fn part(name: &str, made: &Made) -> Part {
    let new = if made.deflated { Part::deflated } else { Part::stored };
    let part = new(name, &made.content).with_mode(made.mode);
    match made.descriptor {
        0 if made.zip64 => part.with_zip64(),
        0 => part,
        len => part.with_descriptor(len),
    }
}

/// Files by name; a file that is also a directory is left out.
fn tree() -> impl Strategy<Value = BTreeMap<String, Made>> {
    let component = "[a-z\u{e9}\u{6f22} ,\"#-]{1,4}";
    let name = prop::collection::vec(component, 1..4).prop_map(|components| components.join("/"));
    prop::collection::btree_map(name, made(), 0..12).prop_map(|mut files| {
        let names: Vec<String> = files.keys().cloned().collect();
        files.retain(|name, _| !names.iter().any(|other| other.starts_with(&format!("{name}/"))));
        files
    })
}

fn wheel_of(files: &BTreeMap<String, Made>) -> Zip {
    wheel(files.iter().map(|(name, made)| part(name, made)).collect())
}

/// Whatever the bytes are: no panic, nothing outside, and an index that is true of the tree.
fn survives(bytes: Vec<u8>) -> Result<Index, UnpackError> {
    let lab = Lab::new();
    let unpacked = lab.unpack(bytes);
    if let Ok(index) = &unpacked {
        check_tree(&lab, index);
    }
    unpacked
}

/// 128 cases for each property, or as many as `PROPTEST_CASES` says.
fn cases() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").map_or(128, |text| text.parse().unwrap());
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn what_goes_in_comes_out(files in tree()) {
        let lab = Lab::new();
        let index = lab.unpack(wheel_of(&files).bytes()).unwrap();
        check_tree(&lab, &index);
        prop_assert_eq!(&index.warnings, &[""; 0]);
        prop_assert_eq!(index.files.len(), files.len() + 2);
        for (name, made) in &files {
            let file = file(&index, &format!("site/{name}"));
            prop_assert_eq!(file.sha256, Sha256::of(&made.content));
            prop_assert_eq!(file.executable, made.mode & 0o111 != 0);
        }
    }

    #[test]
    fn the_files_digest_does_not_depend_on_order_or_compression(files in tree()) {
        let digest = |zip: &Zip| Lab::new().unpack(zip.bytes()).unwrap().files_digest;
        let forward = wheel_of(&files);
        let mut backward = wheel(files.iter().rev().map(|(name, made)| Part::stored(name, &made.content)).collect());
        backward.parts.reverse();
        prop_assert_eq!(digest(&forward), digest(&backward));
    }

    #[test]
    fn random_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(survives(bytes).is_err());
    }

    #[test]
    fn changed_bytes_are_survived(
        files in tree(),
        zip64 in any::<bool>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut zip = wheel_of(&files);
        zip.zip64 = zip64;
        let mut bytes = zip.bytes();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = survives(bytes);
    }

    #[test]
    fn cut_and_doubled_bytes_are_survived(
        files in tree(),
        from in any::<prop::sample::Index>(),
        to in any::<prop::sample::Index>(),
        doubled in any::<bool>(),
    ) {
        let mut bytes = wheel_of(&files).bytes();
        let (from, to) = (from.index(bytes.len()), to.index(bytes.len()));
        let range = from.min(to)..from.max(to);
        let piece = if doubled { bytes[range.clone()].repeat(2) } else { Vec::new() };
        bytes.splice(range, piece);
        let _ = survives(bytes);
    }

    #[test]
    fn any_texts_are_survived(metadata in ".{0,40}", record in "(a|b|,|\"|\n|sha256=|[0-9]){0,40}", points in ".{0,60}") {
        let mut zip = wheel(vec![Part::stored("a", b"x")]);
        zip.parts.pop();
        let text = |name: &str, text: &str| Part::stored(&format!("my_pkg-1.0.dist-info/{name}"), text.as_bytes());
        zip.parts.push(text("RECORD", &record));
        zip.parts.push(text("entry_points.txt", &format!("[console_scripts]\n{points}")));
        let _ = survives(zip.bytes());
        let mut parts = vec![text("METADATA", &metadata), text("WHEEL", &metadata)];
        parts.push(text("RECORD", &record_of(&parts)));
        prop_assert!(survives(Zip::new(parts).bytes()).is_err());
    }
}
