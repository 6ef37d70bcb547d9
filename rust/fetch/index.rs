//! Where a file of an index is that the lock only names, by this node's own settings.
//!
//! The URL: `FASTENV_INDEX_<NAME>_URL`, an entry `NAME=URL` of uv's `UV_INDEX` and `UV_DEFAULT_INDEX`, else what the lock
//! tells. The login: that URL's own, uv's `UV_INDEX_<NAME>_USERNAME` and `_PASSWORD`, else netrc, which is asked with
//! every request. A login goes to the index's own origin only.

use std::env;

use super::address::Address;
use super::error::FetchError;
use super::netrc::Login;
use crate::lock::NamedFile;

/// Reads a variable of the environment; one that is empty is none.
type Setting<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The URL of a package's file, with whatever login there is: never to be shown.
pub fn named_url(package: &str, file: &NamedFile) -> Result<String, FetchError> {
    let setting = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    url_by(file, &setting).map_err(|what| FetchError::Index {
        package: package.to_owned(),
        index: file.index.name.clone(),
        what,
    })
}

/// What to set where the index asks for a login; `host` is where it was asked.
pub(super) fn what_to_set(index: &str, host: &str) -> String {
    let stem = variable(index);
    format!(
        "the index {index} wants another login: set UV_INDEX_{stem}_USERNAME and UV_INDEX_{stem}_PASSWORD, or give \
         `machine {host} login ... password ...` in ~/.netrc or the file that $NETRC names; if a token is part of \
         its URL, set FASTENV_INDEX_{stem}_URL"
    )
}

/// What to set where nothing tells the index's URL.
pub(super) fn url_to_set(index: &str) -> String {
    format!("set FASTENV_INDEX_{}_URL to the URL of the index {index}", variable(index))
}

fn url_by(file: &NamedFile, setting: Setting<'_>) -> Result<String, String> {
    let name = &file.index.name;
    let of_lock = || file.index.url.clone().map(|url| (url, "the lock".to_owned()));
    let (url, place) = own_url(name, setting).or_else(of_lock).ok_or("nothing tells where it is")?;
    // What the setting holds may be a secret: only its place is said.
    let fault = |_| format!("{place} gives no http or https URL");
    let mut base = Address::parse(&as_folder(&url)).map_err(fault)?;
    if let Some(login) = own_login(name, &base, setting) {
        base.log_in(login);
    }
    let at = base.join(&file.path).map_err(|_| "the file's path in it is none".to_owned())?;
    Ok(at.with_login())
}

/// The URL by the environment, and who tells it.
fn own_url(name: &str, setting: Setting<'_>) -> Option<(String, String)> {
    let own = format!("FASTENV_INDEX_{}_URL", variable(name));
    if let Some(url) = setting(&own) {
        return Some((url, own));
    }
    ["UV_INDEX", "UV_DEFAULT_INDEX"].into_iter().find_map(|of_uv| {
        let entries = setting(of_uv)?;
        let mut named = entries.split_whitespace().filter_map(|entry| entry.split_once('='));
        named.find(|(key, _)| *key == name).map(|(_, url)| (url.to_owned(), of_uv.to_owned()))
    })
}

/// uv's variables, unless the URL has a password, or the user name of another.
fn own_login(name: &str, base: &Address, setting: Setting<'_>) -> Option<Login> {
    let stem = variable(name);
    let word = |end: &str| setting(&format!("UV_INDEX_{stem}_{end}"));
    let (user, password) = (word("USERNAME"), word("PASSWORD"));
    let of_url = base.login().map(|own| own.user.clone());
    let is_other = of_url.is_some() && user.is_some() && user != of_url;
    let is_known = base.login().is_some_and(|own| !own.password.is_empty());
    if is_other || is_known || (user.is_none() && password.is_none()) {
        return None;
    }
    Some(Login { user: user.or(of_url).unwrap_or_default(), password: password.unwrap_or_default() })
}

/// `MY_INDEX` of `my-index`, as uv has it.
fn variable(index: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    index.chars().map(letter).collect()
}

/// Paths are relative to what is below the index, with or without a slash at its end; a query is not for files.
fn as_folder(url: &str) -> String {
    let bare = url.split(['?', '#']).next().unwrap_or_default();
    format!("{}/", bare.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock::NamedIndex;

    fn url(stated: Option<&str>, path: &str, settings: &[(&str, &str)]) -> Result<String, String> {
        let index = NamedIndex { name: "our-index".into(), url: stated.map(str::to_owned) };
        let setting =
            |name: &str| settings.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        url_by(&NamedFile { index, path: path.to_owned() }, &setting)
    }

    #[test]
    fn an_index_that_nothing_tells_of_has_no_url() {
        assert!(url(None, "a.whl", &[]).is_err());
        assert!(url(None, "a.whl", &[("UV_INDEX", "other=https://i.example/ https://j.example/")]).is_err());
        for (name, word) in [("FASTENV_INDEX_OUR_INDEX_URL", "t0ken/simple"), ("UV_INDEX", "our-index=t0ken")]
        {
            let fault = url(Some("https://index.example/"), "a.whl", &[(name, word)]).unwrap_err();
            assert!(fault.contains(name) && !fault.contains("t0ken"), "{fault}");
        }
    }

    #[test]
    fn the_own_url_goes_before_that_of_the_lock() {
        let own = ("FASTENV_INDEX_OUR_INDEX_URL", "https://own.example/t0ken/simple?x");
        let of_uv = ("UV_INDEX", "x=https://x.example our-index=https://me:p%40ss@uv.example/simple/");
        let stated = Some("https://index.example/team/simple");
        for (settings, expected) in [
            (&[of_uv, own][..], "https://own.example/t0ken/files/a.whl"),
            (&[of_uv], "https://me:p%40ss@uv.example/files/a.whl"),
            (&[], "https://index.example/team/files/a.whl"),
        ] {
            assert_eq!(url(stated, "../files/a.whl", settings).unwrap(), expected);
        }
    }

    #[test]
    fn a_login_by_name_goes_to_the_index_alone() {
        let login = [("UV_INDEX_OUR_INDEX_USERNAME", "me"), ("UV_INDEX_OUR_INDEX_PASSWORD", "p@ss/w")];
        for (stated, path, expected) in [
            ("https://i.example/simple/", "a/a.whl", "https://me:p%40ss%2Fw@i.example/simple/a/a.whl"),
            ("https://i.example/simple/", "../../../../a.whl", "https://me:p%40ss%2Fw@i.example/a.whl"),
            ("https://i.example/simple/", "https://files.example/a.whl", "https://files.example/a.whl"),
            ("https://i.example:8443/simple/", "https://i.example/a.whl", "https://i.example/a.whl"),
            ("https://me@i.example/", "a.whl", "https://me:p%40ss%2Fw@i.example/a.whl"),
            ("https://you@i.example/", "a.whl", "https://you:@i.example/a.whl"),
            ("https://you:own@i.example/", "a.whl", "https://you:own@i.example/a.whl"),
        ] {
            assert_eq!(url(Some(stated), path, &login).unwrap(), expected);
        }
        assert_eq!(
            url(Some("http://i.example/"), "a", &login[1..]).unwrap(),
            "http://:p%40ss%2Fw@i.example/a"
        );
    }
}
