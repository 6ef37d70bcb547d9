//! What conda keeps of an environment beside packages: `conda-meta/state`, `pinned` and `frozen`.

use serde_json::json;

use crate::lock::Settings;

/// Has the variables that activation sets.
pub const STATE: &str = "state";
/// Has match specs that conda holds packages to, one a line.
const PINNED: &str = "pinned";
/// Is there if conda must not change the environment (CEP 22), and may say why.
const FROZEN: &str = "frozen";

/// The files' names in `conda-meta`, and their texts.
#[must_use]
pub fn files(settings: &Settings) -> Vec<(&'static str, String)> {
    let variables = (!settings.variables.is_empty()).then(|| {
        let table = json!(settings.variables);
        (STATE, format!("{{\"version\": 1, \"env_vars\": {table}}}\n"))
    });
    let pinned = (!settings.pinned.is_empty()).then(|| (PINNED, settings.pinned.join("\n") + "\n"));
    let frozen = settings.frozen.as_ref().map(|text| (FROZEN, text.clone()));
    [variables, pinned, frozen].into_iter().flatten().collect()
}

/// Whether the environment has a file of this name in `conda-meta` by them.
#[must_use]
pub fn has(settings: &Settings, name: &str) -> bool {
    match name {
        STATE => !settings.variables.is_empty(),
        PINNED => !settings.pinned.is_empty(),
        FROZEN => settings.frozen.is_some(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_in_condas_form() {
        assert_eq!(files(&Settings::default()), []);
        let settings = Settings {
            variables: [("B".to_owned(), "\"é\n".to_owned()), ("A".to_owned(), String::new())].into(),
            pinned: vec!["openssl 3.*".into(), "zlib".into()],
            frozen: Some(String::new()),
        };
        let expected = [
            (STATE, "{\"version\": 1, \"env_vars\": {\"A\":\"\",\"B\":\"\\\"é\\n\"}}\n".to_owned()),
            (PINNED, "openssl 3.*\nzlib\n".to_owned()),
            (FROZEN, String::new()),
        ];
        assert_eq!(files(&settings), expected);
        assert!(expected.iter().all(|(name, _)| has(&settings, name)));
        assert!(!expected.iter().any(|(name, _)| has(&Settings::default(), name)));
    }
}
