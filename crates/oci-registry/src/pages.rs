//! Lists that come page by page (RFC 8288). Pure.

use http_retry::login;
use reqwest::header::{HeaderMap, LINK};
use url::Url;

/// The address of the next page of a list (RFC 8288), at the same registry only.
pub(crate) fn next_page(url: &Url, headers: &HeaderMap) -> Option<Url> {
    let text = headers.get(LINK)?.to_str().ok()?;
    let (address, rest) = text.trim().strip_prefix('<')?.split_once('>')?;
    let is_next = rest.contains("rel=\"next\"") || rest.contains("rel=next");
    let next = login::join(url, address).ok().filter(|_| is_next)?;
    (next.origin() == url.origin()).then_some(next)
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    #[test]
    fn the_next_page_is_at_the_same_registry_or_nowhere() {
        let url = Url::parse("https://r.example/v2/a/tags/list").unwrap();
        let next = |text: &'static str| {
            let headers = HeaderMap::from_iter([(LINK, HeaderValue::from_static(text))]);
            next_page(&url, &headers).map(|u| u.to_string())
        };
        let page = "https://r.example/v2/a/tags/list?n=1&last=x";
        assert_eq!(next("</v2/a/tags/list?n=1&last=x>; rel=\"next\"").as_deref(), Some(page));
        assert_eq!(next("<https://other.example/x>; rel=\"next\""), None);
        assert_eq!(next("</v2/x>; rel=\"prev\""), None);
        assert_eq!(next("no link"), None);
    }
}
