//! Hostile and broken servers.

use std::time::Duration;

use bytes::Bytes;
use cloakroom::outbound::{Client, Error, MAX_REDIRECTS, Refusal, Request, Timeouts};
use http::header::{AUTHORIZATION, HeaderValue};
use http::{HeaderMap, Method};

use super::{Net, get, private_too};
use crate::harness::TEST_TIMEOUT;
use crate::origin::{Origin, reply, write};

/// Long enough for an immediate answer, short enough to wait for for a missing one.
const SHORT: Duration = Duration::from_millis(100);

fn client() -> Client {
    Client::new(private_too())
}

async fn within(timeouts: Timeouts, url: &str) -> Result<Vec<u8>, Error> {
    let client = client();
    let reply = client
        .send(Request::get(client.check(url)?), timeouts)
        .await?;
    reply.first_bytes(1 << 20).await
}

/// Keeps the connection open without sending anything.
fn hang() {
    loop {
        std::thread::park();
    }
}

#[tokio::test]
async fn request_has_accept_host_and_user_agent() {
    let origin = Origin::saying(reply("200 OK", "x-more: yes\r\n", b"hello"));
    let client = client();
    let mut headers = HeaderMap::new();
    headers.insert("webhook-id", HeaderValue::from_static("msg_1"));
    let request = Request {
        method: Method::POST,
        headers,
        body: Bytes::from_static(b"{}"),
        ..Request::get(client.check(&origin.url("/a b?c=d|e#f")).expect("a URL"))
    };
    let reply = client
        .send(request, Timeouts::within(TEST_TIMEOUT))
        .await
        .expect("a reply");
    assert_eq!(
        (reply.status.as_u16(), &reply.headers["x-more"]),
        (200, &HeaderValue::from_static("yes"))
    );
    let asked = origin.asked().pop().expect("it was asked");
    assert_eq!(
        (asked.method.as_str(), asked.path.as_str()),
        ("POST", "/a%20b?c=d|e")
    );
    for (name, expected) in [
        ("host", origin.address().to_string().as_str()),
        ("webhook-id", "msg_1"),
        ("content-length", "2"),
        ("accept-encoding", "identity"),
        ("connection", "close"),
    ] {
        assert_eq!(asked.headers[name], expected, "{name}");
    }
    assert!(asked.headers["user-agent"].starts_with("cloakroom/"));
}

#[tokio::test]
async fn every_wait_has_a_timeout() {
    let silent = Origin::new(|_, _| hang());
    let dripping_head = Origin::new(|_, stream| {
        write(stream, b"HTTP/1.1 200 OK\r\nx: ");
        for _ in 0..u32::MAX {
            write(stream, b"a");
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let stuck = Origin::new(|_, stream| {
        write(stream, b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello");
        hang();
    });
    let dripping_body = Origin::new(|_, stream| {
        write(stream, b"HTTP/1.1 200 OK\r\ncontent-length: 999999\r\n\r\n");
        for _ in 0..u32::MAX {
            write(stream, b"a");
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let informing = Origin::new(|_, stream| {
        for _ in 0..u32::MAX {
            write(stream, b"HTTP/1.1 103 Early Hints\r\n\r\n");
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let head = Timeouts {
        first_byte: SHORT,
        ..Timeouts::STREAM
    };
    let idle = Timeouts {
        idle: SHORT,
        ..Timeouts::STREAM
    };
    for (origin, timeouts) in [
        (&silent, head),
        (&dripping_head, head),
        (&informing, head),
        (&stuck, idle),
        (&dripping_body, Timeouts::within(SHORT)),
        (&silent, Timeouts::within(SHORT)),
    ] {
        let error = within(timeouts, &origin.url("/"))
            .await
            .expect_err("it never ends");
        assert!(matches!(error, Error::TimedOut(_)), "{error}");
        assert!(error.is_transient());
    }
    // A server without TLS that does not answer.
    let url = silent.url("/").replace("http:", "https:");
    let error = within(Timeouts::within(SHORT), &url)
        .await
        .expect_err("it never ends");
    assert!(
        matches!(error, Error::TimedOut(_) | Error::Tls(_)),
        "{error}"
    );
}

#[tokio::test]
async fn truncated_and_malformed_replies_are_errors() {
    for said in [
        &b""[..],
        b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"\x15\x03\x01\0\x02\x02\x46",
    ] {
        let origin = Origin::saying(said);
        let error = within(Timeouts::within(TEST_TIMEOUT), &origin.url("/"))
            .await
            .expect_err("it is cut");
        assert!(matches!(error, Error::Broken(_)), "{error}");
    }
    let heads = Origin::new(|_, stream| {
        write(stream, b"HTTP/1.1 200 OK\r\n");
        for _ in 0..4096 {
            write(stream, b"x: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n");
        }
    });
    let error = within(Timeouts::within(TEST_TIMEOUT), &heads.url("/"))
        .await
        .expect_err("it is too long");
    assert!(matches!(error, Error::Broken(_)), "{error}");
}

#[tokio::test]
async fn endless_reply_is_read_up_to_a_limit() {
    let endless = Origin::new(|_, stream| {
        write(
            stream,
            b"HTTP/1.1 200 OK\r\ncontent-length: 10000000000\r\n\r\n",
        );
        // The client disconnects, and then this ends.
        while std::io::Write::write_all(stream, &[b'a'; 16384]).is_ok() {}
    });
    let reply = get(&client(), &endless.url("/")).await.expect("a reply");
    assert_eq!(reply.first_bytes(4096).await, Ok(vec![b'a'; 4096]));
}

fn redirect(location: &str) -> Vec<u8> {
    reply(
        "302 Found",
        &format!("location: {location}\r\n"),
        b"elsewhere",
    )
}

async fn follow(client: &Client, url: &str) -> Result<(String, Vec<u8>), Error> {
    let mut request = Request::get(client.check(url)?);
    request
        .headers
        .insert(AUTHORIZATION, HeaderValue::from_static("Bearer secret"));
    let (target, reply) = client
        .follow(request, Timeouts::within(TEST_TIMEOUT))
        .await?;
    Ok((target.url().to_string(), reply.first_bytes(1000).await?))
}

#[tokio::test]
async fn redirects_are_not_followed_by_default() {
    let origin = Origin::new(|ask, stream| {
        let said = match ask.path.as_str() {
            "/a/b" => redirect("../c#d"),
            "/c" => redirect("//127.0.0.1:1/"),
            _ => redirect("/"),
        };
        write(stream, &said);
    });
    let client = client();
    let reply = get(&client, &origin.url("/a/b")).await.expect("a reply");
    assert_eq!(reply.status, 302);
    let from = client.check(&origin.url("/a/b")).expect("a URL");
    let next = reply
        .redirect(&from, client.policy())
        .expect("a URL")
        .expect("a redirect");
    assert_eq!(next.url().as_str(), origin.url("/c"));
    assert!(next.is_same_origin(&from));
    assert_eq!(origin.asked().len(), 1);
}

#[tokio::test]
async fn each_redirect_is_checked_and_credentials_stay_with_their_origin() {
    let other = Origin::new(|ask, stream| {
        let back = ask
            .path
            .strip_prefix("/back-to/")
            .map(|to| redirect(&format!("http://{to}/end")));
        write(
            stream,
            &back.unwrap_or_else(|| reply("200 OK", "", b"other")),
        );
    });
    let (there, back) = (other.url("/x"), other.address());
    let origin = Origin::new(move |ask, stream| {
        let said = match ask.path.as_str() {
            "/near" => redirect("/end"),
            "/far" => redirect(&there),
            "/around" => redirect(&format!("http://{back}/back-to/{}", ask.headers["host"])),
            _ => reply("200 OK", "", b"end"),
        };
        write(stream, &said);
    });
    let client = client();
    let token = |origin: &Origin| {
        origin
            .asked()
            .pop()
            .expect("it was asked")
            .headers
            .remove("authorization")
    };
    assert_eq!(
        follow(&client, &origin.url("/near")).await,
        Ok((origin.url("/end"), b"end".to_vec()))
    );
    assert_eq!(token(&origin).as_deref(), Some("Bearer secret"));
    assert_eq!(
        follow(&client, &origin.url("/far")).await,
        Ok((other.url("/x"), b"other".to_vec()))
    );
    assert_eq!(token(&other), None);
    assert_eq!(
        follow(&client, &origin.url("/around")).await,
        Ok((origin.url("/end"), b"end".to_vec()))
    );
    assert_eq!(token(&origin), None);
}

#[tokio::test]
async fn redirects_obey_the_policy_of_the_first_url() {
    for location in [
        "http://169.254.169.254/latest/meta-data/",
        "//169.254.169.254/",
        "http://0xa9fea9fe/",
        "http://[fe80::1]/",
        "file:///etc/passwd",
        "ftp://93.184.216.34/",
        "http://user:secret@93.184.216.34/",
        "http://meta.test/",
        "http://[",
    ] {
        let origin = Origin::saying(redirect(location));
        let net = Net::new(
            &[("meta.test", &[&["169.254.169.254"]])],
            Some(origin.address()),
        );
        let client = net.client(&private_too());
        let error = follow(&client, &origin.url("/")).await.expect_err(location);
        assert!(matches!(error, Error::Refused(_)), "{location}: {error}");
        assert_eq!(net.dialled(), [origin.address()], "{location}");
    }
    let public = Origin::saying(redirect("http://127.0.0.1/"));
    let net = Net::new(
        &[("public.test", &[&["93.184.216.34"]])],
        Some(public.address()),
    );
    let error = follow(&net.client(&super::public_only()), "http://public.test/").await;
    assert!(
        matches!(error, Err(Error::Refused(Refusal::Address { .. }))),
        "{error:?}"
    );
    assert_eq!(net.dialled().len(), 1);
}

#[tokio::test]
async fn redirects_are_limited() {
    let circle = Origin::new(|ask, stream| write(stream, &redirect(&format!("/{}", ask.before))));
    assert_eq!(
        follow(&client(), &circle.url("/")).await,
        Err(Error::Redirects)
    );
    assert_eq!(circle.asked().len(), MAX_REDIRECTS + 1);
    // A redirect without a Location is an ordinary reply.
    let nowhere = Origin::saying(reply("302 Found", "", b"nowhere"));
    assert_eq!(
        follow(&client(), &nowhere.url("/")).await,
        Ok((nowhere.url("/"), b"nowhere".to_vec()))
    );
}
