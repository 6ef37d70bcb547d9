//! RECORD: what of an environment belongs to a distribution, in the installed form ("Recording installed
//! projects"): paths relative to site-packages, true hashes and sizes, whatever the wheel's own RECORD said.

use crate::digest::Sha256;

/// One file of a distribution.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    /// Relative to site-packages.
    pub path: String,
    /// Of the file as it stands in the environment.
    pub sha256: Sha256,
    /// Bytes.
    pub size: u64,
}

/// The path in RECORD of a file that lies at `path` below the prefix; `site` is site-packages below the prefix.
#[must_use]
pub fn relative(path: &str, site: &str) -> String {
    if let Some(inside) = path.strip_prefix(site).and_then(|rest| rest.strip_prefix('/')) {
        return inside.to_owned();
    }
    format!("{}{path}", "../".repeat(site.split('/').count()))
}

/// The text of RECORD at `own_path`, which stands in it without hash.
#[must_use]
pub fn text(mut rows: Vec<Row>, own_path: &str) -> String {
    rows.sort_unstable();
    rows.dedup_by(|one, other| one.path == other.path);
    let mut text = String::with_capacity(rows.len() * 100);
    for row in &rows {
        push_field(&mut text, &row.path);
        text.push_str(",sha256=");
        text.push_str(&row.sha256.to_record());
        text.push(',');
        text.push_str(&row.size.to_string());
        text.push('\n');
    }
    push_field(&mut text, own_path);
    text.push_str(",,\n");
    text
}

/// As Python's `csv` writes it: quoted only where it must be.
fn push_field(text: &mut String, field: &str) {
    if field.contains([',', '"', '\r', '\n']) {
        text.push('"');
        text.push_str(&field.replace('"', "\"\""));
        text.push('"');
    } else {
        text.push_str(field);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_relative_to_site_packages() {
        let site = "lib/python3.11/site-packages";
        let check = |path: &str, expected: &str| assert_eq!(relative(path, site), expected);
        check("lib/python3.11/site-packages/a/b.py", "a/b.py");
        check("bin/tool", "../../../bin/tool");
        check("lib/python3.11/site-packages-of-mine", "../../../lib/python3.11/site-packages-of-mine");
    }

    #[test]
    fn a_comma_in_a_name_is_quoted() {
        let row = Row { path: "a,\"b\".py".into(), sha256: Sha256([0; 32]), size: 3 };
        let expected = format!("\"a,\"\"b\"\".py\",sha256={},3\nx/RECORD,,\n", "A".repeat(43));
        assert_eq!(text(vec![row], "x/RECORD"), expected);
    }
}
