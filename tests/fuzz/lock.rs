//! Locks: one that is taken for good names nothing outside its folder and the store, and its id is of its content.

use std::path::{Component, PathBuf};

use fastenv::lock::{Lock, compute_env_id};

use super::change::{self, Random};
use super::fuzz;
use crate::lock_text::{good, good_conda, row};

const WORDS: [&str; 40] = [
    "\"",
    "'",
    "\"\"\"",
    "\\u0000",
    "\\",
    "[",
    "[[",
    "]",
    "{",
    "}",
    "=",
    ",",
    "#",
    "\n",
    "\r\n",
    "\0",
    "é",
    "../",
    "/",
    "..",
    "%2e%2e",
    "-1",
    "1e999",
    "99999999999999999999",
    "inf",
    "true",
    "0x7fffffffffffffff",
    "1979-05-27T07:32:00Z",
    "packages",
    "tool.fastenv",
    "path = \"../x\"\n",
    "path = \"pylock.fastenv.d/x\"\n",
    "url = \"file:///x\"",
    "size = 0\n",
    "sha256",
    "a.b.c.",
    "[[packages]]\n",
    "name = \"foo\"\n",
    "marker = \"x\"\n",
    "direct-url = \"\"\n",
];

const SETTINGS: &str = "[tool.fastenv.variables]\nMODE = \"fast\"\n[tool.fastenv.conda-meta]\n\
    pinned = [\"zlib 1\"]\nfrozen = \"\"\n";

/// Changes, after which it mostly states the id that it has.
fn change(random: &mut Random, inputs: &[Vec<u8>]) -> Vec<u8> {
    let mut input = random.of(inputs).clone();
    for _ in 0..=random.below(3) {
        if random.hits(6) {
            change::bytes(random, &mut input, inputs);
        } else if let Ok(text) = std::str::from_utf8(&input) {
            input = change::text(random, text, &WORDS).into_bytes();
        }
        input.truncate(1 << 20);
    }
    match std::str::from_utf8(&input).ok().and_then(restated) {
        Some(text) if !random.hits(20) => text.into_bytes(),
        _ => input,
    }
}

fn restated(text: &str) -> Option<String> {
    let id = compute_env_id(text).ok()?;
    let (before, rest) = text.split_once("env-id = \"")?;
    let (_, after) = rest.split_once('"')?;
    Some(format!("{before}env-id = \"{id}\"{after}"))
}

fn run(input: &[u8]) -> String {
    let Ok(text) = std::str::from_utf8(input) else { return "not text".to_owned() };
    let id = compute_env_id(text);
    match Lock::parse(text.to_owned(), PathBuf::from("/folder"), "the lock") {
        Ok(lock) => {
            assert_eq!(id.unwrap(), lock.env_id);
            promised(&lock);
            format!("{:?} {:?}", lock.packages.len().min(3), lock.contested.len().min(3))
        }
        Err(fault) => fault.to_string(),
    }
}

fn promised(lock: &Lock) {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    for (name, value) in &lock.settings.variables {
        assert!(!name.is_empty() && name.bytes().all(letter) && !value.contains('\0'), "{name:?} {value:?}");
        assert!(!name.eq_ignore_ascii_case("path"));
    }
    assert!(lock.settings.pinned.iter().all(|spec| !spec.is_empty() && !spec.contains(['\n', '\r', '\0'])));
    for package in &lock.packages {
        let is_plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
        assert!(!package.name.is_empty() && package.name.chars().all(is_plain), "{:?}", package.name);
        let file = &package.file_name;
        assert!(!file.contains(['/', '\\', '\0']) && !file.starts_with('.') && !file.is_empty(), "{file:?}");
        if let Some(path) = &package.path {
            assert!(path.components().all(|part| matches!(part, Component::Normal(_))), "{}", path.display());
        }
        for url in &package.urls {
            let lower = url.to_ascii_lowercase();
            assert!(lower.starts_with("http://") || lower.starts_with("https://"), "{url:?}");
        }
    }
    for contested in &lock.contested {
        assert_ne!(lock.sha256(contested.winner).0, [0; 32]);
    }
    for package in &lock.conda {
        for word in [&package.name, &package.version, &package.build, &package.subdir, &package.file_name] {
            assert!(
                !word.is_empty() && !word.starts_with('.') && !word.contains(['/', '\\', '\0']),
                "{word:?}"
            );
        }
        assert_eq!(package.path.is_none(), package.urls.len() == 1);
    }
}

#[test]
fn lock_parser() {
    let rows = [row("foo"), row("bar-baz"), row("ham")];
    let mut first: Vec<Vec<u8>> = vec![
        good(&rows, &[("site/a.py", "foo")]).into_bytes(),
        good(&rows[..1], &[]).into_bytes(),
        good(&[], &[]).into_bytes(),
        good_conda(&["foo", "ham"], "").into_bytes(),
        good_conda(&["foo"], SETTINGS).into_bytes(),
    ];
    let local =
        good(&rows[..1], &[]).replace("url = \"https://index.example/foo/", "path = \"pylock.fastenv.d/");
    first.push(restated(&local).unwrap_or(local).into_bytes());
    fuzz("lock", first, change, run);
}
