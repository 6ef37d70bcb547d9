//! RECORD (binary distribution format): what a wheel says that it holds.

use std::borrow::Cow;

use crate::digest::Sha256;
use crate::unpack::fault::WheelFault;

/// One row.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Row<'a> {
    /// As written.
    pub(crate) path: Cow<'a, str>,
    /// If there is one, of this kind, and well formed.
    pub(crate) sha256: Option<Sha256>,
    /// Whether what says that it is a sha256 is none.
    pub(crate) malformed: bool,
    /// As written, maybe empty.
    pub(crate) size: Cow<'a, str>,
}

/// The rows of `text`, which is the file called `file`.
pub(crate) fn parse<'a>(text: &'a str, file: &str) -> Result<Vec<Row<'a>>, WheelFault> {
    let mut rows = Vec::new();
    let mut reader = Reader(text);
    let mut number = 0;
    while !reader.0.is_empty() {
        number += 1;
        let fields = reader.row();
        let fields = fields.map_err(|fault| damaged(file, number, fault))?;
        match <[Cow<str>; 3]>::try_from(fields) {
            Ok([path, hash, size]) => {
                let claimed = hash.strip_prefix("sha256=");
                let sha256 = claimed.and_then(Sha256::from_record);
                rows.push(Row { path, sha256, malformed: claimed.is_some() && sha256.is_none(), size });
            }
            Err(fields) if fields.len() == 1 && fields[0].is_empty() => {}
            Err(fields) => {
                return Err(damaged(file, number, &format!("{} fields instead of 3", fields.len())));
            }
        }
    }
    Ok(rows)
}

fn damaged(file: &str, row: usize, fault: &str) -> WheelFault {
    WheelFault::Text { file: file.to_owned(), fault: format!("row {row}: {fault}") }
}

/// Comma-separated values as Python's `csv` writes them (RFC 4180): what is left to read.
struct Reader<'a>(&'a str);

impl<'a> Reader<'a> {
    fn row(&mut self) -> Result<Vec<Cow<'a, str>>, &'static str> {
        let mut fields = Vec::with_capacity(3);
        loop {
            fields.push(if self.0.starts_with('"') { self.quoted()? } else { self.plain() });
            if let Some(rest) = self.0.strip_prefix(',') {
                self.0 = rest;
                continue;
            }
            let ends = ["\r\n", "\n", "\r"];
            let rest = ends.iter().find_map(|end| self.0.strip_prefix(end));
            return match rest {
                Some(rest) => {
                    self.0 = rest;
                    Ok(fields)
                }
                None if self.0.is_empty() => Ok(fields),
                None => Err("text after a closing quote"),
            };
        }
    }

    fn plain(&mut self) -> Cow<'a, str> {
        let end = memchr::memchr3(b',', b'\n', b'\r', self.0.as_bytes()).unwrap_or(self.0.len());
        let (field, rest) = self.0.split_at(end);
        self.0 = rest;
        Cow::Borrowed(field)
    }

    fn quoted(&mut self) -> Result<Cow<'a, str>, &'static str> {
        let mut field = Cow::Borrowed("");
        let mut rest = &self.0[1..];
        loop {
            let (part, after) = rest.split_once('"').ok_or("a quote that does not close")?;
            field += part;
            let Some(more) = after.strip_prefix('"') else {
                self.0 = after;
                return Ok(field);
            };
            field += "\"";
            rest = more;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_quoted_or_not_and_any_line_end() {
        let hash = format!("sha256={}", Sha256::of(b"x").to_record());
        let text = format!("a,{hash},1\r\n\"b,\"\"c\",md5=xx,\n\nd,,\re,sha256=bad,2");
        let rows = parse(&text, "RECORD").unwrap();
        let seen: Vec<_> =
            rows.iter().map(|row| (&*row.path, row.sha256.is_some(), row.malformed, &*row.size)).collect();
        let expected = [
            ("a", true, false, "1"),
            ("b,\"c", false, false, ""),
            ("d", false, false, ""),
            ("e", false, true, "2"),
        ];
        assert_eq!(seen, expected);
    }

    #[test]
    fn damaged_rows_are_named() {
        for text in ["a,,\nb,", "a,,\n\"b", "a,,\n\"b\"c,,", "a,,\nb,,,"] {
            let fault = parse(text, "x/RECORD").unwrap_err().to_string();
            assert!(fault.starts_with("x/RECORD: row 2: "), "{fault}");
        }
    }
}
