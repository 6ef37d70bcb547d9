//! Where symbolic links lead: followed through the package's other links, they must stay in the environment.

use std::collections::HashMap;

use crate::conda::fault::MemberFault;
use crate::unpack::fault::EntryFault;

/// As many links as Linux follows.
const LONGEST_CHAIN: u32 = 40;
/// As many bytes as a link can say on Linux.
const LONGEST_TEXT: usize = 4095;

/// Texts of a package's links, by their paths below the prefix.
pub(crate) type Links<'a> = HashMap<&'a str, &'a str>;

/// Checks the link at `path` that says `text`.
pub(crate) fn check(path: &str, text: &str, links: &Links<'_>) -> Result<(), MemberFault> {
    let out = || MemberFault::LinkOut(text.to_owned());
    if text.is_empty() || text.starts_with('/') || text.contains(['\0', '\n']) {
        return Err(out());
    }
    if text.len() > LONGEST_TEXT {
        return Err(EntryFault::NameTooLong.into());
    }
    let mut at: Vec<String> = path.split('/').map(str::to_owned).collect();
    at.pop();
    let mut followed = 0;
    let mut ahead: Vec<String> = text.split('/').rev().map(str::to_owned).collect();
    while let Some(step) = ahead.pop() {
        match step.as_str() {
            "" | "." => {}
            ".." => {
                at.pop().ok_or_else(out)?;
            }
            _ => {
                at.push(step);
                let Some(target) = links.get(at.join("/").as_str()) else { continue };
                followed += 1;
                if followed > LONGEST_CHAIN {
                    return Err(MemberFault::LinkCircle(text.to_owned()));
                }
                if target.starts_with('/') {
                    return Err(out());
                }
                at.pop();
                ahead.extend(target.split('/').rev().map(str::to_owned));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_stay_inside() {
        let links: Links<'_> = [
            ("lib/deep/er/up", "../../.."),
            ("a", "b"),
            ("b", "a"),
            ("lib64", "lib"),
            ("short", "lib/deep/er"),
            ("self", "."),
        ]
        .into();
        let good =
            ["libx.so.1", "../share/x", "../lib64/x", "not/there", "./x", "deep/er/up/x", "../self/self/x"];
        for text in good {
            assert!(check("lib/x", text, &links).is_ok(), "{text}");
        }
        for text in [
            "",
            "/etc/passwd",
            "../../x",
            "..//../x",
            "deep/er/up/..",
            "deep/er/up/../x",
            "../short/../../../../x",
        ] {
            assert!(matches!(check("lib/x", text, &links), Err(MemberFault::LinkOut(_))), "{text}");
        }
        assert!(matches!(check("lib/x", "../a", &links), Err(MemberFault::LinkCircle(_))));
        assert!(check("lib/x", &"a/".repeat(2047), &links).is_ok());
        let long = "a/".repeat(500_000);
        assert!(matches!(check("lib/x", &long, &links), Err(MemberFault::Name(EntryFault::NameTooLong))));
        // The shape of the path alone would let this one out, its links do not.
        assert!(check("lib/x", "../short/../../x", &links).is_ok());
    }
}
