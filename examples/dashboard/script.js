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

// What was saved is said once, and not when the page is loaded anew.
if (location.search === "?saved") {
  history.replaceState(null, "", "/");
}

// The chat counts bytes, with two for each end of a line, and a browser's own limit counts otherwise. The
// chat has the last word; this is said before the form is sent.
const text = document.getElementById("text");

function measure() {
  const bytes = new TextEncoder().encode(text.value.replace(/\r?\n/g, "\r\n")).length;
  const most = Number(text.dataset.bytes);
  text.setCustomValidity(bytes > most ? `${bytes} bytes are too many: at most ${most}` : "");
}

text?.addEventListener("input", measure);

function usersAre(event) {
  if (isDown) {
    // Not a reload: where this page is the answer to a form, that would send the form again.
    location.replace("/");
    return;
  }
  users.textContent = event.data;
  people.textContent = event.data === "1" ? "person" : "people";
  document.title = event.data + " in NetCatChat";
  show("live", "live");
}

function listen() {
  const events = new EventSource("/events");
  events.addEventListener("users", usersAre);
  events.addEventListener("down", () => show("lost", "the chat does not answer"));
  // The browser connects again by itself.
  events.addEventListener("error", () => show("lost", "the dashboard does not answer"));
  return events;
}

// A browser has six connections for all its pages of one site, so only those that are seen listen.
let events = null;

function listenWhileSeen() {
  if (document.hidden) {
    events?.close();
    events = null;
  } else {
    events ??= listen();
  }
}

document.addEventListener("visibilitychange", listenWhileSeen);
listenWhileSeen();
