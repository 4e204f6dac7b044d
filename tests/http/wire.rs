//! The syntax by itself: `http::wire` through its public names, without a loop and without a site.

use std::fs;
use std::path::Path;

use reactor::http::wire::{
    ChunkDecoder, ChunkPart, Framing, HeadLimits, MessageError, Method, Part, RequestHead,
    RequestReader, ResponseReader, Status, Version, trailers,
};

const REQUESTS: &[u8] = b"\
    POST /users?of=club HTTP/1.1\r\nHost: chat:80\r\nTransfer-Encoding: chunked\r\n\r\n\
    3\r\nAna\r\n4;a=b\r\nBela\r\n0\r\nSum: 7\r\n\r\n\
    PUT /a HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi\
    GET / HTTP/1.1\r\nHost: chat\r\nConnection: close\r\n\r\n";

/// What a reader has found, one line a part; the pieces of a body are joined.
#[derive(Default, PartialEq, Eq, Debug)]
struct Found(Vec<String>);

impl Found {
    fn add(&mut self, line: String) {
        let joins = |line: &str| line.starts_with("body ");
        match self.0.last_mut() {
            Some(last) if joins(last) && joins(&line) => last.push_str(&line["body ".len()..]),
            _ => self.0.push(line),
        }
    }

    fn add_part<H>(&mut self, part: Part<'_, H>, head: impl FnOnce(H) -> String) {
        self.add(match part {
            Part::Head(found) => head(found),
            Part::Body(bytes) => format!("body {}", String::from_utf8_lossy(bytes)),
            Part::End(lines) => format!("end {:?}", trailers(&lines)),
        });
    }
}

fn requests(pieces: &[&[u8]]) -> Result<Found, MessageError> {
    let (mut reader, limits) = (RequestReader::new(), HeadLimits::default());
    let mut found = Found::default();
    for piece in pieces {
        let mut data = *piece;
        while let Some(part) = reader.read(&mut data, &limits)? {
            found.add_part(part, |head| {
                let (method, framing) = (head.method(), head.framing());
                let (path, query) = head.path_and_query();
                let (host, goes_on) = (head.host(), head.is_persistent());
                format!("{method:?} {path} {query} {host:?} {framing:?} {goes_on}")
            });
        }
        assert!(data.is_empty(), "all of it is taken");
    }
    assert!(!reader.is_within() && reader.needs_bytes());
    Ok(found)
}

#[test]
fn requests_split_at_any_byte_are_the_same_requests() {
    let expected = [
        "Some(Post) /users ?of=club Some(\"chat:80\") Chunked true",
        "body AnaBela",
        "end [(\"Sum\", \"7\")]",
        "Some(Put) /a  None Length(2) false",
        "body hi",
        "end []",
        "Some(Get) /  Some(\"chat\") None false",
    ];
    for at in 0..=REQUESTS.len() {
        let (one, other) = REQUESTS.split_at(at);
        let found = requests(&[one, other]).expect("they are requests");
        assert_eq!(found.0, expected, "split at {at}");
    }
    let bytes: Vec<&[u8]> = REQUESTS.chunks(1).collect();
    assert_eq!(requests(&bytes).expect("they are requests").0, expected);
}

#[test]
fn an_answer_split_at_any_byte_is_the_same_answer() {
    let bytes = b"HTTP/1.1 100 Continue\r\n\r\n\
        HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nKeep-Alive: timeout=5\r\n\r\n\
        2 \r\nhi\r\n0\r\n\r\n";
    for at in 0..=bytes.len() {
        let mut reader = ResponseReader::new(Method::Get);
        let mut found = Found::default();
        for mut data in [&bytes[..at], &bytes[at..]] {
            while let Some(part) = reader.read(&mut data).expect("it is an answer") {
                found.add_part(part, |head| {
                    let (status, version) = (head.status(), head.version());
                    let (framing, idle) = (head.framing(), head.keep_alive());
                    assert!(head.is_persistent());
                    assert_eq!(head.headers().get("keep-alive"), Some("timeout=5"));
                    format!("{status} {version} {framing:?} {idle:?}")
                });
            }
        }
        assert!(reader.has_begun() && reader.finish());
        let expected = ["200 OK HTTP/1.1 Chunked Some(5s)", "body hi", "end []"];
        assert_eq!(found.0, expected, "split at {at}");
    }
}

#[test]
fn an_answer_may_end_with_its_connection_and_a_shorter_one_is_not_whole() {
    for (head, is_whole) in [("", true), ("Content-Length: 3\r\n", false)] {
        let mut reader = ResponseReader::new(Method::Get);
        let text = format!("HTTP/1.1 200 OK\r\n{head}\r\nhi");
        let mut data = text.as_bytes();
        while reader.read(&mut data).expect("it is an answer").is_some() {}
        assert_eq!(reader.finish(), is_whole, "{head:?}");
    }
}

#[test]
fn an_error_knows_the_status_that_answers_it_and_what_follows_is_ignored() {
    let narrow = HeadLimits::default().request_line(20).header_count(1);
    for (bytes, limits, status) in [
        (
            "GET / HTTP/1.1\r\n\r\n",
            HeadLimits::default(),
            Status::BAD_REQUEST,
        ),
        (
            "GET /a-long-path HTTP/1.1\r\nHost: a\r\n\r\n",
            narrow,
            Status::URI_TOO_LONG,
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n\r\n",
            narrow,
            Status::REQUEST_HEADER_FIELDS_TOO_LARGE,
        ),
        (
            "GET / HTTP/3.0\r\nHost: a\r\n\r\n",
            HeadLimits::default(),
            Status::HTTP_VERSION_NOT_SUPPORTED,
        ),
    ] {
        let mut reader = RequestReader::new();
        let error = reader.read(&mut bytes.as_bytes(), &limits);
        assert_eq!(error.expect_err(bytes).status(), status, "{bytes:?}");
        let mut next: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        let nothing = reader.read(&mut next, &limits).expect("it is ignored");
        assert!(nothing.is_none() && next.is_empty());
    }
}

#[test]
fn a_head_may_be_parsed_by_itself_and_again_in_the_same_memory() {
    let mut head = RequestHead::default();
    let limits = HeadLimits::default();
    assert_eq!(head.parse(b"GET / HTTP/1.1\r\nHost", &limits), Ok(None));
    let whole = b"OPTIONS * HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\nrest";
    assert_eq!(head.parse(whole, &limits), Ok(Some(whole.len() - 4)));
    assert_eq!((head.method(), head.target()), (Some(Method::Options), "*"));
    assert_eq!(
        (head.version(), head.framing()),
        (Version::Http11, Framing::None)
    );
    assert!(head.expects_continue());
    assert_eq!(head.request_line(), b"OPTIONS * HTTP/1.1");
    let fields: Vec<_> = head.fields().map(|(name, _)| name).collect();
    assert_eq!(fields, ["Host", "Expect"]);
    assert_eq!(
        head.parse(b"GET /b HTTP/1.0\r\n\r\n", &limits),
        Ok(Some(19))
    );
    assert_eq!(
        (head.target(), head.host(), head.fields().count()),
        ("/b", None, 0)
    );
}

#[test]
fn white_space_behind_a_size_is_taken_from_a_server_alone() {
    let decode = |mut decoder: ChunkDecoder| {
        let mut data: &[u8] = b"2 \r\nhi\r\n0\r\n\r\n";
        decoder
            .decode(&mut data)
            .map(|part| part == ChunkPart::Data(b"hi"))
    };
    assert_eq!(decode(ChunkDecoder::lenient(100)), Ok(true));
    let error = decode(ChunkDecoder::new(100)).expect_err("it is refused");
    assert_eq!(error.status(), Status::BAD_REQUEST);
}

/// What is behind each `crate::` in a file, up to the end of its line.
fn imports(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            imports(&path, found);
            continue;
        }
        let code = fs::read_to_string(&path).expect("a file");
        let lines = code.lines().filter(|l| !l.trim_start().starts_with("//"));
        for line in lines.filter(|line| line.contains("crate::") || line.contains("super::super")) {
            found.push((path.display().to_string(), line.trim().to_owned()));
        }
    }
}

#[test]
fn it_imports_nothing_else_of_the_crate() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("reactor/http/wire");
    let mut found = Vec::new();
    imports(&folder, &mut found);
    assert!(found.len() > 20, "the files are found");
    for (file, line) in found {
        let own = line.matches("crate::http::wire::").count();
        assert_eq!(own, line.matches("crate::").count(), "{file}: {line}");
        assert!(!line.contains("super::super"), "{file}: {line}");
    }
}
