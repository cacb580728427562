//! A server with a custom operation: `digest` computes the SHA-256 of a document.
//!
//! ```sh
//! cargo run --example custom_operation -- ./data 127.0.0.1:7070 docs=./docs
//! curl -F document=@README.md 'localhost:7070/v1/operations/digest'
//! curl --data-binary @README.md -H 'Content-Type: text/markdown' 'localhost:7070/v1/operations/digest'
//! ```

use std::error::Error;
use std::io::{Read, Write};
use std::time::Duration;

use cloakroom::Cloakroom;
use cloakroom::config::Listen;
use cloakroom::operations::{
    Context, Document, Input, Operation, OperationError, OperationOutput, OperationSpec,
};
use schemars::JsonSchema;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

/// The params of `digest`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Params {
    /// The document to hash.
    document: Document,
}

struct Digest;

impl Operation for Digest {
    fn spec(&self) -> OperationSpec {
        let input = Input {
            required: true,
            ..Input::default()
        };
        OperationSpec {
            inputs: [("document".to_owned(), input)].into(),
            output: "text/plain".to_owned(),
            ..OperationSpec::new::<Params>("digest", "Compute the SHA-256 of a document")
        }
    }

    fn run(&self, context: &Context) -> Result<OperationOutput, OperationError> {
        let params: Params = context.params()?;
        let mut document = params.document.open(context)?;
        let (mut digest, mut buffer) = (Sha256::new(), vec![0; 64 * 1024]);
        loop {
            context.check()?;
            let read = document.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            digest.update(&buffer[..read]);
        }
        let mut result = context.result("text/plain", "digest.txt");
        writeln!(result, "{}", hex::encode(digest.finalize()))?;
        result.finish()
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let data = arguments
        .next()
        .unwrap_or_else(|| "cloakroom-data".to_owned());
    let listen: Listen = match arguments.next() {
        Some(address) => address.parse()?,
        None => "127.0.0.1:7070".parse()?,
    };
    let mut builder = Cloakroom::builder()
        .data(data)
        .listen(listen)
        .operation(Digest);
    for root in arguments {
        builder = builder.root(root.parse()?);
    }
    let cloakroom = builder.start().await?;
    println!("{}", cloakroom.addresses()[0].url());
    tokio::signal::ctrl_c().await?;
    cloakroom.shutdown(Duration::from_secs(10)).await;
    Ok(())
}
