//! Prefixes put into real files, against what conda wrote; and into random ones, against a plain way to do it.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use fastenv::conda::Unpacking;
use fastenv::digest::Sha256;
use fastenv::finish::prefix::Replacement;
use fastenv::task::Task;
use fastenv::unpack::{Index, Rewriting};
use proptest::prelude::*;

use crate::conda_data;
use crate::unpacked::Memory;

struct Row {
    prefix: String,
    path: String,
    mode: String,
    before: String,
    after: String,
}

fn rows(folder: &Path) -> BTreeMap<String, Vec<Row>> {
    let text = std::fs::read_to_string(folder.join("prefix-oracle.tsv")).unwrap();
    let mut rows: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    for line in text.lines().skip(1) {
        let fields: Vec<String> = line.split('\t').map(str::to_owned).collect();
        let [prefix, archive, path, mode, before, after] = fields.try_into().unwrap();
        rows.entry(archive).or_default().push(Row { prefix, path, mode, before, after });
    }
    rows
}

fn unpack(archive: &Path, tree: &Path) -> Index {
    for &noarch in conda_data::ways(archive) {
        let _ = std::fs::remove_dir_all(tree);
        let source = Arc::new(Memory(std::fs::read(archive).unwrap()));
        let expected = conda_data::expected(archive, noarch);
        let unpacking = Unpacking::new(source, tree.to_owned(), expected).unwrap();
        (0..unpacking.planned().len()).for_each(|at| unpacking.extract(at, &Task::default()).unwrap());
        if let Ok(index) = unpacking.finish() {
            return index;
        }
    }
    panic!("{} could not be unpacked", archive.display());
}

#[test]
fn as_conda_wrote_it() {
    let Some(folder) = conda_data::folder() else { return };
    let lab = tempfile::tempdir().unwrap();
    let (mut good, mut bad) = (0, Vec::new());
    for (archive, rows) in rows(&folder) {
        let tree = lab.path().join("tree");
        let index = unpack(&folder.join(&archive), &tree);
        let conda = index.conda.as_deref().unwrap();
        let places: HashMap<String, usize> = conda
            .rewrites
            .iter()
            .enumerate()
            .map(|(at, it)| (index.path(&index.files[it.file as usize]), at))
            .collect();
        for row in rows {
            let path = format!("prefix/{}", row.path.replace("python-scripts/", "bin/"));
            let Some(rewrite) = places.get(&path).map(|&at| conda.rewrites[at]) else {
                bad.push(format!("{archive}: {path} is not to be rewritten"));
                continue;
            };
            let content = std::fs::read(tree.join(&path)).unwrap();
            assert_eq!(Sha256::of(&content).to_string(), row.before);
            assert_eq!(rewrite.how, if row.mode == "text" { Rewriting::Text } else { Rewriting::Binary });
            let placeholder = &conda.placeholders[rewrite.placeholder.unwrap() as usize];
            let made = Replacement { placeholder, prefix: &row.prefix }.apply(&content, rewrite.how).unwrap();
            if Sha256::of(&made).to_string() == row.after {
                good += 1;
            } else {
                bad.push(format!("{archive}: {path}"));
            }
        }
    }
    assert_eq!((good, bad), (4304, Vec::new()));
}

/// Bytes in which the placeholder stands here and there, ends often, and runs into itself.
fn content() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"/p/hold".to_vec()),
        Just(b"/p/h".to_vec()),
        Just(b"\0".to_vec()),
        Just(b"\n".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..9),
        (0_usize..5).prop_map(|more| vec![b'x'; 4096 - 2 + more]),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

/// By splitting at NULs, which is slow and plain; the last piece has no end.
fn plain(content: &[u8], prefix: &str) -> Vec<u8> {
    let mut pieces: Vec<Vec<u8>> = content.split(|&byte| byte == 0).map(<[u8]>::to_vec).collect();
    let last = pieces.len() - 1;
    for piece in &mut pieces[..last] {
        let (mut made, mut rest) = (Vec::new(), piece.as_slice());
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix(b"/p/hold") {
                made.extend(prefix.as_bytes());
                rest = after;
            } else {
                made.push(rest[0]);
                rest = &rest[1..];
            }
        }
        made.resize(piece.len(), 0);
        *piece = made;
    }
    pieces.join(&0)
}

proptest! {
    #[test]
    fn binary_content_of_any_kind(content in content(), prefix in "/[a-z]{0,6}") {
        let made = Replacement { placeholder: "/p/hold", prefix: &prefix }.apply(&content, Rewriting::Binary).unwrap();
        prop_assert_eq!(made.len(), content.len());
        prop_assert_eq!(made.into_owned(), plain(&content, &prefix));
    }

    #[test]
    fn text_is_as_the_pieces_between_placeholders(pieces in proptest::collection::vec("[a-z/\n]{0,40}", 1..6)) {
        let (from, to) = (pieces.join("/P!/"), pieces.join("/else where"));
        let replacement = Replacement { placeholder: "/P!/", prefix: "/else where" };
        prop_assert_eq!(replacement.apply(from.as_bytes(), Rewriting::Text).unwrap().into_owned(), to.into_bytes());
    }
}
