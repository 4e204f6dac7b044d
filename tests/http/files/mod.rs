//! Files, on real sockets and from a real disk, which is what the thread pool is for.

mod conditions;
mod names;

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};
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
            let limits = HttpLimits::default().send_time(Duration::from_secs(2));
            let site = Site::new(&reactor, tree).with_limits(limits);
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
fn files_do_not_wait_for_the_work_of_the_program() {
    let served = Served::new();
    served.put("large.bin", &vec![7; 300_000]);
    let (go_on, goes_on) = mpsc::channel::<()>();
    let goes_on = Arc::new(Mutex::new(goes_on));
    let (begun, begins) = mpsc::channel();
    let call = move |reactor: &Reactor| {
        for _ in 0..8 {
            let (begun, goes_on) = (begun.clone(), Arc::clone(&goes_on));
            drop(reactor.defer_to_thread(move || {
                begun.send(()).expect("the test waits");
                drop(goes_on.lock().map(|goes_on| goes_on.recv()));
            }));
        }
    };
    served.remote.call_from_thread(call).expect("the loop runs");
    for _ in 0..8 {
        begins.recv().expect("all threads of the pool work");
    }
    assert_eq!(served.get("/ten.txt", "").text(), "0123456789");
    assert_eq!(served.get("/large.bin", "").body.len(), 300_000);
    drop(go_on);
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
