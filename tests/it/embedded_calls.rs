//! The calls of an embedded server besides submit and wait, async operations, and calls from outside of its runtime.

use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::task::{Context as TaskContext, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use cloakroom::config::Config;
use cloakroom::job::{JobId, Status};
use cloakroom::operations::{
    AsyncOperation, Context, Document, Input, OperationError, OperationOutput, OperationSpec,
};
use cloakroom::tokens::Tokens;
use cloakroom::{
    Builder, Cloakroom, Error, EventsEnded, JobEvent, JobFilter, JobOptions, JobRequest,
    StartError, WaitFor,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::runtime::Runtime;

use crate::harness::{Client, Site};
use crate::origin::{Origin, reply};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Params {
    /// `echo` or `hang`.
    act: String,
    #[serde(default)]
    source: Option<Document>,
}

/// Answers with what it was asked, or waits until it is dropped.
struct Act(Sender<&'static str>);

/// Says that the future of an attempt was dropped.
struct Dropped(Sender<&'static str>);

impl Drop for Dropped {
    fn drop(&mut self) {
        let _ = self.0.send("dropped");
    }
}

impl AsyncOperation for Act {
    fn spec(&self) -> OperationSpec {
        OperationSpec {
            inputs: [("source".to_owned(), Input::default())].into(),
            ..OperationSpec::new::<Params>("act", "Echo or hang")
        }
    }

    async fn run(&self, context: &Context) -> Result<OperationOutput, OperationError> {
        let params: Params = context.params()?;
        let mut text = params.act.clone();
        if params.act == "hang" {
            let _dropped = Dropped(self.0.clone());
            self.0.send("hangs").expect("the test listens");
            std::future::pending::<()>().await;
        }
        // Timers, tasks and blocking calls work, and so do documents from other servers.
        tokio::time::sleep(Duration::from_millis(1)).await;
        let spawned = tokio::spawn(async { "!" }).await;
        text.push_str(spawned.expect("a task"));
        if let Some(source) = &params.source {
            std::io::Read::read_to_string(&mut source.open(context)?, &mut text)?;
        }
        let mut result = context.result("text/plain", "act.txt");
        std::io::Write::write_all(&mut result, text.as_bytes())?;
        result.finish()
    }
}

fn builder(site: &Site) -> (Builder, std::sync::mpsc::Receiver<&'static str>) {
    let (sender, said) = channel();
    let builder = Cloakroom::builder().data(site.data()).without_built_in();
    (builder.async_operation(Act(sender)), said)
}

async fn text(cloakroom: &Cloakroom, id: JobId) -> String {
    let mut text = String::new();
    let mut result = cloakroom.result(id).await.expect("a result");
    result.read_to_string(&mut text).await.expect("its bytes");
    text
}

async fn echo(cloakroom: &Cloakroom) -> JobId {
    let id = cloakroom.submit("act", json!({ "act": "echo" })).await;
    let id = id.expect("a job");
    let job = cloakroom
        .wait(id, WaitFor::Terminal)
        .await
        .expect("its end");
    assert_eq!(job.status(), Status::Succeeded, "{job:?}");
    id
}

/// Runs a future on this thread without tokio.
pub(crate) fn block_on_without_tokio<T>(work: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut work = pin!(work);
    loop {
        match work.as_mut().poll(&mut TaskContext::from_waker(&waker)) {
            Poll::Ready(done) => return done,
            Poll::Pending => std::thread::park(),
        }
    }
}

#[test]
fn async_operation_uses_tokio_and_blocks_where_it_likes() {
    let site = Site::new();
    let origin = Origin::saying(reply(
        "200 OK",
        "content-type: text/plain\r\n",
        b" from afar",
    ));
    for runtime in [
        tokio::runtime::Builder::new_multi_thread(),
        tokio::runtime::Builder::new_current_thread(),
    ] {
        let mut runtime = runtime;
        let runtime = runtime.enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let (builder, _said) = builder(&site);
            let cloakroom = builder.start().await.expect("it starts");
            let id = echo(&cloakroom).await;
            assert_eq!(text(&cloakroom, id).await, "echo!");
            let source = json!({ "type": "http", "uri": origin.url("/x") });
            let params = json!({ "act": "got", "source": source });
            let id = cloakroom.submit("act", params).await.expect("a job");
            cloakroom
                .wait(id, WaitFor::Terminal)
                .await
                .expect("its end");
            assert_eq!(text(&cloakroom, id).await, "got! from afar");
            cloakroom.shutdown(Duration::ZERO).await;
        });
    }
}

#[test]
fn canceled_async_operation_is_dropped_where_it_waits() {
    let site = Site::new();
    Runtime::new().expect("a runtime").block_on(async {
        let (builder, said) = builder(&site);
        let cloakroom = builder.start().await.expect("it starts");
        let id = cloakroom.submit("act", json!({ "act": "hang" })).await;
        let id = id.expect("a job");
        let said = tokio::task::spawn_blocking(move || {
            assert_eq!(said.recv(), Ok("hangs"));
            said
        });
        let said = said.await.expect("it runs");
        cloakroom.cancel(id).await.expect("it is canceled");
        let job = cloakroom
            .wait(id, WaitFor::Terminal)
            .await
            .expect("its end");
        assert_eq!(job.status(), Status::Canceled);
        assert_eq!(said.try_recv(), Ok("dropped"));
        cloakroom.shutdown(Duration::ZERO).await;
    });
    site.check_tables();
}

#[test]
fn jobs_are_listed_retried_and_deleted() {
    let site = Site::new();
    Runtime::new().expect("a runtime").block_on(async {
        let (builder, said) = builder(&site);
        let cloakroom = builder.start().await.expect("it starts");
        let first = echo(&cloakroom).await;
        let second = cloakroom.retry(first).await.expect("a new job");
        assert_ne!(first, second);
        cloakroom
            .wait(second, WaitFor::Terminal)
            .await
            .expect("its end");
        assert_eq!(text(&cloakroom, second).await, "echo!");
        let hanging = cloakroom.submit("act", json!({ "act": "hang" })).await;
        let hanging = hanging.expect("a job");
        assert_eq!(cloakroom.retry(hanging).await, Err(Error::NotEnded));

        let ids = async |filter: JobFilter| {
            let page = cloakroom.jobs(filter).await.expect("a page");
            let ids: Vec<_> = page.jobs.iter().map(|job| job.id).collect();
            (ids, page.next)
        };
        let (all, next) = ids(JobFilter::default()).await;
        assert_eq!((all, next), (vec![hanging, second, first], None));
        let two = JobFilter {
            limit: Some(2),
            ..JobFilter::default()
        };
        let (page, next) = ids(two.clone()).await;
        assert_eq!(page, [hanging, second]);
        let rest = JobFilter { after: next, ..two };
        assert_eq!(ids(rest).await, (vec![first], None));
        let ended = JobFilter {
            statuses: vec![Status::Succeeded],
            ..JobFilter::default()
        };
        assert_eq!(ids(ended).await.0, [second, first]);
        let other = JobFilter {
            operation: Some("zip".to_owned()),
            ..JobFilter::default()
        };
        assert_eq!(ids(other).await.0, []);

        cloakroom.delete(first).await.expect("it is deleted");
        assert_eq!(cloakroom.job(first).await, Err(Error::NotFound));
        assert_eq!(cloakroom.delete(first).await, Err(Error::NotFound));
        assert_eq!(cloakroom.retry(first).await, Err(Error::NotFound));
        // A running job is deleted as well, and its attempt stops.
        cloakroom.delete(hanging).await.expect("it is deleted");
        let said = tokio::task::spawn_blocking(move || [said.recv(), said.recv()]);
        assert_eq!(said.await.expect("events"), [Ok("hangs"), Ok("dropped")]);
        cloakroom.shutdown(Duration::ZERO).await;
    });
    site.check_tables();
}

#[test]
fn events_report_changes_until_the_server_stops() {
    let site = Site::new();
    Runtime::new().expect("a runtime").block_on(async {
        let (builder, _said) = builder(&site);
        let cloakroom = builder.start().await.expect("it starts");
        let mut events = cloakroom.events();
        let id = echo(&cloakroom).await;
        loop {
            match events.next().await.expect("an event") {
                JobEvent::Changed(job) => {
                    assert_eq!(job.id, id);
                    if job.is_terminal() {
                        break;
                    }
                }
                JobEvent::Deleted { .. } => panic!("it is there"),
            }
        }
        cloakroom.delete(id).await.expect("it is deleted");
        let deleted = events.next().await.expect("an event");
        assert!(matches!(deleted, JobEvent::Deleted { id: gone, .. } if gone == id));
        let (ended, ()) = tokio::join!(events.next(), cloakroom.shutdown(Duration::ZERO));
        assert_eq!(ended, Err(EventsEnded::Stopped));
    });
}

#[test]
fn repeated_request_returns_the_first_job() {
    let site = Site::new();
    let anna = site.token("anna", &[]);
    Runtime::new().expect("a runtime").block_on(async {
        let (builder, _said) = builder(&site);
        let any: std::net::SocketAddr = ([127, 0, 0, 1], 0).into();
        let tokens = Tokens::open(&site.data()).expect("a file of tokens");
        let cloakroom = builder.listen(any).tokens(tokens).start().await;
        let cloakroom = cloakroom.expect("it starts");
        let request = |act: &str| {
            let request = JobRequest::new("act", json!({ "act": act }));
            request.idempotency_key("one").token("anna")
        };
        let first = cloakroom.submit_request(request("echo")).await;
        let first = first.expect("a job");
        let again = cloakroom.submit_request(request("echo")).await;
        assert_eq!(again, Ok(first));
        let other = cloakroom.submit_request(request("other")).await;
        assert_eq!(other, Err(Error::KeyTaken));
        let options = JobOptions::default().forget_when_read();
        let other = cloakroom.submit_request(request("echo").options(options));
        assert_eq!(other.await, Err(Error::KeyTaken));
        // The keys of tokens are their own.
        let own = JobRequest::new("act", json!({ "act": "other" })).idempotency_key("one");
        let own = cloakroom.submit_request(own).await.expect("a job");
        for bad in [
            request("echo").token("a b"),
            request("echo").token(""),
            request("echo").idempotency_key(""),
            request("echo").idempotency_key("x".repeat(256)),
        ] {
            let refused = cloakroom.submit_request(bad).await;
            assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
        }

        // Over HTTP, the job is the token's, and the same request has the same key.
        let address = cloakroom.addresses()[0].tcp().expect("an address");
        let ask = move || {
            let client = Client::new(address);
            let auth = ("authorization", &*anna);
            client.ask("GET", &format!("/v1/jobs/{own}"), &[auth], b"", 404);
            let json = ("content-type", "application/json");
            let headers = [auth, json, ("idempotency-key", "one")];
            let path = "/v1/operations/act";
            client.ask("POST", path, &headers, br#"{"act":"echo"}"#, 202)
        };
        let asked = tokio::task::spawn_blocking(ask).await.expect("answers");
        assert_eq!(asked.json()["id"], first.to_string());
        cloakroom.shutdown(Duration::ZERO).await;
    });
}

#[test]
fn calls_from_outside_of_the_runtime_work() {
    let site = Site::new();
    let (outside, _said) = builder(&site);
    let refused = block_on_without_tokio(outside.start()).err();
    assert!(
        matches!(refused, Some(StartError::NoRuntime)),
        "{refused:?}"
    );

    let runtime = Runtime::new().expect("a runtime");
    let (inside, _said) = builder(&site);
    let cloakroom = runtime.block_on(inside.start()).expect("it starts");
    let calls = || async {
        let id = echo(&cloakroom).await;
        assert_eq!(text(&cloakroom, id).await, "echo!");
        let mut events = cloakroom.events();
        cloakroom.delete(id).await.expect("it is deleted");
        events.next().await.expect("an event");
        cloakroom.jobs(JobFilter::default()).await.expect("a page");
        let data = site.data();
        let config = Config {
            data,
            ..Config::default()
        };
        let reloaded = cloakroom.reload(config).await.expect("it is reloaded");
        assert!(
            !reloaded.restart.contains(&"data".to_owned()),
            "{reloaded:?}"
        );
    };
    block_on_without_tokio(calls());
    // A runtime of another kind.
    let other = tokio::runtime::Builder::new_current_thread().build();
    other.expect("a runtime").block_on(calls());
    block_on_without_tokio(cloakroom.shutdown(Duration::ZERO));
    drop(runtime);
    let late = block_on_without_tokio(cloakroom.submit("act", json!({ "act": "echo" })));
    assert_eq!(late, Err(Error::Stopped));
    site.check_tables();
}
