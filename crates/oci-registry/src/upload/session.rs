//! An upload session: its address, which the registry changes as it likes, and how far it is
//! (distribution spec 1.1, "Pushing blobs"). Pure.

use http_retry::login;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, LOCATION, RANGE};
use url::Url;

/// A session that a registry opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Session {
    /// Where the next request goes.
    pub(crate) url: Url,
    /// Bytes that the registry has.
    pub(crate) offset: u64,
    /// Whether the registry said so when it was asked, instead of being counted here.
    pub(crate) stated: bool,
    /// The offset of the part that was last refused as out of order, and whether it was stated.
    pub(crate) refused: Option<(u64, bool)>,
    /// Bytes that every part but the last must have at least.
    pub(crate) least: u64,
}

impl Session {
    /// The session of an answer to a request to `url`. `Err`: what makes no sense in it.
    pub(crate) fn opened(url: &Url, headers: &HeaderMap) -> Result<Self, String> {
        let location = location(url, headers)?.ok_or("it has no Location")?;
        let least = headers.get("oci-chunk-min-length").and_then(|v| v.to_str().ok()?.parse().ok());
        let least = least.unwrap_or(0);
        Ok(Session { url: location, offset: 0, stated: false, refused: None, least })
    }

    /// Updates its address after this answer to a request to `url`; a registry that says nothing keeps the
    /// endpoint.
    pub(crate) fn follow(&mut self, url: &Url, headers: &HeaderMap) -> Result<(), String> {
        if let Some(url) = location(url, headers)? {
            self.url = url;
        }
        Ok(())
    }

    /// After a part that ends at `end` was taken. A range that does not move, or is invalid, comes from a registry that
    /// accepted it nevertheless (ECR); one inside the part is how far it was taken.
    pub(crate) fn advance(&mut self, end: u64, headers: &HeaderMap) {
        let said = received(headers).filter(|said| self.offset < *said && *said < end);
        self.offset = said.unwrap_or(end);
        (self.stated, self.refused) = (false, None);
    }

    /// The address that ends the session with this digest.
    pub(crate) fn closing(&self, digest: impl ToString) -> Url {
        let mut url = self.url.clone();
        url.query_pairs_mut().append_pair("digest", &digest.to_string());
        url
    }
}

/// Where a request with a body is to be sent instead: 307 and 308 keep the method (RFC 9110 15.4.8).
pub(crate) fn redirected(
    url: &Url,
    status: StatusCode,
    headers: &HeaderMap,
) -> Result<Option<Url>, String> {
    match status {
        StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => location(url, headers),
        _ => Ok(None),
    }
}

/// The absolute form of Location; a registry behind a TLS proxy may not know that it is.
fn location(base: &Url, headers: &HeaderMap) -> Result<Option<Url>, String> {
    let Some(value) = headers.get(LOCATION) else { return Ok(None) };
    let text = value.to_str().map_err(|_| "its Location is no text")?;
    let mut url =
        login::join(base, text).map_err(|error| format!("its Location is no URL: {error}"))?;
    if base.scheme() == "https" && url.scheme() == "http" && url.host_str() == base.host_str() {
        let explicit = url.port();
        // Both can only fail for URLs without a host.
        let _ = url.set_scheme("https");
        let _ = url.set_port(explicit);
    }
    if !matches!(url.scheme(), "https" | "http")
        || base.scheme() == "https" && url.scheme() == "http"
    {
        return Err(format!("its Location {} is less safe than the registry", url.scheme()));
    }
    Ok(Some(url))
}

/// Bytes that a registry has, from `Range: 0-LAST` (inclusive; some write `bytes=0-LAST`). `0-0` is
/// one byte by the specification and none in existing registries: it is ignored.
pub(crate) fn received(headers: &HeaderMap) -> Option<u64> {
    let text = headers.get(RANGE)?.to_str().ok()?.trim();
    let (first, last) = text.strip_prefix("bytes=").unwrap_or(text).split_once('-')?;
    let (first, last): (u64, u64) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    if first == 0 && last > 0 { last.checked_add(1) } else { None }
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, HeaderValue::from_static(value));
        }
        headers
    }

    fn open(base: &str, location: &'static str) -> Result<String, String> {
        let base = Url::parse(base).unwrap();
        Session::opened(&base, &headers(&[("location", location)])).map(|s| s.url.to_string())
    }

    #[test]
    fn a_location_is_resolved_and_never_less_safe() {
        let base = "https://r.example:5000/v2/a/blobs/uploads/";
        let at = |location| open(base, location).unwrap();
        assert_eq!(at("/v2/a/x?_state=b%3D"), "https://r.example:5000/v2/a/x?_state=b%3D");
        assert_eq!(at("x"), "https://r.example:5000/v2/a/blobs/uploads/x");
        assert_eq!(at("https://s.example/x"), "https://s.example/x");
        assert_eq!(at("http://r.example:5000/x"), "https://r.example:5000/x");
        assert!(open(base, "http://s.example/x").is_err());
        assert!(open(base, "ftp://r.example/x").is_err());
        assert_eq!(open("http://r/", "https://s/x").unwrap(), "https://s/x");
        assert!(Session::opened(&Url::parse(base).unwrap(), &HeaderMap::new()).is_err());
    }

    #[test]
    fn a_redirect_is_followed_where_the_method_is_kept_and_never_to_something_less_safe() {
        let url = Url::parse("https://r.example/v2/a/x").unwrap();
        let to = |status, location| {
            redirected(
                &url,
                StatusCode::from_u16(status).unwrap(),
                &headers(&[("location", location)]),
            )
        };
        let there = Url::parse("https://s3.example/b?sig=1").unwrap();
        assert_eq!(to(307, "https://s3.example/b?sig=1"), Ok(Some(there.clone())));
        assert_eq!(to(308, "https://s3.example/b?sig=1"), Ok(Some(there)));
        assert_eq!(to(303, "https://s3.example/b"), Ok(None));
        assert_eq!(to(202, "https://s3.example/b"), Ok(None));
        assert!(to(307, "http://s3.example/b").is_err());
    }

    #[test]
    fn a_session_keeps_its_query_when_it_ends() {
        let url = Url::parse("http://r/x?_state=a%3D").unwrap();
        let session = Session { url, offset: 0, stated: false, refused: None, least: 0 };
        assert_eq!(
            session.closing("sha256:0").as_str(),
            "http://r/x?_state=a%3D&digest=sha256%3A0"
        );
    }

    // aws/containers-roadmap#2831: parts of 10 MB, then 5 MB.
    #[test]
    fn a_part_that_was_taken_counts_although_the_range_stands_still() {
        let location = ("location", "/x");
        let url = Url::parse("https://r.example/").unwrap();
        let mut session = Session::opened(&url, &headers(&[location])).unwrap();
        let mut taken = |end, range| {
            session.advance(end, &headers(&[("range", range)]));
            session.offset
        };
        assert_eq!(taken(10_485_760, "0-10485759"), 10_485_760);
        assert_eq!(taken(20_971_520, "0-10485759"), 20_971_520);
        assert_eq!(taken(31_457_280, "0-10485759"), 31_457_280);
        // A part that was taken in part, and ranges that cannot be.
        assert_eq!(taken(40_000_000, "0-34999999"), 35_000_000);
        assert_eq!(taken(45_000_000, "0-99999999"), 45_000_000);
        assert_eq!(taken(50_000_000, "0-0"), 50_000_000);
    }

    #[test]
    fn ranges_are_inclusive_and_an_empty_one_is_ambiguous() {
        let received = |text| received(&headers(&[("range", text)]));
        assert_eq!(received("0-999"), Some(1000));
        assert_eq!(received("bytes=0-999"), Some(1000));
        for text in ["0-0", "5-9", "0-", "", "0-18446744073709551615"] {
            assert_eq!(received(text), None, "{text}");
        }
    }
}
