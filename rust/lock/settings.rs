//! What conda keeps of an environment beside its packages: `[tool.fastenv.variables]` and `[tool.fastenv.conda-meta]`.

use std::collections::{BTreeMap, HashSet};

use super::LockError;
use super::raw::RawTool;
use super::reader::Reader;

/// Names of variables that activation itself sets, whatever the case: conda takes them from nobody, or breaks.
const RESERVED: [&str; 6] =
    ["PATH", "CONDA_PREFIX", "CONDA_DEFAULT_ENV", "CONDA_SHLVL", "CONDA_PROMPT_MODIFIER", "FASTENV_ENV_ID"];

/// The environment variables, pins and mark of a conda environment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// `env_vars` of `conda-meta/state`, which activation sets.
    pub variables: BTreeMap<String, String>,
    /// The match specs of `conda-meta/pinned`.
    pub pinned: Vec<String>,
    /// The text of `conda-meta/frozen` (CEP 22), if there is one.
    pub frozen: Option<String>,
}

/// Why activation can't set a variable of this name, if it can't.
#[must_use]
pub fn unfit_name(name: &str) -> Option<&'static str> {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) || !name.bytes().all(inner) {
        return Some("is no name of a variable: letters, digits and _ are, with no digit in front");
    }
    let is_reserved = RESERVED.iter().any(|reserved| name.eq_ignore_ascii_case(reserved));
    is_reserved.then_some("is a variable that activation itself sets")
}

impl Reader<'_> {
    /// The checked tables.
    pub(super) fn settings(&self, tool: &RawTool) -> Result<Settings, LockError> {
        let meta = tool.conda_meta.clone().unwrap_or_default();
        let settings =
            Settings { variables: tool.variables.clone(), pinned: meta.pinned, frozen: meta.frozen };
        if tool.conda.is_empty() && settings != Settings::default() {
            let fault = "there are no conda packages, and so nothing that reads it";
            let place = if settings.variables.is_empty() { "conda-meta" } else { "variables" };
            return Err(self.value(&format!("tool.fastenv.{place}"), fault));
        }
        self.check_variables(&settings.variables)?;
        // Each is a line of a file and of the env id's text.
        let is_line = |spec: &String| {
            let is_plain = !spec.chars().any(|c| c.is_control() && c != '\t');
            is_plain && spec.trim() == spec && !spec.is_empty() && !spec.starts_with('#')
        };
        if let Some(spec) = settings.pinned.iter().find(|spec| !is_line(spec)) {
            return Err(self.value("tool.fastenv.conda-meta.pinned", format!("{spec:?} is no match spec")));
        }
        Ok(settings)
    }

    fn check_variables(&self, variables: &BTreeMap<String, String>) -> Result<(), LockError> {
        let mut names = HashSet::new();
        for (name, value) in variables {
            let fault = |fault: &str| self.value("tool.fastenv.variables", format!("{name:?} {fault}"));
            if let Some(why) = unfit_name(name) {
                return Err(fault(why));
            }
            if value.contains('\0') {
                return Err(fault("has a NUL in its value"));
            }
            // Activation sets names in capitals, as conda does.
            if !names.insert(name.to_ascii_uppercase()) {
                return Err(fault("differs from another variable in case alone"));
            }
        }
        Ok(())
    }
}
