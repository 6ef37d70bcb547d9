//! Whose file stands where.

use std::path::PathBuf;

use fastenv::digest::Sha256;
use fastenv::layout::{self, Item, Layout, LayoutError};
use fastenv::lock::Lock;
use fastenv::scheme::Scheme;
use fastenv::store::artifact::Artifact;
use fastenv::unpack::{Conda, EntryPoint, Index, IndexFile, Rewrite, Rewriting, SymbolicLink};

use crate::lock_text::{self, good, row, sha256};

/// An artifact of these files (install path, content) and scripts.
fn artifact(name: &str, files: &[(&str, &str)], scripts: &[&str]) -> Artifact {
    let mut dirs: Vec<String> = Vec::new();
    let mut rows = Vec::new();
    for (path, content) in files {
        let (dir, file) = path.rsplit_once('/').unwrap();
        for (at, _) in dir.match_indices('/').chain([(dir.len(), "")]) {
            if !dirs.iter().any(|known| known == &dir[..at]) {
                dirs.push(dir[..at].to_owned());
            }
        }
        rows.push(IndexFile {
            dir: u32::try_from(dirs.iter().position(|known| known == dir).unwrap()).unwrap(),
            name: file.to_owned(),
            size: content.len() as u64,
            sha256: Sha256::of(content.as_bytes()),
            executable: false,
            shebang: content.starts_with("#!python"),
        });
    }
    let entry_points = scripts.iter().map(|script| EntryPoint {
        name: (*script).to_owned(),
        module: name.to_owned(),
        attr: "main".to_owned(),
        gui: false,
    });
    let index = Index {
        name: name.to_owned(),
        version: "1.0".to_owned(),
        dist_info: format!("{name}-1.0.dist-info"),
        dirs,
        files: rows,
        entry_points: entry_points.collect(),
        files_digest: Sha256::of(b""),
        warnings: Vec::new(),
        conda: None,
    };
    Artifact {
        sha256: sha256(&row(name)),
        folder: PathBuf::from("/store").join(name),
        index,
        boot: String::new(),
    }
}

fn compose(artifacts: &[Artifact], contested: &[(&str, &str)]) -> Result<Layout, LayoutError> {
    let rows: Vec<_> = artifacts.iter().map(|artifact| row(&artifact.index.name)).collect();
    let lock = Lock::parse(good(&rows, contested), PathBuf::new(), "lock").unwrap();
    layout::compose(&lock, artifacts, &Scheme::of(&lock))
}

/// (path, package) of all that is linked, sorted.
fn linked(layout: &Layout, artifacts: &[Artifact]) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    for dir in &layout.dirs {
        for place in &dir.files {
            let file = layout::file_of(artifacts, *place);
            let path = format!("{}/{}", dir.path, file.name);
            rows.push((path, artifacts[place.package as usize].index.name.clone()));
        }
    }
    rows.sort();
    rows
}

#[test]
fn schemes_lead_to_their_folders() {
    let files =
        [("site/a/x.py", "1"), ("headers/a/a.h", "2"), ("prefix/share/doc/a", "3"), ("prefix/bin/t", "4")];
    let artifacts = [artifact("a", &files, &[])];
    let layout = compose(&artifacts, &[]).unwrap();
    let paths: Vec<String> = linked(&layout, &artifacts).into_iter().map(|row| row.0).collect();
    let site = "lib/python3.11/site-packages/a/x.py";
    assert_eq!(paths, ["bin/t", "include/site/python3.11/a/a.h", site, "share/doc/a"]);
    let mut reached = vec![false; layout.dirs.len()];
    reached[0] = true;
    for (at, dir) in layout.dirs.iter().enumerate() {
        assert!(reached[at], "{dir:?} comes before its parent");
        for &child in &dir.children {
            let child_path = &layout.dirs[child as usize].path;
            assert_eq!(child_path.rsplit_once('/').map_or("", |(parent, _)| parent), dir.path);
            reached[child as usize] = true;
        }
    }
}

#[test]
fn the_lock_decides_a_contested_path() {
    let artifacts = [artifact("a", &[("site/x.py", "1")], &[]), artifact("b", &[("site/x.py", "2")], &[])];
    for winner in ["a", "b"] {
        let layout = compose(&artifacts, &[("site/x.py", winner)]).unwrap();
        assert_eq!(linked(&layout, &artifacts)[0].1, winner);
        assert!(layout.warnings.is_empty());
        assert_eq!(layout.lost.len(), 1);
    }
    let undecided = compose(&artifacts, &[]).unwrap();
    assert_eq!(linked(&undecided, &artifacts)[0].1, "b");
    assert_eq!(undecided.warnings.len(), 1);
}

#[test]
fn what_no_package_owns_stands_where_it_is() {
    let mut artifacts = [
        artifact("a", &[("site/a/x.py", "1"), ("site/b.py", "1")], &[]),
        artifact("loose", &[("site/a/x.py", "2"), ("site/a/plugin.py", "2")], &[]),
    ];
    let rows = |place: &str| {
        let sha256 = Sha256::of(b"loose");
        let path = format!("pylock.fastenv.d/{sha256}/loose.zip");
        format!(
            "[[tool.fastenv.overlays]]\nname = \"loose\"\npath = \"{path}\"\nsha256 = \"{sha256}\"\n\
             place = \"{place}\"\n"
        )
    };
    artifacts[1].sha256 = Sha256::of(b"loose");
    let text = lock_text::text(&[row("a")], &[], "") + &rows("site");
    let id = fastenv::lock::compute_env_id(&text).unwrap();
    let text = text.replace("env-id = \"\"", &format!("env-id = \"{id}\""));
    let lock = Lock::parse(text, PathBuf::new(), "lock").unwrap();
    let layout = layout::compose(&lock, &artifacts, &Scheme::of(&lock)).unwrap();
    let owners: Vec<String> = linked(&layout, &artifacts).into_iter().map(|row| row.1).collect();
    assert_eq!(owners, ["loose", "loose", "a"]);
    assert!(layout.warnings.is_empty());
}

#[test]
fn the_same_bytes_are_no_contest() {
    let artifacts = [
        artifact("a", &[("site/n/__init__.py", "")], &[]),
        artifact("b", &[("site/n/__init__.py", "")], &[]),
    ];
    let layout = compose(&artifacts, &[]).unwrap();
    assert_eq!(linked(&layout, &artifacts).len(), 1);
    assert!(layout.warnings.is_empty());
}

#[test]
fn scripts_are_contested_like_files() {
    let artifacts = [
        artifact("a", &[], &["tool"]),
        artifact("b", &[("prefix/bin/tool", "#!python\n")], &[]),
        artifact("c", &[], &["tool", "other"]),
    ];
    let layout = compose(&artifacts, &[("prefix/bin/tool", "b")]).unwrap();
    let scripts: Vec<_> = layout.scripts.iter().map(|script| script.entry_point.name.as_str()).collect();
    assert_eq!((scripts, layout.rewritten.len()), (vec!["other"], 1));
    let layout = compose(&artifacts, &[("prefix/bin/tool", "a")]).unwrap();
    let owners: Vec<_> = layout.scripts.iter().map(|script| script.package).collect();
    assert_eq!((owners, layout.rewritten.len()), (vec![0, 2], 0));
}

#[test]
fn a_file_in_place_of_a_directory_is_refused() {
    let artifacts = [artifact("a", &[("site/x", "1")], &[]), artifact("b", &[("site/x/y.py", "2")], &[])];
    let said = compose(&artifacts, &[]).unwrap_err().to_string();
    assert_eq!(said, "site/x is a file of a and a directory of b");
}

#[test]
fn what_is_fastenvs_own_is_not_given_away() {
    for path in ["prefix/.fastenv/state", "prefix/lib64/x", "prefix/pyvenv.cfg"] {
        let said = compose(&[artifact("a", &[(path, "1")], &[])], &[]).unwrap_err().to_string();
        assert!(said.starts_with("a has a file at prefix/"), "{said}");
    }
    let layout = compose(&[artifact("a", &[("prefix/bin/python", "1")], &["activate"])], &[]).unwrap();
    assert!(linked(&layout, &[]).is_empty() && layout.scripts.is_empty());
    assert_eq!(layout.warnings.len(), 2);
}

/// The same of a conda package, whose paths are below the prefix.
fn conda_artifact(name: &str, files: &[(&str, &str)], links: &[(&str, &str)], anew: &[u32]) -> Artifact {
    let mut made = artifact(name, files, &[]);
    made.sha256 = Sha256::of(format!("conda {name}").as_bytes());
    let links = links.iter().map(|(path, target)| {
        let (dir, name) = path.rsplit_once('/').unwrap();
        let dir = u32::try_from(made.index.dirs.iter().position(|known| known == dir).unwrap()).unwrap();
        SymbolicLink { dir, name: name.into(), target: (*target).into(), sha256: None, size: None }
    });
    made.index.conda = Some(Box::new(Conda {
        index_json: "{}".into(),
        times: vec![0; files.len()],
        links: links.collect(),
        placeholders: vec!["/p".into()],
        rewrites: anew
            .iter()
            .map(|&file| Rewrite { file, placeholder: Some(0), how: Rewriting::Text })
            .collect(),
    }));
    made
}

/// Of wheels and conda packages, whose python is conda's.
fn compose_mixed(
    wheels: &[&str],
    conda: &[&str],
    artifacts: &[Artifact],
    winners: &str,
) -> Result<Layout, LayoutError> {
    compose_with("", wheels, conda, artifacts, winners)
}

/// With another line for the interpreter.
fn compose_with(
    line: &str,
    wheels: &[&str],
    conda: &[&str],
    artifacts: &[Artifact],
    winners: &str,
) -> Result<Layout, LayoutError> {
    let rows: Vec<_> = wheels.iter().map(|name| row(name)).collect();
    let packages: String = conda.iter().map(|name| lock_text::conda(name)).collect();
    let text = |id: &str| {
        let source = format!("{line}source = \"conda\"\nexecutable =");
        let text = lock_text::text(&rows, &[], id).replace("executable =", &source);
        format!("{text}{packages}{winners}")
    };
    let id = fastenv::lock::compute_env_id(&text("")).unwrap();
    let lock = Lock::parse(text(&id.to_string()), PathBuf::new(), "lock").unwrap();
    layout::compose(&lock, artifacts, &Scheme::of(&lock))
}

#[test]
fn wheels_come_after_conda_packages_unless_the_lock_decides() {
    let path = "prefix/lib/python3.11/site-packages/x.py";
    let artifacts =
        [artifact("z", &[("site/x.py", "1")], &[]), conda_artifact("python", &[(path, "2")], &[], &[])];
    let layout = compose_mixed(&["z"], &["python"], &artifacts, "").unwrap();
    assert_eq!(linked(&layout, &artifacts)[0].1, "z");
    assert_eq!(layout.warnings[0].1, "site/x.py is also in python; z's is used");
    let winner = "[[tool.fastenv.contested]]\npath = \"site/x.py\"\nwinner = \"conda:python\"\n";
    let layout = compose_mixed(&["z"], &["python"], &artifacts, winner).unwrap();
    assert_eq!(linked(&layout, &artifacts)[0].1, "python");
    assert!(layout.warnings.is_empty());
}

#[test]
fn links_and_files_with_a_prefix_stand_apart() {
    let files = [("prefix/bin/python", "1"), ("prefix/bin/tool", "2"), ("prefix/pyvenv.cfg", "3")];
    let artifacts = [conda_artifact("python", &files, &[("prefix/bin/python3", "python")], &[1])];
    let layout = compose_mixed(&[], &["python"], &artifacts, "").unwrap();
    let bin = layout.dirs.iter().find(|dir| dir.path == "bin").unwrap();
    assert_eq!((bin.files.len(), bin.anew.len(), bin.links.len()), (1, 1, 1));
    assert!(matches!(layout::item_of(&artifacts, bin.links[0]), Item::Link(link) if link.target == "python"));
    let said = compose_mixed(
        &[],
        &["python", "z"],
        &[
            conda_artifact("python", &[("prefix/lib/x", "1")], &[("prefix/lib/dir", "x")], &[]),
            conda_artifact("z", &[("prefix/lib/dir/y", "1")], &[], &[]),
        ],
        "",
    );
    assert_eq!(said.unwrap_err().to_string(), "prefix/lib/dir is a file of python and a directory of z");
    let record = [conda_artifact("python", &[("prefix/conda-meta/python-1.0-0.json", "1")], &[], &[])];
    let said = compose_mixed(&[], &["python"], &record, "").unwrap_err().to_string();
    assert!(said.contains("which fastenv keeps for itself"), "{said}");
}

#[test]
fn what_pip_took_away_of_a_conda_package_stays_away() {
    let files = [
        ("prefix/lib/python3.11/site-packages/x.py", "1"),
        ("prefix/lib/python3.11/site-packages/x-1.dist-info/METADATA", "2"),
        ("prefix/share/x/kept", "3"),
    ];
    let artifacts = [artifact("z", &[("site/z.py", "1")], &[]), conda_artifact("python", &files, &[], &[])];
    let row = |path| format!("[[tool.fastenv.contested]]\npath = \"site/{path}\"\nwinner = \"z\"\n");
    let winners = row("x.py") + &row("x-1.dist-info/METADATA");
    let layout = compose_mixed(&["z"], &["python"], &artifacts, &winners).unwrap();
    let there: Vec<String> = linked(&layout, &artifacts).into_iter().map(|row| row.0).collect();
    assert_eq!(there, ["lib/python3.11/site-packages/z.py", "share/x/kept"]);
    assert!(layout.dirs.iter().all(|dir| !dir.path.ends_with("x-1.dist-info")));
    assert_eq!(layout.lost.len(), 2);
}

#[test]
fn site_packages_may_be_elsewhere() {
    let line = "site-packages = \"lib/elsewhere/here\"\n";
    let conda = [("site/b.py", "2"), ("prefix/lib/elsewhere/here/x.py", "3")];
    let artifacts = [artifact("z", &[("site/x.py", "1")], &[]), conda_artifact("python", &conda, &[], &[])];
    let winner = "[[tool.fastenv.contested]]\npath = \"site/x.py\"\nwinner = \"conda:python\"\n";
    let layout = compose_with(line, &["z"], &["python"], &artifacts, winner).unwrap();
    let row = |path: &str| (format!("lib/elsewhere/here/{path}"), "python".to_owned());
    assert_eq!(linked(&layout, &artifacts), [row("b.py"), row("x.py")]);
    assert!(layout.dirs.iter().all(|dir| !dir.path.contains("site-packages")));
}

#[test]
fn a_package_may_be_its_own_rival() {
    let twice = [("site/x.py", "1"), ("prefix/lib/python3.11/site-packages/x.py", "2")];
    let artifacts = [conda_artifact("a", &twice, &[], &[]), conda_artifact("python", &[], &[], &[])];
    let layout = compose_mixed(&[], &["a", "python"], &artifacts, "").unwrap();
    let path = "lib/python3.11/site-packages/x.py".to_owned();
    assert_eq!(linked(&layout, &artifacts), [(path, "a".to_owned())]);
    assert_eq!((layout.lost.len(), layout.warnings.len()), (1, 1));
    let dir = [("site/x", "1"), ("prefix/lib/python3.11/site-packages/x/y.py", "2")];
    let artifacts = [conda_artifact("a", &dir, &[], &[]), conda_artifact("python", &[], &[], &[])];
    let fault = compose_mixed(&[], &["a", "python"], &artifacts, "").unwrap_err();
    assert!(matches!(fault, LayoutError::FileIsDirectory { .. }), "{fault}");
}

#[test]
fn headers_of_wheels_are_those_of_condas_python() {
    let headers = [("headers/z/z.h", "1"), ("headers/z/own.h", "1")];
    let conda = [("prefix/include/python3.11/Python.h", "2"), ("prefix/include/python3.11/z/z.h", "3")];
    let artifacts = [artifact("z", &headers, &[]), conda_artifact("python", &conda, &[], &[])];
    let path = "prefix/include/python3.11/z/z.h";
    let layout = compose_mixed(&["z"], &["python"], &artifacts, "").unwrap();
    assert_eq!(layout.warnings[0].1, format!("{path} is also in python; z's is used"));
    let winner = format!("[[tool.fastenv.contested]]\npath = \"{path}\"\nwinner = \"conda:python\"\n");
    let layout = compose_mixed(&["z"], &["python"], &artifacts, &winner).unwrap();
    let row = |path: &str, whose: &str| (format!("include/python3.11/{path}"), whose.to_owned());
    assert_eq!(
        linked(&layout, &artifacts),
        [row("Python.h", "python"), row("z/own.h", "z"), row("z/z.h", "python")]
    );
    assert!(layout.warnings.is_empty());
}
