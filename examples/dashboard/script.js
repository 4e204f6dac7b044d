// Keeps the count up to date. Without this script it is that of when the page was opened.
"use strict";

const users = document.getElementById("users");
const people = document.getElementById("people");
const state = document.getElementById("state");
const isDown = document.getElementById("no-chat") !== null;

function show(name, text) {
  state.className = "state " + name;
  state.textContent = text;
}

const events = new EventSource("/events");

events.addEventListener("users", (event) => {
  if (isDown) {
    location.reload();
    return;
  }
  users.textContent = event.data;
  people.textContent = event.data === "1" ? "person" : "people";
  document.title = event.data + " in NetCatChat";
  show("live", "live");
});

events.addEventListener("down", () => {
  show("lost", "the chat does not answer");
});

// The browser connects again by itself.
events.addEventListener("error", () => {
  show("lost", "the dashboard does not answer");
});
