//! Invariants of the database while no server runs.

use std::path::Path;

use rusqlite::Connection;
use sha2::{Digest, Sha256};

/// Checks invariants across several rows, and the digest of every result.
pub(super) fn check_tables(database: &Path) {
    let connection = Connection::open(database).expect("the database opens");
    let check: String = connection
        .query_row("pragma integrity_check", [], |row| row.get(0))
        .expect("a check");
    assert_eq!(check, "ok");
    let none = |what: &str, query: &str| {
        let count: i64 = connection
            .query_row(&format!("select count(*) from {query}"), [], |row| {
                row.get(0)
            })
            .expect(what);
        assert_eq!(count, 0, "{what}");
    };
    none("a blob has the owner that names it",
        "job where (result_blob is not null and not exists (select 1 from blob where id = result_blob and owner = seq))
         or (params_blob is not null and not exists (select 1 from blob where id = params_blob and owner = seq))
         or (log_blob is not null and not exists (select 1 from blob where id = log_blob and owner = seq))");
    none(
        "the owner exists and names the blob",
        "blob where owner is not null and not exists
         (select 1 from job where seq = owner and
          (blob.id in (result_blob, params_blob, log_blob) or blob.id in (select value from json_each(uploads))))",
    );
    none(
        "a chunk has a blob",
        "blob_chunk where not exists (select 1 from blob where blob.id = blob_chunk.id >> 20)",
    );
    none(
        "numbers are reserved before they are used",
        "meta where (key = 'seq_next' and value <= (select max(seq) from job))
         or (key = 'blob_next' and value <= (select max(id) from blob))",
    );
    let mut blobs = connection
        .prepare("select id, size, sha256 from blob where owner is not null")
        .expect("a query");
    let mut chunks = connection
        .prepare("select data from blob_chunk where id >> 20 = ? order by id")
        .expect("a query");
    let blobs = blobs
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .expect("blobs");
    for blob in blobs {
        let (id, size, sha256): (i64, i64, Option<Vec<u8>>) = blob.expect("a blob");
        let mut digest = Sha256::new();
        let mut length = 0;
        let mut rows = chunks.query([id]).expect("chunks");
        while let Some(row) = rows.next().expect("a chunk") {
            let data = row.get_ref(0).expect("data").as_blob().expect("bytes");
            length += data.len() as i64;
            digest.update(data);
        }
        assert_eq!(length, size, "blob {id} has its recorded size");
        if let Some(sha256) = sha256 {
            assert_eq!(
                digest.finalize().to_vec(),
                sha256,
                "blob {id} matches its digest"
            );
        }
    }
}
