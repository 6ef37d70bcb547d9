//! `conda-meta/`: by its records conda, mamba and others know what is installed (conda's `PrefixRecord`),
//! and by its history what was asked for.
//!
//! A record is `info/index.json` of the package, what the lock knows of where it came from, and its paths. All of it is
//! a function of lock, artifact and prefix: two nodes write the same bytes.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::digest::Sha256;
use crate::finish::Generated;
use crate::lock::CondaPackage;
use crate::scheme::Scheme;
use crate::unpack::{Conda, Index, Rewriting, SymbolicLink};

/// The folder, relative to the prefix.
pub const FOLDER: &str = "conda-meta";

/// One package as it is installed.
#[derive(Debug, Clone, Copy)]
pub struct Installed<'a> {
    /// As it is locked.
    pub package: &'a CondaPackage,
    /// As it was unpacked.
    pub index: &'a Index,
    /// Where it stands.
    pub scheme: &'a Scheme,
    /// Where its archive can be had, if the lock does not say.
    pub archive: &'a Path,
    /// Its folder in the store.
    pub folder: &'a Path,
    /// Files that were written anew, by position in the index, with what they hold now.
    pub rewritten: &'a HashMap<u32, Sha256>,
    /// Scripts that were generated for it.
    pub scripts: &'a [&'a Generated],
}

/// A path of a record.
struct Row {
    path: String,
    /// Its JSON object, without braces and path.
    rest: String,
}

/// The name of a package's record.
#[must_use]
pub fn file_name(package: &CondaPackage) -> String {
    format!("{}-{}-{}.json", package.name, package.version, package.build)
}

impl Installed<'_> {
    /// The text of the package's record.
    #[must_use]
    pub fn record(&self) -> String {
        let mut rows = self.rows();
        rows.sort_unstable_by(|one, other| one.path.cmp(&other.path));
        let mut text = String::with_capacity(512 + 300 * rows.len());
        text.push_str("{\n  \"files\": [");
        separated(&mut text, &rows, |text, row| push_string(text, &row.path));
        text.push_str("],\n  \"paths_data\": {\"paths_version\": 1, \"paths\": [");
        separated(&mut text, &rows, |text, row| {
            text.push_str("{\"_path\": ");
            push_string(text, &row.path);
            text.push_str(&row.rest);
            text.push('}');
        });
        text.push_str("]}");
        for (key, value) in self.facts() {
            let _ = write!(text, ",\n  {}: {value}", Value::String(key));
        }
        text.push_str("\n}\n");
        text
    }

    fn conda(&self) -> Option<&Conda> {
        self.index.conda.as_deref()
    }

    /// All keys but those of paths.
    fn facts(&self) -> Map<String, Value> {
        let package = self.package;
        let known = self.conda().and_then(|conda| serde_json::from_str(&conda.index_json).ok());
        let mut facts: Map<String, Value> = known.unwrap_or_default();
        let url = package.urls.first().cloned();
        let url = url.unwrap_or_else(|| format!("file://{}", self.archive.display()));
        // conda has the channel with the folder of the platform.
        let channel = package.channel.as_ref().map(|channel| format!("{channel}/{}", package.subdir));
        let folder = || url.rsplit_once('/').map_or_else(String::new, |(folder, _)| folder.to_owned());
        facts.insert("channel".into(), json!(channel.unwrap_or_else(folder)));
        facts.insert("subdir".into(), json!(package.subdir));
        facts.insert("fn".into(), json!(package.file_name));
        facts.insert("sha256".into(), json!(package.sha256.to_string()));
        facts.insert("url".into(), json!(url));
        facts.insert("link".into(), json!({"source": self.folder.display().to_string(), "type": 1}));
        for (key, default) in [("depends", json!([])), ("constrains", json!([]))] {
            facts.entry(key).or_insert(default);
        }
        let optional = [
            ("md5", package.md5.as_ref().map(|md5| json!(md5))),
            ("size", package.size.map(|size| json!(size))),
            ("requested_spec", package.requested.first().map(|spec| json!(spec))),
            ("requested_specs", Some(json!(package.requested)).filter(|_| !package.requested.is_empty())),
        ];
        facts.extend(optional.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))));
        facts
    }

    fn rows(&self) -> Vec<Row> {
        let index = self.index;
        let dirs: Vec<String> = index.dirs.iter().map(|dir| self.scheme.directory(dir)).collect();
        let path = |dir: u32, name: &str| match dirs[dir as usize].as_str() {
            "" => name.to_owned(),
            dir => format!("{dir}/{name}"),
        };
        let none = Conda::default();
        let conda = self.conda().unwrap_or(&none);
        let mut rewrites = conda.rewrites.iter().peekable();
        let mut rows = Vec::with_capacity(index.files.len() + conda.links.len());
        for (at, file) in (0_u32..).zip(&index.files) {
            let mut rest = String::from(", \"path_type\": \"hardlink\"");
            if let Some(rewrite) = rewrites.next_if(|rewrite| rewrite.file == at) {
                let placeholder = rewrite.placeholder.map(|at| conda.placeholders[at as usize].as_str());
                push_rewriting(&mut rest, rewrite.how, placeholder);
            }
            let in_prefix = self.rewritten.get(&at).copied().unwrap_or(file.sha256);
            let _ = write!(
                rest,
                ", \"sha256\": \"{}\", \"sha256_in_prefix\": \"{in_prefix}\", \"size_in_bytes\": {}",
                file.sha256, file.size
            );
            rows.push(Row { path: path(file.dir, &file.name), rest });
        }
        let link = |link: &SymbolicLink| Row { path: path(link.dir, &link.name), rest: softlink(link) };
        rows.extend(conda.links.iter().map(link));
        rows.extend(self.scripts.iter().map(|file| {
            let kind = "unix_python_entry_point";
            let rest = format!(", \"path_type\": \"{kind}\", \"sha256_in_prefix\": \"{}\"", file.sha256);
            Row { path: file.path.clone(), rest }
        }));
        rows
    }
}

fn softlink(link: &SymbolicLink) -> String {
    let mut rest = String::from(", \"path_type\": \"softlink\"");
    if let Some(sha256) = link.sha256 {
        let _ = write!(rest, ", \"sha256\": \"{sha256}\"");
    }
    if let Some(size) = link.size {
        let _ = write!(rest, ", \"size_in_bytes\": {size}");
    }
    rest
}

fn push_rewriting(rest: &mut String, how: Rewriting, placeholder: Option<&str>) {
    let mode = match how {
        Rewriting::Text => "text",
        Rewriting::Binary => "binary",
        Rewriting::Copy => return rest.push_str(", \"no_link\": true"),
    };
    let _ = write!(rest, ", \"file_mode\": \"{mode}\", \"prefix_placeholder\": ");
    push_string(rest, placeholder.unwrap_or_default());
}

fn separated<T>(text: &mut String, items: &[T], push: impl Fn(&mut String, &T)) {
    for (at, item) in items.iter().enumerate() {
        text.push_str(if at == 0 { "\n    " } else { ",\n    " });
        push(text, item);
    }
}

/// As JSON has it. Most need no escapes.
fn push_string(text: &mut String, content: &str) {
    if content.bytes().any(|byte| byte < 0x20 || matches!(byte, b'"' | b'\\')) {
        let _ = write!(text, "{}", Value::from(content));
        return;
    }
    text.push('"');
    text.push_str(content);
    text.push('"');
}

/// The text of `history`: one change, by which all came. Its time is that of the newest package, which two nodes agree
/// on.
#[must_use]
pub fn history(packages: &[CondaPackage], indexes: &[&Index]) -> String {
    let newest = indexes.iter().filter_map(|index| timestamp(index)).max().unwrap_or(0);
    let mut text = format!("==> {} <==\n# cmd: fastenv materialize\n", date(newest));
    let mut rows: Vec<String> = packages.iter().map(history_row).collect();
    rows.sort_unstable();
    text.extend(rows);
    let mut specs: Vec<String> =
        packages.iter().flat_map(|package| &package.requested).map(|spec| python_string(spec)).collect();
    specs.sort_unstable();
    if !specs.is_empty() {
        let _ = writeln!(text, "# update specs: [{}]", specs.join(", "));
    }
    text
}

fn history_row(package: &CondaPackage) -> String {
    let CondaPackage { name, version, build, subdir, channel, .. } = package;
    match channel {
        Some(channel) => format!("+{channel}/{subdir}::{name}-{version}-{build}\n"),
        None => format!("+<unknown>/{subdir}::{name}-{version}-{build}\n"),
    }
}

/// When a package was built, in seconds since 1970; the oldest say it in seconds, the others in milliseconds.
fn timestamp(index: &Index) -> Option<u64> {
    let json: Value = serde_json::from_str(&index.conda.as_ref()?.index_json).ok()?;
    let stated = json.get("timestamp")?.as_u64()?;
    Some(if stated > 253_402_300_799 { stated / 1000 } else { stated })
}

/// As Python shows a string.
fn python_string(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let escaped = text.replace('\\', "\\\\");
    let escaped = if quote == '\'' { escaped.replace('\'', "\\'") } else { escaped };
    format!("{quote}{escaped}{quote}")
}

/// `2018-07-26 12:00:00` of seconds since 1970, in UTC.
fn date(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Years begin in March here, so that the leap day is their last (H. Hinnant, "chrono-compatible low-level date
    // algorithms").
    let shifted = days + 719_468;
    let (era, day) = (shifted / 146_097, shifted % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + 400 * era + u64::from(month <= 2);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{of_month:02} {hour:02}:{minute:02}:{second:02}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unpack::{IndexFile, Rewrite};

    fn package() -> CondaPackage {
        CondaPackage {
            name: "a".into(),
            version: "1.0".into(),
            build: "py36_0".into(),
            build_number: 0,
            subdir: "linux-64".into(),
            channel: Some("https://channel.example/main".into()),
            file_name: "a-1.0-py36_0.conda".into(),
            urls: vec!["https://channel.example/main/linux-64/a-1.0-py36_0.conda".into()],
            path: None,
            named: None,
            size: Some(7),
            sha256: Sha256::of(b"archive"),
            md5: None,
            noarch: None,
            requested: vec!["a >=1".into()],
            link_scripts: false,
        }
    }

    fn index() -> Index {
        let file = |dir, name: &str| IndexFile {
            dir,
            name: name.into(),
            size: 1,
            sha256: Sha256::of(name.as_bytes()),
            executable: false,
            shebang: false,
        };
        let link = SymbolicLink { dir: 2, name: "l".into(), target: "x".into(), sha256: None, size: Some(3) };
        let rewrite = Rewrite { file: 1, placeholder: Some(0), how: Rewriting::Text };
        let conda = Conda {
            index_json: r#"{"name":"a","version":"1.0","build":"py36_0","build_number":0,"depends":["b"],"timestamp":1532606400123}"#
                .into(),
            times: vec![0, 0],
            links: vec![link],
            placeholders: vec!["/p\"".into()],
            rewrites: vec![rewrite],
        };
        Index {
            name: "a".into(),
            version: "1.0".into(),
            dist_info: String::new(),
            dirs: vec!["prefix".into(), "prefix/bin".into(), "prefix/lib".into(), "site".into()],
            files: vec![file(0, "top"), file(1, "tool"), file(3, "a.py")],
            entry_points: Vec::new(),
            files_digest: Sha256::of(b""),
            warnings: Vec::new(),
            conda: Some(Box::new(conda)),
        }
    }

    #[test]
    fn a_record_has_what_conda_asks_for() {
        let (package, index) = (package(), index());
        let rewritten = HashMap::from([(1, Sha256::of(b"anew"))]);
        let script = Generated {
            path: "bin/run".into(),
            package: "a".into(),
            sha256: Sha256::of(b"script"),
            size: 6,
            executable: true,
        };
        let installed = Installed {
            package: &package,
            index: &index,
            scheme: &Scheme::at_site("lib/python3.6/site-packages"),
            archive: Path::new("/store/a.conda"),
            folder: Path::new("/store/a"),
            rewritten: &rewritten,
            scripts: &[&script],
        };
        let record: Value = serde_json::from_str(&installed.record()).unwrap();
        let files = ["bin/run", "bin/tool", "lib/l", "lib/python3.6/site-packages/a.py", "top"];
        assert_eq!(record["files"], json!(files));
        let paths = &record["paths_data"]["paths"];
        assert_eq!(paths[1]["prefix_placeholder"], "/p\"");
        assert_eq!(paths[1]["sha256_in_prefix"], json!(Sha256::of(b"anew").to_string()));
        assert_eq!(paths[2]["path_type"], "softlink");
        assert_eq!(paths[4]["sha256_in_prefix"], paths[4]["sha256"]);
        for (key, value) in [
            ("channel", json!("https://channel.example/main/linux-64")),
            ("depends", json!(["b"])),
            ("constrains", json!([])),
            ("requested_spec", json!("a >=1")),
            ("fn", json!("a-1.0-py36_0.conda")),
            ("link", json!({"source": "/store/a", "type": 1})),
        ] {
            assert_eq!(record[key], value, "{key}");
        }
    }

    #[test]
    fn history_is_one_change() {
        let other = CondaPackage { requested: vec!["it's".into()], channel: None, ..package() };
        let text = history(&[package(), other], &[&index()]);
        let expected = "==> 2018-07-26 12:00:00 <==\n# cmd: fastenv materialize\n\
                        +<unknown>/linux-64::a-1.0-py36_0\n\
                        +https://channel.example/main/linux-64::a-1.0-py36_0\n\
                        # update specs: [\"it's\", 'a >=1']\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn dates() {
        for (seconds, expected) in [
            (0, "1970-01-01 00:00:00"),
            (951_782_399, "2000-02-28 23:59:59"),
            (951_868_799, "2000-02-29 23:59:59"),
            (951_868_800, "2000-03-01 00:00:00"),
            (4_107_542_400, "2100-03-01 00:00:00"),
        ] {
            assert_eq!(date(seconds), expected);
        }
    }
}
