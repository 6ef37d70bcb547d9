//! Loose code: what a lock may say of it, what it does to the env id, and what its archives may hold.

use std::sync::Arc;

use fastenv::digest::Sha256;
use fastenv::lock::{Lock, Owner, PathEnd, compute_env_id};
use fastenv::task::Task;
use fastenv::unpack::overlay::{Expected, Unpacking, is_of};
use fastenv::unpack::{Index, UnpackError};

use crate::lock_text::{row, text};
use crate::unpacked::Memory;
use crate::zip_writer::{Part, Zip};

fn overlay(name: &str, seed: &str, place: &str) -> String {
    let sha256 = Sha256::of(seed.as_bytes());
    format!(
        "[[tool.fastenv.overlays]]\nname = \"{name}\"\npath = \"pylock.fastenv.d/{sha256}/{name}.zip\"\n\
         sha256 = \"{sha256}\"\nsize = 10\nplace = \"{place}\"\n"
    )
}

fn with(rows: &str) -> String {
    text(&[row("b"), row("a")], &[("site/x.py", "b")], "") + rows
}

#[test]
fn rows_that_are_refused() {
    let good = overlay("src", "overlay one", "front");
    compute_env_id(&with(&good)).unwrap();
    for (old, new, fault) in [
        ("name = \"src\"", "name = \"../src\"", "is no name of an overlay"),
        ("name = \"src\"", "name = \"\"", "is no name of an overlay"),
        ("name = \"src\"", "name = \".src\"", "is no name of an overlay"),
        ("name = \"src\"", "name = \"a/b\"", "is no name of an overlay"),
        ("name = \"src\"", "name = \"a\\nb\"", "is no name of an overlay"),
        ("path = \"pylock", "path = \"../pylock", "leads out of the lock's folder"),
        ("path = \"pylock", "path = \"/pylock", "leads out of the lock's folder"),
        ("place = \"front\"", "place = \"middle\"", "is not a lock file"),
        ("place = \"front\"\n", "", "is not a lock file"),
        ("sha256 = \"", "sha256 = \"x", "sha256"),
    ] {
        assert!(good.contains(old), "{old}");
        let error = compute_env_id(&with(&good.replace(old, new))).unwrap_err().to_string();
        assert!(error.contains(fault), "{new}: {error}");
    }
    let two = overlay("site-packages", "overlay one", "site") + &overlay("other", "overlay two", "site");
    let error = compute_env_id(&with(&two)).unwrap_err().to_string();
    assert!(error.contains("two of them are in site-packages"), "{error}");
    for other in [overlay("src", "overlay two", "front"), overlay("other", "overlay one", "back")] {
        let error = compute_env_id(&with(&(good.clone() + &other))).unwrap_err().to_string();
        assert!(error.contains("is there twice"), "{error}");
    }
}

#[test]
fn the_documented_vector() {
    let rows = overlay("src", "overlay one", "front") + &overlay("src-2", "overlay two", "back");
    let id = compute_env_id(&with(&rows)).unwrap().to_string();
    assert_eq!(id, "f86ea4f68f9ade9c9021b5b7350c9179f5d1243721de7657916f5f7df389387a");
    let stated = with(&rows).replace("env-id = \"\"", &format!("env-id = \"{id}\""));
    let lock = Lock::parse(stated, "".into(), "lock").unwrap();
    assert_eq!(lock.overlays[1].place, PathEnd::Back);
    assert_eq!((lock.count(), lock.owner(3), lock.position(Owner::Overlay(1))), (4, Owner::Overlay(1), 3));
    let unit = lock.unit(2);
    assert_eq!((unit.name, unit.file_name, unit.urls.len()), ("src", "src.zip", 0));
    let more = overlay("src", "overlay one", "front")
        + &overlay("site-packages", "overlay three", "site")
        + &overlay("src-2", "overlay two", "back");
    assert_eq!(
        compute_env_id(&with(&more)).unwrap().to_string(),
        "f18f3f16e884f5bbef27c720d822f2421618ca1a52670168e2ea7752cdb5beab"
    );
    // Another order or place is another search path.
    let turned = overlay("src-2", "overlay two", "back") + &overlay("src", "overlay one", "front");
    assert_ne!(compute_env_id(&with(&turned)).unwrap().to_string(), id);
    assert_ne!(compute_env_id(&with(&rows.replace("back", "front"))).unwrap().to_string(), id);
}

fn unpack(parts: Vec<Part>, place: PathEnd) -> Result<(Index, tempfile::TempDir), UnpackError> {
    let dir = tempfile::tempdir().unwrap();
    let (name, file_name) = ("src".to_owned(), "src.zip".to_owned());
    let expected = Expected { name, file_name, sha256: Sha256::of(b"it"), place };
    let source = Arc::new(Memory(Zip::new(parts).bytes()));
    let unpacking = Unpacking::new(source, dir.path().join("tree"), expected)?;
    let task = Task::default();
    (0..unpacking.planned().len()).try_for_each(|at| unpacking.extract(at, &task))?;
    Ok((unpacking.finish(), dir))
}

#[test]
fn archives_that_are_refused() {
    for (name, fault) in [
        ("other/x.py", "is not in the folder src"),
        ("x.py", "is not in the folder src"),
        ("src", "a directory of another entry"),
        ("src2/x.py", "is not in the folder src"),
        ("src/../x.py", "`.` or `..`"),
        ("/src/x.py", "absolute"),
        ("src\\x.py", "backslash"),
    ] {
        for place in [PathEnd::Front, PathEnd::Site] {
            let parts = vec![Part::stored("src/good.py", b""), Part::stored(name, b"x")];
            let Err(error) = unpack(parts, place) else { panic!("{name} was taken") };
            let error = error.to_string();
            assert!(error.contains("src.zip") && error.contains(fault), "{name}: {error}");
        }
    }
    for names in [["src/a", "src/a"], ["src/a", "src/a/b"]] {
        assert!(
            unpack(names.map(|name| Part::stored(name, b"")).into(), PathEnd::Front).is_err(),
            "{names:?}"
        );
    }
}

#[test]
fn files_stand_where_their_names_say() {
    let parts = vec![Part::stored("src/pkg/__init__.py", b"x"), Part::stored("src/empty/", b"")];
    let (index, dir) = unpack(parts, PathEnd::Back).unwrap();
    let dirs = ["prefix", "prefix/overlays", "prefix/overlays/src", "prefix/overlays/src/empty"];
    assert_eq!(index.dirs[..4], dirs);
    assert_eq!(index.files.len(), 1);
    assert_eq!(index.path(&index.files[0]), "prefix/overlays/src/pkg/__init__.py");
    assert_eq!(std::fs::read(dir.path().join("tree").join(index.path(&index.files[0]))).unwrap(), b"x");
    let is_of = |name| is_of(&index, name, PathEnd::Front);
    assert!(is_of("src") && !is_of("sr") && !is_of("src2"));
}

#[test]
fn what_no_package_owns_goes_into_site_packages() {
    let names = ["src/loose.py", "src/pkg/sub/plugin.py", "src/empty/"];
    let (index, dir) = unpack(names.map(|name| Part::stored(name, b"")).into(), PathEnd::Site).unwrap();
    assert_eq!(index.dirs, ["site", "site/empty", "site/pkg", "site/pkg/sub"]);
    let paths: Vec<String> = index.files.iter().map(|file| index.path(file)).collect();
    assert_eq!(paths, ["site/loose.py", "site/pkg/sub/plugin.py"]);
    assert!(paths.iter().all(|path| dir.path().join("tree").join(path).is_file()));
    assert!(is_of(&index, "src", PathEnd::Site) && !is_of(&index, "src", PathEnd::Back));
}
