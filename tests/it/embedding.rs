//! Servers embedded in another program: this test, and the examples.

use std::net::TcpListener;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use cloakroom::config::Config;
use cloakroom::job::{JobId, Method, Status};
use cloakroom::operations::{Context, Operation, OperationError, OperationOutput, OperationSpec};
use cloakroom::tokens::Tokens;
use cloakroom::{Builder, Cloakroom, Error, JobOptions, StartError, WaitFor};
use parking_lot::Mutex;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;

use crate::harness::{Client, Site, wait_for};
use crate::origin::{Origin, reply};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Params {
    bytes: usize,
}

/// An operation that returns this number of bytes once the test allows it.
struct Gate(Mutex<Receiver<()>>);

impl Operation for Gate {
    fn spec(&self) -> OperationSpec {
        OperationSpec::new::<Params>("gate", "Wait, then count")
    }

    fn run(&self, context: &Context) -> Result<OperationOutput, OperationError> {
        let Params { bytes } = context.params()?;
        while self
            .0
            .lock()
            .recv_timeout(Duration::from_millis(5))
            .is_err()
        {
            context.check()?;
        }
        let mut result = context.result("text/plain", "bytes.txt");
        std::io::Write::write_all(&mut result, &vec![b'x'; bytes])?;
        result.finish()
    }
}

/// A builder without HTTP for a gated operation, and the sender that opens the gate.
fn gated(data: &Path) -> (Builder, Sender<()>) {
    let (open, gate) = channel();
    let builder = Cloakroom::builder().data(data).without_built_in();
    (builder.operation(Gate(Mutex::new(gate))), open)
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let done = runtime.block_on(work);
    runtime.shutdown_background();
    done
}

async fn read(cloakroom: &Cloakroom, id: JobId) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut result = cloakroom.result(id).await.expect("a result");
    let read = result.read_to_end(&mut bytes).await.expect("its bytes");
    assert_eq!(read as u64, result.output().size);
    bytes
}

#[test]
fn job_is_submitted_awaited_and_read_without_http() {
    let site = Site::new();
    block_on(async {
        let (builder, open) = gated(&site.data());
        let cloakroom = builder.start().await.expect("it starts");
        assert!(cloakroom.addresses().is_empty());
        let params = json!({ "bytes": 700_000 });
        let id = cloakroom.submit("gate", params).await.expect("a job");
        let early = cloakroom.result(id).await.expect_err("it waits");
        assert!(matches!(early, Error::NoResult(_)), "{early}");
        open.send(()).expect("the operation waits");
        let job = cloakroom
            .wait(id, WaitFor::Terminal)
            .await
            .expect("its end");
        assert_eq!(job.status(), Status::Succeeded);
        assert_eq!(cloakroom.job(id).await.expect("it is there"), job);
        // Read twice, because the result is kept. An empty result ends as well.
        for _ in 0..2 {
            assert!(read(&cloakroom, id).await == vec![b'x'; 700_000]);
        }
        let empty = cloakroom.submit("gate", json!({ "bytes": 0 })).await;
        let empty = empty.expect("a job");
        open.send(()).expect("the operation waits");
        cloakroom
            .wait(empty, WaitFor::Terminal)
            .await
            .expect("its end");
        assert!(read(&cloakroom, empty).await.is_empty());

        let params = json!({ "bytes": "many", "colour": 1 });
        let refused = cloakroom.submit("gate", params).await;
        assert!(matches!(&refused, Err(Error::Invalid(faults)) if faults.len() == 2));
        let refused = cloakroom.submit("zip", json!({})).await;
        assert_eq!(refused, Err(Error::UnknownOperation("zip".to_owned())));
        assert_eq!(cloakroom.cancel(id).await, Err(Error::AlreadyEnded));
        cloakroom.shutdown(Duration::ZERO).await;
    });
    site.check_tables();
}

#[test]
fn result_is_written_called_back_and_consumed_once() {
    let site = Site::new();
    let receiver = Origin::saying(reply("204 No Content", "", b""));
    block_on(async {
        let (builder, open) = gated(&site.data());
        let root = format!("docs={}", site.docs().display());
        let builder = builder.root(root.parse().expect("a root"));
        let cloakroom = builder.start().await.expect("it starts");
        let submit = async |bytes: usize, options: JobOptions| {
            let params = json!({ "bytes": bytes });
            let id = cloakroom.submit_with("gate", params, options).await?;
            open.send(()).expect("the operation waits");
            cloakroom.wait(id, WaitFor::Terminal).await
        };
        let placed = JobOptions::default().output("/docs/made.txt");
        let placed = placed.callback(Method::Post, receiver.url("/hook"));
        let job = submit(1000, placed).await.expect("a job");
        assert_eq!(job.status(), Status::Succeeded);
        let made = std::fs::read(site.docs().join("made.txt"));
        assert_eq!(made.expect("the file"), vec![b'x'; 1000]);
        assert_eq!(read(&cloakroom, job.id).await, vec![b'x'; 1000]);

        let once = JobOptions::default().forget_when_read();
        let once = once.callback(Method::Get, receiver.url("/done"));
        let job = submit(3, once).await.expect("a job");
        assert_eq!(read(&cloakroom, job.id).await, b"xxx");
        let gone = cloakroom.result(job.id).await.expect_err("it was read");
        assert_eq!(
            gone.to_string(),
            "the job has no result: it has been deleted"
        );
        let get = format!("/done?jobId={}", job.id);
        let asked = tokio::task::spawn_blocking(move || {
            wait_for("two calls", || {
                (receiver.asked().len() == 2).then(|| receiver.asked())
            })
        });
        let asked = asked.await.expect("the calls");
        let of = |method: &str| {
            asked
                .iter()
                .find(|ask| ask.method == method)
                .expect("a call")
        };
        assert_eq!(of("GET").path, get);
        let event: Value = serde_json::from_slice(&of("POST").body).expect("JSON");
        assert_eq!(event["type"], "job.succeeded", "{event}");
        assert_eq!(event["data"]["output"]["path"], "/docs/made.txt", "{event}");

        let wrong = JobOptions::default().output("/elsewhere/made.txt");
        let wrong = wrong.callback(Method::Get, "ftp://example.org/");
        let refused = submit(1, wrong).await;
        assert!(
            matches!(&refused, Err(Error::Invalid(faults)) if faults.len() == 2),
            "{refused:?}"
        );
        cloakroom.shutdown(Duration::ZERO).await;
    });
    site.check_tables();
}

#[test]
fn shutdown_requeues_running_jobs_and_answers_waiters() {
    let site = Site::new();
    block_on(async {
        let (builder, _open) = gated(&site.data());
        let cloakroom = builder.start().await.expect("it starts");
        let id = cloakroom.submit("gate", json!({ "bytes": 1 })).await;
        let id = id.expect("a job");
        let submitted = cloakroom.job(id).await.expect("it is there");
        let waiting = cloakroom.wait(id, WaitFor::Terminal);
        let (seen, ()) = tokio::join!(waiting, cloakroom.shutdown(Duration::ZERO));
        assert_eq!(seen.expect("it is there").attempt, submitted.attempt);
        cloakroom.shutdown(Duration::ZERO).await;
        let late = cloakroom.submit("gate", json!({ "bytes": 1 })).await;
        assert_eq!(late, Err(Error::Stopped));

        // The same data again in the same process: the requeued attempt does not count as interrupted.
        let (builder, open) = gated(&site.data());
        let cloakroom = builder.start().await.expect("it starts again");
        open.send(()).expect("the operation waits");
        let job = cloakroom
            .wait(id, WaitFor::Terminal)
            .await
            .expect("its end");
        assert_eq!(
            (job.status(), job.interrupted_attempts),
            (Status::Succeeded, 1)
        );

        let canceled = cloakroom.submit("gate", json!({ "bytes": 1 })).await;
        let canceled = canceled.expect("a job");
        cloakroom.cancel(canceled).await.expect("it can be");
        let job = cloakroom.wait(canceled, WaitFor::Terminal).await;
        assert_eq!(job.expect("its end").status(), Status::Canceled);
        let none = cloakroom.result(canceled).await.expect_err("it has none");
        assert_eq!(
            none.to_string(),
            "the job has no result: the job is canceled"
        );
        cloakroom.shutdown(Duration::ZERO).await;
    });
    site.check_tables();
}

#[test]
fn passed_listener_is_served_and_requires_tokens() {
    let site = Site::new();
    site.write("a", b"a");
    let token = site.token("anna", &[]);
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        let root = format!("docs={}:ro", site.docs().display());
        let cloakroom = Cloakroom::builder()
            .data(site.data())
            .root(root.parse().expect("a root"))
            .listener(listener)
            .tokens(Tokens::open(&site.data()).expect("a file of tokens"))
            .start()
            .await
            .expect("it starts");
        assert_eq!(cloakroom.addresses(), [address.into()]);
        let own = cloakroom.submit("zip", json!({ "path": "/docs/a" })).await;
        let own = own.expect("a job");
        let ask = move || {
            let client = Client::new(address);
            client.get("/v1/jobs", 401);
            let path = format!("/v1/jobs/{own}");
            client.ask("GET", &path, &[("authorization", &token)], b"", 404);
            // Here the result is consumed by reading it.
            let headers = [
                ("authorization", &*token),
                ("content-type", "application/json"),
            ];
            let path = "/v1/operations/zip?keep=false";
            client
                .ask("POST", path, &headers, br#"{"path":"/docs/a"}"#, 202)
                .json()
        };
        let job = tokio::task::spawn_blocking(ask).await.expect("answers");
        let id: JobId = job["id"].as_str().expect("an id").parse().expect("an id");
        let job = cloakroom
            .wait(id, WaitFor::Terminal)
            .await
            .expect("its end");
        assert_eq!(job.token.as_deref(), Some("anna"));
        assert!(read(&cloakroom, id).await.starts_with(b"PK"));
        let gone = cloakroom.result(id).await.expect_err("it was taken");
        assert_eq!(
            gone.to_string(),
            "the job has no result: it has been deleted"
        );
        cloakroom.shutdown(Duration::ZERO).await;
        assert!(std::net::TcpStream::connect(address).is_err());
    });
    site.check_tables();
}

#[test]
fn failed_server_is_not_ready() {
    let site = Site::new();
    block_on(async {
        let builder = Cloakroom::builder().data(site.data());
        let any: std::net::SocketAddr = ([127, 0, 0, 1], 0).into();
        let builder = builder.listen(any);
        let cloakroom = builder.start().await.expect("it starts");
        let address = cloakroom.addresses()[0].tcp().expect("an address");
        let ready = move |status| {
            let ask = move || Client::new(address).get("/readyz", status);
            async move { tokio::task::spawn_blocking(ask).await.expect("an answer") }
        };
        ready(200).await;
        std::fs::remove_file(site.data().join("cloakroom.db")).expect("it is there");
        let reason = cloakroom.failure().await;
        assert!(reason.starts_with("the database failed: "), "{reason}");
        assert_eq!(ready(503).await.json()["code"], "not_ready");
        cloakroom.shutdown(Duration::ZERO).await;
    });
}

#[test]
fn start_errors_state_their_cause() {
    let site = Site::new();
    let beyond = || TcpListener::bind("0.0.0.0:0").expect("a port");
    block_on(async {
        let start = |builder: Builder| async {
            match builder.data(site.data()).start().await {
                Ok(_) => panic!("it starts"),
                Err(error) => error,
            }
        };
        let error = start(Cloakroom::builder().listener(beyond())).await;
        assert!(matches!(error, StartError::Exposed(_)), "{error}");
        let (builder, _open) = gated(&site.data());
        let (_gate, receiver) = channel();
        let error = start(builder.operation(Gate(Mutex::new(receiver)))).await;
        assert!(matches!(error, StartError::Operation(_)), "{error}");
        let missing = "docs=/nowhere".parse().expect("a root");
        let error = start(Cloakroom::builder().root(missing)).await;
        assert!(matches!(error, StartError::Root { .. }), "{error}");
        let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
        let taken = taken.local_addr().map(|address| (taken, address));
        let (_taken, address) = taken.expect("its address");
        let error = start(Cloakroom::builder().listen(address)).await;
        assert!(matches!(error, StartError::Listen { .. }), "{error}");

        // None of these attempts has locked the data; another server has.
        let insecure = Config {
            data: site.data(),
            listen: Vec::new(),
            insecure_no_token: true,
            ..Config::default()
        };
        let builder = Cloakroom::builder().config(insecure).listener(beyond());
        let first = builder.start().await.expect("it starts");
        let error = start(Cloakroom::builder()).await;
        assert!(matches!(error, StartError::Data(_)), "{error}");
        first.shutdown(Duration::ZERO).await;
    });
}
