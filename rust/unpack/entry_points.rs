//! `entry_points.txt` (entry points specification): which scripts to generate.

use crate::unpack::fault::WheelFault;
use crate::unpack::index::EntryPoint;

/// The console and GUI scripts of `entry_points.txt`, in its order; of two with one name the last.
pub(crate) fn parse(text: &str) -> Result<Vec<EntryPoint>, WheelFault> {
    let mut found: Vec<EntryPoint> = Vec::new();
    let mut section = "";
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name.trim();
            continue;
        }
        let gui = match section {
            "console_scripts" => false,
            "gui_scripts" => true,
            _ => continue,
        };
        let point = parse_line(line, gui)?;
        found.retain(|other| other.name != point.name);
        found.push(point);
    }
    Ok(found)
}

/// `name = module:attr [extras]`. Extras are not asked for: installers generate the script anyway.
pub(crate) fn parse_line(line: &str, gui: bool) -> Result<EntryPoint, WheelFault> {
    let (name, value) = line.split_once('=').unwrap_or((line, ""));
    let (name, value) = (name.trim(), value.trim());
    let fault = |fault| WheelFault::EntryPoint { name: name.to_owned(), fault };
    check_name(name).map_err(fault)?;
    let object = match value.split_once('[') {
        Some((object, extras)) if extras.ends_with(']') => object.trim_end(),
        Some(_) => return Err(fault("its extras do not end with a bracket")),
        None => value,
    };
    let (module, attr) = object.split_once(':').ok_or_else(|| fault("it names no function to call"))?;
    let (module, attr) = (module.trim(), attr.trim());
    if !is_dotted(module) || !is_dotted(attr) {
        return Err(fault("its function is not of the form module.name:attribute"));
    }
    Ok(EntryPoint { name: name.to_owned(), module: module.to_owned(), attr: attr.to_owned(), gui })
}

/// It becomes a file in `bin`, and nowhere else.
fn check_name(name: &str) -> Result<(), &'static str> {
    match name {
        "" => Err("it has no name"),
        "." | ".." => Err("its name is a directory"),
        name if name.contains(['/', '\\']) => Err("its name has a path separator in it"),
        name if name.chars().any(char::is_control) => Err("its name has a control character in it"),
        name if name.len() > 255 => Err("its name is too long"),
        _ => Ok(()),
    }
}

/// It becomes Python text, so nothing but words and dots. Hyphens make no sense there but are found in the wild, where
/// they harm no one until the script is run.
fn is_dotted(text: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty() && word.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '-'))
    };
    text.split('.').all(is_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(name: &str, module: &str, attr: &str, gui: bool) -> EntryPoint {
        EntryPoint { name: name.into(), module: module.into(), attr: attr.into(), gui }
    }

    #[test]
    fn scripts_with_extras_comments_and_other_sections() {
        let text = "\u{20}# c\n[console_scripts]\na = m:f\nb=m.n:C.f [x,y]\n; d\nA = m : g\n\n\
                    [other]\nno/thing\n[gui_scripts]\r\nw v = m:h[x]\r\n[console_scripts]\na = k:f\n";
        let expected = [
            point("b", "m.n", "C.f", false),
            point("A", "m", "g", false),
            point("w v", "m", "h", true),
            point("a", "k", "f", false),
        ];
        assert_eq!(parse(text).unwrap(), expected);
    }

    #[test]
    fn what_must_not_become_a_script() {
        for line in [
            "a/b = m:f",
            "../a = m:f",
            ".. = m:f",
            "= m:f",
            "a\\b = m:f",
            "a\tb = m:f",
            "a",
            "a = m",
            "a = m:",
            "a = :f",
            "a = m:f [x",
            "a = m:f()",
            "a = m;n:f",
            "a = m:f g",
            "a = m..n:f",
            "a = m:f:g",
        ] {
            let fault = parse(&format!("[console_scripts]\n{line}")).unwrap_err();
            assert!(matches!(fault, WheelFault::EntryPoint { .. }), "{line}: {fault}");
        }
    }
}
