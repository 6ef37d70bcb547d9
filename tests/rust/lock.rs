//! What is refused as a lock, and how it is said.

use std::path::PathBuf;

use fastenv::lock::Lock;

use crate::lock_text::{good, row, text};

fn refusal(text: String) -> String {
    Lock::parse(text, PathBuf::new(), "my.toml").expect_err("a bad lock").to_string()
}

#[test]
fn a_good_lock_is_read() {
    let text = good(&[row("b"), row("a")], &[("site/x.py", "b")]);
    let lock = Lock::parse(text, PathBuf::from("/somewhere"), "my.toml").unwrap();
    assert_eq!(lock.packages.iter().map(|p| p.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(lock.packages[lock.contested[0].winner].name, "b");
    assert_eq!(lock.interpreter.lib_version(), "3.11");
}

#[test]
fn what_is_wrong_is_said() {
    let lock = good(&[row("a")], &[]);
    let edits: &[(&str, &str, &str)] = &[
        ("lock-version = \"1.0\"", "lock-version = ", "my.toml is not a lock file"),
        (
            "lock-version = \"1.0\"",
            "lock-version = \"2.0\"",
            "has lock-version 2.0, this fastenv reads up to 1.0",
        ),
        ("format = 1", "format = 2", "has format 2, this fastenv reads up to 1"),
        ("format = 1", "format = 0", "format 0 does not exist"),
        ("[tool.fastenv]\nformat", "[tool.other]\nformat", "has no format in [tool.fastenv]"),
        ("[packages.tool.fastenv]", "[packages.tool.other]", "has no [packages.tool.fastenv] for a"),
        ("name = \"a\"", "name = \"A\"", "A: is not a normalized name"),
        ("name = \"a\"", "name = \"../a\"", "is not a normalized name"),
        ("version = \"1.0\"\nwheels", "wheels", "a: has no version"),
        ("url = \"https", "path = \"../https", "leads out of the lock's folder"),
        ("url = \"https://index.example/a/", "path = \"/", "leads out of the lock's folder"),
        ("a-1.0-py3-none-any.whl\", url", "a/../b.whl\", url", "is no name of a wheel"),
        ("3.11.7", "3.11.8", "the file was edited"),
        ("cpython-311", "cpython-311\\nartifact", "has a character that it may not have"),
        ("main, Jan", "main,\\nJan", "has a character that it may not have"),
        ("sha256 = \"", "sha256 = \"zz", "not a sha256"),
        ("hashes = { sha256", "hashes = { md5", "a: has no sha256"),
    ];
    for (old, new, expected) in edits {
        assert!(lock.contains(old), "{old:?} is in the lock");
        let said = refusal(lock.replacen(old, new, 1));
        assert!(said.contains(expected), "{old:?} -> {new:?} says {said:?}");
    }
}

#[test]
fn a_package_or_a_path_is_there_only_once() {
    assert!(refusal(text(&[row("a"), row("a")], &[], "")).contains("a: is there twice"));
    let twice = [("site/x", "a"), ("site/x", "a")];
    assert!(refusal(text(&[row("a")], &twice, "")).contains("is there twice"));
    assert!(refusal(text(&[row("a")], &[("site/x", "b")], "")).contains("is no package of it"));
}
