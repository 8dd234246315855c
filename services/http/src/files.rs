//! Answers from files.

use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use http_body_util::BodyExt;
use hyper::header::{
    CACHE_CONTROL, ETAG, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, LOCATION, RANGE,
    X_CONTENT_TYPE_OPTIONS,
};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use tower_http::services::ServeFile;
use wasmtime_wasi_http::Error as HttpError;

use crate::answer::NoAnswer;
use crate::body::ResponseBody;
use crate::error::ServeError;

/// The file that answers for its folder.
const INDEX: &str = "index.html";

/// A folder whose files answer requests.
pub(crate) struct Files {
    /// Without links, so that a file outside of it can be told.
    folder: PathBuf,
}

impl Files {
    /// Opens the folder of a route.
    pub(crate) fn open(folder: &Path) -> Result<Files, ServeError> {
        let opened = folder.canonicalize().and_then(|found| match found.is_dir() {
            true => Ok(Files { folder: found }),
            false => Err(io::Error::from(io::ErrorKind::NotADirectory)),
        });
        opened.map_err(|source| ServeError::Files { folder: folder.to_owned(), source })
    }

    /// Answers a request. `rest` is its path below the folder.
    pub(crate) async fn answer(
        &self,
        request: &Request<()>,
        rest: &str,
    ) -> Result<Response<ResponseBody>, NoAnswer> {
        if ![Method::GET, Method::HEAD].contains(request.method()) {
            return Err(NoAnswer::OtherMethod("GET, HEAD".to_owned()));
        }
        let path = self.folder.join(relative(rest).ok_or(NoAnswer::NotFound)?);
        let found = match tokio::fs::canonicalize(&path).await {
            // A link leads nowhere else.
            Ok(found) if found.starts_with(&self.folder) => found,
            _ => return Err(NoAnswer::NotFound),
        };
        let is_folder = tokio::fs::metadata(&found).await.is_ok_and(|data| data.is_dir());
        if is_folder && !request.uri().path().ends_with('/') {
            return redirect(request.uri().path());
        }
        let file = if is_folder { self.index(&found).await? } else { found };
        serve(&file, request.method(), request.headers()).await
    }

    /// Returns the file that answers for a folder.
    async fn index(&self, folder: &Path) -> Result<PathBuf, NoAnswer> {
        match tokio::fs::canonicalize(folder.join(INDEX)).await {
            Ok(found) if found.starts_with(&self.folder) => Ok(found),
            _ => Err(NoAnswer::NotFound),
        }
    }
}

/// Returns the path below the folder that a request names. Returns `None` if a part of it is hidden, or is not
/// the name of a file.
fn relative(rest: &str) -> Option<PathBuf> {
    let mut path = PathBuf::new();
    for part in rest.trim_end_matches('/').split('/').filter(|_| !rest.trim_matches('/').is_empty()) {
        let name = decoded(part)?;
        // `..` begins with a dot too.
        if name.is_empty() || name.starts_with('.') || name.contains(['/', '\\', '\0', ':']) {
            return None;
        }
        path.push(name);
    }
    Some(path)
}

/// Decodes a part of a path. Returns `None` if it is not UTF-8.
fn decoded(part: &str) -> Option<String> {
    percent_encoding::percent_decode_str(part).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

/// Sends the client to the folder's own path, so that links relative to it are right.
fn redirect(path: &str) -> Result<Response<ResponseBody>, NoAnswer> {
    // A path that begins with two slashes would name another host.
    let to = format!("/{}/", path.trim_matches('/'));
    let to = HeaderValue::from_str(&to).map_err(|_| NoAnswer::NotFound)?;
    let mut response = Response::new(ResponseBody::empty());
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    response.headers_mut().insert(LOCATION, to);
    Ok(response)
}

async fn serve(
    file: &Path,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response<ResponseBody>, NoAnswer> {
    let data = tokio::fs::metadata(file).await.map_err(|error| unreadable(file, &error))?;
    // A pipe would never end.
    if !data.is_file() {
        return Err(NoAnswer::NotFound);
    }
    let tag = tag(&data);
    let mut headers = headers.clone();
    let mut response = if names_tag(&headers, &tag) {
        let mut response = Response::new(ResponseBody::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        keep_what_holds(&mut headers, &tag);
        let mut request = Request::new(());
        *request.method_mut() = method.clone();
        *request.headers_mut() = headers;
        let served = ServeFile::new(file).try_call(request).await;
        served.map_err(|error| unreadable(file, &error))?.map(|body| {
            let body = body.map_err(|error| HttpError::InternalError(Some(error.to_string())));
            ResponseBody::of_host(body.boxed_unsync())
        })
    };
    let headers = response.headers_mut();
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(ETAG, tag);
    }
    // A file is what its name says, and a client asks whether it has changed.
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}

fn unreadable(file: &Path, error: &io::Error) -> NoAnswer {
    tracing::warn!(target: "airssys::http", file = %file.display(), "a file cannot be read: {error}");
    NoAnswer::Failed
}

/// Returns the tag of a file's content: its length and the time of its last change.
fn tag(data: &Metadata) -> String {
    let changed = data.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    format!("\"{:x}-{:x}\"", data.len(), changed.unwrap_or_default().as_nanos())
}

/// Returns true if the client has the content of this tag.
fn names_tag(headers: &HeaderMap, tag: &str) -> bool {
    let named = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut tags = named.flat_map(|value| value.split(',')).map(str::trim);
    tags.any(|own| own == "*" || own.strip_prefix("W/").unwrap_or(own) == tag)
}

/// Removes the conditions that others prevail over.
fn keep_what_holds(headers: &mut HeaderMap, tag: &str) {
    if headers.contains_key(IF_NONE_MATCH) {
        headers.remove(IF_MODIFIED_SINCE);
    }
    // A part of another content would not fit the parts that the client has.
    if headers.get(IF_RANGE).is_some_and(|own| own.as_bytes() != tag.as_bytes()) {
        headers.remove(RANGE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_stays_below_the_folder_and_names_no_hidden_file() {
        for (rest, expected) in [
            ("", Some("")),
            ("/", Some("")),
            ("a/b.css", Some("a/b.css")),
            ("a/", Some("a")),
            ("a%20b", Some("a b")),
            ("%C3%A4", Some("ä")),
            ("..", None),
            ("a/../b", None),
            ("%2e%2e/b", None),
            ("a%2fb", None),
            ("a%5cb", None),
            ("a%00", None),
            ("c:", None),
            (".git/config", None),
            ("a//b", None),
            ("/etc/passwd", None),
            ("%ff", None),
        ] {
            assert_eq!(relative(rest), expected.map(PathBuf::from), "{rest}");
        }
    }
}
