use super::*;
use crate::tokens::{Grant, add, remove, rotate, turn_off};

#[test]
fn token_is_valid_until_its_line_is_removed() {
    let data = tempfile::tempdir().expect("a folder");
    let tokens = Tokens::open(data.path()).expect("no file is fine");
    assert!(!tokens.are_required());
    let anna = add(data.path(), "anna", TokenKind::User, None).expect("a token");
    let (hash, token) = tokens.find(&anna).expect("it is good at once");
    assert_eq!((&*token.name, token.kind), ("anna", TokenKind::User));
    assert!(tokens.are_required());
    assert!(tokens.find(&anna[..anna.len() - 1]).is_err());
    assert!(tokens.find(&format!("{anna}x")).is_err());
    assert!(tokens.find("").is_err());
    remove(data.path(), "anna").expect("it was there");
    tokens.reload();
    assert!(tokens.with_hash(&hash).is_err());
    assert!(
        tokens.are_required(),
        "removing the last token opens nothing"
    );
    let again = Tokens::open(data.path()).expect("a file without tokens");
    assert!(again.are_required(), "nor does another start");
}

#[test]
fn lost_or_damaged_token_file_keeps_known_tokens_valid() {
    let data = tempfile::tempdir().expect("a folder");
    let (data, path) = (data.path(), data.path().join(crate::data_dir::TOKENS));
    let anna = add(data, "anna", TokenKind::User, None).expect("a token");
    let tokens = Tokens::open(data).expect("a file");
    let whole = std::fs::read(&path).expect("the file");
    for damaged in [
        &b""[..],
        b"# a comment\n",
        &whole[..whole.len() - 9],
        b"\xff\0",
    ] {
        std::fs::write(&path, damaged).expect("it can be written");
        tokens.reload();
        assert!(tokens.are_required() && tokens.find(&anna).is_ok());
        assert!(Tokens::open(data).is_err());
    }
    std::fs::remove_file(&path).expect("it was there");
    tokens.reload();
    assert!(tokens.are_required() && tokens.find(&anna).is_ok());
    let missing = Tokens::open(data);
    assert!(matches!(missing, Err(Error::Missing { .. })));
    std::fs::remove_file(data.join("tokens.required")).expect("it was there");
    tokens.reload();
    assert!(tokens.are_required(), "not even without a trace");
    std::fs::write(&path, &whole).expect("it can be written");
    tokens.reload();
    assert!(
        data.join("tokens.required").exists(),
        "the server marks, too"
    );
}

#[test]
fn damaged_token_file_closes_a_server_without_tokens() {
    let data = tempfile::tempdir().expect("a folder");
    let tokens = Tokens::open(data.path()).expect("no file is fine");
    std::fs::write(data.path().join(crate::data_dir::TOKENS), "").expect("it can be written");
    tokens.reload();
    assert!(tokens.are_required());
    turn_off(data.path()).expect("it can be written");
    tokens.reload();
    assert!(!tokens.are_required());
}

#[test]
fn turning_tokens_off_opens_only_servers_that_allow_it() {
    let data = tempfile::tempdir().expect("a folder");
    add(data.path(), "anna", TokenKind::User, None).expect("a token");
    let open = || Tokens::open(data.path()).expect("a file");
    let (local, public) = (open(), open());
    public.forbid_off("others can reach it".into());
    turn_off(data.path()).expect("it can be written");
    local.reload();
    public.reload();
    assert!(!local.are_required() && public.are_required());
    assert!(!open().are_required());
}

#[tokio::test]
async fn grant_ends_when_its_token_is_removed() {
    let data = tempfile::tempdir().expect("a folder");
    let tokens = Tokens::open(data.path()).expect("no file is fine");
    let text = add(data.path(), "anna", TokenKind::User, None).expect("a token");
    tokio::select! {
        () = tokens.ended(&Grant::NoTokens) => {}
        () = tokens.keep_reloading() => {}
    }
    let (hash, token) = tokens.find(&text).expect("it is there");
    let grant = Grant::Token(hash, token);
    remove(data.path(), "anna").expect("it was there");
    add(data.path(), "anna", TokenKind::User, None).expect("another one");
    tokio::select! {
        () = tokens.ended(&grant) => {}
        () = tokens.keep_reloading() => {}
    }
    assert!(!tokens.holds(&grant) && tokens.holds(&Grant::Open));
}

#[tokio::test]
async fn grant_ends_when_its_token_expires() {
    let data = tempfile::tempdir().expect("a folder");
    let end = SystemTime::now() + Duration::from_secs(3);
    let text = add(data.path(), "anna", TokenKind::User, Some(end)).expect("a token");
    let tokens = Tokens::open(data.path()).expect("a file");
    let (hash, token) = tokens.find(&text).expect("it is valid");
    let grant = Grant::Token(hash, token.clone());
    assert!(tokens.holds(&grant));
    tokens.ended(&grant).await;
    assert_eq!(tokens.find(&text), Err(Rejection::Expired(token)));
    assert!(tokens.are_required());
}

#[test]
fn grant_outlives_a_rotation_with_a_grace_period() {
    let data = tempfile::tempdir().expect("a folder");
    let old = add(data.path(), "anna", TokenKind::User, None).expect("a token");
    let tokens = Tokens::open(data.path()).expect("a file");
    let (hash, token) = tokens.find(&old).expect("it is valid");
    let grant = Grant::Token(hash, token);
    let rotate = |grace| {
        let new = rotate(data.path(), "anna", grace, None).expect("a token");
        tokens.reload();
        assert!(tokens.find(&new).is_ok());
    };
    rotate(Duration::from_mins(1));
    assert!(tokens.holds(&grant) && tokens.find(&old).is_ok());
    rotate(Duration::ZERO);
    assert!(!tokens.holds(&grant) && tokens.find(&old).is_err());
}

#[test]
fn run_token_is_not_stored() {
    let data = tempfile::tempdir().expect("a folder");
    let tokens = Tokens::open(data.path())
        .and_then(Tokens::with_run_token)
        .expect("randomness");
    let text = tokens.run_token().expect("it has one").to_owned();
    assert!(tokens.are_required() && !data.path().join(crate::data_dir::TOKENS).exists());
    let (_, token) = tokens.find(&text).expect("it is good");
    assert_eq!((&*token.name, token.kind), (RUN_NAME, TokenKind::Admin));
    assert!(!format!("{tokens:?}").contains(&text), "not even in a log");
}

#[test]
fn guessable_run_tokens_are_rejected() {
    let chosen = |text: &str| Tokens::none().with_chosen_run_token(text);
    for good in [
        "3f9a1c0e5b7d2468ace013579bdf2468",
        "6b3c1b7e-52cf-4d25-8a38-0cf0e2a6b1d7",
        "AZaz09-._~+/AZaz09-._==",
        &"abcdefgh".repeat(64),
    ] {
        let tokens = chosen(good).unwrap_or_else(|error| panic!("{good}: {error}"));
        assert!(tokens.are_required() && tokens.find(good).is_ok());
    }
    for bad in [
        "",
        "secret",
        "3f9a1c0e5b7d2468ace01",
        &"abcdef".repeat(10),
        &"abcdefgh".repeat(65),
        "3f9a1c0e5b7d 2468ace013579bdf2468",
        "3f9a1c0e5b7d\u{e9}2468ace013579bdf2468",
        "\"3f9a1c0e5b7d2468ace013579bdf2468\"",
    ] {
        let error = chosen(bad).expect_err(bad);
        assert!(
            bad.is_empty() || !error.to_string().contains(bad),
            "{error}"
        );
    }
}
