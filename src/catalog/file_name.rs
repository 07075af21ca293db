//! The file name in a URL.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// The last part of the path of `href` (absolute or relative, perhaps with a query), percent-decoded; empty where it
/// ends in `/`.
pub fn file_of<'a>(href: &Cow<'a, str>) -> Cow<'a, str> {
    let end = href.find('?').unwrap_or(href.len());
    let start = href[..end].rfind('/').map_or(0, |slash| slash + 1);
    let raw: Cow<'a, str> = match href {
        Cow::Borrowed(text) => Cow::Borrowed(&text[start..end]),
        Cow::Owned(text) => Cow::Owned(text[start..end].to_owned()),
    };
    if !raw.contains('%') {
        return raw;
    }
    Cow::Owned(percent_decode_str(&raw).decode_utf8_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_the_decoded_end_of_the_path() {
        for (href, file) in [
            ("https://files.example/whl/torch-2.14.0%2Bcu130.whl", "torch-2.14.0+cu130.whl"),
            ("/whl/a-1.whl?x=/y", "a-1.whl"),
            ("a-1.whl", "a-1.whl"),
            ("a%zz%4", "a%zz%4"),
            ("dir/", ""),
        ] {
            assert_eq!(file_of(&Cow::Borrowed(href)), file);
        }
    }
}
