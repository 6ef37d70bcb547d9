//! Text of locks, for tests.

use fastenv::digest::Sha256;

/// A package of a lock that is made for a test.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) seed: String,
    pub(crate) url: String,
}

pub(crate) fn row(name: &str) -> Row {
    Row { name: name.into(), seed: name.into(), url: format!("https://index.example/{name}") }
}

pub(crate) fn sha256(row: &Row) -> Sha256 {
    Sha256::of(row.seed.as_bytes())
}

/// A lock of these packages, with `contested` as (path, winner); it states the id `id`.
pub(crate) fn text(rows: &[Row], contested: &[(&str, &str)], id: &str) -> String {
    use std::fmt::Write as _;
    let mut text = String::from("lock-version = \"1.0\"\ncreated-by = \"fastenv\"\n");
    for row in rows {
        let file = format!("{}-1.0-py3-none-any.whl", row.name.replace('-', "_"));
        let _ = write!(
            text,
            "\n[[packages]]\nname = \"{}\"\nversion = \"1.0\"\nwheels = [{{ name = \"{file}\", url = \"{}/{file}\", \
             size = 10, hashes = {{ sha256 = \"{}\" }} }}]\n[packages.tool.fastenv]\norigin = \"index\"\n\
             requested = true\n",
            row.name,
            row.url,
            sha256(row),
        );
    }
    let _ = write!(
        text,
        "\n[tool.fastenv]\nformat = 1\nenv-id = \"{id}\"\n[tool.fastenv.platform]\nos = \"linux\"\n\
         arch = \"x86_64\"\nglibc = \"2.17\"\n[tool.fastenv.interpreter]\nimplementation = \"cpython\"\n\
         version = \"3.11.7\"\nsoabi = \"cpython-311-x86_64-linux-gnu\"\nbuild = \"main, Jan 1 2026; GCC 12\"\n\
         executable = \"/usr/bin/python3.11\"\n"
    );
    for (path, winner) in contested {
        let _ = write!(text, "[[tool.fastenv.contested]]\npath = \"{path}\"\nwinner = \"{winner}\"\n");
    }
    text
}

/// The same, with the id that it has.
pub(crate) fn good(rows: &[Row], contested: &[(&str, &str)]) -> String {
    let id = fastenv::lock::compute_env_id(&text(rows, contested, "")).expect("a good lock");
    text(rows, contested, &id.to_string())
}

/// A conda package as a lock has it.
pub(crate) fn conda(name: &str) -> String {
    let sha256 = Sha256::of(format!("conda {name}").as_bytes());
    format!(
        "[[tool.fastenv.conda]]\nname = \"{name}\"\nversion = \"1.0\"\nbuild = \"0\"\nbuild-number = 0\n\
         subdir = \"noarch\"\nchannel = \"https://channel.example/main\"\nfile-name = \"{name}-1.0-0.conda\"\n\
         url = \"https://channel.example/main/noarch/{name}-1.0-0.conda\"\nsize = 10\nsha256 = \"{sha256}\"\n\
         md5 = \"d41d8cd98f00b204e9800998ecf8427e\"\nnoarch = \"generic\"\n",
    )
}

/// A lock of conda packages alone, with `more` at its end; it states the id `id`.
pub(crate) fn conda_text(packages: &[&str], more: &str, id: &str) -> String {
    let rows: String = packages.iter().map(|name| conda(name)).collect();
    format!(
        "lock-version = \"1.0\"\ncreated-by = \"fastenv\"\npackages = []\n[tool.fastenv]\nformat = 1\n\
         env-id = \"{id}\"\nlink-scripts = true\n[tool.fastenv.platform]\nos = \"linux\"\narch = \"x86_64\"\n\
         {rows}{more}"
    )
}

/// The same, with the id that it has.
pub(crate) fn good_conda(packages: &[&str], more: &str) -> String {
    let id = fastenv::lock::compute_env_id(&conda_text(packages, more, "")).expect("a good lock");
    conda_text(packages, more, &id.to_string())
}
