"""The page of the lecture: how many are in the chat, and a form for what they are welcomed with."""

import json

import requests
from flask import Flask, redirect, render_template_string, request

PAGE = """<!doctype html>
<title>Chat</title>
<p>{{ users }} in the chat</p>
<form method="post">
  <textarea name="banner">{{ banner }}</textarea>
  <button>Save</button>
</form>
"""


def get_users(api):
    return requests.get(f"{api}/users/").json()["users"]


def get_banner(api):
    return requests.get(f"{api}/banner/").json()["banner"]


def set_banner(api, banner):
    return requests.post(f"{api}/banner/", data=json.dumps({"banner": banner})).json()["status"]


def page(api):
    app = Flask(__name__)

    @app.get("/")
    def show():
        return render_template_string(PAGE, users=get_users(api), banner=get_banner(api))

    @app.post("/")
    def save():
        set_banner(api, request.form["banner"])
        return redirect("/")

    return app
