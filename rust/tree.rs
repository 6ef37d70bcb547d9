//! Builds a whole tree in staging from artifacts of the store, as [`crate::layout`] says.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};

use rayon::Scope;
use rayon::prelude::*;

use crate::digest::Sha256;
use crate::digest::company::Company;
use crate::error::{Error, Result};
use crate::finish::conda_meta::{self, Installed};
use crate::finish::prefix::Replacement;
use crate::finish::record::{self, Row};
use crate::finish::{Generated, Written, conda_settings, generate, overlays, scripts, venv, write};
use crate::fs;
use crate::interpreter::Interpreter;
use crate::layout::{Item, Layout, Place, Winner, file_of, item_of};
use crate::link::Linker;
use crate::link::early::Early;
use crate::lock::{CondaPackage, Lock, Owner};
use crate::prefix::manifest::Manifest;
use crate::prefix::own_folder;
use crate::prefix::publish::PrefixError;
use crate::scheme::Scheme;
use crate::store::Store;
use crate::store::artifact::Artifact;
use crate::task::Task;
use crate::timeline::Deed;
use crate::unpack::Index;

/// All that a tree is made from.
#[derive(Clone, Copy)]
pub struct Recipe<'a> {
    /// What was locked.
    pub lock: &'a Lock,
    /// One a unit of the lock, in its order.
    pub artifacts: &'a [Artifact],
    /// Which file stands where.
    pub layout: &'a Layout,
    /// Of the node; none where the environment is no venv.
    pub interpreter: Option<&'a Interpreter>,
    /// Where its folders are.
    pub scheme: &'a Scheme,
    /// Where artifacts come from, and archives that no index gives again.
    pub store: &'a Store,
    /// Where the tree is built.
    pub staging: &'a Path,
    /// Where it will stand: texts name this path.
    pub prefix: &'a Path,
    /// What stands there already.
    pub early: Option<&'a Early<'a>>,
}

impl Recipe<'_> {
    /// Builds the tree on the calling rayon pool: all but the state, which is written last.
    pub fn build(&self, linker: &Linker, task: &Task) -> Result<Manifest> {
        let anew = self.plant(linker, task)?;
        let _span = task.span(Deed::Stage("finish"), "");
        let (mut generated, links) = match self.interpreter {
            Some(interpreter) => venv::write(self.staging, self.prefix, interpreter, &self.scheme.python)?,
            None => (Vec::new(), Vec::new()),
        };
        let own_scripts = self.write_scripts()?;
        generated.extend(self.write_records(&own_scripts, task)?);
        generated.extend(self.write_search_path()?);
        generated.extend(self.write_conda_meta(&own_scripts, &anew, task)?);
        generated.extend(own_scripts.into_iter().map(|(_, file)| file));
        generated.extend(anew.into_iter().map(|(_, file)| file));
        generated.sort_by(|one, other| one.path.cmp(&other.path));
        let manifest = Manifest { artifacts: self.artifact_rows(), generated, links, lost: self.lost_rows() };
        self.write_own(&manifest)?;
        Ok(manifest)
    }

    /// Makes the directories and links their files, a task a directory. A directory is changed by its own task alone,
    /// which also makes the directories in it, so that no two threads wait for one directory.
    fn plant(&self, linker: &Linker, task: &Task) -> Result<Vec<(Place, Generated)>> {
        let planting = Planting {
            recipe: self,
            linker,
            task,
            failure: OnceLock::new(),
            anew: Mutex::default(),
            unhashed: Company::default(),
        };
        rayon::scope(|scope| planting.fill(scope, 0));
        if let Some(fault) = planting.failure.into_inner() {
            return Err(fault);
        }
        let mut anew = planting.anew.into_inner().unwrap_or_else(PoisonError::into_inner);
        anew.extend(planting.unhashed.rest().into_iter().map(hashed));
        if self.scheme.is_empty() {
            return Ok(anew);
        }
        // Made now, so that an import by root does not move the folder's time; a wheel may have brought it.
        let cache = self.staging.join(&self.scheme.site).join("__pycache__");
        if !fs::exists(&cache) {
            fs::create_dir(&cache)?;
        }
        Ok(anew)
    }

    /// Entry points and `#!python` files, each with its position in the layout.
    fn write_scripts(&self) -> Result<Vec<(ScriptKey, Generated)>> {
        let python = self.prefix.join("bin/python");
        let mut written = Vec::new();
        for (at, script) in self.layout.scripts.iter().enumerate() {
            let path = format!("bin/{}", script.entry_point.name);
            let text = scripts::entry_point(&script.entry_point, &python);
            let package = self.lock.unit(script.package).name;
            let file = generate(self.staging, path, package, text.as_bytes(), true)?;
            written.push((ScriptKey::EntryPoint(at), file));
        }
        for &place in &self.layout.rewritten {
            let artifact = &self.artifacts[place.package as usize];
            let file = file_of(self.artifacts, place);
            let content = scripts::rewrite(&fs::read(&artifact.file(file))?, &python);
            let package = self.lock.unit(place.package as usize).name;
            let path = format!("bin/{}", file.name);
            written
                .push((ScriptKey::Rewritten(place), generate(self.staging, path, package, &content, true)?));
        }
        Ok(written)
    }

    /// The line that puts the overlays on the search path.
    fn write_search_path(&self) -> Result<Option<Generated>> {
        if !overlays::has_line(self.lock) {
            return Ok(None);
        }
        let (path, line) =
            (format!("{}/{}", self.scheme.site, overlays::PTH), overlays::line(self.lock, self.prefix));
        Ok(Some(generate(self.staging, path, "", line.as_bytes(), false)?))
    }

    fn write_records(&self, scripts: &[(ScriptKey, Generated)], task: &Task) -> Result<Vec<Generated>> {
        let by_key: HashMap<ScriptKey, &Generated> = scripts.iter().map(|(key, file)| (*key, file)).collect();
        let written: Vec<Vec<Generated>> = (0..self.lock.packages.len())
            .into_par_iter()
            .map(|package| {
                task.check()?;
                self.write_record(package, &by_key)
            })
            .collect::<Result<_>>()?;
        Ok(written.into_iter().flatten().collect())
    }

    /// RECORD, INSTALLER, REQUESTED and `direct_url.json` of one package.
    fn write_record(
        &self,
        package: usize,
        scripts: &HashMap<ScriptKey, &Generated>,
    ) -> Result<Vec<Generated>> {
        let (locked, artifact) = (&self.lock.packages[package], &self.artifacts[package]);
        let dist_info = format!("{}/{}", self.scheme.site, artifact.index.dist_info);
        let own = |name: &str, content: &[u8]| {
            generate(self.staging, format!("{dist_info}/{name}"), &locked.name, content, false)
        };
        let mut companions = vec![own("INSTALLER", b"fastenv\n")?];
        if locked.requested {
            companions.push(own("REQUESTED", b"")?);
        }
        if let Some(text) = &locked.direct_url {
            companions.push(own("direct_url.json", text.as_bytes())?);
        }
        let mut rows = self.rows(package, scripts)?;
        rows.extend(companions.iter().map(|file| self.row(file)));
        let text = record::text(rows, &format!("{}/RECORD", artifact.index.dist_info));
        companions.push(own("RECORD", text.as_bytes())?);
        Ok(companions)
    }

    fn row(&self, file: &Generated) -> Row {
        Row { path: record::relative(&file.path, &self.scheme.site), sha256: file.sha256, size: file.size }
    }

    fn rows(&self, package: usize, made: &HashMap<ScriptKey, &Generated>) -> Result<Vec<Row>> {
        let site = self.scheme.site.as_str();
        let index = &self.artifacts[package].index;
        let dirs: Vec<String> = index
            .dirs
            .iter()
            .map(|dir| self.scheme.directory(dir))
            .map(|dir| if dir.is_empty() { dir } else { dir + "/" })
            .map(|dir| record::relative(&dir, site))
            .collect();
        let mut rows: Vec<Row> = Vec::with_capacity(index.files.len() + 8);
        for (at, file) in index.files.iter().enumerate() {
            #[allow(clippy::cast_possible_truncation)] // an index has fewer than 2^32 rows
            let place = Place { package: package as u32, file: at as u32 };
            let path = format!("{}{}", dirs[file.dir as usize], file.name);
            if let Some((sha256, size)) = self.claimed(place, made)? {
                rows.push(Row { path, sha256, size });
            }
        }
        let own = self.layout.scripts.iter().enumerate().filter(|(_, script)| script.package == package);
        rows.extend(own.map(|(at, _)| self.row(made[&ScriptKey::EntryPoint(at)])));
        rows.extend(self.layout.lost_scripts.iter().filter(|lost| lost.package == package).map(|lost| {
            let text = scripts::entry_point(&lost.entry_point, &self.prefix.join("bin/python"));
            let path = record::relative(&format!("bin/{}", lost.entry_point.name), site);
            Row { path, sha256: Sha256::of(text.as_bytes()), size: text.len() as u64 }
        }));
        Ok(rows)
    }

    /// Digest and size for a row of RECORD; `None` for what is the environment's own. A file that lost its path
    /// keeps its claim, as with other installers: a scan tells by the claims that the path is contested, and by
    /// the bytes whose it is.
    fn claimed(&self, place: Place, made: &HashMap<ScriptKey, &Generated>) -> Result<Option<(Sha256, u64)>> {
        if self.layout.lost.get(&place) == Some(&Winner::Own) {
            return Ok(None);
        }
        if let Some(script) = made.get(&ScriptKey::Rewritten(place)) {
            return Ok(Some((script.sha256, script.size)));
        }
        let file = file_of(self.artifacts, place);
        if file.shebang && self.layout.lost.contains_key(&place) {
            let path = self.artifacts[place.package as usize].file(file);
            let content = scripts::rewrite(&fs::read(&path)?, &self.prefix.join("bin/python"));
            return Ok(Some((Sha256::of(&content), content.len() as u64)));
        }
        Ok(Some((file.sha256, file.size)))
    }

    /// Records and history of the conda packages.
    fn write_conda_meta(
        &self,
        scripts: &[(ScriptKey, Generated)],
        anew: &[(Place, Generated)],
        task: &Task,
    ) -> Result<Vec<Generated>> {
        if self.lock.conda.is_empty() {
            return Ok(Vec::new());
        }
        let folder = self.staging.join(conda_meta::FOLDER);
        if !fs::exists(&folder) {
            fs::create_dir(&folder)?;
        }
        let mut rewritten = vec![HashMap::new(); self.lock.conda.len()];
        for (place, file) in anew {
            if let Owner::Conda(at) = self.lock.owner(place.package as usize) {
                rewritten[at].insert(place.file, file.sha256);
            }
        }
        let unhashed = Company::default();
        let records = self.lock.conda.par_iter().zip(&rewritten).enumerate();
        let written = records.map(|(at, (package, rewritten))| {
            task.check()?;
            let unit = self.lock.position(Owner::Conda(at));
            let (file, text) = self.write_conda_record(package, unit, rewritten, scripts)?;
            Ok(unhashed.join(file, text))
        });
        let mut ready = written.collect::<Result<Vec<_>>>()?;
        ready.push(unhashed.rest());
        let hashed = ready.into_iter().flatten();
        let mut written: Vec<Generated> = hashed.map(|(file, sha256)| file.with(sha256)).collect();
        let indexes: Vec<&Index> = self.artifacts.iter().map(|artifact| &artifact.index).collect();
        let history = conda_meta::history(&self.lock.conda, &indexes);
        let path = format!("{}/history", conda_meta::FOLDER);
        written.push(generate(self.staging, path, "", history.as_bytes(), false)?);
        for (name, text) in conda_settings::files(&self.lock.settings) {
            let path = format!("{}/{name}", conda_meta::FOLDER);
            written.push(generate(self.staging, path, "", text.as_bytes(), false)?);
        }
        Ok(written)
    }

    fn write_conda_record(
        &self,
        package: &CondaPackage,
        unit: usize,
        rewritten: &HashMap<u32, Sha256>,
        scripts: &[(ScriptKey, Generated)],
    ) -> Result<(Written, Vec<u8>)> {
        let artifact = &self.artifacts[unit];
        let installed = Installed {
            package,
            index: &artifact.index,
            scheme: self.scheme,
            archive: &self.store.archive(package.sha256, &package.file_name),
            folder: &artifact.folder,
            rewritten,
            scripts: &self.scripts_of(unit, scripts),
        };
        let path = format!("{}/{}", conda_meta::FOLDER, conda_meta::file_name(package));
        let text = installed.record().into_bytes();
        Ok((write(self.staging, path, &package.name, &text, false)?, text))
    }

    /// The scripts that were generated for a unit.
    fn scripts_of<'s>(&self, unit: usize, scripts: &'s [(ScriptKey, Generated)]) -> Vec<&'s Generated> {
        let is_its = |key: &ScriptKey| match key {
            ScriptKey::EntryPoint(at) => self.layout.scripts[*at].package == unit,
            ScriptKey::Rewritten(_) => false,
        };
        scripts.iter().filter(|(key, _)| is_its(key)).map(|(_, file)| file).collect()
    }

    fn artifact_rows(&self) -> Vec<(Sha256, String)> {
        let names = self.lock.units().map(|unit| unit.name.to_owned());
        self.artifacts.iter().map(|artifact| artifact.sha256).zip(names).collect()
    }

    fn lost_rows(&self) -> Vec<(Sha256, String)> {
        let mut rows: Vec<_> = self
            .layout
            .lost
            .keys()
            .map(|place| {
                let artifact = &self.artifacts[place.package as usize];
                let item = item_of(self.artifacts, *place);
                let dir = &artifact.index.dirs[item.dir() as usize];
                (artifact.sha256, format!("{dir}/{}", item.name()))
            })
            .collect();
        rows.sort_unstable();
        rows
    }

    /// `.fastenv/`: lock, manifest, and the artifacts' indexes, so that verifying needs no store.
    fn write_own(&self, manifest: &Manifest) -> Result<()> {
        let own = own_folder(self.staging);
        manifest.write(self.staging)?;
        fs::write_new(&own.join("lock.toml"), self.lock.text.as_bytes(), 0o644)?;
        fs::write_new(&own.join("use"), b"", 0o666)?;
        fs::create_dir(&own.join("index"))?;
        let linker = Linker::new(crate::link::LinkMode::Auto);
        for artifact in self.artifacts {
            let to = own.join("index").join(artifact.sha256.to_string());
            linker.place(&artifact.index_path(), &to, false, crate::unpack::mtime_of(artifact.sha256))?;
        }
        Ok(())
    }
}

/// One run of [`Recipe::plant`].
struct Planting<'a> {
    recipe: &'a Recipe<'a>,
    linker: &'a Linker,
    task: &'a Task,
    /// The first; the others are its company.
    failure: OnceLock<Error>,
    /// What was written with another prefix.
    anew: Mutex<Vec<(Place, Generated)>>,
    /// What of that has no digest yet.
    unhashed: Company<(Place, Written)>,
}

impl Planting<'_> {
    fn fill<'s>(&'s self, scope: &Scope<'s>, at: u32) {
        self.note(|| self.try_fill(scope, at));
    }

    /// Does it unless something failed before, and keeps its failure.
    fn note(&self, deed: impl FnOnce() -> Result<()>) {
        if self.failure.get().is_none()
            && let Err(fault) = deed()
        {
            let _ = self.failure.set(fault);
        }
    }

    fn try_fill<'s>(&'s self, scope: &Scope<'s>, at: u32) -> Result<()> {
        self.task.check()?;
        let span = self.task.span(Deed::Link, "");
        let Recipe { layout, staging, early, .. } = self.recipe;
        let dir = &layout.dirs[at as usize];
        for &child in &dir.children {
            let path = &layout.dirs[child as usize].path;
            if !early.is_some_and(|early| early.has_made(path)) {
                fs::create_dir(&staging.join(path))?;
            }
            scope.spawn(move |scope| self.fill(scope, child));
        }
        let folder = staging.join(&dir.path);
        let files = early.map_or_else(|| Cow::from(&dir.files), |early| early.unplaced(&dir.files).into());
        files.iter().try_for_each(|place| self.link(*place, &folder))?;
        for &place in &dir.links {
            self.make_link(place, &folder)?;
        }
        for &place in &dir.anew {
            scope.spawn(move |_| self.note(|| self.rewrite(&dir.path, place)));
        }
        span.end_shared(files.iter().map(|place| place.package));
        Ok(())
    }

    fn link(&self, place: Place, folder: &Path) -> Result<()> {
        let artifact = &self.recipe.artifacts[place.package as usize];
        let file = file_of(self.recipe.artifacts, place);
        let (to, time) = (folder.join(&file.name), artifact.time(place.file as usize));
        let place = || self.linker.place(&artifact.file(file), &to, file.executable, time);
        Ok(self.instead(&to, place)?)
    }

    fn make_link(&self, place: Place, folder: &Path) -> Result<()> {
        let Item::Link(link) = item_of(self.recipe.artifacts, place) else { return Ok(()) };
        let to = folder.join(&link.name);
        Ok(self.instead(&to, || fs::symlink(Path::new(&link.target), &to))?)
    }

    /// Makes something at `to`, where another package's file may be, which was there earlier but does not have the path.
    fn instead(&self, to: &Path, make: impl Fn() -> fs::Result<()>) -> fs::Result<()> {
        match make() {
            Err(fault) if fault.kind() == ErrorKind::AlreadyExists && self.recipe.early.is_some() => {
                fs::remove_file(to)?;
                make()
            }
            done => done,
        }
    }
}

impl Planting<'_> {
    /// Writes a file with the prefix where its placeholder was.
    fn rewrite(&self, dir: &str, place: Place) -> Result<()> {
        self.task.check()?;
        let Recipe { staging, artifacts, lock, prefix, .. } = self.recipe;
        let Item::Anew(file, rewrite) = item_of(artifacts, place) else { return Ok(()) };
        let artifact = &artifacts[place.package as usize];
        let conda = artifact.index.conda.as_deref();
        let placeholder = rewrite.placeholder.and_then(|at| Some(conda?.placeholders[at as usize].as_str()));
        let replacement = Replacement {
            placeholder: placeholder.unwrap_or_default(),
            prefix: prefix.to_str().ok_or_else(|| PrefixError::Unfit {
                path: prefix.to_path_buf(),
                why: "its name is not UTF-8, and files have to name it",
            })?,
        };
        let path = if dir.is_empty() { file.name.clone() } else { format!("{dir}/{}", file.name) };
        let package = lock.unit(place.package as usize).name.to_owned();
        let (from, to) = (artifact.file(file), staging.join(&path));
        if self.recipe.early.is_some() && !self.recipe.layout.lost.is_empty() && fs::exists(&to) {
            fs::remove_file(&to)?;
        }
        let (executable, mtime) = (file.executable, artifact.time(place.file as usize));
        let content = replacement.rewrite(&from, &to, rewrite.how, executable, mtime);
        let content = content.map_err(|fault| Error::rewriting(fault, &package, &prefix.join(&path)))?;
        let written = Written { path, package, size: content.len() as u64, executable };
        let ready = self.unhashed.join((place, written), content);
        self.anew.lock().unwrap_or_else(PoisonError::into_inner).extend(ready.into_iter().map(hashed));
        Ok(())
    }
}

fn hashed(((place, written), sha256): ((Place, Written), Sha256)) -> (Place, Generated) {
    (place, written.with(sha256))
}

/// Which script of the layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum ScriptKey {
    EntryPoint(usize),
    Rewritten(Place),
}
