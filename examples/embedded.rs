//! Slow work inside a program of your own, without HTTP: jobs that survive it, with progress and a result.
//!
//! ```sh
//! cargo run --example embedded -- ./data 200000
//! ```

use std::error::Error;
use std::io::Write;
use std::time::Duration;

use cloakroom::operations::{Context, Operation, OperationError, OperationOutput, OperationSpec};
use cloakroom::{Cloakroom, WaitFor};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::io::AsyncReadExt;

/// How far to look.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Params {
    /// The first number that is not looked at any more.
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
                // Ends the work if somebody has canceled the job.
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
    let data = arguments.next().ok_or("where is the data to be?")?;
    let below: u64 = arguments.next().ok_or("how far?")?.parse()?;

    let cloakroom = Cloakroom::builder()
        .data(data)
        .operation(Primes)
        .start()
        .await?;
    let params = serde_json::json!({ "below": below });
    let id = cloakroom.submit("primes", params).await?;
    // From here on the job is there, whatever becomes of this process.
    let mut job = cloakroom.job(id).await?;
    while !job.is_terminal() {
        job = cloakroom.wait(id, WaitFor::ChangeFrom(job.version)).await?;
        eprintln!("{} {:?} %", job.status().as_str(), job.progress.percent);
    }
    let mut text = String::new();
    let mut result = cloakroom.result(id).await?;
    result.read_to_string(&mut text).await?;
    println!("{} primes below {below}", text.lines().count());
    cloakroom.shutdown(Duration::from_secs(10)).await;
    Ok(())
}
