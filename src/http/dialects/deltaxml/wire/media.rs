//! In which of two ways jobs and errors are written.

/// A way to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Media {
    Xml,
    Json,
}

impl Media {
    /// What `Content-Type` says of it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Xml => "application/xml",
            Self::Json => "application/json",
        }
    }

    /// The way that a media type is written in.
    pub(crate) fn of(essence: &str) -> Option<Self> {
        let essence = essence.trim().to_ascii_lowercase();
        if essence == "application/xml" || essence == "text/xml" || essence.ends_with("+xml") {
            Some(Self::Xml)
        } else if essence == "application/json" || essence.ends_with("+json") {
            Some(Self::Json)
        } else {
            None
        }
    }

    /// The way that a client prefers that sent `Accept` and a body of the type `posted`. Where it has no preference,
    /// it is answered as it asked, and in XML if it asked in neither way.
    pub(crate) fn preferred<'a>(accept: impl Iterator<Item = &'a str>, posted: &str) -> Self {
        let (mut xml, mut json) = (0.0, 0.0);
        for range in accept.flat_map(|value| value.split(',')) {
            let mut parts = range.split(';');
            let best = match Self::of(parts.next().unwrap_or_default()) {
                Some(Self::Xml) => &mut xml,
                Some(Self::Json) => &mut json,
                None => continue,
            };
            let weight = parts.find_map(|part| part.trim().strip_prefix("q="));
            let weight = weight.map_or(1.0, |text| text.trim().parse().unwrap_or(0.0));
            *best = f32::max(*best, weight);
        }
        if xml > json {
            Self::Xml
        } else if json > xml {
            Self::Json
        } else {
            let posted = posted.split(';').next().unwrap_or_default();
            Self::of(posted).unwrap_or(Self::Xml)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_answered_as_it_prefers() {
        let check = |accept: &[&str], posted: &str, expected| {
            let preferred = Media::preferred(accept.iter().copied(), posted);
            assert_eq!(preferred, expected, "{accept:?} {posted}");
        };
        check(&[], "", Media::Xml);
        check(&["*/*"], "application/json; charset=utf-8", Media::Json);
        check(&["*/*"], "multipart/form-data; boundary=x", Media::Xml);
        check(&["text/html"], "application/json", Media::Json);
        check(&["application/json"], "application/xml", Media::Json);
        check(&["text/xml"], "application/json", Media::Xml);
        check(&["application/json, text/plain, */*"], "", Media::Json);
        check(
            &["application/json;q=0.5, application/xml"],
            "application/json",
            Media::Xml,
        );
        check(
            &["application/json", "application/xml;q=0.1"],
            "",
            Media::Json,
        );
        check(&["application/json;q=0"], "", Media::Xml);
        check(&["application/json;q=x"], "", Media::Xml);
        check(&["application/problem+json"], "", Media::Json);
    }
}
