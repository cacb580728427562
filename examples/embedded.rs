//! Runs slow work inside a program, without HTTP: durable jobs with progress, a result and an idempotency key.
//!
//! ```sh
//! cargo run --example embedded -- ./data 200000
//! ```

use std::error::Error;
use std::io::Write;
use std::time::Duration;

use cloakroom::operations::{Context, Operation, OperationError, OperationOutput, OperationSpec};
use cloakroom::{Cloakroom, JobFilter, JobRequest, WaitFor};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::io::AsyncReadExt;

/// The params of `primes`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Params {
    /// The upper bound, exclusive.
    below: u64,
}

/// Finds prime numbers.
struct Primes;

impl Operation for Primes {
    fn spec(&self) -> OperationSpec {
        OperationSpec::new::<Params>("primes", "Find prime numbers")
    }

    fn run(&self, context: &Context) -> Result<OperationOutput, OperationError> {
        let Params { below } = context.params()?;
        let mut result = context.result("text/plain", "primes.txt");
        context.set_phase("Searching");
        for number in 2..below {
            if number % 1000 == 0 {
                // Returns an error if the job was canceled.
                context.check()?;
                context.set_progress(number, below);
            }
            let mut divisors = (2..).take_while(|divisor| divisor * divisor <= number);
            if divisors.all(|divisor| number % divisor != 0) {
                writeln!(result, "{number}")?;
            }
        }
        result.finish()
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let data = arguments
        .next()
        .ok_or("usage: embedded DATA_FOLDER UPPER_BOUND")?;
    let below: u64 = arguments
        .next()
        .ok_or("usage: embedded DATA_FOLDER UPPER_BOUND")?
        .parse()?;

    let cloakroom = Cloakroom::builder()
        .data(data)
        .operation(Primes)
        .start()
        .await?;
    let params = serde_json::json!({ "below": below });
    // The key makes a second run of this program find the job of the first one, if that was killed.
    let request = JobRequest::new("primes", params).idempotency_key(format!("below {below}"));
    let id = cloakroom.submit_request(request).await?;
    // From here on the job is durable: it survives a crash of this process.
    let mut job = cloakroom.job(id).await?;
    while !job.is_terminal() {
        job = cloakroom.wait(id, WaitFor::ChangeFrom(job.version)).await?;
        eprintln!("{} {:?} %", job.status().as_str(), job.progress.percent);
    }
    let mut text = String::new();
    let mut result = cloakroom.result(id).await?;
    result.read_to_string(&mut text).await?;
    println!("{} primes below {below}", text.lines().count());
    // Otherwise it stays for an hour without use.
    drop(result);
    cloakroom.delete(id).await?;
    let rest = cloakroom.jobs(JobFilter::default()).await?;
    eprintln!("{} other jobs", rest.jobs.len());
    cloakroom.shutdown(Duration::from_secs(10)).await;
    Ok(())
}
