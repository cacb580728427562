-- The schema of Cloakroom's database. Embedded in the binary; run once, when the file is created.
--
-- Set before the first table: page_size = 4096, auto_vacuum = incremental.
-- Set on every connection: journal_mode = WAL, synchronous = FULL, no mmap.
-- Columns named _ms hold milliseconds as integers. NULL means "none".

-- Single values: the idle clock, the ranges that numbers are assigned from, the key of monitor links, the boot count,
-- whether requests need a token. The clock is stored together with the job uses up to that time. After a crash the clock
-- continues from the stored value; the time and the uses since then are lost, and no job's due time changes.
create table meta (
    key   text primary key,
    value any  not null
) strict, without rowid;

-- One row per job. seq comes from a reserved range and is never reused.
create table job (
    seq                  integer primary key,
    id                   blob    not null constraint id_is_a_ulid check (length(id) = 16),
    token                text,
    operation            text    not null,
    state                text    not null constraint state_is_known
                             check (state in ('queued', 'running', 'succeeded', 'failed', 'canceled')),
    attempt              integer not null default 0 constraint attempt_is_counted check (attempt >= 0),
    interrupted_attempts integer not null default 0 constraint interrupted_attempts_are_attempts check (interrupted_attempts between 0 and attempt),
    version              integer not null,
    cancel_requested     integer not null default 0 constraint cancel_requested_is_boolean check (cancel_requested in (0, 1)),
    delete_requested     integer not null default 0 constraint delete_requested_is_boolean check (delete_requested in (0, 1)),
    created_ms           integer not null,
    started_ms           integer,
    finished_ms          integer,
    due                  integer,            -- idle clock; when the ended job expires, according to its stored uses
    params               text,               -- JSON; long params are in a blob
    params_blob          integer,
    uploads              text,               -- JSON: the blobs uploaded with the submission, if any
    options              text,               -- JSON: the submission's options, unless they are the defaults
    result_blob          integer,
    log_blob             integer,            -- the log of the last attempt
    callback             text,               -- JSON: the state of the callback's delivery
    callback_due         integer,            -- idle clock; when the next delivery attempt is due
    callback_origin      text,               -- scheme, host and port of the callback's receiver
    progress             text,               -- JSON: the current or final progress; may lag behind
    intent               text,               -- JSON: what an attempt is about to change outside of this file; written before the change
    outcome              text,               -- JSON: the result or the failure

    constraint params_are_in_one_place check ((params is null) <> (params_blob is null)),
    constraint ended_jobs_have_an_outcome check (
        (state in ('succeeded', 'failed', 'canceled'))
        = (finished_ms is not null and due is not null and outcome is not null)),
    constraint queued_jobs_have_not_started check (state <> 'queued' or started_ms is null),
    constraint running_jobs_have_started check (state <> 'running' or (started_ms is not null and attempt > 0)),
    constraint only_success_has_a_result check (result_blob is null or state = 'succeeded'),
    constraint only_ended_jobs_have_a_callback check (
        (callback_due is null or callback is not null) and (callback is null or finished_ms is not null)),
    constraint due_callbacks_have_an_origin check ((callback_due is null) = (callback_origin is null)),
    constraint delete_requested_is_canceled check (delete_requested <= cancel_requested)
) strict;

-- Loads unfinished jobs at startup.
create index job_active on job (seq) where finished_ms is null;
-- Finds expired jobs for the sweeper.
create index job_due on job (due) where due is not null and callback_due is null;
-- Finds the next callback.
create index job_callback on job (callback_due) where callback_due is not null;
-- Finds the next callback of each receiver without a scan of the others' callbacks.
create index job_callback_origin on job (callback_origin, callback_due) where callback_due is not null;
-- Serves filtered lists.
create index job_ended on job (operation, state, seq) where finished_ms is not null;
-- Serves lists restricted to one token.
create index job_token on job (token, seq) where token is not null;

-- Idempotency keys: a repeated submission with the same key creates no second job. Lives as long as the job.
create table idempotency (
    token text    not null,              -- '' where there are no tokens
    key   text    not null,
    seq   integer not null,
    fingerprint blob not null constraint fingerprint_is_a_digest check (length(fingerprint) = 32),
    primary key (token, key)
) strict, without rowid;

create index idempotency_seq on idempotency (seq);

-- Bytes of params, uploads, results and logs. owner is the job's seq; NULL while the blob is written, and after its job is
-- deleted.
create table blob (
    id     integer primary key,
    owner  integer,
    size   integer constraint size_is_a_length check (size >= 0),
    sha256 blob    constraint sha256_is_a_digest check (length(sha256) = 32),
    constraint owned_blobs_are_complete check (owner is null or size is not null)
) strict;

create index blob_loose on blob (id) where owner is null;

-- A blob's bytes in order: id = blob << 20 | number, 256 KiB each except the last. crc detects corruption by the disk: it
-- is the CRC-32 of the id, as eight little-endian bytes, followed by the data.
create table blob_chunk (
    id   integer primary key,
    crc  integer not null constraint crc_has_32_bits check (crc between 0 and 4294967295),
    data blob    not null
) strict;

-- Numbers for files and folders below roots, for clients that cannot use paths. Never reused or removed.
create table item (
    id   integer primary key,
    root text not null,                  -- the root's public name
    path text not null,                  -- relative to the root; '' is the root itself
    constraint item_has_one_number unique (root, path)
) strict;
