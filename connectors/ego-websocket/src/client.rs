//! One client: its handshake, its events, its end.

#![allow(clippy::result_large_err, reason = "the shape of a handshake's callback")]

use crate::options::Options;
use crate::query::Wanted;
use crate::server::ended;
use ego::Engine;
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{StatusCode, header};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async_with_config};

/// What a client may send: nothing that is listened to.
const INCOMING: usize = 4096;

/// Gives a client what it asks for, until one of the two has enough.
pub(crate) async fn serve(stream: TcpStream, engine: Engine, options: Options, mut ending: watch::Receiver<bool>) {
    let Ok(Some((socket, wanted))) = timeout(options.patience, accept(stream, &options.origins)).await else { return };
    let (mut sink, mut stream) = socket.split();
    let goodbye = match wanted {
        Ok(wanted) => follow(&mut sink, &mut stream, &wanted, &engine, &options, &mut ending).await,
        Err(reason) => Some((CloseCode::Policy, reason)),
    };
    let Some((code, reason)) = goodbye else { return };
    let frame = CloseFrame { code, reason: short(&reason).into() };
    let leave = async {
        sink.send(Message::Close(Some(frame))).await?;
        // Until the other end has said so, too: what it is still sending would cut our goodbye off.
        while stream.next().await.transpose()?.is_some() {}
        Ok::<_, Error>(())
    };
    // Whoever does not listen is left without a word.
    let _ = timeout(options.patience.min(Duration::from_secs(5)), leave).await;
}

/// Says that there are too many clients.
pub(crate) async fn refuse(stream: TcpStream) {
    let busy = |_: &Request, _: Response| Err(refused(StatusCode::SERVICE_UNAVAILABLE, "there are too many clients"));
    let _ = timeout(Duration::from_secs(5), accept_hdr_async_with_config(stream, busy, None)).await;
}

type Asked = Result<Wanted, String>;

async fn accept(stream: TcpStream, origins: &[String]) -> Option<(WebSocketStream<TcpStream>, Asked)> {
    // An event is sent when it is there.
    let _ = stream.set_nodelay(true);
    let mut asked = None;
    let look = |request: &Request, response: Response| {
        if let Some(origin) = request.headers().get(header::ORIGIN)
            && !origins.is_empty()
            && !origins.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes())
        {
            return Err(refused(StatusCode::FORBIDDEN, "pages of this origin are not taken"));
        }
        asked = Some(Wanted::parse(request.uri().query().unwrap_or_default()));
        Ok(response)
    };
    let config = WebSocketConfig::default().max_message_size(Some(INCOMING)).max_frame_size(Some(INCOMING));
    let socket = accept_hdr_async_with_config(stream, look, Some(config)).await.ok()?;
    Some((socket, asked?))
}

fn refused(status: StatusCode, reason: &str) -> ErrorResponse {
    let mut response = ErrorResponse::new(Some(reason.to_owned()));
    *response.status_mut() = status;
    response
}

/// Sends events until it ends, and says how; `None` when there is nobody any more to say it to.
async fn follow(
    sink: &mut (impl Sink<Message, Error = Error> + Unpin),
    stream: &mut (impl Stream<Item = Result<Message, Error>> + Unpin),
    wanted: &Wanted,
    engine: &Engine,
    options: &Options,
    ending: &mut watch::Receiver<bool>,
) -> Option<(CloseCode, String)> {
    let mut events = match wanted.subscribe(engine, options.buffer).await {
        Ok(events) => events,
        Err(error) => return Some((CloseCode::Policy, error.to_string())),
    };
    let mut pings = interval_at(Instant::now() + options.ping, options.ping);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut silent = false;
    loop {
        let message = tokio::select! {
            biased;
            () = ended(ending) => return Some((CloseCode::Away, "the server stops".to_owned())),
            heard = stream.next() => match heard {
                None | Some(Err(_) | Ok(Message::Close(_))) => return None,
                Some(Ok(_)) => {
                    silent = false;
                    continue;
                }
            },
            _ = pings.tick() => {
                if std::mem::replace(&mut silent, true) {
                    return Some((CloseCode::Policy, "nothing was heard of the client".to_owned()));
                }
                Message::Ping(Default::default())
            }
            event = events.next() => match event {
                None => return Some((CloseCode::Away, "the engine is stopped".to_owned())),
                Some(Err(error)) => return Some((CloseCode::Error, error.to_string())),
                Some(Ok(event)) if !wanted.is_new(event.delivery.token()) => continue,
                Some(Ok(event)) => Message::text(engine.envelope(event).json(wanted.format)),
            },
        };
        let send = async {
            sink.feed(message).await?;
            if events.is_drained() { sink.flush().await } else { Ok(()) }
        };
        match timeout(options.patience, send).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return None,
            Err(_) => return Some((CloseCode::Again, "it was not read in time: come again behind the last event".to_owned())),
        }
    }
}

/// The reason in a close frame has 123 bytes at most.
fn short(reason: &str) -> &str {
    &reason[..reason.floor_char_boundary(123)]
}
