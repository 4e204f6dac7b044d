//! Every error of this crate, and where a program meets it.
//!
//! There is no error type for everything. What returns a `Result` has an error of its own,
//! with a variant for each thing that a caller may want to tell apart; a
//! [`Deferred`](crate::Deferred) fails with a [`Failure`](crate::Failure), which holds any of them
//! and is asked with [`check`](crate::Failure::check). All of them, and `Failure` too, convert into
//! `Box<dyn Error>`, so `?` works in a `main` that returns one.
//!
//! | error | where it is met |
//! | --- | --- |
//! | [`Reason`](crate::Reason) | `connection_lost`, `connection_failed`, [`Connector::connected`](crate::Connector::connected): why a connection ended, or was never made |
//! | [`CannotListen`](crate::CannotListen) | [`listen_tcp`](crate::Reactor::listen_tcp), and whatever else listens |
//! | `CannotWatch`, of [`embedding`](crate::embedding) | `add_source`: the operating system cannot watch a descriptor |
//! | [`RunError`](crate::RunError) | [`run`](crate::Reactor::run), [`turn`](crate::Reactor::turn), [`run_until`](crate::Reactor::run_until): the loop runs already, or cannot wait |
//! | [`StoppedBefore`](crate::StoppedBefore) | `run_until`: the loop stopped before the Deferred fired |
//! | [`CallFromThreadError`](crate::CallFromThreadError) | [`call_from_thread`](crate::RemoteReactor::call_from_thread): the loop is gone, or its queue is full |
//! | [`BlockingCallError`](crate::threads::BlockingCallError) | [`blocking_call_from_thread`](crate::RemoteReactor::blocking_call_from_thread): the call failed, or the loop has stopped or is gone |
//! | [`SendError`](crate::threads::SendError) | [`Sender::send`](crate::threads::Sender::send), and what other threads ask of a connection: too much waits, or it is gone |
//! | [`ThreadPoolError`](crate::ThreadPoolError) | [`defer_to_thread`](crate::Reactor::defer_to_thread), or a name that is to be looked up: too much work waits, or no thread can be started |
//! | [`ExchangeError`](crate::connection::ExchangeError) | [`Exchange::ask`](crate::connection::Exchange::ask): too many requests wait, or one is invalid |
//! | [`BadAddress`](crate::BadAddress) | parsing an [`Address`](crate::Address) |
//! | [`BadNetwork`](crate::BadNetwork) | parsing a [`Network`](crate::Network) |
//! | `BadProxyHeader`, of [`proxy_protocol`](crate::proxy_protocol) | [`Header::read`](crate::proxy_protocol::Header::read): bytes do not begin with a PROXY header |
//! | [`NotSent`](crate::datagram::NotSent) | [`try_send_to`](crate::datagram::DatagramTransport::try_send_to): a datagram was not sent |
//! | **`process`**, with the feature | |
//! | `CannotSpawn` | `spawn_process`, and whatever else starts a child: there is no such program, or no room for it |
//! | `ProcessFailed`, `OutputTooLong` | `get_output`: the command failed, or wrote too much |
//! | **[`deferred`](crate::deferred)** | |
//! | [`Panicked`](crate::deferred::Panicked) | a callback of a Deferred, a task, or work on a thread panicked |
//! | [`Cancelled`](crate::deferred::Cancelled) | a Deferred was cancelled |
//! | [`TimedOut`](crate::deferred::TimedOut) | `add_timeout`: a Deferred took too long |
//! | [`Abandoned`](crate::deferred::Abandoned) | a resolver was dropped before it fired its Deferred |
//! | [`Circular`](crate::deferred::Circular) | a Deferred waits for itself |
//! | [`FirstError`](crate::deferred::FirstError), [`FailureGroup`](crate::deferred::FailureGroup), [`NothingToWaitFor`](crate::deferred::NothingToWaitFor) | [`gather_results`](crate::deferred::gather_results), [`DeferredList`](crate::deferred::DeferredList), [`race`](crate::deferred::race) |
//! | [`QueueOverflow`](crate::deferred::QueueOverflow), [`QueueUnderflow`](crate::deferred::QueueUnderflow) | `put` and `get` of a bounded [`Queue`](crate::deferred::Queue) |
//! | **[`framing`](crate::framing)** | |
//! | [`MessageTooLong`](crate::framing::MessageTooLong) | sending a message that the framing cannot express |
//! | **[`endpoints`](crate::endpoints)** | |
//! | [`BadEndpoint`](crate::endpoints::BadEndpoint) | parsing an endpoint; its [`Mistake`](crate::endpoints::Mistake) says what is wrong, and where |
//! | [`BadPrefix`](crate::endpoints::BadPrefix) | [`register_server`](crate::endpoints::register_server) and [`register_client`](crate::endpoints::register_client): the prefix is known already, or is not one |
//! | **[`http`](crate::http), the agent** | |
//! | [`RequestError`](crate::http::RequestError) | a request failed: no connection, no valid answer, too many redirects |
//! | [`UnexpectedStatus`](crate::http::UnexpectedStatus) | [`get_page`](crate::http::get_page): the answer is not a success |
//! | [`BadUrl`](crate::http::BadUrl) | parsing a [`Url`](crate::http::Url) |
//! | **[`http`](crate::http), both sides** | |
//! | [`MessageError`](crate::http::MessageError) | a peer's message breaks a rule or a limit; it has the status that answers it |
//! | [`BadHeader`](crate::http::BadHeader), [`UnknownMethod`](crate::http::UnknownMethod) | a header that a program sets, or a method that it parses, is invalid |
//! | [`NotAForm`](crate::http::NotAForm) | a body that is parsed as a form is not one |
//! | [`BodyTooLong`](crate::http::BodyTooLong), [`AskedTwice`](crate::http::AskedTwice) | reading a [`BodyStream`](crate::http::BodyStream) |
//! | [`BodyIsOver`](crate::http::BodyIsOver) | writing to a [`BodySink`](crate::http::BodySink) whose peer is gone |
//! | **`tls`**, with the feature | |
//! | `TlsError` | making a configuration, or a handshake that fails: then it is the [`Reason::Violation`](crate::Reason::Violation) or the source of a [`Reason::Error`](crate::Reason::Error) |
