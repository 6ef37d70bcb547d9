//! What is refused as a lock, and how it is said.

use std::path::PathBuf;

use fastenv::lock::{InterpreterSource, Lock, Noarch, Owner};

use crate::lock_text::{conda, conda_text, good, good_conda, row, text};

fn refusal(text: String) -> String {
    Lock::parse(text, PathBuf::new(), "my.toml").expect_err("a bad lock").to_string()
}

#[test]
fn a_good_lock_is_read() {
    let text = good(&[row("b"), row("a")], &[("site/x.py", "b")]);
    let lock = Lock::parse(text, PathBuf::from("/somewhere"), "my.toml").unwrap();
    assert_eq!(lock.packages.iter().map(|p| p.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(lock.contested[0].winner, Owner::Wheel(1));
    assert_eq!(lock.lib_python(), "python3.11");
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
        (
            "version = \"1.0\"\nwheels",
            "version = \"1.1\"\nwheels",
            "a: the lock says version 1.1, its wheel is of version 1.0: a-1.0-py3-none-any.whl",
        ),
        ("url = \"https", "path = \"../https", "leads out of the lock's folder"),
        ("url = \"https://index.example/a/", "path = \"/", "leads out of the lock's folder"),
        ("a-1.0-py3-none-any.whl\", url", "a/../b.whl\", url", "is no name of a wheel"),
        ("3.11.7", "3.11.8", "the file was edited"),
        ("cpython-311", "cpython-311\\nartifact", "has a character that it may not have"),
        ("main, Jan", "main,\\nJan", "has a character that it may not have"),
        ("cpython-311-", "cpython-311/../x-", "interpreter.soabi: \"cpython-311/../x-"),
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
fn libraries_are_names_and_packages() {
    let lock = good(&[row("a")], &[]);
    let with = |row: &str| format!("{lock}[[tool.fastenv.libraries]]\n{row}\n");
    let text = with("name = \"libGL.so.1\"\npackages = [\"a\"]\nversions = [\"X_1\"]\nfolders = [\"/opt\"]");
    let read = Lock::parse(text, PathBuf::new(), "my.toml").unwrap();
    assert_eq!((read.libraries.len(), read.libraries[0].name.as_str()), (1, "libGL.so.1"));
    for (row, expected) in [
        ("packages = [\"a\"]", "missing field `name`"),
        ("name = \"x\"", "missing field `packages`"),
        ("name = \"\"\npackages = [\"a\"]", "is no name of a library"),
        ("name = \"x\\ny\"\npackages = [\"a\"]", "is no name of a library"),
        ("name = \"../x\"\npackages = [\"a\"]", "is no name of a library"),
        ("name = \"x\"\npackages = []", "or no package"),
        (
            "name = \"x\"\npackages = [\"a\"]\nversions = [\"\\u001b\"]",
            "has a package or version that is none",
        ),
        ("name = \"x\"\npackages = [\"a\"]\nfolders = [\"lib\"]", "has a folder that is not absolute"),
    ] {
        let said = refusal(with(row));
        assert!(said.contains(expected), "{row:?} says {said:?}");
    }
}

#[test]
fn an_index_that_is_named_is_known_and_holds_no_secret() {
    const INDEX: &str = "[[tool.fastenv.indexes]]\nname = \"inner\"\nurl = \"https://i.example/simple/\"\n";
    let named = "requested = true\nindex-name = \"inner\"\nindex-path = \"../files/a.whl\"\n";
    let wheel = good(&[row("a")], &[])
        .replace("url = \"https://", "path = \"x/")
        .replace("requested = true\n", named);
    let lock = format!("{wheel}{INDEX}");
    let read = Lock::parse(lock.clone(), PathBuf::new(), "my.toml").unwrap();
    let file = read.packages[0].named.as_ref().unwrap();
    assert_eq!((file.index.name.as_str(), file.path.as_str()), ("inner", "../files/a.whl"));
    let edits: &[(&str, &str, &str)] = &[
        (
            "name = \"inner\"\nurl",
            "name = \"other\"\nurl",
            "a: has an index-path, and the lock does not name its index",
        ),
        ("index-name = \"inner\"\n", "", "a: has an index-path, and the lock does not name its index"),
        ("../files/a.whl", "", "is no path of an index"),
        ("../files/a.whl", "/a.whl", "is no path of an index"),
        ("../files/a.whl", "//evil.example/a.whl", "is no path of an index"),
        ("../files/a.whl", "file:///etc/passwd", "is no path of an index"),
        ("../files/a.whl", "https://me@i.example/a.whl", "is no path of an index"),
        ("../files/a.whl", "https:///a.whl", "is no path of an index"),
        ("../files/a.whl", "a.whl?sig=1", "is no path of an index"),
        ("../files/a.whl", "a b.whl", "is no path of an index"),
        ("../files/a.whl", "x/\\\\evil.example", "is no path of an index"),
        ("name = \"inner\"\nurl", "name = \"in ner\"\nurl", "is no name of an index"),
        ("name = \"inner\"\nurl", "name = \"\"\nurl", "is no name of an index"),
        ("https://i.example/simple/", "https://me:word@i.example/simple/", "holds a login or a query"),
        ("https://i.example/simple/", "https://i.example/simple/?key=1", "holds a login or a query"),
        ("https://i.example/simple/", "file:///simple/", "holds a login or a query"),
    ];
    for (old, new, expected) in edits {
        assert!(lock.contains(old), "{old:?} is in the lock");
        let said = refusal(lock.replacen(old, new, 1));
        assert!(said.contains(expected), "{old:?} -> {new:?} says {said:?}");
        assert!(!said.contains("word"), "{said:?}");
    }
    assert!(refusal(format!("{lock}{INDEX}")).contains("\"inner\" is there twice"));
}

#[test]
fn a_package_or_a_path_is_there_only_once() {
    assert!(refusal(text(&[row("a"), row("a")], &[], "")).contains("a: is there twice"));
    let twice = [("site/x", "a"), ("site/x", "a")];
    assert!(refusal(text(&[row("a")], &twice, "")).contains("is there twice"));
    assert!(refusal(text(&[row("a")], &[("site/x", "b")], "")).contains("is no package of it"));
}

const SETTINGS: &str = "[tool.fastenv.variables]\nA_1 = \"x\"\n[tool.fastenv.conda-meta]\npinned = [\"zlib 1\"]\n\
    frozen = \"{}\"\n";

#[test]
fn condas_settings_are_read() {
    let settings = Lock::parse(good_conda(&["b"], SETTINGS), "".into(), "my.toml").unwrap().settings;
    assert_eq!(settings.variables, [("A_1".to_owned(), "x".to_owned())].into());
    assert_eq!(
        (settings.pinned.as_slice(), settings.frozen.as_deref()),
        (["zlib 1".to_owned()].as_slice(), Some("{}"))
    );
}

#[test]
fn what_is_wrong_with_condas_settings_is_said() {
    let lock = good_conda(&["b"], SETTINGS);
    let edits: &[(&str, &str, &str)] = &[
        ("A_1 = ", "\"\" = ", "tool.fastenv.variables: \"\" is no name of a variable"),
        ("A_1 = ", "\"A=B\" = ", "\"A=B\" is no name of a variable"),
        ("A_1 = ", "\"A\\u0000\" = ", "is no name of a variable"),
        ("A_1 = ", "\"A\\nvariable B\" = ", "is no name of a variable"),
        ("A_1 = ", "1A = ", "is no name of a variable"),
        ("A_1 = ", "\"É\" = ", "is no name of a variable"),
        ("A_1 = ", "PATH = ", "\"PATH\" is a variable that activation itself sets"),
        ("A_1 = ", "conda_prefix = ", "is a variable that activation itself sets"),
        ("A_1 = ", "FASTENV_ENV_ID = ", "is a variable that activation itself sets"),
        ("A_1 = ", "a_1 = \"y\"\nA_1 = ", "differs from another variable in case alone"),
        ("A_1 = \"x\"", "A_1 = \"x\\u0000\"", "\"A_1\" has a NUL in its value"),
        ("A_1 = \"x\"", "A_1 = 1", "my.toml is not a lock file"),
        ("A_1 = \"x\"", "A_1 = \"y\"", "the file was edited"),
        ("\"zlib 1\"", "\"\"", "tool.fastenv.conda-meta.pinned: \"\" is no match spec"),
        ("\"zlib 1\"", "\"# zlib\"", "is no match spec"),
        ("\"zlib 1\"", "\" zlib\"", "is no match spec"),
        ("\"zlib 1\"", "\"zlib\\nfrozen\"", "is no match spec"),
        ("\"zlib 1\"", "1", "my.toml is not a lock file"),
        ("frozen = \"{}\"", "frozen = true", "my.toml is not a lock file"),
    ];
    for (old, new, expected) in edits {
        assert!(lock.contains(old), "{old:?} is in the lock");
        let said = refusal(lock.replacen(old, new, 1));
        assert!(said.contains(expected), "{old:?} -> {new:?} says {said:?}");
    }
    let said = refusal(good(&[row("a")], &[]) + SETTINGS);
    assert!(said.contains("tool.fastenv.variables: there are no conda packages"), "{said}");
}

const CONTESTED: &str = "[[tool.fastenv.contested]]\npath = \"prefix/x\"\nwinner = \"conda:b\"\n";
const VIRTUAL: &str = "[[tool.fastenv.virtual]]\nspec = \"__glibc >=2.17\"\npackages = [\"b\"]\n";
const CONDA_PYTHON: &str = "[tool.fastenv.interpreter]\nimplementation = \"cpython\"\nversion = \"3.13.1\"\n\
    soabi = \"cpython-313t-x86_64-linux-gnu\"\nbuild = \"\"\nsource = \"conda\"\n";

#[test]
fn conda_packages_are_read() {
    let more = format!("requested = [\"a >=1\"]\nlink-scripts = true\n{CONTESTED}{VIRTUAL}");
    let lock = Lock::parse(good_conda(&["b", "a"], &more), "/somewhere".into(), "my.toml").unwrap();
    let [a, b] = lock.conda.as_slice() else { panic!("two packages") };
    assert_eq!((a.name.as_str(), b.name.as_str()), ("a", "b"));
    assert_eq!((a.noarch, a.build_number, a.size), (Some(Noarch::Generic), 0, Some(10)));
    assert_eq!(a.urls, ["https://channel.example/main/noarch/a-1.0-0.conda"]);
    assert_eq!((a.requested.as_slice(), a.link_scripts), (["a >=1".to_owned()].as_slice(), true));
    assert_eq!(lock.contested[0].winner, Owner::Conda(1));
    assert_eq!((lock.virtual_packages[0].spec.as_str(), lock.link_scripts), ("__glibc >=2.17", true));
    assert_eq!((lock.interpreter.as_ref(), lock.lib_python().as_str()), (None, ""));
}

#[test]
fn the_interpreter_may_be_condas() {
    let lock = Lock::parse(good_conda(&["python"], CONDA_PYTHON), "".into(), "my.toml").unwrap();
    let it = lock.interpreter.unwrap();
    assert_eq!((it.source, it.site().as_str()), (InterpreterSource::Conda, "lib/python3.13t/site-packages"));
    assert_eq!(it.abi_flags(), "t");
    let shallow = format!("{CONDA_PYTHON}site-packages = \"lib/site\"\n");
    let said = fastenv::lock::compute_env_id(&conda_text(&["python"], &shallow, "")).unwrap_err().to_string();
    assert!(said.contains("\"lib/site\" is less than three folders deep"), "{said}");
    for feigned in ["lib/./site", "lib//site", "lib/a/../site", "lib/a\\n/site", "lib/python3/site/"] {
        let more = format!("{CONDA_PYTHON}site-packages = \"{feigned}\"\n");
        let said = fastenv::lock::compute_env_id(&conda_text(&["python"], &more, "")).unwrap_err();
        assert!(said.to_string().contains("is no path of folders below the prefix"), "{said}");
    }
    let moved = format!("{CONDA_PYTHON}site-packages = \"lib/python3/site\"\n");
    let lock = Lock::parse(good_conda(&["python"], &moved), "".into(), "my.toml").unwrap();
    assert_eq!(lock.interpreter.unwrap().site(), "lib/python3/site");
}

#[test]
fn what_is_wrong_with_conda_packages_is_said() {
    let lock = good_conda(&["b", "python"], &format!("{CONTESTED}{VIRTUAL}{CONDA_PYTHON}"));
    let edits: &[(&str, &str, &str)] = &[
        ("name = \"b\"", "name = \"../b\"", "conda:../b: name \"../b\" is none"),
        ("name = \"b\"", "name = \"python\"", "conda:python: is there twice"),
        ("version = \"1.0\"\nbuild", "version = \"1/0\"\nbuild", "conda:b: version \"1/0\" is none"),
        ("build = \"0\"", "build = \"0\\n\"", "conda:b: build"),
        ("build-number = 0", "build-number = -1", "my.toml is not a lock file"),
        ("subdir = \"noarch\"", "subdir = \"..\"", "conda:b: subdir \"..\" is none"),
        ("b-1.0-0.conda\"\nurl", "b.zip\"\nurl", "is no name of a conda package's archive"),
        ("b-1.0-0.conda\"\nurl", "../b.conda\"\nurl", "is no name of a conda package's archive"),
        ("url = \"https", "url = \"file", "conda:b: has a url that is not of the web"),
        ("url = \"https://channel", "path = \"../", "leads out of the lock's folder"),
        ("url = ", "path = \"x\"\nurl = ", "must have either a url or a path"),
        ("url = ", "home = ", "must have either a url or a path"),
        ("sha256 = \"", "sha256 = \"zz", "conda:b: not a sha256"),
        ("md5 = \"d41", "md5 = \"x41", "has an md5 that is none"),
        ("noarch = \"generic\"", "noarch = \"any\"", "unknown variant"),
        ("channel = \"https", "channel = \"\\u0007https", "has a control character"),
        ("winner = \"conda:b\"", "winner = \"b\"", "winner \"b\" is no package of it"),
        ("spec = \"__", "spec = \"", "\"glibc >=2.17\" is no virtual package"),
        ("packages = [\"b\"]", "packages = [\"c\"]", "is wanted by no package of this lock"),
        ("source = \"conda\"", "source = \"node\"", "exactly if there is a conda package python"),
        ("source = \"conda\"", "site-packages = \"/\"", "is no path of folders below the prefix"),
        ("[tool.fastenv.interpreter]", "[tool.fastenv.other]", "has no [tool.fastenv.interpreter]"),
        ("link-scripts = true", "link-scripts = false", "the file was edited"),
    ];
    for (old, new, expected) in edits {
        assert!(lock.contains(old), "{old:?} is in the lock");
        let said = refusal(lock.replacen(old, new, 1));
        assert!(said.contains(expected), "{old:?} -> {new:?} says {said:?}");
    }
    assert!(
        refusal(good(&[row("a")], &[]) + &conda("python")).contains("exactly if there is a conda package")
    );
}
