//! A component that answers each [`Step`] with the next one, in the same codec.
//!
//! The setting `to` names another component. A message with the name of a codec (a text in CBOR) makes
//! the component ask that one in the codec. It replies in CBOR with the result.

use airssys_sdk::codec::{Bincode, Borsh, Cbor, Encoded, Json, MessagePack, Protobuf, Raw};
use airssys_sdk::prelude::*;
use airssys_sdk::{RequestError, StartError};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};
use wincode::{SchemaRead, SchemaWrite};

/// The value in requests and replies, with the types that every codec has.
#[derive(
    Clone,
    PartialEq,
    prost::Message,
    Serialize,
    Deserialize,
    BorshSerialize,
    BorshDeserialize,
    SchemaWrite,
    SchemaRead,
)]
struct Step {
    #[prost(uint64, tag = "1")]
    count: u64,
    #[prost(string, tag = "2")]
    text: String,
    #[prost(double, repeated, tag = "3")]
    values: Vec<f64>,
    #[prost(int64, optional, tag = "4")]
    balance: Option<i64>,
    #[prost(message, optional, tag = "5")]
    last: Option<Mark>,
}

#[derive(
    Clone,
    PartialEq,
    prost::Message,
    Serialize,
    Deserialize,
    BorshSerialize,
    BorshDeserialize,
    SchemaWrite,
    SchemaRead,
)]
struct Mark {
    #[prost(bytes = "vec", tag = "1")]
    bytes: Vec<u8>,
}

impl Step {
    fn first() -> Step {
        let last = Some(Mark { bytes: vec![0, 127, 128, 255] });
        let values = vec![0.1, -0.0, f64::MAX];
        Step { count: u64::MAX - 1, text: "né\0".to_owned(), values, balance: Some(i64::MIN), last }
    }

    fn next(mut self) -> Step {
        self.count += 1;
        self.text.push('+');
        self.values.reverse();
        self.last.get_or_insert_default().bytes.push(1);
        Step { balance: None, ..self }
    }
}

struct Echo {
    to: Option<String>,
}

impl Component for Echo {
    const PREFERS: Codec = Codec::MessagePack;

    fn initialize(config: &Config, _context: &Context) -> Result<Self, StartError> {
        Ok(Echo { to: config.get("to").map(str::to_owned) })
    }

    async fn handle(&mut self, message: Message, context: &Context) -> Result<Reply, Rejection> {
        let asks = match (&self.to, message.codec()) {
            (Some(to), Codec::Cbor) => message.decode::<String>().ok().map(|codec| (to, codec)),
            _ => None,
        };
        if let Some((to, name)) = asks {
            let answer = ask(context, to, &name).await?;
            return Ok(Reply::cbor(&(answer == Step::first().next(), answer.text))?);
        }
        let reply = match message.codec() {
            Codec::Cbor | Codec::Json | Codec::MessagePack => {
                message.reply(&message.decode::<Step>()?.next())
            }
            Codec::Borsh => message.reply(Borsh(&message.decode::<Borsh<Step>>()?.0.next())),
            Codec::Bincode => message.reply(Bincode(&message.decode::<Bincode<Step>>()?.0.next())),
            Codec::Protobuf => message.reply(Protobuf(&message.decode::<Protobuf<Step>>()?.0.next())),
            Codec::Raw => {
                let Raw(mut bytes) = message.decode()?;
                bytes.push(b'+');
                message.reply(Raw(bytes))
            }
            codec => return Err(Rejection::from(format!("{codec} is not known here"))),
        };
        Ok(reply?)
    }
}

/// Asks in a codec, and reads the answer in the same codec.
async fn ask(context: &Context, to: &str, codec: &str) -> Result<Step, Rejection> {
    let step = &Step::first();
    let answer: Result<Step, RequestError> = match codec {
        "cbor" => context.request(to, Cbor(step)).await.map(|Cbor(answer)| answer),
        "json" => context.request(to, Json(step)).await.map(|Json(answer)| answer),
        "messagepack" => context.request(to, MessagePack(step)).await.map(|MessagePack(answer)| answer),
        "borsh" => context.request(to, Borsh(step)).await.map(|Borsh(answer)| answer),
        "bincode" => context.request(to, Bincode(step)).await.map(|Bincode(answer)| answer),
        "protobuf" => context.request(to, Protobuf(step)).await.map(|Protobuf(answer)| answer),
        // Bytes that only this component knows how to read.
        "raw" => {
            let Raw(bytes): Raw<Vec<u8>> = context.request(to, Raw(&step.text)).await?;
            let text = String::from_utf8(bytes).map_err(|error| Rejection::because(&error))?;
            Ok(Step { text, ..Step::first().next() })
        }
        "preferred" => {
            let Encoded(codec, body): Encoded<Vec<u8>> = context.request(to, step).await?;
            if codec != Codec::MessagePack {
                return Err(Rejection::from(format!("the answer is {codec}, not the preferred codec")));
            }
            airssys_sdk::codec::decode(&codec.message(&body)).map_err(RequestError::from)
        }
        other => return Err(Rejection::from(format!("`{other}` is not a codec"))),
    };
    Ok(answer?)
}

airssys_sdk::component!(Echo);
