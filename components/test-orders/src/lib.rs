//! Answers HTTP requests and messages with the SDK. One instance asks another, which is the same guest.

use airssys_sdk::http::{self, Body, HttpComponent, HttpError, Method, Request, RequestExt, Response};
use airssys_sdk::prelude::*;
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use wstd::time::Duration;

#[derive(Clone, Debug, Deserialize, Serialize)]
struct Order {
    article: String,
    count: u64,
}

#[derive(Default)]
struct Orders {
    orders: Vec<Order>,
    messages: u64,
}

impl Component for Orders {
    fn initialize(_: &Config, _: &Context) -> Result<Self, StartError> {
        Ok(Orders::default())
    }

    /// Replies with the number of messages so far, once it has done what the message says.
    async fn handle(&mut self, message: Message, context: &Context) -> Result<Reply, Rejection> {
        self.messages += 1;
        let what: String = message.decode()?;
        match what.as_str() {
            "slow" => drop(wstd::task::sleep(Duration::from_millis(50)).await),
            "panic" => panic!("asked to"),
            "reject" => return Err(Rejection::from("out of stock")),
            // Waits for a timer and for a reply at the same time.
            "ask" => {
                let asked = context.request::<u64>("stock", "slow");
                wstd::task::sleep(Duration::from_millis(10)).await;
                let answer = asked.await?;
                return message.reply(&(1_000 + answer)).map_err(Into::into);
            }
            _ => {}
        }
        message.reply(&self.messages).map_err(Into::into)
    }
}

impl HttpComponent for Orders {
    async fn http(&mut self, mut request: Request, context: &Context) -> Result<Response, HttpError> {
        if let Some(path) = request.parameters(Method::GET, "/orders/{number}") {
            let number: usize = path.get("number")?;
            return http::json(self.orders.get(number).ok_or(HttpError::NOT_FOUND)?);
        }
        if request.is(Method::POST, "/orders") {
            self.orders.push(request.json().await?);
            return http::json(&self.orders.len());
        }
        if let Some(path) = request.parameters(Method::GET, "/ask/{what}") {
            let what: String = path.get("what")?;
            let answer: u64 = context.request("stock", &what).await?;
            return http::json(&answer);
        }
        if request.is(Method::GET, "/late") {
            let asked = context.request::<u64>("stock", "slow").timeout(std::time::Duration::from_millis(1));
            return http::json(&asked.await?);
        }
        if request.is(Method::GET, "/together") {
            return together(context).await;
        }
        if request.is(Method::GET, "/task") {
            let asks = context.clone();
            let task = wstd::runtime::spawn(async move { asks.request::<u64>("stock", "slow").await });
            return http::json(&task.await?);
        }
        if request.is(Method::POST, "/relay") {
            return Ok(Response::new(relay(request.into_body(), context.clone())));
        }
        if request.is(Method::GET, "/stall") {
            std::future::pending::<()>().await;
        }
        if request.is(Method::GET, "/messages") {
            return http::json(&self.messages);
        }
        Err(HttpError::NOT_FOUND)
    }
}

/// Waits for two replies and a timer together.
async fn together(context: &Context) -> Result<Response, HttpError> {
    let asked = join(["slow", "count"].map(|what| context.request::<u64>("stock", what)));
    let timer = wstd::task::sleep(Duration::from_millis(20));
    let (answers, _) = futures_util::future::join(asked, timer).await;
    let answers = answers.into_iter().collect::<Result<Vec<_>, _>>()?;
    http::json(&answers.len())
}

/// Asks another component about each part of a body, and streams its answers.
fn relay(body: Body, context: Context) -> Body {
    http::streamed(http::parts(body).then(move |part| {
        let context = context.clone();
        async move {
            let bytes = part?;
            let answer: u64 = context.request("stock", "count").await?;
            Ok(format!("{answer}:{}\n", bytes.len()))
        }
    }))
}

airssys_sdk::http_component!(Orders);
