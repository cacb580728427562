-- The whole of Cloakroom's database. Embedded in the binary; run once, when the file is made.
--
-- Before the first table: page_size = 4096, auto_vacuum = incremental.
-- On every connection: journal_mode = WAL, synchronous = FULL, no mmap.
-- Times end in _ms: integers, milliseconds. NULL means "none".

-- Single values: the idle clock, the ranges that numbers are handed out from, the key of monitor links, the boot count,
-- whether requests need a token. The clock is stored together with the uses of jobs until then. After a crash it goes on
-- from there, and no job's due moves: what has passed since then is forgotten, and so are uses since then.
create table meta (
    key   text primary key,
    value any  not null
) strict, without rowid;

-- One row a job. seq is handed out from a reserved range and never used again.
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
    due                  integer,            -- idle clock; when the ended job is forgotten by the uses of it that are stored
    params               text,               -- JSON; longer ones are a blob
    params_blob          integer,
    uploads              text,               -- JSON: the blobs that came with the submission, if any did
    options              text,               -- JSON: what the submission wanted besides the work, if anything
    result_blob          integer,
    log_blob             integer,            -- what the last attempt wrote
    callback             text,               -- JSON: how far the telling of the end has come
    callback_due         integer,            -- idle clock; when it is to be tried again
    callback_origin      text,               -- scheme, host and port of who is to be told
    progress             text,               -- JSON: how far it is, or came; may lag behind
    intent               text,               -- JSON: what an attempt was about to do outside of this file, written before it did
    outcome              text,               -- JSON: how it ended

    constraint params_are_in_one_place check ((params is null) <> (params_blob is null)),
    constraint ended_has_an_end check (
        (state in ('succeeded', 'failed', 'canceled'))
        = (finished_ms is not null and due is not null and outcome is not null)),
    constraint queued_has_not_started check (state <> 'queued' or started_ms is null),
    constraint running_has_started check (state <> 'running' or (started_ms is not null and attempt > 0)),
    constraint only_success_has_a_result check (result_blob is null or state = 'succeeded'),
    constraint only_an_end_is_told check (
        (callback_due is null or callback is not null) and (callback is null or finished_ms is not null)),
    constraint due_callback_has_an_origin check ((callback_due is null) = (callback_origin is null)),
    constraint delete_requested_is_canceled check (delete_requested <= cancel_requested)
) strict;

-- What the live table is filled with at start-up.
create index job_active on job (seq) where finished_ms is null;
-- What the sweeper asks for.
create index job_due on job (due) where due is not null and callback_due is null;
-- Whom to tell next.
create index job_callback on job (callback_due) where callback_due is not null;
-- The same for each receiver, so that none has to be looked for behind another's.
create index job_callback_origin on job (callback_origin, callback_due) where callback_due is not null;
-- What filtered lists ask for.
create index job_ended on job (operation, state, seq) where finished_ms is not null;
-- What a token's own lists ask for.
create index job_token on job (token, seq) where token is not null;

-- What a client called its submission, so that the same one again makes no second job. Lives as long as the job.
create table idempotency (
    token text    not null,              -- '' where there are no tokens
    key   text    not null,
    seq   integer not null,
    fingerprint blob    not null constraint fingerprint_is_a_digest check (length(fingerprint) = 32),
    primary key (token, key)
) strict, without rowid;

create index idempotency_seq on idempotency (seq);

-- Bytes: params, uploads, results. owner is the job's seq; NULL while it is being written, and once its job is gone.
create table blob (
    id     integer primary key,
    owner  integer,
    size   integer constraint size_is_a_length check (size >= 0),
    sha256 blob    constraint sha256_is_a_digest check (length(sha256) = 32),
    constraint whole_when_owned check (owner is null or size is not null)
) strict;

create index blob_loose on blob (id) where owner is null;

-- A blob's bytes in order: id = blob << 20 | number, 256 KiB each but the last. What a disk has changed is found out when it
-- is read: crc is the CRC-32 of the id, as eight bytes with the lowest first, and the data.
create table blob_chunk (
    id   integer primary key,
    crc  integer not null constraint crc_has_32_bits check (crc between 0 and 4294967295),
    data blob    not null
) strict;

-- Numbers for files and folders below roots, for clients that cannot name them by path. Given once, never taken away.
create table item (
    id   integer primary key,
    root text not null,                  -- as it is named on the wire
    path text not null,                  -- below it; '' is the root itself
    constraint item_has_one_number unique (root, path)
) strict;
