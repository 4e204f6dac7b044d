#!/usr/bin/env python3
"""The dashboard in a real browser, headless: what people see, on a desk and on a phone.

    cargo build --example chat --example dashboard
    tests/browser/dashboard.py                          needs chromium and chromedriver
    tests/browser/dashboard.py --pictures docs/pictures  keeps the pictures of the README

Speaks WebDriver (https://www.w3.org/TR/webdriver2/) over HTTP, with nothing but Python's library.
"""

import base64
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EXAMPLES = os.path.join(os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target")), "debug/examples")
PATIENCE = 30
DESK, PHONE = (1100, 600), (390, 844)


class Program:
    """An example that runs, and what it has said about where it listens."""

    def __init__(self, name, *arguments):
        command = [os.path.join(EXAMPLES, name), *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def says(self, pattern):
        for line in self.process.stdout:
            found = re.search(pattern, line)
            if found:
                return found.groups()
        raise AssertionError(f"it never said {pattern}")

    def end(self):
        self.process.terminate()
        self.process.wait(PATIENCE)


class Browser:
    """One page of a headless Chromium."""

    def __init__(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.driver = subprocess.Popen(["chromedriver", f"--port={port}"], stdout=subprocess.DEVNULL)
        self.at = f"http://127.0.0.1:{port}"
        until("chromedriver answers", lambda: self.call("GET", "/status")["ready"])
        options = {
            "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"],
        }
        always = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        session = self.call("POST", "/session", {"capabilities": {"alwaysMatch": always}})
        self.at += f"/session/{session['sessionId']}"

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.at + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return json.load(answer)["value"]

    def open(self, url):
        self.call("POST", "/url", {"url": url})

    def run(self, script):
        return self.call("POST", "/execute/sync", {"script": script, "args": []})

    def text(self, selector):
        return self.run(f"const e = document.querySelector({selector!r}); return e && e.innerText")

    def element(self, selector):
        found = self.call("POST", "/element", {"using": "css selector", "value": selector})
        return f"/element/{next(iter(found.values()))}"

    def type(self, selector, text):
        element = self.element(selector)
        self.call("POST", element + "/clear", {})
        self.call("POST", element + "/value", {"text": text})

    def click(self, selector):
        self.call("POST", self.element(selector) + "/click", {})

    def resize(self, size):
        """The window's inside, as a phone's screen is."""
        metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size[0] < 500}
        self.call("POST", "/goog/cdp/execute", {"cmd": "Emulation.setDeviceMetricsOverride", "params": metrics})

    def prefer(self, scheme):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("POST", "/goog/cdp/execute", {"cmd": "Emulation.setEmulatedMedia", "params": {"features": features}})

    def without_script(self, off):
        self.call("POST", "/goog/cdp/execute", {"cmd": "Emulation.setScriptExecutionDisabled", "params": {"value": off}})

    def picture(self, name):
        if PICTURES:
            with open(os.path.join(PICTURES, name), "wb") as file:
                file.write(base64.b64decode(self.call("GET", "/screenshot")))

    def complaints(self):
        """What the console says went wrong, but for answers that the test itself has broken."""
        lines = self.call("POST", "/se/log", {"type": "browser"})
        return [line["message"] for line in lines if "/events" not in line["message"] and "502" not in line["message"]]

    def end(self):
        try:
            self.call("DELETE", "")
        finally:
            self.driver.terminate()
            self.driver.wait(PATIENCE)


def until(what, condition):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            if condition():
                print(f"ok: {what}")
                return
        except OSError:
            pass
        time.sleep(0.05)
    raise AssertionError(f"never: {what}")


def check(what, condition):
    assert condition, f"not so: {what}"
    print(f"ok: {what}")


def join(port):
    """Somebody in the chat, and the line that welcomed them."""
    stream = socket.create_connection(("127.0.0.1", int(port)), PATIENCE)
    return stream, stream.makefile().readline()


def main():
    running = []

    def start(*arguments):
        running.append(Program(*arguments))
        return running[-1]

    try:
        chat = start("chat", "tcp:0:interface=127.0.0.1", "--api", "tcp:0:interface=127.0.0.1")
        (nc,) = chat.says(r"nc 127\.0\.0\.1 (\d+)")
        (api,) = chat.says(r"The API: http://127\.0\.0\.1:(\d+)/")
        dashboard = start("dashboard", "--listen", "tcp:0:interface=127.0.0.1", "--api", f"http://127.0.0.1:{api}")
        (port,) = dashboard.says(r"The dashboard: http://127\.0\.0\.1:(\d+)/")
        url = f"http://127.0.0.1:{port}/"
        browser = Browser()
        running.append(browser)
        use(browser, url, nc)

        browser.open(url)
        chat.process.send_signal(signal.SIGSTOP)
        until("a page that is open says that the chat hangs", lambda: "does not answer" in browser.text("#state"))
        chat.process.send_signal(signal.SIGCONT)
        until("and that it goes on", lambda: browser.text("#state") == "live")
        chat.end()
        until("a page that is open says that the chat is gone", lambda: "does not answer" in browser.text("#state"))
        browser.open(url)
        check("a page that is opened then says so too", "The chat does not answer" in browser.text("main"))
        chat = start("chat", "tcp:0:interface=127.0.0.1", "--api", f"tcp:{api}:interface=127.0.0.1")
        until("it comes back by itself", lambda: browser.text("#users") == "0")
        check(f"the console has no complaints {browser.complaints()}", not browser.complaints())
    finally:
        for program in reversed(running):
            program.end()


def use(browser, url, nc):
    browser.resize(DESK)
    browser.open(url)
    check("the count is there", browser.text("#users") == "0")
    check("the banner is there", browser.text("#banner") == "Welcome to NetCatChat!")
    until("the page is live", lambda: browser.text("#state") == "live")
    browser.run("window.theSamePage = true")
    first, _ = join(nc)
    until("one who comes is counted", lambda: browser.text("#users") == "1")
    check("one is a person", browser.text("#people") == "person")
    second, _ = join(nc)
    until("two are", lambda: browser.text("#users") == "2")
    first.close()
    until("one who goes is not", lambda: browser.text("#users") == "1")
    check("all without a reload", browser.run("return window.theSamePage") is True)
    check("the title counts too", browser.call("GET", "/title") == "1 in NetCatChat")

    browser.type("#text", "Welcome, <em>friends</em>!\n  Be kind & have fun.")
    browser.click("button")
    until("what was set is said to be saved", lambda: "Saved." in (browser.text(".note") or ""))
    shown = "Welcome, <em>friends</em>!\n  Be kind & have fun."
    check("it is shown as it was typed", browser.text("#banner") == shown)
    third, welcome = join(nc)
    check("who comes is welcomed with it", welcome == "Welcome, <em>friends</em>!\n")
    until("the page is live again", lambda: browser.text("#state") == "live")
    until("and counts", lambda: browser.text("#users") == "2")
    browser.picture("dashboard.png")

    browser.resize(PHONE)
    wide = "return document.documentElement.scrollWidth > document.documentElement.clientWidth"
    check("nothing is too wide for a phone", browser.run(wide) is False)
    small = "return [...document.querySelectorAll('button, textarea')].some(e => e.getBoundingClientRect().height < 40)"
    check("what is touched is large enough", browser.run(small) is False)
    browser.prefer("dark")
    browser.picture("dashboard-phone.png")
    browser.prefer("light")

    browser.type("#text", "w" * 1900)
    browser.click("button")
    until("a long banner is saved", lambda: "Saved." in (browser.text(".note") or ""))
    check("and is not too wide either", browser.run(wide) is False)

    browser.without_script(True)
    browser.open(url)
    browser.type("#text", "Hello again")
    browser.click("button")
    until("it works without its script", lambda: browser.call("GET", "/source").count("Saved.") == 1)
    check("the count is there without it", re.search(r'id="users">\d+<', browser.call("GET", "/source")))
    browser.without_script(False)
    check(f"the console has no complaints {browser.complaints()}", not browser.complaints())
    second.close()
    third.close()


PICTURES = sys.argv[2] if sys.argv[1:2] == ["--pictures"] else None
main()
print("the dashboard works in a browser")
