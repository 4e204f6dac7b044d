//! Files, on real sockets and from a real disk, which is what the thread pool is for.

use std::ffi::OsString;
use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use reactor::http::{Files, HttpLimits, Request, Response, Site, Tree};
use reactor::{Reactor, RemoteReactor};

/// A folder that is served at `/files`, by a thread of its own.
struct Served {
    folder: PathBuf,
    address: String,
    remote: RemoteReactor,
    thread: Option<JoinHandle<()>>,
}

struct Heard {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Heard {
    fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.split("\r\n");
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }
}

impl Served {
    fn new() -> Self {
        Self::with(|files| files)
    }

    fn with(set: impl FnOnce(Files) -> Files + Send + 'static) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("files-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(folder.join("root/sub")).expect("a folder");
        let (sender, receiver) = mpsc::channel();
        let root = folder.join("root");
        let thread = thread::spawn(move || {
            let reactor = Reactor::new().expect("a loop");
            let tree = Tree::new();
            tree.put_child("files", Files::new(&reactor, &root));
            tree.put_fallback(set(Files::new(&reactor, &root)));
            tree.put_child("", |_: Request| Response::text("quick"));
            let limits = HttpLimits {
                send_time: Duration::from_secs(2),
                ..HttpLimits::default()
            };
            let site = Site::new(&reactor, tree).with_http_limits(limits);
            let port = reactor.listen_tcp("127.0.0.1:0", site).expect("a port");
            sender
                .send((port.local_addr().to_string(), reactor.remote()))
                .expect("somebody waits");
            reactor.run().expect("the loop runs");
        });
        let (address, remote) = receiver.recv().expect("it listens");
        let served = Self {
            folder,
            address,
            remote,
            thread: Some(thread),
        };
        settle(&served.put("ten.txt", b"0123456789"));
        served
    }

    fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.join("root").join(name);
        fs::write(&path, bytes).expect("a file");
        path
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).expect("somebody listens");
        let patience = Some(Duration::from_secs(20));
        stream.set_read_timeout(patience).expect("a timeout");
        stream
    }

    fn ask(&self, line: &str, headers: &str) -> Heard {
        let mut stream = self.connect();
        let said = format!("{line} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{headers}\r\n");
        stream.write_all(said.as_bytes()).expect("taken");
        let mut heard = Vec::new();
        stream.read_to_end(&mut heard).expect("the answer ends");
        let end = heard.windows(4).position(|four| four == b"\r\n\r\n");
        let end = end.expect("a head");
        let head = String::from_utf8(heard[..end].to_vec()).expect("text");
        Heard {
            status: head[9..12].parse().expect("a status"),
            head,
            body: heard[end + 4..].to_vec(),
        }
    }

    fn get(&self, path: &str, headers: &str) -> Heard {
        self.ask(&format!("GET /files{path}"), headers)
    }
}

/// The time that a settled file was changed last.
fn then() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(1_600_000_000_500)
}

fn change_at(path: &Path, time: SystemTime) {
    let file = fs::File::options().write(true).open(path);
    let file = file.expect("the file");
    file.set_modified(time).expect("a time");
}

/// Makes a file one that nobody has changed for long.
fn settle(path: &Path) {
    change_at(path, then());
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.remote.call_from_thread(Reactor::stop);
        let _ = self.thread.take().map(JoinHandle::join);
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[test]
fn a_file_is_answered_with_its_type_and_what_one_knows_it_by() {
    let served = Served::new();
    let heard = served.get("/ten.txt", "");
    assert_eq!((heard.status, heard.text()), (200, "0123456789"));
    assert_eq!(
        heard.header("Content-Type"),
        Some("text/plain; charset=utf-8")
    );
    assert_eq!(heard.header("Content-Length"), Some("10"));
    assert_eq!(heard.header("Accept-Ranges"), Some("bytes"));
    assert!(
        heard
            .header("ETag")
            .is_some_and(|tag| tag.starts_with("\"a-"))
    );
    assert!(
        heard
            .header("Last-Modified")
            .is_some_and(|date| date.ends_with("GMT"))
    );
    let head = served.ask("HEAD /files/ten.txt", "Range: bytes=0-1\r\n");
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("Content-Length"), Some("10"));
    let post = served.ask("POST /files/ten.txt", "Content-Length: 0\r\n");
    assert_eq!(
        (post.status, post.header("Allow")),
        (405, Some("GET, HEAD, OPTIONS"))
    );
    served.put("empty", b"");
    let empty = served.get("/empty", "");
    assert_eq!(
        (empty.status, empty.header("Content-Length")),
        (200, Some("0"))
    );
    assert_eq!(
        empty.header("Content-Type"),
        Some("application/octet-stream")
    );
    assert_eq!(served.get("/empty", "Range: bytes=-5\r\n").status, 200);
    assert_eq!(served.get("/empty", "Range: bytes=0-\r\n").status, 416);
}

#[test]
fn ranges_are_what_was_asked_for_and_there_is() {
    let served = Served::new();
    for (range, status, body, header) in [
        ("bytes=0-4", 206, "01234", Some("bytes 0-4/10")),
        ("bytes=5-", 206, "56789", Some("bytes 5-9/10")),
        ("bytes=-3", 206, "789", Some("bytes 7-9/10")),
        ("bytes=0-99", 206, "0123456789", Some("bytes 0-9/10")),
        (
            "bytes=20-",
            416,
            "416 Range Not Satisfiable\n",
            Some("bytes */10"),
        ),
        (
            "bytes=-0",
            416,
            "416 Range Not Satisfiable\n",
            Some("bytes */10"),
        ),
        ("Bytes=0-4", 206, "01234", Some("bytes 0-4/10")),
        ("bytes=", 200, "0123456789", None),
        ("bytes=,", 200, "0123456789", None),
        ("bytes=5-2", 200, "0123456789", None),
        ("items=0-1", 200, "0123456789", None),
        ("abc", 200, "0123456789", None),
    ] {
        let heard = served.get("/ten.txt", &format!("Range: {range}\r\n"));
        assert_eq!((heard.status, heard.text()), (status, body), "{range}");
        assert_eq!(heard.header("Content-Range"), header, "{range}");
    }
    let heard = served.get("/ten.txt", "Range: bytes=0-0,-1\r\n");
    assert_eq!(heard.status, 206);
    let kind = heard.header("Content-Type").expect("a type");
    let boundary = kind
        .strip_prefix("multipart/byteranges; boundary=")
        .expect("parts");
    let part = |range: &str, text: &str| {
        format!(
            "\r\n--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes {range}/10\r\n\r\n{text}"
        )
    };
    let expected = format!(
        "{}{}\r\n--{boundary}--\r\n",
        part("0-0", "0"),
        part("9-9", "9")
    );
    assert_eq!(heard.text(), expected);
}

#[test]
fn who_has_it_already_is_told_so() {
    let served = Served::new();
    let path = served.put("page.html", b"<p>");
    settle(&path);
    let first = served.get("/page.html", "");
    let tag = first.header("ETag").expect("a tag").to_owned();
    let (before, at, after) = (
        "Sun, 13 Sep 2020 12:26:39 GMT",
        "Sun, 13 Sep 2020 12:26:40 GMT",
        "Sun, 13 Sep 2020 12:26:41 GMT",
    );
    assert_eq!(first.header("Last-Modified"), Some(at));
    for (headers, status) in [
        (format!("If-None-Match: {tag}\r\n"), 304),
        (format!("If-None-Match: W/{tag}\r\n"), 304),
        (format!("If-None-Match: \"a,b\", {tag}\r\n"), 304),
        (
            format!("If-None-Match: \"a\"\r\nIf-None-Match: {tag}\r\n"),
            304,
        ),
        ("If-None-Match: *\r\n".to_owned(), 304),
        ("If-None-Match: \"other\"\r\n".to_owned(), 200),
        (
            format!("If-None-Match: \"other\"\r\nIf-Modified-Since: {after}\r\n"),
            200,
        ),
        (format!("If-Modified-Since: {at}\r\n"), 304),
        (format!("If-Modified-Since: {after}\r\n"), 304),
        (format!("If-Modified-Since: {before}\r\n"), 200),
        ("If-Modified-Since: yesterday\r\n".to_owned(), 200),
        (format!("If-Match: {tag}\r\n"), 200),
        (format!("If-Match: W/{tag}\r\n"), 412),
        ("If-Match: \"other\"\r\n".to_owned(), 412),
        ("If-Match: *\r\n".to_owned(), 200),
        (format!("If-Unmodified-Since: {before}\r\n"), 412),
        (format!("If-Unmodified-Since: {at}\r\n"), 200),
        (
            format!("If-Match: {tag}\r\nIf-Unmodified-Since: {before}\r\n"),
            200,
        ),
        (format!("Range: bytes=0-0\r\nIf-Range: {tag}\r\n"), 206),
        (
            "Range: bytes=0-0\r\nIf-Range: \"other\"\r\n".to_owned(),
            200,
        ),
        (format!("Range: bytes=0-0\r\nIf-Range: {at}\r\n"), 206),
        (format!("Range: bytes=0-0\r\nIf-Range: {after}\r\n"), 200),
    ] {
        let heard = served.get("/page.html", &headers);
        assert_eq!(heard.status, status, "{headers}");
        if status == 304 {
            assert_eq!(heard.body, b"");
            assert_eq!(heard.header("ETag"), Some(tag.as_str()));
            assert_eq!(heard.header("Content-Length"), None);
        }
    }
}

#[test]
fn one_state_of_a_file_is_never_taken_for_another() {
    let served = Served::new();
    let path = served.put("page", b"one");
    settle(&path);
    let one = served.get("/page", "");
    let other = served.put("other", b"two");
    settle(&other);
    fs::rename(other, &path).expect("it is moved");
    let tag = one.header("ETag").expect("a tag");
    let two = served.get("/page", &format!("Range: bytes=1-\r\nIf-Range: {tag}\r\n"));
    assert_eq!((two.status, two.text()), (200, "two"));
    assert_eq!(two.header("Last-Modified"), one.header("Last-Modified"));

    // What was changed a moment ago may be changed again in the same tick of the clock.
    served.put("page", b"one");
    let one = served.get("/page", "");
    let tag = one.header("ETag").expect("a tag");
    assert!(tag.starts_with("W/\"3-"), "{tag}");
    assert_eq!(one.header("Last-Modified"), None);
    for condition in ["If-None-Match", "Range: bytes=1-\r\nIf-Range"] {
        let again = served.get("/page", &format!("{condition}: {tag}\r\n"));
        assert_eq!((again.status, again.text()), (200, "one"), "{condition}");
    }

    // A time in the future is no time.
    change_at(&path, SystemTime::now() + Duration::from_secs(3600));
    let future = served.get("/page", "");
    assert_eq!((future.status, future.header("Last-Modified")), (200, None));
}

#[test]
fn every_name_that_a_file_can_have_is_served() {
    let served = Served::new();
    for (path, name) in [
        ("/C:/12:30.txt", "C:/12:30.txt".into()),
        ("/back\\slash", "back\\slash".into()),
        ("/a%5Cb", "a\\b".into()),
        ("/space%20%25%3F", "space %?".into()),
        ("/caf%E9", OsString::from_vec(b"caf\xe9".to_vec())),
    ] {
        let path_there = served.folder.join("root").join(&name);
        fs::create_dir_all(path_there.parent().expect("a folder")).expect("a folder");
        fs::write(path_there, path).expect("a file");
        assert_eq!(served.get(path, "").text(), path);
    }
    fs::create_dir_all(served.folder.join("root/\\example.com")).expect("a folder");
    let redirected = served.get("/\\example.com", "");
    let location = redirected.header("Location");
    assert_eq!(location, Some("/files/%5Cexample.com/"));
}

#[test]
fn a_dot_name_is_served_by_its_name_and_the_others_stay_hidden() {
    let served = Served::with(|files| files.with_dot_name(".well-known"));
    let root = served.folder.join("root");
    fs::create_dir_all(root.join(".well-known/.git")).expect("a folder");
    served.put(".well-known/security.txt", b"Contact: ana");
    served.put(".well-known/.git/config", b"hidden");
    served.put(".well-known.txt", b"hidden");
    let ask = |path: &str| served.ask(&format!("GET {path}"), "");
    assert_eq!(ask("/.well-known/security.txt").text(), "Contact: ana");
    for hidden in [
        "/.well-known/.git/config",
        "/.well-known.txt",
        "/.well-known/..",
        "/files/.well-known/security.txt",
    ] {
        assert_eq!(ask(hidden).status, 404, "{hidden}");
    }
}

#[test]
fn files_may_stand_at_the_root_beside_other_resources() {
    let served = Served::new();
    let ask = |path: &str| served.ask(&format!("GET {path}"), "");
    assert_eq!(ask("/").text(), "quick", "the child of the empty name");
    assert_eq!(ask("/ten.txt").text(), "0123456789");
    assert_eq!(ask("/files/ten.txt").text(), "0123456789");
    assert_eq!(ask("/sub").header("Location"), Some("/sub/"));
    assert_eq!(ask("/nowhere").status, 404);
}

#[test]
fn an_application_gets_its_page_for_every_path_of_a_page() {
    let served = Served::with(|files| {
        let files = files.with_fallback("app.html").with_dot_name(".well-known");
        files.with_type("ly", "text/x-lilypond")
    });
    settle(&served.put("app.html", b"<p>app"));
    served.put("song.LY", b"c d e");
    let ask = |path: &str| served.ask(&format!("GET {path}"), "");
    for page in ["/users", "/users/ana", "/v1.2/users", "/sub/", "/nowhere/"] {
        let heard = ask(page);
        assert_eq!((heard.status, heard.text()), (200, "<p>app"), "{page}");
        assert_eq!(
            heard.header("Content-Type"),
            Some("text/html; charset=utf-8")
        );
        assert!(heard.header("ETag").is_some());
    }
    for file in [
        "/app.js",
        "/users/a.png",
        "/.well-known/x",
        "/.hidden",
        "/../x",
        "//x",
    ] {
        assert_eq!(ask(file).status, 404, "{file}");
    }
    assert_eq!(ask("/ten.txt").text(), "0123456789");
    assert_eq!(ask("/sub").header("Location"), Some("/sub/"));
    assert_eq!(
        ask("/song.LY").header("Content-Type"),
        Some("text/x-lilypond")
    );
}

#[test]
fn a_folder_has_an_index_and_a_slash() {
    let served = Served::new();
    let redirected = served.get("/sub?a=b", "");
    assert_eq!(
        (redirected.status, redirected.header("Location")),
        (302, Some("/files/sub/?a=b"))
    );
    assert_eq!(served.get("/sub/", "").status, 404, "there is no index");
    served.put("sub/index.html", b"<p>index");
    assert_eq!(served.get("/sub/", "").text(), "<p>index");
    assert_eq!(served.get("", "").header("Location"), Some("/files/"));
    assert_eq!(served.get("/ten.txt/", "").status, 404);
}

#[test]
fn nothing_leads_out_of_the_folder_or_to_what_is_hidden() {
    let served = Served::new();
    fs::write(served.folder.join("secret"), b"secret").expect("a file");
    served.put(".hidden", b"hidden");
    let root = served.folder.join("root");
    symlink(served.folder.join("secret"), root.join("link")).expect("a link");
    symlink(&served.folder, root.join("up")).expect("a link");
    symlink(root.join("ten.txt"), root.join("inside")).expect("a link");
    symlink("loop", root.join("loop")).expect("a link");
    symlink(".hidden", root.join("shown")).expect("a link");
    let fifo = root.join("fifo");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status();
    assert!(made.expect("mkfifo").success());
    for path in [
        "/../secret",
        "/%2e%2e/secret",
        "/..%2fsecret",
        "/sub/../../secret",
        "/sub/%2E%2E/%2E%2E/secret",
        "/..\\secret",
        "//secret",
        "/link",
        "/up/secret",
        "/loop",
        "/fifo",
        "/.hidden",
        "/shown",
        "/ten.txt%00",
        "/%ff",
        "/sub%2f..%2f..%2fsecret",
        "/nowhere",
        "/C:/secret",
    ] {
        let heard = served.get(path, "");
        assert!(
            [400, 404].contains(&heard.status),
            "{path}: {}",
            heard.status
        );
        assert!(!heard.text().contains("secret"), "{path}");
    }
    for path in [
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/sub/%2E%2e/../../etc/passwd",
        "/..",
        "/%2e%2e",
    ] {
        assert_eq!(served.get(path, "").status, 404, "{path}");
    }
    assert_eq!(served.get("/inside", "").text(), "0123456789");
}

#[test]
fn a_large_file_is_read_as_it_is_taken_and_slow_readers_hold_nobody_up() {
    let served = Served::new();
    let bytes: Vec<u8> = (0..30_000_000_u32).map(|n| (n % 251) as u8).collect();
    served.put("large.bin", &bytes);
    let slow: Vec<TcpStream> = (0..50)
        .map(|_| {
            let mut stream = served.connect();
            let said = b"GET /files/large.bin HTTP/1.1\r\nHost: a\r\n\r\n";
            stream.write_all(said).expect("taken");
            stream
        })
        .collect();
    let heard = served.get("/large.bin", "");
    assert_eq!(heard.header("Content-Length"), Some("30000000"));
    assert!(heard.body == bytes);
    let heard = served.get("/large.bin", "Range: bytes=1000000-1099999,29999999-\r\n");
    assert!(
        heard
            .body
            .windows(100_000)
            .any(|part| part == &bytes[1_000_000..1_100_000])
    );
    let began = Instant::now();
    assert_eq!(served.ask("GET /", "").text(), "quick");
    assert!(began.elapsed() < Duration::from_secs(2));
    drop(slow);
}

#[test]
fn a_file_that_shrinks_while_it_is_sent_is_not_taken_for_whole() {
    let served = Served::new();
    let path = served.put("large.bin", &vec![b'x'; 50_000_000]);
    let mut stream = served.connect();
    let said = b"GET /files/large.bin HTTP/1.1\r\nHost: a\r\n\r\n";
    stream.write_all(said).expect("taken");
    let mut heard = [0; 1000];
    stream.read_exact(&mut heard).expect("the beginning");
    let file = fs::File::options()
        .write(true)
        .open(path)
        .expect("the file");
    file.set_len(1000).expect("it can be cut");
    let mut rest = Vec::new();
    let end = stream.read_to_end(&mut rest);
    assert!(end.is_err() || rest.len() < 49_000_000, "{end:?}");
    assert!(end.is_err(), "the client sees a reset");
    let _ = stream.shutdown(Shutdown::Both);
}
