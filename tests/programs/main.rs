//! The example programs that speak HTTP, run as their users run them.

mod async_client;
mod behind_proxy;
mod chat_api;
mod dashboard;
mod datagrams;
mod deployed;
mod orgs;
mod output;
mod primes;
mod reconnecting;
mod running;
