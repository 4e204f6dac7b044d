#!/usr/bin/env python3
"""Runs the functions and the page of the lecture against the chat; called by `run`."""

import os
import re
import socket
import subprocess
import threading

import requests
from page import get_banner, get_users, page, set_banner
from werkzeug.serving import make_server

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EXAMPLES = os.path.join(os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target")), "debug/examples")
ANY_PORT = "tcp:0:interface=127.0.0.1"


class Chat:
    """The chat as a program, and where it listens."""

    def __init__(self):
        command = [os.path.join(EXAMPLES, "chat"), ANY_PORT, "--api", ANY_PORT]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.address = self.says(r"nc (\S+) (\d+)")
        (self.api,) = self.says(r"The API: (http://\S+)/")

    def says(self, pattern):
        for line in self.process.stdout:
            found = re.search(pattern, line)
            if found:
                return found.groups()
        raise AssertionError(f"the chat never said {pattern}")

    def enter(self):
        """Somebody who chats, and what they are welcomed with."""
        somebody = socket.create_connection(self.address, timeout=10)
        return somebody, somebody.makefile(encoding="utf-8", newline="").readline()

    def end(self):
        self.process.terminate()
        self.process.wait(10)


def the_three_functions(chat):
    assert get_users(chat.api) == 0
    somebody, welcome = chat.enter()
    assert welcome == get_banner(chat.api), welcome
    assert get_users(chat.api) == 1
    assert set_banner(chat.api, "Hello from requests, é 🦀") == "SUCCESS"
    assert get_banner(chat.api) == "Hello from requests, é 🦀\r\n"
    other, welcome = chat.enter()
    assert welcome == "Hello from requests, é 🦀\r\n", welcome
    somebody.close()
    other.close()


def the_page(chat):
    server = make_server("127.0.0.1", 0, page(chat.api), threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.port}/"
    somebody, _ = chat.enter()
    assert re.search(r"<p>\d+ in the chat</p>", requests.get(url).text)
    answer = requests.post(url, data={"banner": "Hello from a form"})
    assert answer.ok and len(answer.history) == 1, answer
    assert ">Hello from a form" in answer.text, answer.text
    assert get_banner(chat.api) == "Hello from a form\r\n"
    somebody.close()
    server.shutdown()


def with_curl(chat):
    body = '{"banner": "Hello from curl"}'
    subprocess.run(["curl", "-sS", "--fail", "-o", os.devnull, "-d", body, f"{chat.api}/banner/"], check=True)
    assert get_banner(chat.api) == "Hello from curl\r\n"


def a_page_of_another_site(chat):
    for headers in [
        {"Origin": "http://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Referer": "http://evil.example/"},
    ]:
        answer = requests.post(f"{chat.api}/banner/", data='{"banner": "gotcha"}', headers=headers)
        assert answer.status_code == 403, (headers, answer)
    assert get_banner(chat.api) == "Hello from curl\r\n"


def main():
    chat = Chat()
    try:
        for part in [the_three_functions, the_page, with_curl, a_page_of_another_site]:
            part(chat)
            print(f"ok: {part.__name__}")
    finally:
        chat.end()


main()
