//! The message of a server that refuses a request, in the forms that registries and token servers use
//! (distribution spec 1.1 "Error Codes", RFC 6749 5.2), as one line for people.

use bytes::BytesMut;
use reqwest::Response;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use serde_json::Value;

use crate::challenge;

/// No more of an answer is read for the sake of a message.
const LONGEST_BODY: usize = 64 * 1024;

/// Characters of a message that are shown.
const LONGEST: usize = 400;

/// What a server says about a request that it refuses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ServerMessage {
    /// The first code, `BLOB_UPLOAD_UNKNOWN`; empty where nothing is said.
    pub(crate) code: String,
    /// All of it in one line; empty where nothing is said.
    pub(crate) message: String,
}

impl ServerMessage {
    /// Reads it out of an answer; what cannot be read or understood is nothing said.
    pub(crate) async fn read(mut answer: Response) -> Self {
        let headers = answer.headers().clone();
        let mut body = BytesMut::new();
        while body.len() < LONGEST_BODY
            && let Ok(Some(piece)) = answer.chunk().await
        {
            body.extend_from_slice(&piece);
        }
        Self::of(&headers, &body)
    }

    fn of(headers: &HeaderMap, body: &[u8]) -> Self {
        let mut said = match serde_json::from_slice(body) {
            Ok(Value::Object(fields)) => Self::structured(&Value::Object(fields)),
            _ => Self { code: String::new(), message: first_line(headers, body) },
        };
        if said.message.is_empty() {
            // The answer to a HEAD has no body.
            said.message = challenge::complaint(headers).unwrap_or_default();
        }
        said.message = tidy(&said.message);
        said
    }

    fn structured(answer: &Value) -> Self {
        let errors = answer["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
        let mut sentences: Vec<String> = Vec::new();
        let alone = if errors.is_empty() { std::slice::from_ref(answer) } else { errors };
        for sentence in alone.iter().filter_map(sentence) {
            if !sentences.contains(&sentence) {
                sentences.push(sentence);
            }
        }
        let code = errors.iter().find_map(|error| error["code"].as_str());
        Self { code: code.unwrap_or_default().to_owned(), message: sentences.join("; ") }
    }

    /// It after a colon, to be put behind a status; empty where nothing is said.
    pub(crate) fn detail(&self) -> String {
        if self.message.is_empty() { String::new() } else { format!(": {}", self.message) }
    }
}

/// One error: `message: detail (CODE)`, as much of it as there is.
fn sentence(error: &Value) -> Option<String> {
    let text = |names: &[&str]| {
        let found = names.iter().find_map(|name| error[*name].as_str());
        found.map(str::trim).filter(|text| !text.is_empty())
    };
    let message = text(&["message", "error_description"]);
    // GitLab has the reason here, and `manifest invalid` as the message.
    let detail = text(&["detail", "details"]).filter(|d| message.is_none_or(|m| !m.contains(d)));
    let words = [message, detail].into_iter().flatten().collect::<Vec<_>>().join(": ");
    match (words.is_empty(), text(&["code", "error"])) {
        (true, code) => code.map(str::to_owned),
        (false, Some(code)) => Some(format!("{words} ({code})")),
        (false, None) => Some(words),
    }
}

/// The first line of a text; a page for browsers says nothing in its first line.
fn first_line(headers: &HeaderMap, body: &[u8]) -> String {
    let kind = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("text/plain");
    let Ok(text) = std::str::from_utf8(body) else { return String::new() };
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let readable = kind.starts_with("text/plain") || kind.contains("json");
    if readable && !line.starts_with(['<', '{', '[']) { line.to_owned() } else { String::new() }
}

/// One line of bounded length without anything that moves a cursor.
fn tidy(text: &str) -> String {
    let text = text.replace(char::is_control, " ");
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderValue, WWW_AUTHENTICATE};

    use super::*;

    fn said(kind: &'static str, body: &str) -> ServerMessage {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(kind))]);
        ServerMessage::of(&headers, body.as_bytes())
    }

    /// Answers of real services; their sources are in the tests of the whole program.
    #[test]
    fn every_form_of_a_refusal_becomes_one_line() {
        let json = |body| said("application/json", body).message;
        for (body, line) in [
            (
                r#"{"errors":[{"code":"MANIFEST_INVALID","message":"manifest invalid","detail":"unknown media type: application/x"}]}"#,
                "manifest invalid: unknown media type: application/x (MANIFEST_INVALID)",
            ),
            (
                r#"{"errors":[{"code":"DENIED","message":"a"},{"code":"DENIED","message":"a"},{"code":"UNKNOWN","message":"b","detail":{"x":1}}]}"#,
                "a (DENIED); b (UNKNOWN)",
            ),
            (r#"{"errors":[{"code":"UNSUPPORTED"}]}"#, "UNSUPPORTED"),
            (r#"{"errors":[{"status":403,"message":"forbidden path"}]}"#, "forbidden path"),
            (r#"{"details":"incorrect username or password"}"#, "incorrect username or password"),
            (r#"{"error":"invalid_grant","error_description":"gone"}"#, "gone (invalid_grant)"),
            (r#"{"errors":[]}"#, ""),
            ("[1]", ""),
            ("{", ""),
        ] {
            assert_eq!(json(body), line, "{body}");
        }
        assert_eq!(said("text/plain; charset=utf-8", "\n no\x1b[2J way \nx").message, "no [2J way");
        assert_eq!(said("text/html", "<html>403</html>").message, "");
        assert_eq!(said("application/octet-stream", "bytes").message, "");
        assert_eq!(said("text/plain", &"x".repeat(1000)).message.chars().count(), LONGEST + 1);
        assert_eq!(said("application/json", r#"{"errors":[{"code":"DENIED"}]}"#).code, "DENIED");
    }

    #[test]
    fn where_a_body_says_nothing_the_challenge_may() {
        let text = r#"Bearer realm="r",error="insufficient_scope",error_description="push""#;
        let headers = HeaderMap::from_iter([(WWW_AUTHENTICATE, HeaderValue::from_static(text))]);
        assert_eq!(ServerMessage::of(&headers, b"").detail(), ": push (insufficient_scope)");
        assert_eq!(ServerMessage::of(&HeaderMap::new(), b"").detail(), "");
    }
}
