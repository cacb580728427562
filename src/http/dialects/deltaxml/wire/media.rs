//! The media types of requests and responses: XML or JSON.

use mime::Mime;

/// The format of a request or response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Media {
    Xml,
    Json,
}

impl Media {
    /// The value of `Content-Type`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Xml => "application/xml",
            Self::Json => "application/json",
        }
    }

    /// The format of a media type without parameters; `None` if it is neither XML nor JSON.
    pub(crate) fn of(essence: &str) -> Option<Self> {
        let media_type: Mime = essence.trim().parse().ok()?;
        let (kind, subtype) = (media_type.type_(), media_type.subtype());
        let is_application = kind == mime::APPLICATION;
        if media_type.suffix() == Some(mime::XML)
            || (subtype == mime::XML && (is_application || kind == mime::TEXT))
        {
            Some(Self::Xml)
        } else if media_type.suffix() == Some(mime::JSON)
            || (subtype == mime::JSON && is_application)
        {
            Some(Self::Json)
        } else {
            None
        }
    }

    /// The format of a response, by the request's `Accept`. If `Accept` prefers neither format, the response has the
    /// format of the request's body, whose `Content-Type` is `posted`, or else XML.
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
    fn accept_then_content_type_decide_the_format() {
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
