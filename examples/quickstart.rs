//! The program of the README.

use std::io::Write;
use std::time::Duration;

use cloakroom::operations::{
    AsyncOperation, Context, OperationError, OperationOutput, OperationSpec,
};
use cloakroom::{Cloakroom, WaitFor, config::Listen};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::io::AsyncReadExt;

#[derive(Deserialize, JsonSchema)]
struct Params {
    name: String,
}

struct Greet;

impl AsyncOperation for Greet {
    fn spec(&self) -> OperationSpec {
        OperationSpec::new::<Params>("greet", "Write a greeting")
    }

    async fn run(&self, context: &Context) -> Result<OperationOutput, OperationError> {
        let Params { name } = context.params()?;
        tokio::time::sleep(Duration::from_millis(100)).await;
        let mut result = context.result("text/plain", "greeting.txt");
        writeln!(result, "Hello, {name}!")?;
        result.finish()
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cloakroom = Cloakroom::builder()
        .data("greetings")
        .async_operation(Greet)
        .listen("127.0.0.1:0".parse::<Listen>()?)
        .start()
        .await?;
    eprintln!(
        "POST {}/v1/operations/greet",
        cloakroom.addresses()[0].url()
    );
    let params = serde_json::json!({ "name": "world" });
    let id = cloakroom.submit("greet", params).await?;
    cloakroom.wait(id, WaitFor::Terminal).await?;
    let mut greeting = String::new();
    let mut result = cloakroom.result(id).await?;
    result.read_to_string(&mut greeting).await?;
    print!("{greeting}");
    cloakroom.shutdown(Duration::from_secs(10)).await;
    Ok(())
}
