//! Parameters of header values: `; name=value; name="value"` (RFC 9110, section 5.6.6). Pure.
//!
//! Tolerant of what other servers and clients send: a quoted string may lack its closing quote, white space may surround
//! `=`, and a parameter without a value is ignored.

/// The parameters of a header value: names in lower case, values unquoted. If the part before the first `;` is missing, as
/// in `filename=x`, the parameters start at the beginning.
pub(crate) fn params(value: &str) -> impl Iterator<Item = (String, String)> {
    let rest = match value.find(['=', ';']) {
        Some(at) if value[at..].starts_with('=') => value,
        Some(at) => &value[at + 1..],
        None => "",
    };
    Params { rest }
}

/// The `charset` of a media type, if it has one.
pub(crate) fn charset(media_type: &str) -> Option<String> {
    let charset = params(media_type).find(|(name, _)| name == "charset");
    let charset = charset.map(|(_, value)| value);
    charset.filter(|value| !value.is_empty())
}

struct Params<'a> {
    rest: &'a str,
}

impl Iterator for Params<'_> {
    type Item = (String, String);

    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            let end = self.rest.find(['=', ';']).unwrap_or(self.rest.len());
            let (name, after) = self.rest.split_at(end);
            let Some(text) = after.strip_prefix('=') else {
                self.rest = after.get(1..).unwrap_or_default();
                continue;
            };
            let (value, after) = value(text.trim_start());
            let next = after.split_once(';').map_or("", |(_, next)| next);
            self.rest = next;
            return Some((name.trim().to_ascii_lowercase(), value));
        }
        None
    }
}

/// Parses a token or a quoted string; returns it and the rest of the text.
fn value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(';').unwrap_or(text.len());
        return (text[..end].trim().to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut letters = quoted.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(letters.next().map(|(_, letter)| letter)),
            _ => value.push(letter),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charset_is_found_among_other_parameters() {
        let check = |media_type: &str, expected: Option<&str>| {
            assert_eq!(charset(media_type).as_deref(), expected, "{media_type}");
        };
        check("application/xml", None);
        check("application/xml; charset=ISO-8859-1", Some("ISO-8859-1"));
        check("text/xml;CharSet = \"utf-8\" ", Some("utf-8"));
        check("text/xml; a=\"b; charset=x\"; charset=y", Some("y"));
        check("text/xml;; version; charset=z;", Some("z"));
        check("text/xml; charset=", None);
        check("text/xml; charset", None);
        check("text/xml; charset=\"open", Some("open"));
        check("charset=utf-8; x", Some("utf-8"));
        check("", None);
    }
}
