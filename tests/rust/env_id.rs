//! The env id: what it depends on, and a vector that other programs can check themselves against.

use proptest::prelude::*;

use fastenv::lock::{Lock, compute_env_id};

use crate::lock_text::{Row, conda, conda_text, good, good_conda, row, text};

#[test]
fn the_documented_vector() {
    let text = text(&[row("b"), row("a")], &[("site/x.py", "b")], "");
    let lock = Lock::parse(good(&[row("b"), row("a")], &[("site/x.py", "b")]), "".into(), "lock").unwrap();
    let expected = "fastenv-env 1\n\
        platform linux x86_64 glibc\n\
        interpreter cpython 3.11.7 cpython-311-x86_64-linux-gnu\n\
        build main, Jan 1 2026; GCC 12\n\
        artifact wheel 3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d\n\
        artifact wheel ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb\n\
        winner site/x.py 3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d\n";
    assert_eq!(fastenv::env_id::text(&lock), expected);
    let id = "83e1f6b3bfaccc4de1b379a2f67dd8ef9f9c360d8cb9cf1b4cc6d702200d7f85";
    assert_eq!(compute_env_id(&text).unwrap().to_string(), id);
}

#[test]
fn the_documented_vector_of_conda() {
    let wheels = text(&[row("b")], &[("site/x.py", "conda:python"), ("site/y.py", "b")], "");
    let conda_python = wheels
        .replace("executable = \"/usr/bin/python3.11\"", "source = \"conda\"")
        .replace("env-id = \"\"", "env-id = \"\"\nlink-scripts = true");
    let text = conda_python + &conda("python") + &conda("libx");
    let id = compute_env_id(&text).unwrap().to_string();
    let lock =
        Lock::parse(text.replace("env-id = \"\"", &format!("env-id = \"{id}\"")), "".into(), "lock").unwrap();
    let expected = "fastenv-env 1\n\
        platform linux x86_64 glibc\n\
        interpreter cpython 3.11.7 cpython-311-x86_64-linux-gnu\n\
        build main, Jan 1 2026; GCC 12\n\
        artifact conda 1d634d49715b3174ca284b13e8b51bf753dfd1c0e903d3d429714702714518cf\n\
        artifact conda e3c703660c304bc4f2679fdbd2325fae2764a297036d201151c7c115befb4e4a\n\
        artifact wheel 3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d\n\
        winner site/x.py e3c703660c304bc4f2679fdbd2325fae2764a297036d201151c7c115befb4e4a\n\
        winner site/y.py 3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d\n\
        link-scripts\n";
    assert_eq!(fastenv::env_id::text(&lock), expected);
    assert_eq!(id, "06622b715414b464bab0cefc712881aff5298d47ab3e695c9ddd30ff8e3f9aab");
}

#[test]
fn the_documented_vector_of_condas_settings() {
    let settings = "[tool.fastenv.variables]\nOMP_NUM_THREADS = \"1\"\nMODE = \"fast\\nand good\"\n\
        [tool.fastenv.conda-meta]\npinned = [\"zlib 1.3.*\", \"openssl 3.*\"]\nfrozen = \"\"\n";
    let lock = Lock::parse(good_conda(&["libx"], settings), "".into(), "lock").unwrap();
    let expected = "fastenv-env 1\n\
        platform linux x86_64 glibc\n\
        artifact conda 1d634d49715b3174ca284b13e8b51bf753dfd1c0e903d3d429714702714518cf\n\
        link-scripts\n\
        variable MODE 668ef21ffaa46cd5fa9145d745b3c858a52ad31506c9cbc7af3c33ce664654e4\n\
        variable OMP_NUM_THREADS 6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b\n\
        pinned zlib 1.3.*\n\
        pinned openssl 3.*\n\
        frozen e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n";
    assert_eq!(fastenv::env_id::text(&lock), expected);
    assert_eq!(lock.env_id.to_string(), "7bee15a34bf29289bbe88372e0b304c18eda190aee18fe94c8eaa4b4c957b895");
}

#[test]
fn empty_settings_are_none() {
    let empty = "[tool.fastenv.variables]\n[tool.fastenv.conda-meta]\npinned = []\n";
    let id = |more: &str| compute_env_id(&conda_text(&["libx"], more, "")).unwrap();
    assert_eq!(id(empty), id(""));
    assert_ne!(id("[tool.fastenv.conda-meta]\nfrozen = \"\"\n"), id(""));
}

#[test]
fn an_environment_without_python_has_no_interpreter() {
    let id = compute_env_id(&conda_text(&["libx"], "", "")).unwrap();
    assert_ne!(id, compute_env_id(&conda_text(&["libx", "liby"], "", "")).unwrap());
    let lock = Lock::parse(conda_text(&["libx"], "", &id.to_string()), "".into(), "lock").unwrap();
    assert!(!fastenv::env_id::text(&lock).contains("interpreter"));
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    prop::collection::btree_set("[a-z][a-z0-9]{0,6}", 1..8)
        .prop_map(|names| names.iter().map(|name| row(name)).collect())
}

proptest! {
    #[test]
    fn order_urls_and_names_do_not_matter(rows in rows(), shift in 0_usize..8, host in "[a-z]{1,8}") {
        let mut other = rows.clone();
        let middle = shift % rows.len();
        other.rotate_left(middle);
        for row in &mut other {
            row.url = format!("https://{host}.example");
            row.name.push_str("-renamed");
        }
        prop_assert_eq!(compute_env_id(&text(&rows, &[], "")).unwrap(), compute_env_id(&text(&other, &[], "x")).unwrap());
    }

    #[test]
    fn another_artifact_or_winner_is_another_environment(rows in rows(), at in 0_usize..8) {
        let id = compute_env_id(&text(&rows, &[], "")).unwrap();
        let mut other = rows.clone();
        let at = at % rows.len();
        other[at].seed.push('!');
        prop_assert_ne!(id, compute_env_id(&text(&other, &[], "")).unwrap());
        prop_assert_ne!(id, compute_env_id(&text(&rows, &[("site/x", &rows[at].name)], "")).unwrap());
    }
}
