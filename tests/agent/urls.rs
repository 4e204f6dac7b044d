//! URLs as people and servers write them, and what the server reads of them.

use super::*;

#[test]
fn urls_that_every_client_takes() {
    for text in [
        "http://a/?a[]=1",
        "http://a/?a|b",
        "http://a/{x}",
        "http://a/b c",
        "http://a/\u{e9}",
    ] {
        assert!(Url::parse(text).is_ok(), "{text}");
    }
    let name = Url::parse("http://b\u{fc}cher.example/");
    if cfg!(feature = "idn") {
        let name = name.expect("a name beyond ASCII");
        assert_eq!(name.host(), "xn--bcher-kva.example");
    } else {
        let error = name.expect_err("it needs a feature").to_string();
        assert!(
            error.contains("'\u{fc}'") && error.contains("`idn`"),
            "{error}"
        );
    }
}

#[test]
fn a_server_reads_what_a_browser_would_send() {
    for (path, target) in [
        ("/b c?d e", "/b%20c?d%20e"),
        ("/caf\u{e9}?\u{e9}", "/caf%C3%A9?%C3%A9"),
        ("/?a[]={1}|\\", "/?a[]={1}|\\"),
        ("/{a}\"b\"", "/%7Ba%7D%22b%22"),
        ("/100%?%zz", "/100%?%zz"),
    ] {
        let game = Game::new();
        let _page = game.page(path);
        let said = heard(&game.accept());
        let line = format!("GET {target} HTTP/1.1\r\n");
        assert!(said.starts_with(&line), "{path}: {said}");
    }
}

#[test]
fn redirects_that_every_browser_follows() {
    for (location, target) in [
        ("/caf\u{e9}", "/caf%C3%A9"),
        ("/my file", "/my%20file"),
        ("/x?a[]=1", "/x?a[]=1"),
        ("/x?a|b", "/x?a|b"),
        ("/x?{y}", "/x?{y}"),
        ("/x?\"y\"", "/x?%22y%22"),
        ("/100%", "/100%"),
    ] {
        let game = Game::new();
        let page = game.page("/");
        let server = game.accept();
        let _ = heard(&server);
        game.say(
            &server,
            &format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"),
        );
        let said = heard(&server);
        let line = format!("GET {target} HTTP/1.1\r\n");
        assert!(said.starts_with(&line), "{location}: {said}");
        game.say(&server, HELLO);
        assert_eq!(text(page), "hello");
    }
}

#[test]
#[cfg(feature = "idn")]
fn a_redirect_to_a_name_beyond_ascii_leads_to_its_ascii_form() {
    let game = Game::new();
    let host = "10.0.0.2".parse().expect("an address");
    game.simulation.add_host("xn--bcher-kva.example", &[host]);
    let elsewhere = game.simulation.listen("10.0.0.2:80");
    let _page = game.page("/");
    game.say(
        &game.accept(),
        "HTTP/1.1 302 Found\r\nLocation: //B\u{dc}CHER.example/\r\nContent-Length: 0\r\n\r\n",
    );
    let said = heard(&elsewhere.accept().expect("a connection"));
    assert!(said.contains("Host: xn--bcher-kva.example\r\n"), "{said}");
}
