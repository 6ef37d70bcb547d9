//! What shared objects need of the system, and whether a node has it.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use fastenv::libraries::check::{Allowed, demand, missing};
use fastenv::libraries::elf;
use fastenv::libraries::survey::{Needed, Part, Survey};
use fastenv::lock::Library;
use fastenv::task::Task;

use crate::elf_writer::Elf;

fn needing(names: &[&'static str]) -> Elf {
    Elf { needed: names.to_vec(), ..Elf::default() }
}

fn write(path: PathBuf, elf: &Elf) -> PathBuf {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, elf.bytes()).unwrap();
    path
}

fn survey(parts: &[(&str, &[&Path])], library_path: &Path) -> Vec<Needed> {
    let own = |files: &[&Path]| files.iter().map(|path| (*path).to_owned()).collect();
    let parts: Vec<Part> =
        parts.iter().map(|(name, files)| Part { package: (*name).to_owned(), files: own(files) }).collect();
    Survey { parts: &parts, library_path: library_path.as_os_str(), program: None }
        .run(&Task::default())
        .unwrap()
}

fn library(name: &str, versions: &[&str], folders: &[&Path]) -> Library {
    Library {
        name: name.to_owned(),
        packages: ["cv", "b", "c", "d"].map(str::to_owned).to_vec(),
        versions: versions.iter().map(|version| (*version).to_owned()).collect(),
        folders: folders.iter().map(|folder| (*folder).to_owned()).collect(),
        optional: false,
    }
}

#[test]
fn what_is_no_object_of_this_processor_is_none() {
    let sound = Elf { soname: Some("libx.so"), ..needing(&["liby.so"]) }.bytes();
    assert!(elf::parse(&sound).is_some());
    let spoilt = |at: usize, byte: u8| {
        let mut bytes = sound.clone();
        bytes[at] = byte;
        elf::parse(&bytes)
    };
    // magic; 32 bits; big-endian; another processor; odd program headers
    for (at, byte) in [(0, 0), (4, 1), (5, 2), (18, 3), (54, 57), (57, 0xff)] {
        assert_eq!(spoilt(at, byte), None, "{at}");
    }
    for end in 0..sound.len() {
        let _ = elf::parse(&sound[..end]);
    }
    assert_eq!(elf::parse(b"INPUT(libx.so.1)"), None);
    assert_eq!(elf::parse(&needing(&["lib\nx.so"]).bytes()), None, "a line of a lock may not be forged");
}

#[test]
fn a_pipe_of_that_name_is_not_opened() {
    let room = tempfile::tempdir().unwrap();
    let pipe = room.path().join("x.so");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    assert_eq!(survey(&[("cv", &[&pipe, &room.path().join("absent.so")])], room.path()), []);
}

#[test]
fn all_that_an_object_says_is_read() {
    let object = Elf {
        soname: Some("libx.so.1"),
        needed: vec!["liby.so", "libc.so.6"],
        rpath: Some("/a:$ORIGIN/b"),
        runpath: Some("/c"),
        wanted: vec![("libc.so.6", vec!["GLIBC_2.2.5", "GLIBC_2.34"]), ("libm.so.6", vec!["GLIBC_2.29"])],
        defined: vec!["X_1", "X_2"],
    };
    let read = elf::parse(&object.bytes()).unwrap();
    assert_eq!(read.soname.as_deref(), Some("libx.so.1"));
    assert_eq!(read.needed, ["liby.so", "libc.so.6"]);
    assert_eq!((read.rpath, read.runpath), (vec!["/a".into(), "$ORIGIN/b".into()], vec!["/c".to_owned()]));
    let wanted: Vec<String> = read.wanted.iter().map(|(of, version)| format!("{of} {version}")).collect();
    assert_eq!(wanted, ["libc.so.6 GLIBC_2.2.5", "libc.so.6 GLIBC_2.34", "libm.so.6 GLIBC_2.29"]);
    assert_eq!(read.defined, ["X_1", "X_2"]);
    let ours = elf::read(&std::env::current_exe().unwrap()).unwrap().unwrap();
    assert!(ours.needed.iter().any(|name| name == "libc.so.6"), "{ours:?}");
    assert!(ours.wanted.iter().any(|(_, version)| version.starts_with("GLIBC_2.")), "{ours:?}");
}

#[test]
fn what_the_environment_has_is_not_needed_of_the_system() {
    let room = tempfile::tempdir().unwrap();
    let site = room.path().join("site");
    let far = Elf { rpath: Some("$ORIGIN/../cv.libs"), ..needing(&["libin-1a2b.so"]) };
    let far = write(site.join("cv/far.so"), &far);
    let vendored = write(site.join("cv.libs/libin-1a2b.so"), &needing(&["libin-too.so.1"]));
    // Loaded beforehand by its soname, whatever the file is called.
    let named = write(site.join("other/x.so"), &Elf { soname: Some("libin-too.so.1"), ..Elf::default() });
    let python = write(site.join("cv/py.so"), &needing(&["libpython3.11.so.1.0", "libc.so.6", "libdl.so.2"]));
    let own: [&Path; 3] = [&far, &vendored, &python];
    assert_eq!(survey(&[("cv", &own), ("other", &[&named])], room.path()), []);
}

#[test]
fn gccs_libraries_of_others_do_not_count() {
    let room = tempfile::tempdir().unwrap();
    let own = write(
        room.path().join("a/libstdc++.so.6"),
        &Elf { soname: Some("libstdc++.so.6"), ..Elf::default() },
    );
    let uses = |folder: &str, rpath| {
        let wanted = vec![("libstdc++.so.6", vec!["GLIBCXX_3.4.9", "GLIBCXX_3.4.30", "CXXABI_1.3"])];
        write(room.path().join(folder).join("x.so"), &Elf { rpath, wanted, ..needing(&["libstdc++.so.6"]) })
    };
    let (within, without) = (uses("a", Some("$ORIGIN")), uses("b", None));
    let found = survey(&[("a", &[&own, &within]), ("b", &[&without])], room.path());
    let [row] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((row.name.as_str(), row.packages.as_slice()), ("libstdc++.so.6", ["b".to_owned()].as_slice()));
    assert_eq!(row.versions, ["CXXABI_1.3", "GLIBCXX_3.4.30"]);
}

#[test]
fn where_the_loader_looks_is_looked() {
    let room = tempfile::tempdir().unwrap();
    let place = |name: &str| room.path().join(name);
    let (apart, listed) = (place("apart"), place("listed"));
    write(apart.join("libapart.so.1"), &Elf::default());
    write(listed.join("liblisted.so.1"), &Elf::default());
    fs::write(listed.join("libtext.so.1"), "no object").unwrap();
    let runpath: &'static str = Box::leak(apart.display().to_string().into_boxed_str());
    let names = ["libapart.so.1", "liblisted.so.1", "libtext.so.1", "libabsent.so.1"];
    let object = write(place("site/x.so"), &Elf { runpath: Some(runpath), ..needing(&names) });
    let found = survey(&[("cv", &[&object])], &listed);
    let rows: Vec<_> =
        found.iter().map(|row| (row.name.as_str(), row.path.clone(), row.folders.clone())).collect();
    assert_eq!(
        rows,
        [
            ("libabsent.so.1", None, vec![]),
            ("libapart.so.1", Some(apart.join("libapart.so.1")), vec![apart.clone()]),
            ("liblisted.so.1", Some(listed.join("liblisted.so.1")), vec![]),
            ("libtext.so.1", None, vec![]),
        ]
    );
}

#[test]
fn of_glibc_only_newer_versions_are_of_interest() {
    let room = tempfile::tempdir().unwrap();
    let object = |name: &str, versions: Vec<&'static str>| {
        write(
            room.path().join(name),
            &Elf { wanted: vec![("libc.so.6", versions)], ..needing(&["libc.so.6"]) },
        )
    };
    let (old, new) =
        (object("old.so", vec!["GLIBC_2.2.5", "GLIBC_2.17"]), object("new.so", vec!["GLIBC_2.18"]));
    assert_eq!(survey(&[("old", &[&old])], room.path()), []);
    let found = survey(&[("old", &[&old]), ("new", &[&new])], room.path());
    let rows: Vec<_> = found.iter().map(|row| (row.packages.join(" "), row.versions.join(" "))).collect();
    assert_eq!(rows, [("new".to_owned(), "GLIBC_2.18".to_owned())]);
}

#[test]
fn a_node_without_a_library_is_told_of_it() {
    let room = tempfile::tempdir().unwrap();
    let empty = OsStr::new("");
    let absent = library("libfastenv-absent.so.1", &[], &[]);
    let found = missing(std::slice::from_ref(&absent), empty, None);
    assert_eq!(found[0].to_string(), "libfastenv-absent.so.1, for cv, b, c and 1 more");
    write(room.path().join("libfastenv-absent.so.1"), &Elf::default());
    assert_eq!(missing(std::slice::from_ref(&absent), room.path().as_os_str(), None), []);
    assert_eq!(missing(&[library("libfastenv-absent.so.1", &[], &[room.path()])], empty, None), []);
    let asked = |library: &Library, allowed: &Allowed| {
        demand(std::slice::from_ref(library), None, allowed, &Task::default())
    };
    let warnings = asked(&absent, &Allowed::All).unwrap();
    assert_eq!(warnings, ["this node lacks libfastenv-absent.so.1, for cv, b, c and 1 more"]);
    let optional = Library { optional: true, ..absent.clone() };
    assert_eq!(asked(&optional, &Allowed::None).unwrap(), warnings);
    let named = |name: &str| Allowed::of(vec![name.to_owned()]);
    assert_eq!(asked(&absent, &named("libfastenv-absent.so.1")).unwrap(), warnings);
    for allowed in [Allowed::of(Vec::new()), named("libfastenv-absent.so"), named("libc.so.6")] {
        let fault = asked(&absent, &allowed).unwrap_err();
        assert!(
            fault.hint().contains("--allow-missing-libs=libfastenv-absent.so.1 goes on"),
            "{}",
            fault.hint()
        );
    }
}

#[test]
fn a_word_that_names_no_library_is_refused() {
    for word in ["", "libX11", "lib*.so", "lib X.so"] {
        assert!(Allowed::word(word).is_err(), "{word}");
    }
    assert_eq!(Allowed::word("*").map(|word| Allowed::of(vec![word])), Ok(Allowed::All));
    assert!(Allowed::word("/opt/x/libX11.so.6").is_ok());
}

#[test]
fn a_library_that_is_too_old_is_told_by_its_versions() {
    let empty = OsStr::new("");
    assert_eq!(missing(&[library("libc.so.6", &["GLIBC_2.2.5"], &[])], empty, None), []);
    let found = missing(&[library("libc.so.6", &["GLIBC_2.2.5", "GLIBC_99.1"], &[])], empty, None);
    let said = found[0].to_string();
    assert!(said.starts_with("libc.so.6 with GLIBC_99.1 (it has none in /"), "{said}");
    let room = tempfile::tempdir().unwrap();
    let path = write(room.path().join("libplain.so.1"), &Elf::default());
    // Without versions at all, as some distributions build it: the loader takes it.
    let plain = library("libplain.so.1", &["PLAIN_2"], &[path.parent().unwrap()]);
    assert_eq!(missing(&[plain], empty, None), []);
}
