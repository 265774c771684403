//! Which bodies are read: their media types.

use super::field_error::FieldError;

/// What the media type of a body promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Media {
    /// One event.
    One,
    /// A batch.
    Batch,
    /// Plain JSON: one event is an object, a batch an array.
    Either,
}

const ACCEPTED: &str =
    "application/cloudevents+json, application/cloudevents-batch+json or application/json, in UTF-8";

pub(crate) fn of_body(content_type: &str) -> Result<Media, FieldError> {
    let refused = |found: &str| FieldError::new("content-type", ACCEPTED, found);
    let (essence, parameters) = split(content_type);
    let media = match essence.as_str() {
        "" => return Err(refused("nothing")),
        "application/cloudevents+json" => Media::One,
        "application/cloudevents-batch+json" => Media::Batch,
        "application/json" => Media::Either,
        _ => return Err(refused("another media type")),
    };
    let charset = parameters.split(';').filter_map(|parameter| parameter.split_once('='));
    let mut charset = charset.filter(|(name, _)| name.trim().eq_ignore_ascii_case("charset"));
    if charset.any(|(_, value)| !value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")) {
        return Err(refused("another charset"));
    }
    Ok(media)
}

/// Whether data of this media type is JSON.
pub(crate) fn is_json(content_type: &str) -> bool {
    let (essence, _) = split(content_type);
    let Some((kind, format)) = essence.split_once('/') else { return false };
    !kind.is_empty() && (format == "json" || format.ends_with("+json"))
}

/// `type/subtype` in lower case, and the parameters.
fn split(content_type: &str) -> (String, &str) {
    let (essence, parameters) = content_type.split_once(';').unwrap_or((content_type, ""));
    (essence.trim().to_ascii_lowercase(), parameters)
}
