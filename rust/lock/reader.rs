//! From the text of a lock to what it says, checked.

use std::path::{Component, Path, PathBuf};

use super::conda::{CONDA, CondaPackage};
use super::raw::{Document, RawContested, RawPackage, RawTool, RawWheel};
use super::wheel_name::misfit;
use super::{
    Contested, FORMAT, InterpreterSource, Lock, LockError, LockedInterpreter, NamedIndex, Owner, Package,
};
use crate::digest::Sha256;
use crate::env_id;

pub(super) struct Reader<'a> {
    pub(super) label: &'a str,
}

impl Reader<'_> {
    pub(super) fn read(&self, text: String, folder: PathBuf) -> Result<(Lock, String), LockError> {
        let document: Document = toml::from_str(&text).map_err(|fault| LockError::Syntax {
            lock: self.label.to_owned(),
            fault: syntax(&text, &fault),
        })?;
        let tool = self.fastenv_table(&document)?;
        let platform = tool.platform.clone().ok_or_else(|| self.stripped("[tool.fastenv.platform]"))?;
        self.named_indexes(&tool.indexes)?;
        let packages = self.packages(&document.packages, &tool.indexes)?;
        let conda = self.conda(&tool.conda, &tool.indexes)?;
        let interpreter = tool.interpreter.clone();
        self.check_words("platform", &[("os", &platform.os), ("arch", &platform.arch)])?;
        self.check_interpreter(interpreter.as_ref(), &packages, &conda)?;
        let interpreter_is_there = interpreter.is_some();
        let mut lock = Lock {
            text,
            folder,
            platform,
            interpreter,
            contested: self.contested(&tool.contested, &packages, &conda)?,
            virtual_packages: self.virtual_packages(&tool.virtual_packages, &conda)?,
            libraries: self.libraries(&tool.libraries)?,
            overlays: self.overlays(&tool.overlays, interpreter_is_there)?,
            packages,
            conda,
            link_scripts: tool.link_scripts,
            settings: self.settings(tool)?,
            env_id: Sha256([0; 32]),
        };
        lock.env_id = Sha256::of(env_id::text(&lock).as_bytes());
        Ok((lock, document.tool.and_then(|tool| tool.fastenv).map_or_else(String::new, |t| t.env_id)))
    }

    fn fastenv_table<'d>(&self, document: &'d Document) -> Result<&'d RawTool, LockError> {
        if document.lock_version.split('.').next() != Some("1") {
            return Err(self.newer("lock-version", &document.lock_version, "1.0"));
        }
        let tool = document.tool.as_ref().and_then(|tool| tool.fastenv.as_ref());
        let tool = tool.ok_or_else(|| self.stripped("[tool.fastenv]"))?;
        let format = tool.format.ok_or_else(|| self.stripped("format in [tool.fastenv]"))?;
        if format > FORMAT {
            return Err(self.newer("format", &format.to_string(), &FORMAT.to_string()));
        }
        if format < 1 {
            return Err(self.value("tool.fastenv", format!("format {format} does not exist")));
        }
        Ok(tool)
    }

    /// These words stand in the env id's text, one a line: no control character may forge a line.
    fn check_words(&self, table: &str, words: &[(&str, &str)]) -> Result<(), LockError> {
        for (key, word) in words {
            let may_have_spaces = *key == "build";
            if word.chars().any(|c| c.is_control() || (!may_have_spaces && c.is_whitespace())) {
                let fault = format!("{word:?} has a character that it may not have");
                return Err(self.value(&format!("{table}.{key}"), fault));
            }
        }
        Ok(())
    }

    fn check_interpreter(
        &self,
        interpreter: Option<&LockedInterpreter>,
        packages: &[Package],
        conda: &[CondaPackage],
    ) -> Result<(), LockError> {
        let Some(it) = interpreter else {
            let is_without = packages.is_empty() && !conda.is_empty() && !has_python(conda);
            return if is_without { Ok(()) } else { Err(self.stripped("[tool.fastenv.interpreter]")) };
        };
        let words = [
            ("implementation", it.implementation.as_str()),
            ("version", &it.version),
            ("soabi", &it.soabi),
            ("build", &it.build),
        ];
        self.check_words("interpreter", &words)?;
        let version = it.version.split('.').map(|part| part.parse::<u32>().is_ok());
        if version.take(2).filter(|good| *good).count() != 2 || it.version.contains(['/', '\\']) {
            return Err(self.value("interpreter.version", format!("{:?} is no version", it.version)));
        }
        // Its flags are part of a folder's name.
        if it.soabi.contains('/') {
            return Err(self.value("interpreter.soabi", format!("{:?} is none", it.soabi)));
        }
        if let Some(site) = &it.site_packages {
            self.check_site(site)?;
        }
        if (it.source == InterpreterSource::Conda) != has_python(conda) {
            let fault = "it is \"conda\" exactly if there is a conda package python";
            return Err(self.value("interpreter.source", fault));
        }
        Ok(())
    }

    /// Links of packages are checked before it is known where site-packages is: as if it were three folders deep.
    fn check_site(&self, site: &str) -> Result<(), LockError> {
        let fault = |fault: &str| self.value("interpreter.site-packages", format!("{site:?} {fault}"));
        let is_folder = |name: &str| !matches!(name, "" | "." | "..") && !name.contains(char::is_control);
        if !site.split('/').all(is_folder) {
            return Err(fault("is no path of folders below the prefix"));
        }
        if site.split('/').count() < 3 { Err(fault("is less than three folders deep")) } else { Ok(()) }
    }

    fn packages(&self, raw: &[RawPackage], indexes: &[NamedIndex]) -> Result<Vec<Package>, LockError> {
        let read = raw.iter().map(|package| self.package(package, indexes));
        let mut packages = read.collect::<Result<Vec<_>, _>>()?;
        packages.sort_by(|one, other| one.name.cmp(&other.name));
        if let Some(pair) = packages.windows(2).find(|pair| pair[0].name == pair[1].name) {
            return Err(self.value(&pair[0].name, "is there twice"));
        }
        Ok(packages)
    }

    fn package(&self, raw: &RawPackage, indexes: &[NamedIndex]) -> Result<Package, LockError> {
        let name = &raw.name;
        let fault = |fault: &str| self.value(name, fault);
        if !is_normalized(name) {
            return Err(fault("is not a normalized name (PEP 503)"));
        }
        let tool = raw.tool.as_ref().and_then(|tool| tool.fastenv.as_ref());
        let tool = tool.ok_or_else(|| self.stripped(&format!("[packages.tool.fastenv] for {name}")))?;
        let [wheel] = raw.wheels.as_slice() else { return Err(fault("has not exactly one wheel")) };
        let version = raw.version.clone().ok_or_else(|| fault("has no version"))?;
        if version.chars().any(|c| c.is_control() || c.is_whitespace() || c == '/') {
            return Err(fault("has a version that is none"));
        }
        let sha256 = wheel.hashes.sha256.as_deref().ok_or_else(|| fault("has no sha256"))?;
        let digest = |text: &str| text.parse::<Sha256>().map_err(|e| self.value(name, e.to_string()));
        let path = wheel.path.as_deref().map(|path| self.inner_path(name, path)).transpose()?;
        let urls: Vec<String> = wheel.url.iter().chain(&tool.mirrors).cloned().collect();
        if !urls.iter().all(|url| is_web(url)) {
            return Err(fault("has a url that is not of the web"));
        }
        if path.is_none() && urls.is_empty() {
            return Err(fault("has neither a url nor a path"));
        }
        let file_name = self.file_name(name, wheel)?;
        if let Some(misfit) = misfit(&file_name, name, &version) {
            return Err(fault(&misfit));
        }
        Ok(Package {
            name: name.clone(),
            version,
            file_name,
            urls,
            path,
            named: self.named_file(name, tool.index_name.as_ref(), tool.index_path.as_ref(), indexes)?,
            size: wheel.size,
            sha256: digest(sha256)?,
            files_digest: tool.files_digest.as_deref().map(digest).transpose()?,
            requested: tool.requested,
            direct_url: tool.direct_url.clone(),
        })
    }

    /// PEP 751 lets the name be left out where the URL or path ends in it.
    fn file_name(&self, package: &str, wheel: &RawWheel) -> Result<String, LockError> {
        let last = |text: &String| {
            let bare = text.split(['?', '#']).next().unwrap_or_default();
            bare.rsplit('/').next().unwrap_or_default().to_owned()
        };
        let name = wheel.name.clone().or_else(|| wheel.path.as_ref().or(wheel.url.as_ref()).map(last));
        let name = name.unwrap_or_default();
        let is_wheel = Path::new(&name).extension().is_some_and(|end| end == "whl");
        if !is_wheel || name.contains('/') || name.chars().any(char::is_control) {
            return Err(self.value(package, format!("{name:?} is no name of a wheel")));
        }
        Ok(name)
    }

    pub(super) fn inner_path(&self, package: &str, path: &str) -> Result<PathBuf, LockError> {
        let path = PathBuf::from(path);
        let plain = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if !plain || path.as_os_str().is_empty() {
            let fault = format!("path {} leads out of the lock's folder", path.display());
            return Err(self.value(package, fault));
        }
        Ok(path)
    }

    fn contested(
        &self,
        raw: &[RawContested],
        packages: &[Package],
        conda: &[CondaPackage],
    ) -> Result<Vec<Contested>, LockError> {
        let mut contested = Vec::with_capacity(raw.len());
        for row in raw {
            if row.path.chars().any(char::is_control) {
                return Err(self.value("tool.fastenv.contested", format!("{:?} is no path", row.path)));
            }
            let winner = match row.winner.strip_prefix(CONDA) {
                Some(name) => conda.iter().position(|package| package.name == name).map(Owner::Conda),
                None => packages.iter().position(|package| package.name == row.winner).map(Owner::Wheel),
            };
            let winner = winner.ok_or_else(|| {
                self.value("tool.fastenv.contested", format!("winner {:?} is no package of it", row.winner))
            })?;
            contested.push(Contested { path: row.path.clone(), winner });
        }
        contested.sort_by(|one, other| one.path.cmp(&other.path));
        if let Some(pair) = contested.windows(2).find(|pair| pair[0].path == pair[1].path) {
            return Err(self.value("tool.fastenv.contested", format!("{:?} is there twice", pair[0].path)));
        }
        Ok(contested)
    }

    fn stripped(&self, table: &str) -> LockError {
        LockError::Stripped { lock: self.label.to_owned(), table: table.to_owned() }
    }

    fn newer(&self, what: &'static str, found: &str, known: &str) -> LockError {
        LockError::Newer { lock: self.label.to_owned(), what, found: found.into(), known: known.into() }
    }

    pub(super) fn value(&self, place: &str, fault: impl Into<String>) -> LockError {
        LockError::Value { lock: self.label.to_owned(), place: place.to_owned(), fault: fault.into() }
    }
}

/// Whether the environment's interpreter is conda's: all implementations have a package of this name.
fn has_python(conda: &[CondaPackage]) -> bool {
    conda.iter().any(|package| package.name == "python")
}

/// Whether a node may ask for it: a lock comes from elsewhere, and names no files of the node.
pub(super) fn is_web(url: &str) -> bool {
    let scheme = |name: &str| url.get(..name.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(name));
    (scheme("http://") || scheme("https://")) && !url.chars().any(char::is_control)
}

fn is_normalized(name: &str) -> bool {
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    edge(name.chars().next())
        && edge(name.chars().last())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        && !name.contains("--")
}

/// What the parser said, on one line: the line that it draws and points at is left out.
fn syntax(text: &str, fault: &toml::de::Error) -> String {
    if text.trim().is_empty() {
        return "it is empty".to_owned();
    }
    let said = fault.message().lines().map(str::trim).collect::<Vec<_>>().join(", ");
    let before = fault.span().and_then(|span| text.get(..span.start));
    let Some(before) = before.filter(|before| !before.is_empty()) else { return said };
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!("line {line}, column {column}: {said}")
}
