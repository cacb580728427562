//! Callback requests: a GET with the job's id in the query, or a POST in the format of Standard Webhooks 1.0; and the
//! meaning of their responses.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use http::{Method, StatusCode};
use parking_lot::RwLock;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::config::Secret;
use crate::engine::{CallbackRequest, CallbackSender, Delivering, DeliveryOutcome};
use crate::failpoints;
use crate::http::native::wire as native;
use crate::job;
use crate::operations::OutboundClients;
use crate::outbound::{Client, Error, Request, Timeouts};

/// The timeout of one attempt, from the DNS lookup to the response.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(15);
/// The longest body, in bytes. A longer one omits the params and details of an error, which the receiver can look up.
const MAX_BODY_BYTES: usize = 20_000;
/// The longest error message in a shortened body, in characters.
const MAX_ERROR_CHARS: usize = 2000;
/// The longest pause that a `Retry-After` can ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_hours(24);

/// Sends callbacks to their URLs.
pub(crate) struct Webhooks {
    pub(crate) outbound: OutboundClients,
    pub(crate) secrets: RwLock<Vec<Secret>>,
}

impl CallbackSender for Webhooks {
    fn deliver(&self, message: CallbackRequest) -> Delivering {
        let outbound = self.outbound.of(message.job.token.as_deref());
        let request = self.request(&message, &outbound.client);
        Box::pin(async move {
            failpoints::panic_point("callback-delivery");
            let request = match request {
                Ok(mut request) => {
                    if let Some(trace) = &message.job.options.trace {
                        request.set_trace(trace);
                    }
                    request
                }
                Err(error) => return DeliveryOutcome::Never { error },
            };
            match outbound
                .client
                .send(request, Timeouts::within(ATTEMPT_TIMEOUT))
                .await
            {
                Ok(reply) => outcome(reply.status, &reply.headers),
                Err(error) if error.is_transient() => DeliveryOutcome::Again {
                    error: format!("{error}."),
                    after: None,
                    timed_out: matches!(error, Error::TimedOut(_)),
                },
                Err(error) => DeliveryOutcome::Never {
                    error: format!("{error}."),
                },
            }
        })
    }
}

impl Webhooks {
    fn request(&self, message: &CallbackRequest, client: &Client) -> Result<Request, String> {
        let callback = &message.callback;
        let check = |url: &str| {
            let checked = client.check(url);
            checked.map_err(|refusal| format!("The URL is refused: {refusal}."))
        };
        match callback.method {
            job::Method::Get => {
                let id = callback.id_format.format(message.job.id, message.job.seq);
                check(&with_job_id(&callback.url, &id)).map(Request::get)
            }
            job::Method::Post => {
                let body = body(message);
                let since = SystemTime::now().duration_since(UNIX_EPOCH);
                let timestamp = since.unwrap_or_default().as_secs();
                Ok(Request {
                    method: Method::POST,
                    target: check(&callback.url)?,
                    headers: self.headers(&message.job.id.to_string(), timestamp, &body),
                    body,
                })
            }
        }
    }

    fn headers(&self, id: &str, timestamp: u64, body: &[u8]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let ascii = |text: &str| HeaderValue::from_str(text).expect("ids and Base64 are ASCII");
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert("webhook-id", ascii(id));
        headers.insert("webhook-timestamp", timestamp.into());
        let secrets = self.secrets.read();
        if !secrets.is_empty() {
            let signed = secrets.iter();
            let signed: Vec<_> = signed
                .map(|secret| signature(secret, id, timestamp, body))
                .collect();
            headers.insert("webhook-signature", ascii(&signed.join(" ")));
        }
        headers
    }
}

/// A signature as in Standard Webhooks 1.0, "Verifying webhook authenticity".
fn signature(secret: &Secret, id: &str, timestamp: u64, body: &[u8]) -> String {
    let mut hmac =
        Hmac::<Sha256>::new_from_slice(secret.key()).expect("HMAC takes keys of any length");
    hmac.update(format!("{id}.{timestamp}.").as_bytes());
    hmac.update(body);
    format!(
        "v1,{}",
        BASE64_STANDARD.encode(hmac.finalize().into_bytes())
    )
}

/// The URL with the job's id added to its query. The existing query is unchanged; a fragment is removed.
fn with_job_id(url: &str, id: &str) -> String {
    let url = url.split('#').next().unwrap_or(url);
    let separator = match url.split_once('?') {
        None => "?",
        Some((_, query)) if query.is_empty() || query.ends_with('&') => "",
        Some(_) => "&",
    };
    format!("{url}{separator}jobId={id}")
}

fn body(message: &CallbackRequest) -> Bytes {
    let links = native::Links {
        base: &message.callback.base,
        token: message.monitor_token.clone(),
    };
    let job = native::job(&message.job, None, &message.params, &links);
    let mut data: Value = serde_json::from_slice(&job).expect("the native API writes JSON");
    let envelope = |data: &Value| {
        let status = message.job.status().as_str();
        let event = json!({ "type": format!("job.{status}"), "timestamp": data["finishedAt"], "data": data });
        Bytes::from(event.to_string())
    };
    let bytes = envelope(&data);
    if bytes.len() < MAX_BODY_BYTES {
        return bytes;
    }
    data["params"] = Value::Null;
    if let Some(error) = data["error"].as_object_mut() {
        error.remove("innererror");
        if let Some(Value::String(reason)) = error.get_mut("message")
            && let Some((end, _)) = reason.char_indices().nth(MAX_ERROR_CHARS)
        {
            reason.truncate(end);
        }
    }
    envelope(&data)
}

/// The outcome of an attempt that was answered.
fn outcome(status: StatusCode, headers: &HeaderMap) -> DeliveryOutcome {
    let error = format!("The server answered {status}.");
    if status.is_success() {
        DeliveryOutcome::Delivered
    } else if status == StatusCode::GONE {
        DeliveryOutcome::Never { error }
    } else {
        let after = headers
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok());
        let after = after
            .and_then(retry_after)
            .map(|pause| pause.min(MAX_RETRY_AFTER));
        DeliveryOutcome::Again {
            error,
            after,
            timed_out: false,
        }
    }
}

/// The value of `Retry-After`: seconds or a date (RFC 9110, section 10.2.3).
fn retry_after(text: &str) -> Option<Duration> {
    let seconds = text.trim().parse().map(Duration::from_secs);
    seconds.ok().or_else(|| {
        let date = httpdate::parse_http_date(text).ok()?;
        date.duration_since(SystemTime::now()).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callbacks_are_signed_per_standard_webhooks() {
        let secret: Secret =
            serde_json::from_value(json!("whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"))
                .expect("a secret");
        let body =
            br#"{"type":"job.succeeded","timestamp":"2026-01-01T00:00:00Z","data":{"jobId":"j1"}}"#;
        assert_eq!(
            signature(&secret, "msg_1", 1_767_225_600, body),
            "v1,JfW28R6mNUUaY2V4ZKpdN3pNXG4VZ6byZZRV0bD8Pm4="
        );
    }

    #[test]
    fn job_id_is_added_to_the_query() {
        let check =
            |url: &str, expected: &str| assert_eq!(with_job_id(url, "J"), expected, "{url}");
        check("http://a/b", "http://a/b?jobId=J");
        check("http://a/b?c=d", "http://a/b?c=d&jobId=J");
        check("http://a/b#e", "http://a/b?jobId=J");
        check("http://a/b#e?f", "http://a/b?jobId=J");
        check("http://a/b?", "http://a/b?jobId=J");
        check("http://a/b?#e", "http://a/b?jobId=J");
        check("http://a/b?c=d&", "http://a/b?c=d&jobId=J");
        check("http://a/b?c?", "http://a/b?c?&jobId=J");
        check("http://a?c=%26%3F%23", "http://a?c=%26%3F%23&jobId=J");
        check("http://a", "http://a?jobId=J");
    }

    #[test]
    fn statuses_decide_between_delivered_retry_and_failure() {
        let verdict = |status: u16, after: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_str(after).expect("ASCII"));
            outcome(StatusCode::from_u16(status).expect("a status"), &headers)
        };
        assert_eq!(verdict(204, ""), DeliveryOutcome::Delivered);
        assert!(matches!(verdict(410, "5"), DeliveryOutcome::Never { .. }));
        for (status, text, seconds) in [
            (503, "7", Some(7)),
            (301, "x", None),
            (500, "99999999999", Some(24 * 3600)),
        ] {
            let expected = seconds.map(Duration::from_secs);
            assert!(
                matches!(verdict(status, text), DeliveryOutcome::Again { after, .. } if after == expected),
                "{status}"
            );
        }
    }
}
