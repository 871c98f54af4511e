//! Large answers are compressed for clients that take them so, as upstream: lists and objects, never watches.
//!
//! Start at [`compress`]. A large list is compressed piece by piece while it is sent, so that nobody else waits for it.

use crate::respond::Response;
use axum::body::Body;
use bytes::{Buf, Bytes};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::{Stream, StreamExt, stream};
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, VARY};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use http_body::Body as _;
use std::io::{self, Write};

/// Answers below this are sent as they are, as upstream.
const LEAST: u64 = 128 << 10;
/// How hard it tries, as upstream.
const LEVEL: Compression = Compression::new(4);
/// How much is compressed at once.
const PIECE: usize = 64 << 10;

/// Whether a request's client takes compressed answers.
pub(super) fn is_taken(method: &Method, headers: &HeaderMap) -> bool {
    let mut encodings = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|it| it.to_str().ok());
    method == Method::GET && encodings.any(|it| it.split(',').any(is_gzip))
}

/// `gzip`, and not with a weight of nothing.
fn is_gzip(encoding: &str) -> bool {
    let (name, weight) = encoding.split_once(';').unwrap_or((encoding, ""));
    let weight = weight.trim().strip_prefix("q=").unwrap_or("1");
    name.trim() == "gzip" && weight.parse::<f32>().is_ok_and(|it| it > 0.0)
}

/// Compresses a large answer.
pub(super) fn compress(response: Response) -> Response {
    let is_large = response.body().size_hint().exact().is_some_and(|it| it >= LEAST);
    let headers = response.headers();
    let is_text = headers.get(CONTENT_TYPE).is_some_and(|it| {
        [&b"application/json"[..], b"application/yaml"].iter().any(|text| it.as_bytes().starts_with(text))
    });
    if response.status() != StatusCode::OK || !is_large || !is_text || headers.contains_key(CONTENT_ENCODING)
    {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    parts.headers.append(VARY, HeaderValue::from_static("Accept-Encoding"));
    Response::from_parts(parts, Body::from_stream(compressed(body)))
}

/// The body's frames in pieces, and then the end of the compressed text.
fn compressed(body: Body) -> impl Stream<Item = io::Result<Bytes>> + Send {
    let pieces = body.into_data_stream().flat_map(|data| stream::iter(pieces_of(data)));
    let pieces = pieces.map(Some).chain(stream::once(async { None }));
    pieces.scan(Some(GzEncoder::new(Vec::new(), LEVEL)), |encoder, piece| {
        let text = match piece {
            Some(piece) => encoder.as_mut().map(|it| written(it, piece)),
            None => encoder.take().map(|it| it.finish().map(Bytes::from)),
        };
        async move { text }
    })
}

fn pieces_of(data: Result<Bytes, axum::Error>) -> Vec<Result<Bytes, axum::Error>> {
    let mut data = match data {
        Ok(data) => data,
        Err(error) => return vec![Err(error)],
    };
    let mut pieces = Vec::with_capacity(data.len() / PIECE + 1);
    while data.has_remaining() {
        pieces.push(Ok(data.split_to(data.len().min(PIECE))));
    }
    pieces
}

/// What compressing a piece gives so far; it may be nothing yet.
fn written(encoder: &mut GzEncoder<Vec<u8>>, piece: Result<Bytes, axum::Error>) -> io::Result<Bytes> {
    encoder.write_all(&piece.map_err(io::Error::other)?)?;
    Ok(std::mem::take(encoder.get_mut()).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::respond;
    use flate2::read::GzDecoder;
    use http_body_util::BodyExt;
    use std::io::Read;

    #[tokio::test]
    async fn large_answers_are_compressed_and_small_ones_are_not() {
        let text = r#"{"kind":"ConfigMap"}"#.repeat(20_000);
        let check = async |text: &str, media: &'static str, expect: bool| {
            let response = compress(respond::bytes(StatusCode::OK, media, text.to_owned()));
            assert_eq!(response.headers().contains_key(CONTENT_ENCODING), expect, "{media} {}", text.len());
            let body = response.into_body().collect().await.unwrap().to_bytes();
            let mut read = String::new();
            match expect {
                true => drop(GzDecoder::new(&body[..]).read_to_string(&mut read).unwrap()),
                false => read.push_str(std::str::from_utf8(&body).unwrap()),
            }
            assert_eq!(read, text);
            assert!(!expect || body.len() * 20 < text.len(), "{} bytes", body.len());
        };
        check(&text, "application/json", true).await;
        check(&text[..100_000], "application/json", false).await;
        check(&text, "text/plain; charset=utf-8", false).await;
    }

    #[test]
    fn who_takes_compressed_answers() {
        let check = |method: Method, encodings: &'static str, expect: bool| {
            let headers = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(encodings))]);
            assert_eq!(is_taken(&method, &headers), expect, "{method} {encodings}");
        };
        check(Method::GET, "gzip", true);
        check(Method::GET, "deflate, gzip;q=0.5, br", true);
        check(Method::GET, "gzip;q=0", false);
        check(Method::GET, "identity", false);
        check(Method::POST, "gzip", false);
    }
}
