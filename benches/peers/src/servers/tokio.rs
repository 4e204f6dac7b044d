//! tokio on its current-thread runtime, as its own examples have it: a task for each connection,
//! and for the chat a channel for each peer and one send a line (`examples/chat.rs` without the
//! names).

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use comparison::{READ_BUFFER, Result, announce, system};
use futures_util::SinkExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{Mutex, mpsc};
use tokio_stream::StreamExt;
use tokio_util::codec::{Framed, LinesCodec};

use super::Mode;

/// The buffer of each echo task; `tokio::io::copy` has the same.
const BUFFER: usize = 8 * 1024;

pub(super) fn run(mode: Mode) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    runtime.block_on(async {
        if matches!(mode, Mode::Udp) {
            return serve_datagrams().await;
        }
        let listener = TcpListener::from_std(system::listen()?)?;
        announce(listener.local_addr()?)?;
        match mode {
            Mode::Echo | Mode::Udp => serve_echo(&listener).await,
            Mode::Chat => serve_chat(&listener).await,
        }
    })
}

async fn serve_datagrams() -> Result<()> {
    let socket = UdpSocket::bind("127.0.0.1:0").await?;
    announce(socket.local_addr()?)?;
    let mut buffer = vec![0; READ_BUFFER];
    loop {
        let (length, from) = socket.recv_from(&mut buffer).await?;
        socket.send_to(&buffer[..length], from).await?;
    }
}

async fn serve_echo(listener: &TcpListener) -> Result<()> {
    loop {
        let (mut stream, _) = listener.accept().await?;
        tokio::spawn(async move {
            let mut buffer = vec![0; BUFFER];
            loop {
                let Ok(length @ 1..) = stream.read(&mut buffer).await else {
                    return;
                };
                if stream.write_all(&buffer[..length]).await.is_err() {
                    return;
                }
            }
        });
    }
}

/// Where to send for each peer.
type Peers = Arc<Mutex<HashMap<SocketAddr, mpsc::UnboundedSender<String>>>>;

async fn serve_chat(listener: &TcpListener) -> Result<()> {
    let peers = Peers::default();
    loop {
        let (stream, address) = listener.accept().await?;
        let peers = Arc::clone(&peers);
        tokio::spawn(async move {
            // An error ends this connection only; the example logs it.
            let _ = converse(&peers, stream, address).await;
            peers.lock().await.remove(&address);
        });
    }
}

async fn converse(
    peers: &Peers,
    stream: TcpStream,
    address: SocketAddr,
) -> Result<(), tokio_util::codec::LinesCodecError> {
    let mut lines = Framed::new(stream, LinesCodec::new());
    let (sender, mut from_others) = mpsc::unbounded_channel();
    peers.lock().await.insert(address, sender);
    loop {
        tokio::select! {
            Some(line) = from_others.recv() => lines.send(&line).await?,
            line = lines.next() => match line {
                Some(line) => broadcast(peers, address, &line?).await,
                None => return Ok(()),
            },
        }
    }
}

async fn broadcast(peers: &Peers, author: SocketAddr, line: &str) {
    for (address, sender) in peers.lock().await.iter() {
        if *address != author {
            // Whoever has just gone is removed by its own task.
            let _ = sender.send(line.to_owned());
        }
    }
}
