//! Reading documents: what is accepted, what is rejected, and where.

use std::cell::Cell;
use std::ops::ControlFlow;

use xml_delta::{
    self as xml, CompareOptions, Error, ErrorKind, Limits, MatchOptions, PageOptions, Progress,
    ProgressSink,
};

use super::{compared, root_mark};

fn compare_with(document: &[u8], limits: &Limits) -> Result<xml::Delta, Error> {
    let matching = MatchOptions {
        limits: limits.clone(),
        ..MatchOptions::default()
    };
    let options = CompareOptions {
        matching,
        ..CompareOptions::default()
    };
    xml::compare("<r/>".into(), document.to_vec().into(), &options, &())
}

fn rejected(document: impl AsRef<[u8]>, code: ErrorKind) -> Error {
    let document = document.as_ref();
    let shown = String::from_utf8_lossy(&document[..document.len().min(200)]).into_owned();
    let error = compare_with(document, &Limits::default()).expect_err(&shown);
    assert_eq!(
        (error.kind, error.input),
        (code, Some(1)),
        "{error} in {shown}"
    );
    error
}

/// Whether two documents are equal to the library.
fn assert_equal(one: impl AsRef<[u8]>, other: &str) {
    let delta = xml::compare(
        one.as_ref().to_vec().into(),
        other.into(),
        &CompareOptions::default(),
        &(),
    )
    .expect("the comparison succeeds");
    assert_eq!(root_mark(&delta), "A=B", "{}", delta.xml);
}

#[test]
fn malformed_documents_are_rejected() {
    for document in [
        "",
        " ",
        "x",
        "<r",
        "<r>",
        "<r></s>",
        "<r/><r/>",
        "<r/>x",
        "x<r/>",
        "</r>",
        "<r></r >x",
        "<r a></r>",
        "<r a=1/>",
        "<r a='1'b='2'/>",
        "<r a='1' a='2'/>",
        "<r a='<'/>",
        "<r a='&x;'/>",
        "<r>&x;</r>",
        "<r>&</r>",
        "<r>&lt</r>",
        "<r>&#0;</r>",
        "<r>&#xfffe;</r>",
        "<r>&#x110000;</r>",
        "<r>&#+1;</r>",
        "<r>]]></r>",
        "<r>\u{1}</r>",
        "<r>\u{fffe}</r>",
        "<r><!-- -- --></r>",
        "<r><!-- ---></r>",
        "<r><!--x</r>",
        "<r><?xml x?></r>",
        "<r><?a:b?></r>",
        "<r><??></r>",
        "<r><?p</r>",
        "<1r/>",
        "<r><a:b/></r>",
        "<:r/>",
        "<r:/>",
        "<a:b:c xmlns:a='u'/>",
        "<r p:a='1'/>",
        "<r xmlns:p=''/>",
        "<r xmlns:xmlns='u'/>",
        "<r xmlns:xml='u'/>",
        "<r xmlns:a='u' xmlns:b='u' a:k='' b:k=''/>",
        "<![CDATA[x]]><r/>",
        "<r><![CDATA[x</r>",
        "<r><![cdata[x]]></r>",
        "<r><!DOCTYPE r></r>",
        "<!DOCTYPE r><!DOCTYPE r><r/>",
        " <?xml version='1.0'?><r/>",
        "<?xml?><r/>",
        "<?xml version='2.0'?><r/>",
        "<?xml version='1.0' encoding='x y'?><r/>",
        "<?xml version='1.0' standalone='maybe'?><r/>",
        "<?xml encoding='UTF-8' version='1.0'?><r/>",
        "<r / >",
        "<r/ >",
        "< r/>",
        "<!DOCTYPE r [<!ELEMENT r>]><r/>",
        "<!DOCTYPE r [<!ELEMENT r (a,b|c)>]><r/>",
        "<!DOCTYPE r [<!ELEMENT r (#PCDATA|a)>]><r/>",
        "<!DOCTYPE r [<!ATTLIST r a WRONG #IMPLIED>]><r/>",
        "<!DOCTYPE r [<!ENTITY e '%p;'>]><r/>",
        "<?xml version='1.0' standalone='yes'?><!DOCTYPE r [%p;]><r/>",
        "<?xml version='1.0' standalone='yes'?><!DOCTYPE r [<!ENTITY % p ''>%p;]><r>&x;</r>",
        "<!DOCTYPE r [<!ENTITY e '<a>'>]><r>&e;</r>",
        "<!DOCTYPE r [<!ENTITY e '</r><r>'>]><r>&e;</r>",
        "<!DOCTYPE r [",
        "<!DOCTYPE r [<!ENTITY e '<'>]><r a='&e;'/>",
        "<!DOCTYPE r [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><r>&e;</r>",
        "<!DOCTYPE r [<!ENTITY e SYSTEM 'http://127.0.0.1/'>]><r a='&e;'/>",
    ] {
        rejected(document, ErrorKind::NotWellFormed);
    }
}

#[test]
fn errors_have_line_and_column() {
    let at = |document: &str, line: usize, column: usize| {
        let place = rejected(document, ErrorKind::NotWellFormed)
            .position
            .expect("a place");
        assert_eq!((place.line, place.column), (line, column), "{document}");
    };
    at("<r>\n  <a>\r\n  ä&x;</a></r>", 3, 4);
    at("<r>\n <a b='1' b='2'/></r>", 2, 2);
    at("<r>\n</s>", 2, 1);
    at("<r/>\n\n  x", 3, 3);
    at("<r a='1'\nb='<'/>", 2, 1);
    let error = rejected(b"<r>\n\xff</r>", ErrorKind::NotWellFormed);
    assert_eq!(
        error.position.map(|place| (place.line, place.column)),
        Some((2, 1))
    );
}

#[test]
fn common_encodings_are_decoded() {
    let text = "<r k=\"\u{e4}\">\u{e9}\u{20ac}</r>";
    let utf16 = |big: bool| -> Vec<u8> {
        let units = format!("\u{feff}{text}").encode_utf16().collect::<Vec<_>>();
        units
            .iter()
            .flat_map(|unit| {
                if big {
                    unit.to_be_bytes()
                } else {
                    unit.to_le_bytes()
                }
            })
            .collect()
    };
    assert_equal(utf16(true), text);
    assert_equal(utf16(false), text);
    assert_equal(format!("\u{feff}{text}"), text);
    let utf32: Vec<u8> = format!("\u{feff}{text}")
        .chars()
        .flat_map(|c| u32::from(c).to_be_bytes())
        .collect();
    assert_equal(utf32, text);
    assert_equal(
        b"<?xml version='1.0' encoding='ISO-8859-1'?><r>\xe9\x85</r>",
        "<r>\u{e9}\u{85}</r>",
    );
    assert_equal(
        b"<?xml version='1.0' encoding='windows-1252'?><r>\x80</r>",
        "<r>\u{20ac}</r>",
    );
    assert_equal(
        b"<?xml version='1.0' encoding='Shift_JIS'?><r>\x93\xfa</r>",
        "<r>\u{65e5}</r>",
    );
    assert_equal(
        b"<?xml version='1.0' encoding='us-ascii'?><r>x</r>",
        "<r>x</r>",
    );
}

#[test]
fn bytes_that_contradict_the_declared_encoding_are_rejected() {
    for document in [
        &b"<?xml version='1.0' encoding='UTF-16'?><r/>"[..],
        b"\xef\xbb\xbf<?xml version='1.0' encoding='ISO-8859-1'?><r/>",
        b"<?xml version='1.0' encoding='UTF-7'?><r/>",
        b"<?xml version='1.0' encoding='nonsense'?><r/>",
        b"<?xml version='1.0' encoding='us-ascii'?><r>\xe9</r>",
        b"<r>\xe9</r>",
        b"\xff\xfe<\0r\0/\0",
        b"\xff\xfe<\0r\0\x00\xd8/\0>\0",
    ] {
        rejected(document, ErrorKind::NotWellFormed);
    }
}

#[test]
fn internal_entities_are_expanded() {
    let dtd = "<!DOCTYPE r [<!ENTITY e 'x&f;'><!ENTITY f '<b>y</b>&#38;lt;'><!ATTLIST r n NMTOKENS #IMPLIED d CDATA 'not added'>\
               <!-- c --><?p?><!ELEMENT r (#PCDATA|b)*><!NOTATION n SYSTEM 'x'><!ENTITY % p '<!ENTITY g \"G\">'>%p;]>";
    assert_equal(
        format!("{dtd}<r n=' a  b '>&e;&g;<![CDATA[<]]>&#65;</r>"),
        "<r n='a b'>x<b>y</b>&lt;G&lt;A</r>",
    );
    assert_equal(
        "<!DOCTYPE r PUBLIC '-//x' 'http://127.0.0.1/none.dtd'><r/>",
        "<r/>",
    );
    assert_equal(
        "<!DOCTYPE r [<!ENTITY e 'v'>]><r a='&e;&#10;\n'/>",
        "<r a='v&#10; '/>",
    );
}

#[test]
fn undeclared_entity_after_parameter_entity_expands_to_nothing() {
    let dtd = "<!DOCTYPE r [<!ENTITY % p '<!ENTITY e \"text\">'>%p;]>";
    assert_equal(format!("{dtd}<r a='&x;'>&e;&x;</r>"), "<r a=''>text</r>");
    assert_equal(
        "<!DOCTYPE r [%p;<!ATTLIST r a NMTOKENS #IMPLIED>]><r a=' b '/>",
        "<r a=' b '/>",
    );
}

fn repeated(count: usize, one: impl Fn(usize) -> String) -> String {
    (0..count).map(one).collect()
}

#[test]
fn documents_over_a_limit_are_rejected() {
    let laughs = repeated(20, |n| match n {
        0 => String::new(),
        n => format!("<!ENTITY e{n} '&e{};&e{};'>", n - 1, n - 1),
    });
    let laughs = format!(
        "<!DOCTYPE r [<!ENTITY e0 '{}'>{laughs}]><r>&e19;</r>",
        "ha ".repeat(1000)
    );
    rejected(&laughs, ErrorKind::OverLimit);
    rejected(
        laughs.replace("<r>&e19;</r>", "<r a='&e19;'/>"),
        ErrorKind::OverLimit,
    );
    rejected(
        "<!DOCTYPE r [<!ENTITY e '&e;'>]><r>&e;</r>",
        ErrorKind::OverLimit,
    );
    rejected(
        "<!DOCTYPE r [<!ENTITY e '&f;'><!ENTITY f '&e;'>]><r a='&e;'/>",
        ErrorKind::OverLimit,
    );
    rejected(
        format!("<r>{}{}</r>", "<a>".repeat(100_000), "</a>".repeat(100_000)),
        ErrorKind::OverLimit,
    );
    let attributes = repeated(80_000, |n| format!(" a{n}=''"));
    rejected(format!("<r{attributes}/>"), ErrorKind::OverLimit);
    let scopes = repeated(2000, |n| format!("<a xmlns:p{n}='u'>"));
    rejected(
        format!("<r>{scopes}{}</r>", "</a>".repeat(2000)),
        ErrorKind::OverLimit,
    );
    let small = Limits {
        bytes: 10,
        ..Limits::default()
    };
    let error = compare_with(b"<r>12345</r>", &small).expect_err("it is too long");
    assert_eq!(error.kind, ErrorKind::OverLimit);
}

#[test]
fn memory_and_output_are_limited() {
    let many = |text: &str| format!("<r>{}</r>", format!("<a>{text}</a>").repeat(10_000));
    let (a, b) = (many("1"), many("2"));
    let compare = |memory: usize, output: usize| {
        let mut options = CompareOptions::default();
        options.matching.limits.memory = memory;
        options.matching.limits.output = output;
        xml::compare(a.as_str().into(), b.as_str().into(), &options, &())
    };
    let message = |memory, output| {
        let error = compare(memory, output)
            .map(|_| ())
            .expect_err("over a limit");
        assert_eq!(error.kind, ErrorKind::OverLimit);
        (error.input, error.message)
    };
    let delta = compare(usize::MAX, usize::MAX).expect("no limit");
    let memory = |limit| {
        format!("The documents and the result need more than the limit of {limit} bytes of memory.")
    };
    // Reading the first document, reading the second, and writing the result.
    assert_eq!(message(300_000, usize::MAX), (Some(0), memory(300_000)));
    assert_eq!(message(1_100_000, usize::MAX), (Some(1), memory(1_100_000)));
    assert_eq!(message(1_300_000, usize::MAX), (None, memory(1_300_000)));
    let limit = delta.xml.len() - 1;
    let longer = format!("The result is longer than the limit of {limit} bytes.");
    assert_eq!(message(usize::MAX, limit), (None, longer));
    compare(usize::MAX, delta.xml.len()).expect("within the limit");
}

#[test]
fn delta_may_exceed_the_limits_of_its_documents() {
    let a = "<r><d k='1'>one</d><t>some words</t></r>";
    let b = "<r>\n<d k='2'>one</d><t>some text</t>\n</r>";
    let limits = Limits {
        bytes: b.len(),
        depth: 2,
        nodes: 7,
        attributes: 1,
        namespaces: 0,
        entity_bytes: 0,
        ..Limits::default()
    };
    let matching = MatchOptions {
        limits: limits.clone(),
        ..MatchOptions::default()
    };
    let options = CompareOptions {
        matching,
        ..CompareOptions::default()
    };
    let delta = xml::compare(a.into(), b.into(), &options, &()).expect("they are within limits");
    let long = format!("{}{}", delta.xml, " ".repeat(8 * b.len()));
    let short = Limits {
        bytes: delta.xml.len() / 8 + 1,
        ..limits
    };
    let taken = xml::extract(delta.xml.clone().into(), "B", &short, &());
    assert!(taken.is_ok_and(|taken| taken.ends_with("</t>\n</r>\n")));
    xml::render_html(delta, &PageOptions::default(), &short, &()).expect("a page");
    let error = xml::extract(long.into(), "B", &short, &()).expect_err("it is too long");
    assert_eq!(error.kind, ErrorKind::OverLimit);
}

#[test]
fn deep_documents_need_no_call_stack() {
    let deep = |text: &str| format!("{}{text}{}", "<a>".repeat(8000), "</a>".repeat(8000));
    let (a, b) = (deep("one"), deep("two"));
    let small_stack = std::thread::Builder::new().stack_size(128 << 10);
    let run = move || compared(&a, &b, &CompareOptions::default()).counts.changes;
    let thread = small_stack.spawn(run).expect("a thread");
    assert!(thread.join().expect("it has stack enough") > 0);
}

/// Stops at the n-th progress report.
struct StopAfter(Cell<u32>);

impl ProgressSink for StopAfter {
    fn progress(&self, progress: Progress) -> ControlFlow<()> {
        assert!(progress.done <= progress.total, "{progress:?}");
        self.0.set(self.0.get().saturating_sub(1));
        if self.0.get() > 0 {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    }
}

#[test]
fn progress_sink_can_stop_the_work() {
    let row = |n: usize, k: usize| format!("<row><v>{}</v></row>", n * k);
    let document = |k: usize| {
        format!(
            "<t>{}</t>",
            (0..20_000).map(|n| row(n, k)).collect::<String>()
        )
    };
    let (a, b) = (document(3), document(5));
    for reports in [1, 3, 10, 30] {
        let sink = StopAfter(Cell::new(reports));
        let ended = xml::compare(
            a.clone().into(),
            b.clone().into(),
            &CompareOptions::default(),
            &sink,
        );
        assert_eq!(
            ended.expect_err("it was stopped").kind,
            ErrorKind::Stopped,
            "after {reports}"
        );
    }
}
